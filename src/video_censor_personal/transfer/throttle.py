"""Keeps a stream of bytes under a rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Throttle"]

# How far ahead of the rate one read may go: short, so that many connections share the line evenly.
_BURST_S = 0.05
_SMALLEST_READ = 4096


class Throttle:
    """A token bucket that several threads draw from. `bytes_per_s` None: no limit of its own.

    What is drawn from it is drawn from `parent` too. `limited`: whether either has a rate.
    """

    def __init__(
        self,
        bytes_per_s: int | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        parent: Throttle | None = None,
    ) -> None:
        self._rate = bytes_per_s
        self._parent = parent
        self._clock = clock
        self._mutex = threading.Lock()
        self._free_at = clock()
        self.limited: bool = bytes_per_s is not None or (parent is not None and parent.limited)

    def most(self, wanted: int) -> int:
        """How many of `wanted` bytes one read may ask for."""
        if self._parent is not None:
            wanted = self._parent.most(wanted)
        if self._rate is None:
            return wanted
        return min(wanted, max(_SMALLEST_READ, int(self._rate * _BURST_S)))

    def spend(self, count: int) -> float:
        """Note that `count` bytes arrived; the seconds to pause before the next read."""
        pause_s = self._parent.spend(count) if self._parent is not None else 0.0
        if self._rate is None:
            return pause_s
        with self._mutex:
            now = self._clock()
            self._free_at = max(self._free_at, now - _BURST_S) + count / self._rate
            return max(pause_s, self._free_at - now)
