"""What a costly detector said of a picture counts for the next one that looks the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.detectors.base import FrameDetector, scales_of
from video_censor_personal.findings import Sighting
from video_censor_personal.media.base import Frame

__all__ = ["Recalling"]

_SIDE = 96
"""Longer side of the pictures that are compared. A pixel is the average of 20×20 of 1080p: what
moves or appears there changes it, grain does not."""

_ALIKE = 3
"""The most that any colour of any pixel (0–255) may differ. Film grain makes 1 to 2 (measured)."""

Thumbnail = NDArray[np.int16]


class Recalling:
    """A `FrameDetector` that asks another one only about pictures that changed.

    A picture is compared with the last one that was really looked at, not with the last one it
    took for the same, so slow changes add up until they count. For detectors that cost many times
    the 1 ms of a comparison.
    """

    def __init__(self, detector: FrameDetector) -> None:
        self.name, self.categories = detector.name, detector.categories
        self.scales = scales_of(detector)
        self._detector = detector
        self._looked_at: Thumbnail | None = None
        self._seen: list[Sighting] = []

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        """See `FrameDetector`."""
        asked: list[Frame] = []
        answers: list[int] = []  # position of each frame's answer; -1: what was seen before
        latest = self._looked_at
        for frame in frames:
            thumbnail = frame.rgb(_SIDE).astype(np.int16)
            if not _alike(latest, thumbnail):
                latest = thumbnail
                asked.append(frame)
            answers.append(len(asked) - 1)
        seen = self._detector.look(asked) if asked else []
        if len(seen) != len(asked):
            raise ValueError(f"{len(seen)} answers for {len(asked)} frames")
        known = [*seen, self._seen]
        found = [known[answer] for answer in answers]
        if asked:
            self._looked_at, self._seen = latest, seen[-1]
        return found


def _alike(one: Thumbnail | None, other: Thumbnail) -> bool:
    if one is None or one.shape != other.shape:
        return False
    return int(np.abs(one - other).max()) <= _ALIKE
