"""When a detector fails: the time it missed becomes a gap, and when it keeps failing, it stops."""

from __future__ import annotations

import logging
from fractions import Fraction

from video_censor_personal.detectors.base import FrameDetector, SoundDetector
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Gap
from video_censor_personal.timeline import Span

__all__ = ["Blackout"]

_log = logging.getLogger(__name__)

_MOST_FAILURES = 3
"""Failures in a row after which a detector is taken to be broken, not the picture or the sound."""


class Blackout:
    """The time one detector could not judge; `gaps` has one gap a category for each stretch."""

    def __init__(self, detector: FrameDetector | SoundDetector) -> None:
        self._detector = detector
        self._in_a_row = 0
        self._since: Fraction | None = None
        self._reason = ""
        self.gaps: list[Gap] = []

    def failed(self, error: BaseException, since: Fraction) -> None:
        """The detector failed with `error` on what begins at `since`.

        Raises:
            DetectorError: too many failures in a row.
        """
        name = self._detector.name
        self._in_a_row += 1
        self._reason = f"detector {name!r} failed: {error!r}"
        if self._in_a_row >= _MOST_FAILURES:
            raise DetectorError(
                f"detector {name!r} failed {self._in_a_row} times in a row, last at "
                f"{float(since):.1f} s with {error!r}; remove it from the configuration or "
                "repair it",
                detector=name,
            ) from error
        _log.warning("%s (at %.1f s; this stretch is reported)", self._reason, float(since))
        if self._since is None:
            self._since = since

    def worked(self, time: Fraction) -> Fraction | None:
        """The detector judged what begins at `time`: an open gap ends there.

        Returns since when it had failed, or None.
        """
        since, self._since, self._in_a_row = self._since, None, 0
        if since is not None and since < time:
            self.gaps += [
                Gap(Span(since, time), self._reason, category, passing=True)
                for category in sorted(self._detector.categories)
            ]
        return since
