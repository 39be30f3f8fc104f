"""Which pictures of a video can be trusted: every packet sent to a decoder is accounted for.

Decoders hide damage as well as they can. They patch over what they cannot read, go on building
later pictures on the patch until the next key picture, and leave out without a word what they
cannot show at all. So a picture is good only if neither it nor any picture it may be built on was
damaged, and one that was sent and never came back is missed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

__all__ = ["PictureLedger"]

# A step between frames counts as a hole when it is this much longer than any lately.
_HOLE = 1.5

# A hole in what is shown may be this many pictures away from the break in the file that tore it:
# pictures are not stored in the order in which they are shown.
_REORDERED = 16


@dataclass(frozen=True, slots=True, order=True)
class _Sent:
    """A picture sent to the decoder; `whole` if the container gave all its bytes."""

    pts: int
    order: int
    whole: bool


class PictureLedger:
    """Follows packets into a decoder and frames out of it; times are in the stream's time base.

    `interval` is the usual step between frames, as far as the container declares one. `stamped`:
    the container stores when a picture is shown. Where it does not (AVI), what FFmpeg guesses for a
    packet is not what it gives to its frame, so no frame can be missed by its time.

    Attributes:
        damaged_since: where the stretch of damage began that is still going on.
    """

    def __init__(self, interval: int, *, stamped: bool = True) -> None:
        self.damaged_since: int | None = None
        self._stamped = stamped
        self._order = 0
        self._breaks: deque[int] = deque(maxlen=16)
        self._key = 0
        self._holes: list[tuple[int, int]] = []
        self._spoilt: deque[int] = deque(maxlen=16)
        self._refused = False
        self._awaited: list[_Sent] = []
        self._last: int | None = None
        self._passed: list[int] = []
        self._shown: deque[tuple[int, int]] = deque(maxlen=32)
        self._steps: deque[int] = deque([interval], maxlen=16)

    def send(self, packet: Any, broken: bool, torn: bool) -> None:
        """Called before `packet` goes to the decoder; the rest as in `PacketReader`."""
        self._count(broken, torn)
        if not self._stamped:
            if packet.is_corrupt:
                self._spoilt.append(self._order)
        elif packet.pts is not None and not packet.is_discard:
            heappush(self._awaited, _Sent(packet.pts, self._order, not packet.is_corrupt))

    def pass_over(self, packet: Any, broken: bool, torn: bool) -> None:
        """Called instead of `send` for a picture that nobody wants to see."""
        self._count(broken, torn)
        if packet.pts is not None:
            heappush(self._passed, packet.pts)

    def _count(self, broken: bool, torn: bool) -> None:
        if torn:
            self._spoilt.append(self._order)
        self._order += 1
        if broken:
            self._breaks.append(self._order)

    def refuse(self) -> None:
        """Called when the decoder raised an error."""
        self._refused = True

    def show(self, pts: int, *, key: bool, corrupt: bool) -> int | None:
        """Called for every frame in order; the start of a stretch of damage that ends with it."""
        missed, sent = self._take(pts)
        steps = self._steps_to(pts)
        step, before = max(steps)
        # Where the file is torn or ends, the least sign of a missing picture is enough.
        hole = step > _HOLE * min(self._steps)
        hole_at = before + min(self._steps)
        torn_at = self._break_near(sent.order) if hole else None
        if torn_at is not None:
            self._open(hole_at, torn_at - 1)
        elif missed and (self._refused or step > _HOLE * max(self._steps)):
            self._open(missed[0].pts, min(lost.order for lost in missed))
        elif self._refused:
            self._open(before, sent.order)
        good = sent.whole and not corrupt and sent.order not in self._spoilt
        if not good:
            self._open(pts, sent.order)
        self._refused, self._last = False, pts
        self._shown.append((pts, sent.order))
        # What fills a hole is sent before the pictures that are shown and sent after it.
        self._holes = [(at, order) for at, order in self._holes if order > sent.order]
        if hole:
            self._holes.append((hole_at, sent.order))
        self._steps.extend(step for step, _ in steps if step > 0)
        if key:
            self._key = sent.order
        if self.damaged_since is None or not (good and key):
            return None
        start, self.damaged_since = self.damaged_since, None
        return start

    def finish(self, *, cut_off: bool) -> int | None:
        """Called at the end; the start of a stretch of damage that lasts until then.

        `cut_off`: the file ends (or may end) before its end, maybe right before pictures that
        should be shown sooner than the last ones that are there.
        """
        if cut_off and self._holes:
            self._open(*min(self._holes))
        # The second field of a picture, or a hidden one, follows by less than a step.
        after = None if self._last is None else self._last + max(self._steps) * 3 // 4
        missed = [sent for sent in self._awaited if after is None or sent.pts > after]
        if missed:
            self._open(min(missed).pts, min(lost.order for lost in missed))
        elif self._refused and self._last is not None:
            self._open(self._last, self._order)
        return self.damaged_since

    def _steps_to(self, pts: int) -> list[tuple[int, int]]:
        """Every step from the last picture to `pts`, by way of those passed over, and its start."""
        steps = []
        before = pts if self._last is None else self._last
        while self._passed and self._passed[0] < pts:
            passed = heappop(self._passed)
            if passed > before:
                steps.append((passed - before, before))
                before = passed
        return [*steps, (pts - before, before)]

    def _take(self, pts: int) -> tuple[list[_Sent], _Sent]:
        """What was sent to be shown before `pts` and was not, and what was sent for `pts`."""
        missed: list[_Sent] = []
        while self._awaited and self._awaited[0].pts <= pts:
            sent = heappop(self._awaited)
            if sent.pts == pts:
                return missed, sent
            missed.append(sent)
        return missed, _Sent(pts, self._order, True)

    def _break_near(self, order: int) -> int | None:
        """The first break near the picture sent as `order` that no key picture has healed yet."""
        for broken_at in self._breaks:
            if broken_at > self._key and abs(order - broken_at) < _REORDERED:
                return broken_at
        return None

    def _open(self, pts: int, order: int) -> None:
        """Damage begins at `pts`, or with what was shown before it but built on it."""
        if self.damaged_since is None:
            self.damaged_since = min([pts, *(p for p, o in self._shown if o > order)])
