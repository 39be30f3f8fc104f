"""The last stretch of a track's sound."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock
from video_censor_personal.timeline import Span

__all__ = ["SoundBuffer"]


class SoundBuffer:
    """The last stretch of sound, as much as somebody still needs."""

    def __init__(self) -> None:
        self._blocks: deque[AudioBlock] = deque()

    def append(self, block: AudioBlock) -> None:
        self._blocks.append(block)

    def forget(self, before: Fraction) -> None:
        """Drop the blocks that lie wholly before a time."""
        while self._blocks and self._blocks[0].span.end <= before:
            self._blocks.popleft()

    def cut(self, span: Span) -> NDArray[np.int16]:
        """The samples of `span`, silence where there were none."""
        samples = np.zeros(round(span.duration * SAMPLE_RATE_HZ), np.int16)
        for block in self._blocks:
            offset = round((block.time - span.start) * SAMPLE_RATE_HZ)
            first, last = max(0, offset), min(len(samples), offset + len(block.samples))
            if first < last:
                samples[first:last] = block.samples[first - offset : last - offset]
        return samples

    def missing(self, span: Span) -> Fraction:
        """Seconds of `span` for which no sound came."""
        shared = (block.span.clipped(span) for block in self._blocks)
        return span.duration - sum((part.duration for part in shared if part), Fraction(0))
