"""Sound in stretches of overlapping windows, as a model wants to hear it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock

__all__ = ["HOP", "WINDOW", "SoundStretch", "SoundStretches", "window_count"]

WINDOW = 15_600
"""Samples in one window: 0.96 s and the 15 ms by which the last short-time spectrum reaches over
(YAMNet's `params.py`)."""

HOP = 7_680
"""Samples from one window to the next: 0.48 s."""

_MOST_WINDOWS = 20
"""Windows in one stretch: ten seconds of sound, 0.3 MB."""

_SAME_TIME = Fraction(1, 100)
"""Blocks that are further apart than this do not belong together."""


@dataclass(frozen=True, slots=True)
class SoundStretch:
    """`samples` is `(N,) int16` at `SAMPLE_RATE_HZ`, a whole number of windows; what follows `end`
    is silence that was added to fill the last of them."""

    time: Fraction
    samples: NDArray[np.int16]
    end: Fraction


def window_count(samples: int) -> int:
    """How many windows so many samples hold, the last one filled up."""
    return 1 + max(0, -(-(samples - WINDOW) // HOP))


class SoundStretches:
    """Cuts blocks of sound into stretches; every sample is in one, whatever is missing between."""

    def __init__(self) -> None:
        self._time = Fraction(0)
        self._samples = np.zeros(0, np.int16)
        self._unheard = 0

    def add(self, block: AudioBlock) -> Iterator[SoundStretch]:
        """The stretches that are complete with this block."""
        here = self._time + Fraction(len(self._samples), SAMPLE_RATE_HZ)
        if abs(block.time - here) > _SAME_TIME:
            yield from self.rest()
        if not len(self._samples):
            self._time = block.time
        self._samples = np.concatenate((self._samples, block.samples))
        self._unheard += len(block.samples)
        whole = WINDOW + (_MOST_WINDOWS - 1) * HOP
        while len(self._samples) >= whole:
            yield SoundStretch(self._time, self._samples[:whole], self._after(whole))
            passed = _MOST_WINDOWS * HOP
            self._time = self._after(passed)
            self._samples = self._samples[passed:]
            self._unheard = len(self._samples) - (WINDOW - HOP)

    def rest(self) -> Iterator[SoundStretch]:
        """What is left, filled up with silence; the next block begins anew."""
        count = len(self._samples)
        if self._unheard > 0:
            length = WINDOW + (window_count(count) - 1) * HOP
            filled = np.zeros(length, np.int16)
            filled[:count] = self._samples
            yield SoundStretch(self._time, filled, self._after(count))
        self._samples, self._unheard = np.zeros(0, np.int16), 0

    def _after(self, samples: int) -> Fraction:
        return self._time + Fraction(samples, SAMPLE_RATE_HZ)
