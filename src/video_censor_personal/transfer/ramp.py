"""How many connections: few where one is fast enough, more while more bring more."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ramp"]

# A server this near is on the same machine or network; farther, one connection cannot fill the line
# while it waits for answers, so several are opened at once (measured with 50 ms: 0.5 against 0.7
# of curl's time for a start from one).
_NEAR_S = 0.004
_LEAD = 8
# One connection this fast is limited by this machine; 4-16 more made it 1.3-1.5 times slower.
_FAST_BYTES_PER_S = 150e6
_WINDOW_S = 0.15
_WORTH = 1.12
_PROBE_AGAIN_S = 10.0


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
    _previous_rate: float = 0.0
    _previous_target: int = 1
    _holds_since: float | None = None
    _far: bool = False
    bytes_per_s_per_connection: float = 0.0

    def __post_init__(self) -> None:
        self.target = max(1, min(self.most, _LEAD, self.small_files))

    def saw_round_trip(self, seconds: float) -> None:
        """A connection was made, or an answer began, after `seconds`."""
        if seconds > _NEAR_S and not self._far:
            self._far = True
            lead = self.small_files if self.small_files else _LEAD
            self._set(min(self.most, max(self.target, lead)))

    def was_refused(self) -> None:
        """The server said that this is too much (429, 503)."""
        self._set(max(1, self.target // 2))
        self._holds_since = self._began

    def observe(self, now: float, total_bytes: int, connections: int) -> int:
        """Look at the rate once a window has passed; the new target."""
        if self._began is None or total_bytes == 0:
            self._begin_window(now, total_bytes)
            return self.target
        passed = now - self._began
        if passed < _WINDOW_S or self.small_files or connections < self.target:
            return self.target
        rate = (total_bytes - self._bytes) / passed
        self.bytes_per_s_per_connection = rate / max(1, connections)
        self._begin_window(now, total_bytes)
        if self._holds_since is not None:
            if now - self._holds_since > _PROBE_AGAIN_S:
                self._holds_since = None
                self._previous_rate = 0.0
            return self.target
        self._decide(now, rate)
        return self.target

    def _decide(self, now: float, rate: float) -> None:
        if self._previous_rate and rate < self._previous_rate * _WORTH:
            if rate < self._previous_rate:
                self._set(self._previous_target)
            self._holds_since = now
            return
        if self.target >= self.most or rate > _FAST_BYTES_PER_S * self.target:
            return
        self._previous_rate, self._previous_target = rate, self.target
        self._set(min(self.most, max(_LEAD, self.target * 2)))

    def _set(self, target: int) -> None:
        self.target = target
        self._began = None

    def _begin_window(self, now: float, total_bytes: int) -> None:
        self._began, self._bytes = now, total_bytes
