"""Edges of words, moved to where the sound is quiet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.media.base import SAMPLE_RATE_HZ

__all__ = ["MAX_SNAP_S", "snapped"]

MAX_SNAP_S = 0.12
"""An edge moves outwards by at most this, and inwards by half of it: a word that is muted a little
too long is better than one whose first sound is heard."""
_FRAME = SAMPLE_RATE_HZ // 100
_SILENCE = 10 ** (-35 / 20)
"""Amplitude that counts as silence, as a share of the word's loudest moment."""


def snapped(samples: NDArray[np.int16], start_s: float, end_s: float) -> tuple[float, float]:
    """The word at `start_s`–`end_s` of `samples` (`(N,)`, 16 kHz) with its edges in the quietest
    10 ms near them, in steps of 10 ms; of several as quiet as silence the nearest counts."""
    loudness = _loudness(samples)
    first, last = round(start_s * 100), round(end_s * 100)
    floor = loudness[first:last].max(initial=0.0) * _SILENCE
    out, within = round(MAX_SNAP_S * 100), min(round(MAX_SNAP_S * 50), max(0, last - first) // 4)
    start = _quietest(loudness, first, range(first - out, first + within + 1), floor)
    end = _quietest(loudness, last - 1, range(last - 1 - within, last + out), floor) + 1
    return max(0.0, start / 100), min(len(samples) / SAMPLE_RATE_HZ, end / 100)


def _quietest(loudness: NDArray[np.float32], near: int, frames: range, floor: float) -> int:
    there = [frame for frame in frames if 0 <= frame < len(loudness)]
    if not there:
        return near
    return min(there, key=lambda frame: (max(loudness[frame], floor), abs(frame - near)))


def _loudness(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """The root mean square of each 10 ms, `(N // 160,)`."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float32)
    level: NDArray[np.float32] = np.sqrt(np.square(frames).mean(axis=1))
    return level
