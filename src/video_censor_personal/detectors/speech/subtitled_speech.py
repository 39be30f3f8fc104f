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
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.speech.alignment import Placed, Script, Unplaced, words_of
from video_censor_personal.detectors.speech.lexicon import Match
from video_censor_personal.detectors.speech.sound_buffer import SoundBuffer
from video_censor_personal.detectors.speech.speech_model import SpeechSource
from video_censor_personal.detectors.speech.subtitle_text import spoken_text, struck_out_words
from video_censor_personal.detectors.speech.vocabulary import (
    SPOKEN_LANGUAGE,
    Vocabulary,
    language_code,
)
from video_censor_personal.detectors.speech.word_list import LANGUAGES
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import AudioBlock, Cue
from video_censor_personal.timeline import Span, seconds

__all__ = ["SecondEar", "SubtitledLine", "SubtitledSpeech"]

_DRIFT_S = Fraction(3, 4)
"""Subtitles are up to half a second early or late, and a word is up to half a second long."""
_MAX_ALIGNED_S = 30
_MISSING_S = Fraction(1, 10)
_SAME_START_S = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class SubtitledLine:
    """A subtitle with words to time.

    Attributes:
        window: the sound that is searched for them.
        words: as they are said, with those of its neighbours that may be in the window.
        own: the indices of its own among `words`.
        found: each listed word, and which of `words` it is.
        struck_out: how many words it hides that nobody can tell from the text.
        refusal: why its words cannot be timed by alignment, if they cannot.
    """

    cue: Cue
    window: Span
    words: tuple[str, ...]
    own: range
    found: tuple[tuple[Match, range], ...]
    struck_out: int
    refusal: str = ""

    @property
    def said(self) -> str:
        """What the subtitle says, as the beginning of a sentence for people."""
        line = " ".join(self.cue.text.split())
        return f"the subtitle says “{line if len(line) <= 80 else line[:79] + '…'}”"


class SecondEar(Protocol):
    """What hears the sound of a subtitle again where alignment cannot settle it."""

    def settle(
        self, line: SubtitledLine, samples: NDArray[np.int16], found: Sequence[Detection]
    ) -> Iterator[Detection | Gap]:
        """What to report of `line`, whose window is `samples`, instead of `found`: one detection
        for each of its listed words, some of which have the whole subtitle (`cue`)."""
        ...


class SubtitledSpeech:
    """Times the listed words of subtitles, each as soon as its sound has been heard.

    With an `ear`, subtitles with a word that was not placed, and those that strike words out, are
    left to it.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        speech: SpeechSource,
        detector: str,
        ear: SecondEar | None = None,
    ) -> None:
        self._vocabulary, self._speech, self._detector = vocabulary, speech, detector
        self._ear = ear
        self._buffer = SoundBuffer()
        self._open: deque[SubtitledLine] = deque()

    def begin(self, cues: Sequence[Cue]) -> None:
        """Find the words in `cues`, which are all of a selected language."""
        lines = []
        kept: list[Cue] = []
        for cue in sorted(cues, key=lambda cue: cue.span):
            if not _is_repeated(cue, kept):
                kept.append(cue)
        for position, cue in enumerate(kept):
            matches = self._vocabulary.find(cue.text, language_code(cue.language))
            line = _line(kept, position, matches)
            if matches or (self._ear and line.struck_out):
                lines.append(line)
        self._open = deque(sorted(lines, key=lambda line: line.window.end))

    def hear(self, block: AudioBlock) -> Iterator[Detection | Gap]:
        self._buffer.append(block)
        now = block.span.end
        while self._open and self._open[0].window.end <= now:
            yield from self._time(self._open.popleft())
        self._buffer.forget(min((line.window.start for line in self._open), default=now))

    def finish(self) -> Iterator[Detection | Gap]:
        while self._open:
            yield from self._time(self._open.popleft())

    def _time(self, line: SubtitledLine) -> Iterator[Detection | Gap]:
        samples = self._buffer.cut(line.window)
        whole = self._buffer.missing(line.cue.span) <= _MISSING_S
        found = [
            self._detection(
                line,
                match,
                self._place(line, samples, wanted, match)
                if whole
                else Unplaced(line.refusal or "its sound is missing or incomplete"),
            )
            for match, wanted in line.found
        ]
        unplaced = whole and any(d.evidence == "cue" for d in found)
        if self._ear and (unplaced or line.struck_out):
            yield from self._ear.settle(line, samples, found)
        else:
            yield from found

    def _place(
        self, line: SubtitledLine, samples: NDArray[np.int16], wanted: range, match: Match
    ) -> Placed | Unplaced:
        if line.refusal:
            return Unplaced(line.refusal)
        if match.entry.language not in ("", SPOKEN_LANGUAGE):
            return _no_model(match.entry.language)
        try:
            return self._speech.place(samples, Script(line.words, line.own, wanted))
        except DetectorError as error:
            return Unplaced(str(error))

    def _detection(self, line: SubtitledLine, match: Match, place: Placed | Unplaced) -> Detection:
        if isinstance(place, Placed):
            start = line.window.start
            span = Span(start + seconds(place.start_s), start + seconds(place.end_s))
            evidence = "aligned"
            reasoning = (
                f"{line.said}; the word was timed in its sound ({place.confidence:.0%} sure)"
            )
        else:
            span, evidence = line.cue.span, "cue"
            reasoning = f"{line.said}; the whole subtitle is taken because {place.reason}"
        strength = self._vocabulary.strength(match)
        return Detection(
            category=PROFANITY,
            label=match.text,
            span=span,
            confidence=strength,
            reasoning=reasoning,
            detector=self._detector,
            modality="audio",
            evidence=evidence,
            replacement=match.replacement,
            score=strength,
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


def _line(cues: Sequence[Cue], position: int, matches: list[Match]) -> SubtitledLine:
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
    return SubtitledLine(
        cue,
        window,
        (*before, *own, *after),
        range(shift, shift + len(own)),
        tuple(
            (match, range(words.start + shift, words.stop + shift))
            for match, words in zip(matches, wanted, strict=True)
        ),
        # Where it is known to be abridged all of its sound is recognised anyway (`told_spans`).
        0 if cue.abridged else struck_out_words(cue.text, matches),
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
