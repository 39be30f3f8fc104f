"""How many connections: few where one is fast enough, more while more bring more."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["Ramp", "Seen"]

# A server this near is on the same machine or network; farther, one connection cannot fill the line
# while it waits for answers, so several are opened at once (measured with 50 ms: 0.5 against 0.7
# of curl's time for a start from one).
_NEAR_S = 0.004
_SLOW_ANSWER_S = 0.015
_LEAD = 8
# Small files from a server that answers at once: this machine's work on each is what takes time,
# and threads only get into each other's way (2 take 0.55 s for 2,000 files, 4 take 0.62 s).
# Where each file is synced, there is a disk to wait for as well (4 take 0.75 s, 8 take 0.9 s).
_SMALL_LEAD = 2
_SMALL_SYNCED_LEAD = 4
_QUICK_ANSWER_S = 0.0015
_QUICK_FILE_S = 0.004
_REMEMBERED = 0.9  # of what was known of small files, after each one more
# If each connection brings this much, and for this share of the reads the bytes were waiting
# already, then this machine is what is slow, and more connections make it slower (4-16 of them by
# 1.3-1.5, measured).
_FAST_BYTES_PER_S = 40e6
_AHEAD_SHARE = 0.4
# No server that limits its connections gives one of them this much.
_UNLIMITED_BYTES_PER_S = 150e6
_WINDOW_S = 0.15
# That more connections are worth it may show sooner, once each has brought something.
_QUICK_WINDOW_S = 0.025
_QUICK_READS = 2
_WORTH = 1.12
_NO_GAIN = 1.03
_PROBE_AGAIN_S = 10.0
# A server that was fast and is slow for less than this has a hiccup, or somebody else's.
_HICCUP_S = 0.5
# Connections that are refused within this time were refused for the same reason.
_REFUSALS_OF_ONE_S = 0.2
# A request for a part should take at least this many times as long as the wait for its first byte.
_WORTH_A_REQUEST = 20
_USUAL_REQUEST_BYTES = 4 << 20
_FORGIVE_S = 2.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What had come by `at_s`: bytes, reads, and those reads whose bytes were waiting already."""

    at_s: float
    bytes: int = 0
    reads: int = 0
    reads_ahead: int = 0


