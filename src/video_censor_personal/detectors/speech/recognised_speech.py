"""Listed words in an utterance, as the small model writes them down; it misses many."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.base import Scale
from video_censor_personal.detectors.speech.heard_words import listed_words
from video_censor_personal.detectors.speech.recognition import Utterance
from video_censor_personal.detectors.speech.speech_model import SpeechSource
from video_censor_personal.detectors.speech.vocabulary import SPOKEN_LANGUAGE, Vocabulary
from video_censor_personal.findings import Detection
from video_censor_personal.timeline import Span, seconds

__all__ = ["RecognisedSpeech"]

_SAFETY_S = Fraction(1, 20)

_PROBABILITIES = Scale(strict=0.6, default=0.03, lenient=0.0)
"""What the small model gives to words that were said is low, too."""
_LEAST_STRENGTH = 0.001
"""Of what the model wrote down but holds for nearly impossible: it counts at a sensitivity of 1."""


class RecognisedSpeech:
    """Recognises English; `place` says where it listens, as the end of “recognised …”."""

    def __init__(
        self, vocabulary: Vocabulary, speech: SpeechSource, detector: str, place: str
    ) -> None:
        self._vocabulary, self._speech, self._detector = vocabulary, speech, detector
        self._place = place

    def hear(self, utterance: Utterance) -> Iterator[Detection]:
        """The listed words in it, in order.

        Raises:
            DetectorError: the model cannot listen.
        """
        words = self._speech.recognise(utterance.samples)
        for heard in listed_words(words, self._vocabulary, SPOKEN_LANGUAGE):
            span = Span(
                utterance.time + seconds(heard.start_s), utterance.time + seconds(heard.end_s)
            )
            # What this model gives to the short words of a phrase says nothing; their mean does.
            said = words[heard.words.start : heard.words.stop]
            probability = sum(word.probability for word in said) / len(said)
            strength = min(
                max(_LEAST_STRENGTH, _PROBABILITIES.strength(probability)),
                self._vocabulary.strength(heard.match),
            )
            yield Detection(
                category=PROFANITY,
                label=heard.match.text,
                span=span.padded(_SAFETY_S, _SAFETY_S),
                confidence=strength,
                reasoning=f"recognised {self._place}: “{heard.around}”",
                detector=self._detector,
                modality="audio",
                evidence="recognised",
                replacement=heard.match.replacement,
                score=strength,
            )
