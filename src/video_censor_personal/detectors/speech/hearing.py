"""Clips of speech heard by Whisper: the listed words in them, when, and how sure that is.

A word that was heard is timed by the best there is: in English it is aligned with its sound like
the words of a subtitle; where that fails its edges move to the quietest moments near Whisper's own.

With a second, larger model, doubtful places are heard again: words that the first model gives less
than a half, listed words that alignment does not find where the first model heard them, and words
of a subtitle that the first model does not hear. If `p`
and `q` are what the two models give to a listed word, it has `1 - (1 - p)(1 - q)`. Where the second
is `q` sure of another word, it has `p (1 - q)`. A listed word that the second alone heard has `q`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.base import Scale
from video_censor_personal.detectors.speech.alignment import Placed, Script, words_of
from video_censor_personal.detectors.speech.heard_words import (
    HeardWord,
    ListedWord,
    is_same_word,
    listed_words,
)
from video_censor_personal.detectors.speech.lexicon import Match
from video_censor_personal.detectors.speech.speech_model import SpeechSource
from video_censor_personal.detectors.speech.vocabulary import SPOKEN_LANGUAGE, Vocabulary
from video_censor_personal.detectors.speech.whisper_model import Transcript, WhisperSource
from video_censor_personal.detectors.speech.word_edges import snapped
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection
from video_censor_personal.media.base import SAMPLE_RATE_HZ
from video_censor_personal.timeline import Span, seconds

__all__ = ["Heard", "Hearing", "Said"]

_PROBABILITIES = Scale(strict=0.8, default=0.3, lenient=0.0)
"""What Whisper gives to a word, as evidence that it was said. Chosen, not measured: no real model
could be had where this was written."""
_LEAST_STRENGTH = 0.001
_DOUBT = 0.5
_CONTEXT_WORDS = 8
_CONTEXT_S = 0.75
_SAME_PLACE_S = 0.3
"""Whisper's own times are a few tenths of a second off; further away it is another word."""


