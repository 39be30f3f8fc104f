"""How many connections: few where one is fast enough, more while more bring more."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Ramp"]

# A server this near is on the same machine or network; farther, one connection cannot fill the line
# while it waits for answers, so several are opened at once (measured with 50 ms: 0.5 against 0.7
# of curl's time for a start from one).
_NEAR_S = 0.004
_SLOW_ANSWER_S = 0.015
_LEAD = 8
# If each connection brings this much, and for this share of the reads the bytes were waiting
# already, then this machine is what is slow, and more connections make it slower (4-16 of them by
# 1.3-1.5, measured).
_FAST_BYTES_PER_S = 40e6
_AHEAD_SHARE = 0.4
_WINDOW_S = 0.15
_WORTH = 1.12
_PROBE_AGAIN_S = 10.0
# Connections that are refused within this time were refused for the same reason.
_REFUSALS_OF_ONE_S = 0.2
_FORGIVE_S = 2.0


@dataclass(slots=True)
class Ramp:
    """Decides the number of connections from what arrived. Times are of any monotonic clock.

    `target` is the current decision; `small_files` says how many files are fetched in one
    request each, for which a connection's speed says nothing.
    """

    most: int
    small_files: int = 0
    target: int = 1
    _began: float | None = None
    _bytes: int = 0
    _reads: int = 0
    _reads_ahead: int = 0
    _previous_rate: float = 0.0
    _previous_target: int = 1
    _holds_since: float | None = None
    _refused_at: float = -math.inf
    _far: bool = False
    _answers: int = 0
    _connect_s: float = math.inf
    first_byte_s: float = math.inf
    bytes_per_s_per_connection: float = 0.0

    def __post_init__(self) -> None:
        self.target = max(1, min(self.most, _LEAD, self.small_files))

    def saw_answer(self, connect_s: float, first_byte_s: float) -> None:
        """An answer began `first_byte_s` after its request, on a connection made in `connect_s`."""
        self._answers += 1
        self._connect_s = min(self._connect_s, connect_s)
        self.first_byte_s = min(self.first_byte_s, first_byte_s)
        slow = self.first_byte_s > _SLOW_ANSWER_S and self._answers >= min(4, self.small_files)
        if (self._connect_s > _NEAR_S or slow) and not self._far:
            self._far = True
            lead = self.small_files if self.small_files else _LEAD
            self._set(min(self.most, max(self.target, lead)))

    def was_refused(self, now: float) -> None:
        """The server said that this is too much (429, 503)."""
        if now - self._refused_at > _REFUSALS_OF_ONE_S:
            self._refused_at = self._holds_since = now
            self._set(max(1, self.target // 2))

    def observe(
        self, now: float, total_bytes: int, connections: int, reads: int, reads_ahead: int
    ) -> int:
        """Look at what came once a window has passed; the new target.

        `reads_ahead` of all `reads` found their bytes waiting.
        """
        if self._began is None or total_bytes == 0:
            self._begin_window(now, total_bytes, reads, reads_ahead)
            return self.target
        if self.small_files and self.target < self._refused_from(now):
            self._refused_at = now
            self._set(self.target + 1)
        passed = now - self._began if self._began is not None else 0.0
        if passed < _WINDOW_S or self.small_files or connections < self.target:
            return self.target
        rate = (total_bytes - self._bytes) / passed
        self.bytes_per_s_per_connection = rate / max(1, connections)
        ahead = (reads_ahead - self._reads_ahead) > _AHEAD_SHARE * (reads - self._reads)
        ahead = ahead and rate > _FAST_BYTES_PER_S * self.target
        self._begin_window(now, total_bytes, reads, reads_ahead)
        if self._holds_since is not None:
            if now - self._holds_since > _PROBE_AGAIN_S:
                self._holds_since = None
                self._previous_rate = 0.0
            return self.target
        self._decide(now, rate, ahead=ahead)
        return self.target

    def _refused_from(self, now: float) -> int:
        """How many connections a refusal may be forgotten for by now."""
        forgiven = now - self._refused_at > _FORGIVE_S
        return min(self.most, _LEAD, self.small_files) if forgiven else 0

    def _decide(self, now: float, rate: float, *, ahead: bool) -> None:
        if self._previous_rate and rate < self._previous_rate * _WORTH:
            if rate < self._previous_rate:
                self._set(self._previous_target)
            self._holds_since = now
            return
        if self.target >= self.most or ahead:
            return
        self._previous_rate, self._previous_target = rate, self.target
        self._set(min(self.most, max(_LEAD, self.target * 2)))

    def _set(self, target: int) -> None:
        self.target = target
        self._began = None

    def _begin_window(self, now: float, total_bytes: int, reads: int, reads_ahead: int) -> None:
        self._began, self._bytes = now, total_bytes
        self._reads, self._reads_ahead = reads, reads_ahead
