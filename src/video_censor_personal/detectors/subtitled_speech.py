"""Words that a subtitle says: found in its text, timed in its sound.

Where the sound does not bear the text out, the whole subtitle is taken: too much is better than
the wrong second.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.alignment import Placed, Script, Unplaced, words_of
from video_censor_personal.detectors.lexicon import Match
from video_censor_personal.detectors.speech_model import SpeechSource
from video_censor_personal.detectors.vocabulary import (
    SPOKEN_LANGUAGE,
    Vocabulary,
    language_code,
)
from video_censor_personal.detectors.word_list import LANGUAGES
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.timeline import Span, seconds

__all__ = ["SoundBuffer", "SubtitledSpeech", "spoken_text"]

_DRIFT_S = Fraction(3, 4)
"""Subtitles are up to half a second early or late, and a word is up to half a second long."""
_MAX_ALIGNED_S = 30
_WHOLE_CUE_CONFIDENCE = 0.7
_MISSING_S = Fraction(1, 10)
_SAME_START_S = Fraction(1, 2)

_UNSPOKEN = re.compile(
    r"\[[^\]]*\]|\([^)]*\)|[♪♫#]+|^[ \-–]*[^\W\d_a-z][^\W_a-z.' 0-9]{1,30}:", re.MULTILINE
)


def spoken_text(text: str, matches: Sequence[Match] = ()) -> str:
    """`text` with what nobody says blanked out: sounds in brackets, names of speakers, notes.

    Its length stays; a bracket that holds one of `matches` stays too.
    """

    def blank(part: re.Match[str]) -> str:
        holds = any(part.start() <= match.start < part.end() for match in matches)
        return part[0] if holds else " " * len(part[0])

    return _UNSPOKEN.sub(blank, text)


class SoundBuffer:
    """The last stretch of sound, as much as somebody still needs."""

    def __init__(self) -> None:
        self._blocks: deque[AudioBlock] = deque()

    def append(self, block: AudioBlock) -> None:
        self._blocks.append(block)

    def forget(self, before: Fraction) -> None:
        """Drop the blocks that lie wholly before a time."""
        while self._blocks and self._blocks[0].span.end <= before:
            self._blocks.popleft()

    def cut(self, span: Span) -> NDArray[np.int16]:
        """The samples of `span`, silence where there were none."""
        samples = np.zeros(round(span.duration * SAMPLE_RATE_HZ), np.int16)
        for block in self._blocks:
            offset = round((block.time - span.start) * SAMPLE_RATE_HZ)
            first, last = max(0, offset), min(len(samples), offset + len(block.samples))
            if first < last:
                samples[first:last] = block.samples[first - offset : last - offset]
        return samples

    def missing(self, span: Span) -> Fraction:
        """Seconds of `span` for which no sound came."""
        shared = (block.span.clipped(span) for block in self._blocks)
        return span.duration - sum((part.duration for part in shared if part), Fraction(0))


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A subtitle with words to time; `window` is the sound that is searched for them."""

    cue: Cue
    window: Span
    words: tuple[str, ...]
    own: range
    found: tuple[tuple[Match, range], ...]
    refusal: str = ""