@dataclass(slots=True)
class Ramp:
    """Decides the number of connections from what came; `target` is the decision.

    `small_files` is how many are left of those that take one request each: for them a
    connection's speed says nothing. `other_files` are left beside them. `synced`: every file is,
    before it gets its name.
    """

    most: int
    small_files: int = 0
    other_files: int = 0
    synced: bool = False
    target: int = field(init=False)
    first_byte_s: float = math.inf
    bytes_per_s_per_connection: float = 0.0
    _connect_s: float = math.inf
    _small_file_s: float = 0.0  # what one took lately, from its request to its last byte
    _answers: int = 0
    _window: Seen | None = None
    _previous_rate: float = 0.0
    _previous_target: int = 1
    _holds_since: float | None = None
    _refused_at: float | None = None
    _was_fast_at: float | None = None
    _crowded_at: float | None = None

    def __post_init__(self) -> None:
        self.target = self._wanted()

    def saw_answer(self, connect_s: float, first_byte_s: float) -> None:
        """An answer began `first_byte_s` after its request, on a connection made in `connect_s`."""
        self._answers += 1
        self._connect_s = min(self._connect_s, connect_s)
        self.first_byte_s = min(self.first_byte_s, first_byte_s)
        if self._refused_at is None and self._wanted() > self.target:
            self._set(self._wanted())

    def saw_files(self, count: int, seconds: float) -> None:
        """So many small files took so long to come, one after another."""
        if not count:
            return
        weight = 1 - _REMEMBERED**count
        self._small_file_s += weight * (seconds / count - self._small_file_s)
        if self._refused_at is None and self._wanted() > self.target:
            self._set(self._wanted())

    def was_refused(self, now: float) -> None:
        """The server said that this is too much (429, 503)."""
        if self._refused_at is None or now - self._refused_at > _REFUSALS_OF_ONE_S:
            self._refused_at = self._holds_since = now
            self._set(max(1, self.target // 2))

    def worth_a_request(self, free_bytes: int) -> int | None:
        """How many of a file's bytes that nobody fetches yet one request should ask for (in whole
        pieces); None: all.

        Fewer towards the end, so that all connections end at the same time.
        """
        if self.target == 1:
            return None
        waited_bytes = self.bytes_per_s_per_connection * min(self.first_byte_s, 1.0)
        usual = min(_USUAL_REQUEST_BYTES, free_bytes // (2 * self.target))
        return max(1, usual, int(waited_bytes * _WORTH_A_REQUEST))

    def observe(self, seen: Seen, connections: int) -> None:
        """Look at what has come over that many connections; decide once a window has passed."""
        self._forgive(seen.at_s)
        if self._window is None or not seen.bytes:
            self._window = seen
            return
        passed = seen.at_s - self._window.at_s
        reads = seen.reads - self._window.reads
        quick = passed >= _QUICK_WINDOW_S and reads >= _QUICK_READS * connections
        if not (quick or passed >= _WINDOW_S) or connections < self.target:
            return
        if self.small_files and not self.other_files:
            return
        rate = (seen.bytes - self._window.bytes) / passed
        ahead = seen.reads_ahead - self._window.reads_ahead > _AHEAD_SHARE * reads
        enough = rate > (_FAST_BYTES_PER_S if ahead else _UNLIMITED_BYTES_PER_S) * self.target
        gains = self._holds_since is None and rate >= self._previous_rate * _WORTH and not enough
        if passed < _WINDOW_S and not gains:
            return
        self._window = seen
        self.bytes_per_s_per_connection = rate / max(1, connections)
        if enough and ahead and self.target > self._wanted() and self._may_shrink(seen.at_s):
            self._crowded_at, self._holds_since, self._previous_rate = seen.at_s, None, 0.0
            self._set(self._wanted())
        elif self._is_hiccup(seen.at_s, fast=enough):
            pass
        elif self._holds_since is None:
            self._decide(seen.at_s, rate, enough=enough)
        elif seen.at_s - self._holds_since > _PROBE_AGAIN_S:
            self._holds_since = None
            self._previous_rate = 0.0

    def _may_shrink(self, now: float) -> bool:
        """Whether it was not tried just now: a line that is fast with many may be slow with one."""
        return self._crowded_at is None or now - self._crowded_at > _PROBE_AGAIN_S

    def _is_hiccup(self, now: float, *, fast: bool) -> bool:
        """Whether one connection, which was enough, has been slow for a moment only."""
        if fast and self.target == 1:
            self._was_fast_at = now
        return not fast and self._was_fast_at is not None and now - self._was_fast_at < _HICCUP_S

    def _decide(self, now: float, rate: float, *, enough: bool) -> None:
        if self._previous_rate and rate < self._previous_rate * _WORTH:
            if rate < self._previous_rate * _NO_GAIN:
                self._set(self._previous_target)
            self._holds_since = now
        elif self.target < self.most and not enough:
            window = self._window
            self._previous_rate, self._previous_target = rate, self.target
            self._set(min(self.most, max(_LEAD, self.target * 2)))
            self._window = window  # what the new ones bring counts from now

    def _forgive(self, now: float) -> None:
        """One connection more every now and then after a refusal."""
        if self._refused_at is None or now - self._refused_at < _FORGIVE_S:
            return
        self._refused_at = now if self.target + 1 < self._wanted() else None
        self._set(max(self.target, min(self.target + 1, self._wanted())))

    def _wanted(self) -> int:
        """How many to begin with, as far as the server is known."""
        far = self._connect_s > _NEAR_S and self._answers > 0
        far = far or (self.small_files > 0 and self._small_file_s > _SLOW_ANSWER_S)
        if self._answers >= min(4, max(1, self.small_files)):
            far = far or self.first_byte_s > _SLOW_ANSWER_S
        if not self.small_files:
            return min(self.most, _LEAD) if far else 1
        lead = self.most if far else _SMALL_SYNCED_LEAD if self.synced else _SMALL_LEAD
        if self._answers >= _LEAD and self.first_byte_s > _QUICK_ANSWER_S:
            lead = max(lead, _LEAD)
        if self._small_file_s > _QUICK_FILE_S:
            lead = max(lead, _LEAD)
        return min(self.most, lead, self.small_files)

    def _set(self, target: int) -> None:
        self.target = target
        self._window = None
