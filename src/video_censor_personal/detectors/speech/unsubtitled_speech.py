"""Words that no subtitle says: recognised by a small model that misses many of them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.speech.recognised_speech import RecognisedSpeech
from video_censor_personal.detectors.speech.recognition import Utterance, UtteranceSplitter
from video_censor_personal.detectors.speech.speech_model import SpeechSource
from video_censor_personal.detectors.speech.subtitled_time import SubtitledTime
from video_censor_personal.detectors.speech.vocabulary import Vocabulary
from video_censor_personal.detectors.speech.word_list import LANGUAGES
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.timeline import Span

__all__ = ["UnsubtitledSpeech"]


class UnsubtitledSpeech:
    """Recognises speech outside of `subtitled` time, utterance by utterance."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        speech: SpeechSource,
        detector: str,
        subtitled: SubtitledTime,
    ) -> None:
        self._vocabulary = vocabulary
        self._speech = RecognisedSpeech(vocabulary, speech, detector, "where no subtitle tells it")
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
            heard = list(self._speech.hear(utterance))
        except DetectorError as error:
            yield Gap(span, str(error), PROFANITY, passing=True)
            return
        for detection in heard:
            if not self._subtitled.holds(detection.span):
                yield detection