class SubtitledSpeech:
    """Times the listed words of subtitles, each as soon as its sound has been heard."""

    def __init__(self, vocabulary: Vocabulary, speech: SpeechSource, detector: str) -> None:
        self._vocabulary, self._speech, self._detector = vocabulary, speech, detector
        self._buffer = SoundBuffer()
        self._open: deque[_Suspect] = deque()

    def begin(self, cues: Sequence[Cue]) -> None:
        """Find the words in `cues`, which are all of a selected language."""
        suspects = []
        kept: list[Cue] = []
        for cue in sorted(cues, key=lambda cue: cue.span):
            if not _is_repeated(cue, kept):
                kept.append(cue)
        for position, cue in enumerate(kept):
            matches = self._vocabulary.find(cue.text, language_code(cue.language))
            if matches:
                suspects.append(_suspect(kept, position, matches))
        self._open = deque(sorted(suspects, key=lambda suspect: suspect.window.end))

    def hear(self, block: AudioBlock) -> Iterator[Detection]:
        self._buffer.append(block)
        now = block.span.end
        while self._open and self._open[0].window.end <= now:
            yield from self._time(self._open.popleft())
        self._buffer.forget(min((suspect.window.start for suspect in self._open), default=now))

    def finish(self) -> Iterator[Detection]:
        while self._open:
            yield from self._time(self._open.popleft())

    def _time(self, suspect: _Suspect) -> Iterator[Detection]:
        samples = self._buffer.cut(suspect.window) if not suspect.refusal else None
        for match, wanted in suspect.found:
            if samples is None:
                place: Placed | Unplaced = Unplaced(suspect.refusal)
            else:
                place = self._place(suspect, samples, wanted, match)
            yield self._detection(suspect, match, place)

    def _place(
        self, suspect: _Suspect, samples: NDArray[np.int16], wanted: range, match: Match
    ) -> Placed | Unplaced:
        if self._buffer.missing(suspect.cue.span) > _MISSING_S:
            return Unplaced("its sound is missing or incomplete")
        if match.entry.language not in ("", SPOKEN_LANGUAGE):
            return _no_model(match.entry.language)
        try:
            return self._speech.place(samples, Script(suspect.words, suspect.own, wanted))
        except DetectorError as error:
            return Unplaced(str(error))

    def _detection(self, suspect: _Suspect, match: Match, place: Placed | Unplaced) -> Detection:
        line = " ".join(suspect.cue.text.split())
        says = f"the subtitle says “{line if len(line) <= 80 else line[:79] + '…'}”"
        if isinstance(place, Placed):
            start = suspect.window.start
            span = Span(start + seconds(place.start_s), start + seconds(place.end_s))
            confidence, evidence = place.confidence, "aligned"
            reasoning = f"{says}; the word was timed in its sound"
        else:
            span, confidence, evidence = suspect.cue.span, _WHOLE_CUE_CONFIDENCE, "cue"
            reasoning = f"{says}; the whole subtitle is taken because {place.reason}"
        return Detection(
            category=PROFANITY,
            label=match.text,
            span=span,
            confidence=confidence,
            reasoning=reasoning,
            detector=self._detector,
            modality="audio",
            evidence=evidence,
            replacement=match.replacement,
        )


def _no_model(language: str) -> Unplaced:
    return Unplaced(f"there is no speech model for {LANGUAGES.get(language, language)}")


def _is_repeated(cue: Cue, kept: Sequence[Cue]) -> bool:
    """Whether another track said the same at the same time."""
    for other in reversed(kept):
        if cue.span.start - other.span.start > _SAME_START_S:
            return False
        if other.text.split() == cue.text.split() and other.source != cue.source:
            return True
    return False


def _suspect(cues: Sequence[Cue], position: int, matches: list[Match]) -> _Suspect:
    cue = cues[position]
    window = cue.span.padded(_DRIFT_S, _DRIFT_S)
    own, wanted = _script(cue.text, matches)
    before = [word for other in _neighbours(cues, position, -1) for word in _overlap(other, window)]
    after = [word for other in _neighbours(cues, position, 1) for word in _overlap(other, window)]
    shift = len(before)
    refusal = ""
    if cue.span.duration > _MAX_ALIGNED_S:
        refusal = f"it is longer than {_MAX_ALIGNED_S} s"
    elif language_code(cue.language) not in ("", SPOKEN_LANGUAGE):
        refusal = _no_model(language_code(cue.language)).reason
    return _Suspect(
        cue,
        cue.span if refusal else window,
        (*before, *own, *after),
        range(shift, shift + len(own)),
        tuple(
            (match, range(words.start + shift, words.stop + shift))
            for match, words in zip(matches, wanted, strict=True)
        ),
        refusal,
    )


def _script(text: str, matches: Sequence[Match]) -> tuple[list[str], list[range]]:
    """The words of a subtitle as they are said, and which of them each match is."""
    spoken = spoken_text(text, matches)
    words: list[str] = []
    wanted: list[range] = []
    position = 0
    for match in matches:
        words += words_of(spoken[position : match.start])
        said = re.split(r"[\s-]+", match.spoken.strip())
        wanted.append(range(len(words), len(words) + len(said)))
        words += said
        position = match.end
    return words + words_of(spoken[position:]), wanted


def _neighbours(cues: Sequence[Cue], position: int, step: int) -> list[Cue]:
    """The subtitle of the same track before or after; its words may be in the window."""
    cue = cues[position]
    other = position + step
    while 0 <= other < len(cues):
        if cues[other].source == cue.source:
            return [cues[other]]
        other += step
    return []


def _overlap(cue: Cue, window: Span) -> list[str]:
    """The words of a neighbour that are probably said within `window`."""
    shared = cue.span.clipped(window)
    if shared is None:
        return []
    words = words_of(spoken_text(cue.text))
    count = -(-len(words) * shared.duration // max(cue.span.duration, Fraction(1, 100))) + 1
    return words[-int(count) :] if cue.span.start < window.start else words[: int(count)]
