"""Words that subtitles strike out (`****`), looked for in the sound by the small model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.speech.recognised_speech import RecognisedSpeech
from video_censor_personal.detectors.speech.recognition import UtteranceSplitter
from video_censor_personal.detectors.speech.speech_model import SpeechSource
from video_censor_personal.detectors.speech.subtitled_speech import SubtitledLine
from video_censor_personal.detectors.speech.vocabulary import (
    SPOKEN_LANGUAGE,
    Vocabulary,
    language_code,
)
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap

__all__ = ["StruckOutSpeech"]

_WORTH_STRIKING_OUT = 0.5
"""Nobody strikes out a mild word: what does not count at the default sensitivity is not it."""


class StruckOutSpeech:
    """A `SecondEar`: finds the words that subtitles strike out.

    A subtitle that strikes out more words than are heard in its time becomes a `Gap`: the model
    misses too many for its silence to mean anything. What alignment could not place stays.
    """

    def __init__(self, vocabulary: Vocabulary, speech: SpeechSource, detector: str) -> None:
        self._vocabulary = vocabulary
        self._speech = RecognisedSpeech(
            vocabulary, speech, detector, "where a subtitle strikes a word out"
        )

    def settle(
        self, line: SubtitledLine, samples: NDArray[np.int16], found: Sequence[Detection]
    ) -> Iterator[Detection | Gap]:
        yield from found
        if not line.struck_out or not samples.any():
            return
        if not self._understands(line):
            yield _gap(line, "there is no speech model for its language")
            return
        try:
            said = [d for d in self._hear(line, samples) if not _is_known(d, found)]
        except DetectorError as error:
            yield _gap(line, str(error), passing=True)
            return
        yield from said
        if sum(d.confidence >= _WORTH_STRIKING_OUT for d in said) < line.struck_out:
            yield _gap(line, "the small speech model does not hear which")

    def _understands(self, line: SubtitledLine) -> bool:
        named = language_code(line.cue.language)
        return named == SPOKEN_LANGUAGE or (not named and self._vocabulary.spoken)

    def _hear(self, line: SubtitledLine, samples: NDArray[np.int16]) -> Iterator[Detection]:
        """The listed words within the subtitle; what lies around it is heard for its borders."""
        splitter = UtteranceSplitter()
        for utterances in (splitter.hear(line.window.start, samples), splitter.finish()):
            for utterance in utterances:
                for detection in self._speech.hear(utterance):
                    if line.cue.span.contains((detection.span.start + detection.span.end) / 2):
                        yield detection


def _is_known(heard: Detection, found: Sequence[Detection]) -> bool:
    """Whether it is a word that the subtitle shows."""
    return any(
        heard.span.overlaps(other.span)
        and (other.evidence == "aligned" or heard.label.casefold() == other.label.casefold())
        for other in found
    )


def _gap(line: SubtitledLine, reason: str, *, passing: bool = False) -> Gap:
    sentence = f"a subtitle strikes out a word, and {reason}"
    return Gap(line.cue.span, sentence, PROFANITY, passing=passing)
