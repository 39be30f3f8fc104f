"""Words that no subtitle says: recognised by a small model that misses many of them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.base import Scale
from video_censor_personal.detectors.speech.heard_words import listed_words
from video_censor_personal.detectors.speech.recognition import Utterance, UtteranceSplitter
from video_censor_personal.detectors.speech.speech_model import SpeechSource
from video_censor_personal.detectors.speech.subtitled_time import SubtitledTime
from video_censor_personal.detectors.speech.vocabulary import SPOKEN_LANGUAGE, Vocabulary
from video_censor_personal.detectors.speech.word_list import LANGUAGES
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.timeline import Span, seconds

__all__ = ["UnsubtitledSpeech"]

_SAFETY_S = Fraction(1, 20)

_PROBABILITIES = Scale(strict=0.6, default=0.03, lenient=0.0)
"""What the small model gives to words that were said is low, too."""
_LEAST_STRENGTH = 0.001
"""Of what the model wrote down but holds for nearly impossible: it counts at a sensitivity of 1."""


class UnsubtitledSpeech:
    """Recognises speech outside of `subtitled` time, utterance by utterance."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        speech: SpeechSource,
        detector: str,
        subtitled: SubtitledTime,
    ) -> None:
        self._vocabulary, self._speech, self._detector = vocabulary, speech, detector
        self._subtitled = subtitled
        self._splitter = UtteranceSplitter()

    def hear(self, block: AudioBlock) -> Iterator[Detection | Gap]:
        for time, samples in self._subtitled.outside(block):
            for utterance in self._splitter.hear(time, samples):
                yield from self._listen(utterance)

    def finish(self) -> Iterator[Detection | Gap]:
        for utterance in self._splitter.finish():
            yield from self._listen(utterance)

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
            yield Gap(span, str(error), PROFANITY, passing=True)
            return
        for heard in listed_words(words, self._vocabulary, SPOKEN_LANGUAGE):
            span = Span(
                utterance.time + seconds(heard.start_s), utterance.time + seconds(heard.end_s)
            )
            # What this model gives to the short words of a phrase says nothing; their mean does.
            said = words[heard.words.start : heard.words.stop]
            probability = sum(word.probability for word in said) / len(said)
            if self._subtitled.holds(span):
                continue
            strength = min(
                max(_LEAST_STRENGTH, _PROBABILITIES.strength(probability)),
                self._vocabulary.strength(heard.match),
            )
            yield Detection(
                category=PROFANITY,
                label=heard.match.text,
                span=span.padded(_SAFETY_S, _SAFETY_S),
                confidence=strength,
                reasoning=f"recognised where no subtitle is: “{heard.around}”",
                detector=self._detector,
                modality="audio",
                evidence="recognised",
                replacement=heard.match.replacement,
                score=strength,
            )
