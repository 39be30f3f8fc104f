"""Whisper, through faster-whisper and CTranslate2, in a process of its own.

The model is a folder that is there already: nothing here is ever downloaded. What faster-whisper
gives is made fit for use: times that exceed the clip are clamped, tokens that are one word become
one, words where no voice is are dropped, and speech it could not make sense of is marked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.speech.heard_words import HeardWord
from video_censor_personal.detectors.speech.model_process import ModelProcess
from video_censor_personal.detectors.speech.whisper_folder import WhisperFolder
from video_censor_personal.media.base import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

__all__ = [
    "MARGIN",
    "Transcript",
    "WhisperProcess",
    "WhisperSource",
    "joined_words",
]

_log = logging.getLogger(__name__)

_PAUSE_MS = 250
MARGIN = SAMPLE_RATE_HZ // 5
"""Voices this close to each other are one stretch of speech; so many samples around it are
heard as well."""
_MIN_LOG_PROBABILITY = -1.0
_MAX_COMPRESSION = 2.4
"""Beyond these Whisper's makers hold an answer for a failure: too unlikely, or the same again and
again (openai/whisper, `transcribe.py`)."""
_SHORTEST_S = 0.05
_UNTIMED_S = 0.5
"""A word of which only one moment in the clip is known is taken to last so long around it."""
_PATIENCE_S = 300.0
_PATIENCE_A_SECOND = 30.0
"""Longer than this nobody waits: a large model on one slow core takes several times the length of
the sound, and its gigabytes take a while to read."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a clip.

    `heard_s`: how many seconds of it were given to the model. `understood`: False where what it
    wrote down is not to be believed.
    """

    words: tuple[HeardWord, ...] = ()
    heard_s: float = 0.0
    understood: bool = True


class WhisperSource(Protocol):
    """What finds voices, and writes down what they say."""

    def voices(self, samples: NDArray[np.int16]) -> list[range]:
        """Where somebody speaks in `samples` (`(N,)`, 16 kHz), in order, with a margin."""
        ...

    def languages(self, samples: NDArray[np.int16]) -> dict[str, float]:
        """The probability (0–1) of each language in the first 30 s of a clip, by its code."""
        ...

    def transcribe(
        self, samples: NDArray[np.int16], language: str, packed: bool = False
    ) -> Transcript:
        """What is said in a clip; nothing where there is no voice. `packed`: leave out the
        silence between voices, which hears more in the same time."""
        ...

    def close(self) -> None:
        """Give back what it holds; it may be used again."""
        ...

    def abandon(self) -> None:
        """Give back what it holds for good, from any thread, whoever waits for an answer."""
        ...


class Whisper:
    """The model in this process; its weights are loaded when they are first needed."""

    def __init__(self, folder: str, device: str, threads: int) -> None:
        self._folder, self._device, self._threads = folder, device, threads

    @cached_property
    def _model(self) -> WhisperModel:
        import ctranslate2

        ctranslate2.set_random_seed(0)  # for the tries after a first one that failed
        if self._device == "cuda" or (
            self._device == "auto" and ctranslate2.get_cuda_device_count() > 0
        ):
            try:
                return self._load("cuda", "auto")
            except RuntimeError as error:
                if self._device == "cuda":
                    raise
                _log.warning("Whisper runs on the CPU, because CUDA cannot be used: %s", error)
        return self._load("cpu", "int8")

    def _load(self, device: str, compute_type: str) -> WhisperModel:
        from faster_whisper import WhisperModel

        model = WhisperModel(
            self._folder,
            device=device,
            compute_type=compute_type,
            cpu_threads=self._threads,
            local_files_only=True,
        )
        if device == "cuda":  # its libraries are looked for at the first computation
            model.encode(model.feature_extractor(np.zeros(SAMPLE_RATE_HZ, np.float32)))
        return model

    def voices(self, samples: NDArray[np.int16]) -> list[range]:
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        found = get_speech_timestamps(_waveform(samples), VadOptions(**_VOICES))
        return [range(int(part["start"]), int(part["end"])) for part in found]

    def languages(self, samples: NDArray[np.int16]) -> dict[str, float]:
        _, _, probabilities = self._model.detect_language(_waveform(samples))
        return {language: float(probability) for language, probability in probabilities}

    def transcribe(
        self, samples: NDArray[np.int16], language: str, packed: bool = False
    ) -> Transcript:
        voices = self.voices(samples)
        if not voices:
            return Transcript()
        segments, info = self._model.transcribe(
            _waveform(samples),
            language=language,
            word_timestamps=True,
            condition_on_previous_text=False,  # what is heard must not depend on what came before
            vad_filter=packed,
            vad_parameters=_VOICES,
        )
        said = list(segments)
        words = joined_words(
            (
                HeardWord(word.word, float(word.start), float(word.end), float(word.probability))
                for segment in said
                for word in segment.words or ()
            ),
            len(samples) / SAMPLE_RATE_HZ,
        )
        voiced = (_within_voices(word, voices) for word in words)
        return Transcript(
            tuple(word for word in voiced if word is not None),
            float(info.duration_after_vad),
            not any(
                segment.avg_logprob < _MIN_LOG_PROBABILITY
                or segment.compression_ratio > _MAX_COMPRESSION
                for segment in said
            ),
        )

    def close(self) -> None:
        self.__dict__.pop("_model", None)

    def abandon(self) -> None:
        self.close()


_VOICES = {"min_silence_duration_ms": _PAUSE_MS, "speech_pad_ms": MARGIN * 1000 // SAMPLE_RATE_HZ}


def _waveform(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(32_768)


def _within_voices(word: HeardWord, voices: Sequence[range]) -> HeardWord | None:
    """The part of a word in which there are voices, None where there are none: Whisper gives the
    silence before a sentence to its first word, and makes up words in silence."""
    first, last = word.start_s * SAMPLE_RATE_HZ, word.end_s * SAMPLE_RATE_HZ
    shared = [voice for voice in voices if first < voice.stop and voice.start < last]
    if not shared:
        return None
    return replace(
        word,
        start_s=max(word.start_s, shared[0].start / SAMPLE_RATE_HZ),
        end_s=min(word.end_s, shared[-1].stop / SAMPLE_RATE_HZ),
    )


def joined_words(tokens: Iterable[HeardWord], length_s: float) -> list[HeardWord]:
    """Whole words, without the spaces around them, within a clip of `length_s`.

    What does not begin with a space belongs to the word before it (`bull`, `-`, `shit`). A word is
    as probable as its least probable part. Times that exceed the clip are clamped, and what has no
    length is given half a second.
    """
    words: list[HeardWord] = []
    for token in tokens:
        if words and not token.text.startswith(" "):
            last = words[-1]
            words[-1] = HeardWord(
                last.text + token.text,
                last.start_s,
                max(last.end_s, token.end_s),
                min(last.probability, token.probability),
            )
        else:
            words.append(token)
    return [
        _clamped(replace(word, text=word.text.strip()), length_s)
        for word in words
        if word.text.strip()
    ]


def _clamped(word: HeardWord, length_s: float) -> HeardWord:
    start_s = min(max(0.0, word.start_s), length_s)
    end_s = min(max(start_s, word.end_s), length_s)
    if end_s - start_s < _SHORTEST_S:
        start_s = max(0.0, min(start_s - _UNTIMED_S / 2, length_s - _UNTIMED_S))
        end_s = min(length_s, start_s + _UNTIMED_S)
    return replace(word, start_s=start_s, end_s=end_s)


class WhisperProcess:
    """The model in a child process; see `ModelProcess` and `WhisperSource`."""

    def __init__(self, folder: WhisperFolder, device: str, threads: int) -> None:
        self.process = ModelProcess(
            f"the model {folder.name!r}", Whisper, str(folder.path), device, threads
        )

    def voices(self, samples: NDArray[np.int16]) -> list[range]:
        answer: list[range] = self.process.ask("voices", samples, limit_s=_limit_s(samples))
        return answer

    def languages(self, samples: NDArray[np.int16]) -> dict[str, float]:
        answer: dict[str, float] = self.process.ask("languages", samples, limit_s=_limit_s(samples))
        return answer

    def transcribe(
        self, samples: NDArray[np.int16], language: str, packed: bool = False
    ) -> Transcript:
        answer: Transcript = self.process.ask(
            "transcribe", samples, language, packed, limit_s=_limit_s(samples)
        )
        return answer

    def close(self) -> None:
        self.process.close()

    def abandon(self) -> None:
        self.process.abandon()


def _limit_s(samples: NDArray[np.int16]) -> float:
    return _PATIENCE_S + _PATIENCE_A_SECOND * len(samples) / SAMPLE_RATE_HZ
