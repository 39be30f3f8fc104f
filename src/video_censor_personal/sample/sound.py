"""The sound of the sample movie: speech over a quiet chord and a breath of wind."""

from __future__ import annotations

import wave
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.sample.script import DURATION, SPEECH, data_file

__all__ = ["RATE_HZ", "mix"]

RATE_HZ = 48_000

_CHORD_HZ = (110.0, 164.8, 220.0, 277.2)
_CHORD_LEVEL = 10 ** (-50 / 20)
_WIND_LEVEL = 10 ** (-58 / 20)
_SPEECH_GAIN = 0.9


def mix() -> NDArray[np.float32]:
    """The whole sound, `(2, N) float32` of -1–1 at `RATE_HZ`, left and right."""
    samples = int(DURATION * RATE_HZ)
    sound = np.stack([_background(samples, side) for side in (0, 1)])
    for clip in SPEECH:
        speech = _recording(clip.file)
        start = int(clip.start * RATE_HZ)
        sound[:, start : start + len(speech)] += speech * np.float32(_SPEECH_GAIN)
    return np.clip(sound, -1, 1)


def _background(samples: int, side: int) -> NDArray[np.float32]:
    """A chord whose notes swell one after the other, and wind; a little different on each side."""
    time = np.arange(samples, dtype=np.float32) / RATE_HZ
    sound = np.zeros(samples, np.float32)
    for index, pitch in enumerate(_CHORD_HZ):
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * time / (7 + 2 * index) + index + side)
        sound += swell * np.sin(2 * np.pi * pitch * time)
    sound *= np.float32(_CHORD_LEVEL * np.sqrt(2 / len(_CHORD_HZ)))
    white = np.random.default_rng(97 + side).standard_normal(samples + 15).astype(np.float32)
    wind = np.convolve(white, np.full(16, 0.25, np.float32), "valid")
    return sound + wind * np.float32(_WIND_LEVEL)


def _recording(name: str) -> NDArray[np.float32]:
    """A mono recording of 16-bit samples, at `RATE_HZ`."""
    with wave.open(BytesIO(data_file(name).read_bytes())) as recording:
        rate = recording.getframerate()
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    samples = pcm.astype(np.float32) / np.float32(32768)
    return samples if rate == RATE_HZ else _upsampled(samples, RATE_HZ // rate)


def _upsampled(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """`factor` times as many samples a second, by a windowed sinc (Smith, "Digital Audio
    Resampling", section 2): nothing above the old half rate appears."""
    taps = 16 * factor
    at = np.arange(-taps, taps + 1) / factor
    kernel = (np.sinc(at) * np.hanning(len(at) + 2)[1:-1]).astype(np.float32)
    spread = np.zeros(len(samples) * factor, np.float32)
    spread[::factor] = samples
    return np.convolve(spread, kernel, "same")