@dataclass(frozen=True, slots=True)
class Said:
    """A listed word that was heard. `around`: the words around it. `how`: who heard it, as the end
    of a sentence."""

    match: Match
    span: Span
    probability: float
    around: str
    how: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was found in a clip; `understood` as in `Transcript`."""

    said: tuple[Said, ...]
    understood: bool


@dataclass(frozen=True, slots=True)
class _Timed:
    """A listed word with its edges in the clip; `aligned`: its sound bears it out."""

    word: ListedWord
    start_s: float
    end_s: float
    aligned: bool
    probability: float
    how: str = "heard"

    def is_near(self, other: ListedWord | HeardWord) -> bool:
        return (
            other.start_s < self.end_s + _SAME_PLACE_S
            and self.start_s < other.end_s + _SAME_PLACE_S
        )


class Hearing:
    """Hears one track.

    Attributes:
        language: of its speech; may be set when it is known.
        refusal: why nothing can be heard in it, if nothing can.
        doubt: why what is heard may be wrong.
        heard_s, reheard_s: seconds of sound that the first model was given, and the second.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        aligner: SpeechSource,
        model: WhisperSource,
        second: WhisperSource | None = None,
    ) -> None:
        self._vocabulary, self.aligner = vocabulary, aligner
        self.model, self._second = model, second
        self.language = SPOKEN_LANGUAGE
        self.refusal = self.doubt = ""
        self.heard_s = self.reheard_s = 0.0

    def hear(
        self,
        time: Fraction,
        samples: NDArray[np.int16],
        *,
        packed: bool = False,
        expected: Sequence[Match] = (),
    ) -> Heard:
        """The listed words in a clip that begins at `time`; `packed` as in `WhisperSource`,
        `expected`: words that a subtitle says are in it.

        Raises:
            DetectorError: the model failed.
        """
        transcript = self.model.transcribe(samples, self.language, packed)
        self.heard_s += transcript.heard_s
        listed = listed_words(transcript.words, self._vocabulary, self.language)
        found = [self._timed(word, transcript.words, samples) for word in listed]
        if self._second is not None:
            missed = [m for m in expected if not any(is_same_word(m, w.match) for w in listed)]
            found = self._second_opinion(found, transcript, missed, samples)
        return Heard(
            tuple(
                Said(
                    timed.word.match,
                    Span(time + seconds(timed.start_s), time + seconds(timed.end_s)),
                    timed.probability,
                    timed.word.around,
                    timed.how,
                )
                for timed in found
            ),
            transcript.understood,
        )

    def detection(self, said: Said, detector: str, reasoning: str) -> Detection:
        """A word that only the sound tells of: its score is the strength of its severity or of
        its probability, whichever is less."""
        strength = min(
            self._vocabulary.strength(said.match),
            max(_LEAST_STRENGTH, _PROBABILITIES.strength(said.probability)),
        )
        return Detection(
            category=PROFANITY,
            label=said.match.text,
            span=said.span,
            confidence=strength,
            reasoning=f"{reasoning}: “{said.around}” ({said.how}, {said.probability:.0%} sure)",
            detector=detector,
            modality="audio",
            evidence="recognised",
            replacement=said.match.replacement,
            score=strength,
        )

    def close(self) -> None:
        for source in (self.model, self._second, self.aligner):
            if source is not None:
                source.close()

    def abandon(self) -> None:
        """Stop hearing for good, from any thread."""
        for source in (self.model, self._second, self.aligner):
            if source is not None:
                source.abandon()

    def _timed(
        self, word: ListedWord, words: Sequence[HeardWord], samples: NDArray[np.int16]
    ) -> _Timed:
        placed = self._aligned(word, words, samples)
        if placed is not None:
            return _Timed(word, *placed, aligned=True, probability=word.probability)
        edges = snapped(samples, word.start_s, word.end_s)
        return _Timed(word, *edges, aligned=False, probability=word.probability)

    def _aligned(
        self, word: ListedWord, words: Sequence[HeardWord], samples: NDArray[np.int16]
    ) -> tuple[float, float] | None:
        """When the sound says it, if it does where it was heard."""
        if self.language != SPOKEN_LANGUAGE:
            return None
        near = range(
            max(0, word.words.start - _CONTEXT_WORDS),
            min(len(words), word.words.stop + _CONTEXT_WORDS),
        )
        script = _script(words, near, word)
        offset_s = max(0.0, words[near.start].start_s - _CONTEXT_S)
        end_s = words[near.stop - 1].end_s + _CONTEXT_S
        clip = samples[round(offset_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
        try:
            place = self.aligner.place(clip, script) if script.wanted else None
        except DetectorError:
            return None
        if not isinstance(place, Placed):
            return None
        start_s, end_s = place.start_s + offset_s, place.end_s + offset_s
        off_s = max(abs(start_s - word.start_s), abs(end_s - word.end_s))
        return (start_s, end_s) if off_s <= max(_SAME_PLACE_S, word.end_s - word.start_s) else None

    def _second_opinion(
        self,
        found: list[_Timed],
        transcript: Transcript,
        missed: Sequence[Match],
        samples: NDArray[np.int16],
    ) -> list[_Timed]:
        """`found` after the larger model heard what is doubtful; see the module's text."""
        assert self._second is not None
        unlikely = [word for word in transcript.words if word.probability < _DOUBT]
        doubtful = any(self._is_doubtful(timed) for timed in found) or not transcript.understood
        if not (unlikely or doubtful or missed):
            return found
        try:
            second = self._second.transcribe(samples, self.language)
        except DetectorError as error:
            how = f"heard by one model, as {error}"
            return [replace(t, how=how) if self._is_doubtful(t) else t for t in found]
        self.reheard_s += second.heard_s
        listed = listed_words(second.words, self._vocabulary, self.language)
        judged = [
            _judged(timed, listed, second) if self._is_doubtful(timed) else timed for timed in found
        ]
        for word in listed:
            timed = replace(
                self._timed(word, second.words, samples), how="heard by the second model"
            )
            asked = (
                not transcript.understood
                or any(timed.is_near(other) for other in unlikely)
                or any(is_same_word(match, word.match) for match in missed)
            )
            if asked and not any(other.is_near(word) for other in found):
                judged.append(timed)
        return sorted(judged, key=lambda timed: timed.start_s)

    def _is_doubtful(self, timed: _Timed) -> bool:
        unlike = self.language == SPOKEN_LANGUAGE and not timed.aligned
        return unlike or timed.word.probability < _DOUBT


def _judged(timed: _Timed, listed: Sequence[ListedWord], second: Transcript) -> _Timed:
    same = max((w.probability for w in listed if timed.is_near(w)), default=None)
    if same is not None:
        probability = 1 - (1 - timed.probability) * (1 - same)
        return replace(timed, probability=probability, how="heard by both models")
    middle = (timed.start_s + timed.end_s) / 2
    there = (w.probability for w in second.words if w.start_s <= middle < w.end_s)
    other = max(there, default=0.0)
    return replace(
        timed, probability=timed.probability * (1 - other), how="the second model did not hear it"
    )


def _script(words: Sequence[HeardWord], near: range, wanted: ListedWord) -> Script:
    """The words of `near` as they are said, and which of them are `wanted`."""
    before = [w for i in range(near.start, wanted.words.start) for w in words_of(words[i].text)]
    after = [w for i in range(wanted.words.stop, near.stop) for w in words_of(words[i].text)]
    own = [w for i in wanted.words for w in words_of(words[i].text)]
    if not wanted.match.text.replace(" ", "").isalpha():  # Whisper, too, writes `f***`
        own = words_of(wanted.match.spoken)
    said = (*before, *own, *after)
    return Script(said, range(len(said)), range(len(before), len(before) + len(own)))
