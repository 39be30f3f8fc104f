"""The Whisper rung in this process, for tests: scripted models, one aligner, real speech."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_whisper import ScriptedWord
from spoken import blocks, sound, word, words

from video_censor_personal.detectors.speech.hearing import Hearing
from video_censor_personal.detectors.speech.speech_model import SpeechModel
from video_censor_personal.detectors.speech.vocabulary import Vocabulary
from video_censor_personal.detectors.speech.whisper_model import WhisperSource
from video_censor_personal.detectors.whisper import WhisperListener, WhisperOptions
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, Cue

HELL = "words_hell_slt.wav"
LENGTH_S = len(sound(HELL)) / SAMPLE_RATE_HZ
OTHER_LINE = "Something that nobody says here, hell no"
TOLERANCE_S = 0.15


@cache
def aligner() -> SpeechModel:
    return SpeechModel()


def true_to(name: str, offset_s: float = 0.0, **probabilities: float) -> list[ScriptedWord]:
    """What a good model would write down: every word in its middle."""
    return [
        ScriptedWord(w.text, offset_s + (w.start_s + w.end_s) / 2, probabilities.get(w.text, 1.0))
        for w in words(name)
    ]


def true_to_german() -> list[ScriptedWord]:
    """As if "hell" were the German word."""
    return [ScriptedWord("Scheiße", w.at_s) if w.text == "hell" else w for w in true_to(HELL)]


def listener(
    model: WhisperSource,
    second: WhisperSource | None = None,
    find_language: bool = False,
    **options: Any,
) -> WhisperListener:
    vocabulary = Vocabulary(WhisperOptions(**options), 0.5, Path())
    hearing = Hearing(vocabulary, aligner(), model, second)
    return WhisperListener("ears", vocabulary, hearing, find_language=find_language)


def run(
    detector: WhisperListener, samples: np.ndarray, cues: Sequence[Cue] = ()
) -> list[Detection | Gap]:
    detector.begin(cues)
    found = [item for block in blocks(samples) for item in detector.hear(block)]
    return [*found, *detector.finish()]


def assert_at(found: Detection | Gap, name: str, text: str, offset_s: float = 0.0) -> None:
    truth = word(name, text)
    assert isinstance(found, Detection)
    assert float(found.span.start) == pytest.approx(offset_s + truth.start_s, abs=TOLERANCE_S)
    assert float(found.span.end) == pytest.approx(offset_s + truth.end_s, abs=TOLERANCE_S)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.int16)


def german(probabilities: dict[str, float]) -> dict[str, Any]:
    return {"script": [ScriptedWord("Scheiße", 0.9), ScriptedWord("Mann", 1.3)],
            "languages": probabilities}  # fmt: skip
