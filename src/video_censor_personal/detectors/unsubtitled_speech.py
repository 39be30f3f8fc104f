"""Words that no subtitle says: recognised by a small model that misses many of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.recognition import (
    HeardWord,
    Utterance,
    UtteranceSplitter,
)
from video_censor_personal.detectors.speech_model import SpeechSource
from video_censor_personal.detectors.vocabulary import SPOKEN_LANGUAGE, Vocabulary
from video_censor_personal.detectors.word_list import LANGUAGES
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.timeline import Span, seconds, subtract, union

__all__ = ["UnsubtitledSpeech"]

_SHORTEST_S = Fraction(1, 4)
"""Between subtitles closer than this nobody says a whole word."""
_CONTEXT_S = Fraction(1, 5)
"""This much of a subtitle is heard as well, so that a word at its border is heard whole."""
_SAFETY_S = Fraction(1, 20)


class UnsubtitledSpeech:
    """Recognises speech outside of `subtitled` time, utterance by utterance."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        speech: SpeechSource,
        detector: str,
        subtitled: Sequence[Span],
        min_probability: float,
    ) -> None:
        self._vocabulary, self._speech, self._detector = vocabulary, speech, detector
        self._min_probability = min_probability
        self._subtitled = union(subtitled, _SHORTEST_S)
        self._ends = [span.end for span in self._subtitled]
        self._starts = [span.start for span in self._subtitled]
        self._splitter = UtteranceSplitter()

    def hear(self, block: AudioBlock) -> Iterator[Detection | Gap]:
        for part in subtract(block.span, self._unheard(block.span)):
            first = round((part.start - block.time) * SAMPLE_RATE_HZ)
            last = round((part.end - block.time) * SAMPLE_RATE_HZ)
            time = block.time + Fraction(first, SAMPLE_RATE_HZ)
            for utterance in self._splitter.hear(time, block.samples[first:last]):
                yield from self._listen(utterance)

    def finish(self) -> Iterator[Detection | Gap]:
        for utterance in self._splitter.finish():
            yield from self._listen(utterance)

    def _near(self, span: Span) -> list[Span]:
        """The subtitled time that shares some of `span`."""
        return self._subtitled[
            bisect_right(self._ends, span.start) : bisect_left(self._starts, span.end)
        ]

    def _unheard(self, span: Span) -> list[Span]:
        return [
            Span(near.start + _CONTEXT_S, near.end - _CONTEXT_S)
            for near in self._near(span)
            if near.duration > 2 * _CONTEXT_S
        ]

    def _listen(self, utterance: Utterance) -> Iterator[Detection | Gap]:
        length = Fraction(len(utterance.samples), SAMPLE_RATE_HZ)
        span = Span(utterance.time, utterance.time + length)
        if not self._vocabulary.spoken:
            spoken = ", ".join(LANGUAGES[code] for code in sorted(self._vocabulary.languages))
            yield Gap(span, f"no subtitle, and no speech model for {spoken}", PROFANITY)
            return
        try:
            words = self._speech.recognise(utterance.samples)
        except DetectorError as error:
            yield Gap(span, str(error), PROFANITY)
            return
        yield from self._detections(utterance, words)

    def _detections(self, utterance: Utterance, words: Sequence[HeardWord]) -> Iterator[Detection]:
        text = " ".join(word.text for word in words)
        ends, position = [], -1
        for word in words:
            position += len(word.text) + 1
            ends.append(position)
        for match in self._vocabulary.find(text, SPOKEN_LANGUAGE):
            said = words[bisect_right(ends, match.start) : bisect_left(ends, match.end) + 1]
            span = Span(
                utterance.time + seconds(said[0].start_s), utterance.time + seconds(said[-1].end_s)
            )
            probability = sum(word.probability for word in said) / len(said)
            middle = (span.start + span.end) / 2
            subtitled = any(near.contains(middle) for near in self._near(span))
            if subtitled or probability < self._min_probability:
                continue
            yield Detection(
                category=PROFANITY,
                label=match.text,
                span=span.padded(_SAFETY_S, _SAFETY_S),
                confidence=round(0.3 + probability / 2, 3),
                reasoning=f"recognised where no subtitle is: “{_around(text, match.start)}”",
                detector=self._detector,
                modality="audio",
                evidence="recognised",
                replacement=match.replacement,
            )


def _around(text: str, position: int) -> str:
    """The words around a position, about 60 characters."""
    start = text.rfind(" ", 0, max(0, position - 25)) + 1
    end = text.find(" ", position + 30)
    return text[start : end if end > 0 else None]
