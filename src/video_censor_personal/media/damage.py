"""Which pictures of a video can be trusted: every packet sent to a decoder is accounted for.

Decoders hide damage as well as they can. They patch over what they cannot read, go on building
later pictures on the patch until the next key picture, and leave out without a word what they
cannot show at all. So a picture is good only if neither it nor any picture it may be built on was
damaged, and one that was sent and never came back is missed.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Any

__all__ = ["PictureLedger"]

# A step between frames counts as a hole when it is this much longer than any lately.
_HOLE = 1.5


class PictureLedger:
    """Follows packets into a decoder and frames out of it; times are in the stream's time base.

    `interval` is the usual step between frames, as far as the container declares one.
    """

    def __init__(self, interval: int) -> None:
        self.damaged_since: int | None = None
        self._sent = 0
        self._breaks = 0
        self._breaks_shown = 0
        self._refused = False
        self._last: int | None = None
        # (pts, order of sending, breaks in the file before it, came whole), lowest pts first
        self._awaited: list[tuple[int, int, int, bool]] = []
        self._shown: deque[tuple[int, int]] = deque(maxlen=32)
        self._steps: deque[int] = deque([interval], maxlen=16)

    def send(self, packet: Any, broken: bool) -> None:
        """Called before `packet` goes to the decoder; `broken` as in `PacketReader`."""
        self._sent += 1
        self._breaks += broken
        if packet.pts is not None and not packet.is_discard:
            entry = (packet.pts, self._sent, self._breaks, not packet.is_corrupt)
            heappush(self._awaited, entry)

    def refuse(self) -> None:
        """Called when the decoder raised an error."""
        self._refused = True

    def show(self, pts: int, *, key: bool, corrupt: bool) -> int | None:
        """Called for every frame in order; the start of a stretch of damage that ends with it."""
        missed: list[tuple[int, int, int, bool]] = []
        order, breaks, whole = self._sent, self._breaks_shown, True
        while self._awaited and self._awaited[0][0] <= pts:
            entry = heappop(self._awaited)
            if entry[0] == pts:
                _, order, breaks, whole = entry
            else:
                missed.append(entry)
        step = 0 if self._last is None else pts - self._last
        hole = step > _HOLE * max(self._steps)
        if missed and (self._refused or hole):
            self._open(missed[0][0], min(entry[1] for entry in missed))
        elif self._refused or (hole and breaks > self._breaks_shown):
            self._open(pts if self._last is None else self._last + self._steps[-1], order)
        good = whole and not corrupt
        if not good:
            self._open(pts, order)
        self._refused, self._last = False, pts
        self._breaks_shown = max(breaks, self._breaks_shown)
        self._shown.append((pts, order))
        if step > 0 and not hole:
            self._steps.append(step)
        if self.damaged_since is None or not (good and key):
            return None
        start, self.damaged_since = self.damaged_since, None
        return start

    def finish(self) -> int | None:
        """Called at the end; the start of a stretch of damage that lasts until then."""
        if self._refused or self._awaited:
            after = 0 if self._last is None else self._last + max(self._steps) * 3 // 4
            missed = [entry for entry in self._awaited if self._last is None or entry[0] > after]
            if missed:
                first = min(missed)
                self._open(first[0], first[1])
            elif self._refused and self._last is not None:
                self._open(self._last + self._steps[-1], self._sent)
        return self.damaged_since

    def _open(self, pts: int, order: int) -> None:
        """Damage begins at `pts`, or with what was shown before it but built on it."""
        if self.damaged_since is None:
            self.damaged_since = min([pts, *(p for p, o in self._shown if o > order)])
