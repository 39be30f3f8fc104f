"""The spoken sentences that come with the package, as detectors hear them, and their word times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.media.audio import decode_audio
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

DATA = Path(str(resources.files("video_censor_personal.sample") / "data"))
WITH_SWEARING = {
    "words_hell_slt.wav": "hell",
    "words_damn_awb.wav": "damn",
    "words_shit_rms.wav": "shit",
}
INNOCENT = "words_clean_kal16.wav"
CONTINUOUS = "speech_rms.wav"


@dataclass(frozen=True)
class Word:
    text: str
    start_s: float
    end_s: float


@cache
def sound(name: str) -> NDArray[np.int16]:
    """The file at 16 kHz, decoded by the media layer."""
    blocks = [b for b in decode_audio(probe(DATA / name)) if isinstance(b, AudioBlock)]
    return np.concatenate([block.samples for block in blocks])


@cache
def words(name: str) -> tuple[Word, ...]:
    entries = json.loads((DATA / "words.json").read_text())[name]["words"]
    return tuple(Word(w["word"], w["start_s"], w["end_s"]) for w in entries)


def word(name: str, text: str) -> Word:
    return next(w for w in words(name) if w.text == text)


def sentence(name: str) -> str:
    return " ".join(w.text for w in words(name))


def with_noise(samples: NDArray[np.int16], snr_db: float) -> NDArray[np.int16]:
    """Low-passed noise added at a signal-to-noise ratio; the same noise every time."""
    clean = samples.astype(float)
    noise = np.convolve(np.random.default_rng(1).normal(size=len(clean)), np.ones(8) / 8, "same")
    noise *= np.sqrt((clean**2).mean() / (noise**2).mean() / 10 ** (snr_db / 10))
    return np.clip(clean + noise, -32768, 32767).astype(np.int16)


def without_pauses(name: str) -> tuple[NDArray[np.int16], tuple[Word, ...]]:
    """The same words spoken without the silence between them."""
    samples, parts, moved = sound(name), [np.zeros(3200, np.int16)], []
    for w in words(name):
        first, last = (round(t * SAMPLE_RATE_HZ) for t in (w.start_s, w.end_s))
        start_s = sum(map(len, parts)) / SAMPLE_RATE_HZ
        moved.append(Word(w.text, start_s, start_s + (last - first) / SAMPLE_RATE_HZ))
        parts.append(samples[first:last])
    return np.concatenate([*parts, np.zeros(3200, np.int16)]), tuple(moved)


def blocks(
    samples: NDArray[np.int16], start: Fraction = Fraction(0), sizes: Sequence[int] = (16_000,)
) -> Iterator[AudioBlock]:
    """`samples` as consecutive blocks whose sizes go round `sizes`."""
    offset, turn = 0, 0
    while offset < len(samples):
        size = sizes[turn % len(sizes)]
        time = start + Fraction(offset, SAMPLE_RATE_HZ)
        yield AudioBlock(time, samples[offset : offset + size])
        offset, turn = offset + size, turn + 1


def cue(start: float, end: float, text: str, language: str = "eng", source: str = "a") -> Cue:
    return Cue(Span.of(start, end), text, language, source)
