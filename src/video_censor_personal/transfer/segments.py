"""The parts of one file that are to be fetched: which are free, which are being worked on."""

from __future__ import annotations

import enum
from bisect import insort
from dataclasses import dataclass, field

from video_censor_personal.transfer.routes import Route

__all__ = ["Kind", "Ledger", "Segment"]


# A connection crawls if it needs longer than this for the rest of its segment, and is that much
# slower than the others; twice at most, then it is the server.
_CRAWL_S = 1.0
_CRAWL_SHARE = 0.4
_MOST_RESCUES = 2


class Kind(enum.Enum):
    """How a segment is served."""

    WHOLE = enum.auto()  # a small file in one buffer
    RANGE = enum.auto()  # bytes [position, end) of a file in pieces
    STREAM = enum.auto()  # all bytes from the first, because the server gives no ranges
    COMPARE = enum.auto()  # as RANGE, but only compared with what is there


@dataclass(slots=True, eq=False)
class Segment:
    """Bytes `[position, end)` that one connection fetches in order; `end` None: to the end.

    It begins with a piece, except after a failed try in mid-piece. `differs` says of a
    comparison whether the part of the piece before `position` was another than the one on disk.
    """

    position: int
    end: int | None
    kind: Kind = Kind.RANGE
    differs: bool = False
    buffered: int = 0  # received, not written yet
    tries: int = 0  # failed ones since bytes last came
    ready_at: float = 0.0
    reached: int = 0  # how far a stream came before it had to begin again
    claimed_at: float = 0.0
    claimed_from: int = 0
    rescues: int = 0  # connections that were too slow for it
    avoided: set[Route] = field(default_factory=set)  # where it failed, until all have been asked

    def left(self) -> int:
        """Bytes that another connection could take over."""
        if self.end is None or self.kind in (Kind.WHOLE, Kind.STREAM):
            return 0
        return self.end - self.position - self.buffered

    def __lt__(self, other: Segment) -> bool:
        return self.position < other.position


@dataclass(slots=True)
class Ledger:
    """Free and active segments of one file. Not locked: its owner is."""

    free: list[Segment] = field(default_factory=list)
    active: set[Segment] = field(default_factory=set)

    def add(self, segment: Segment) -> None:
        insort(self.free, segment)

    @property
    def free_bytes(self) -> int:
        """What nobody fetches yet, as far as that is known."""
        return sum(s.end - s.position for s in self.free if s.end is not None)

    def claim(self, now: float, most_bytes: int | None, piece_size: int) -> Segment | None:
        """The first free segment that is ready, at most `most_bytes` of it (whole pieces)."""
        for at, segment in enumerate(self.free):
            if segment.ready_at > now:
                continue
            del self.free[at]
            if segment.kind is Kind.COMPARE:
                most_bytes = piece_size  # what differs shall be fetched before all is compared
            if rest := _split(segment, most_bytes, piece_size):
                self.add(rest)
            return self._hand_out(segment, now)
        return None

    def share(self, most_bytes: int, piece_size: int) -> None:
        """Take from active segments what lies more than `most_bytes` ahead, so others can help."""
        for segment in self.active:
            if rest := _split(segment, most_bytes, piece_size):
                self.add(rest)

    def steal(self, now: float, piece_size: int) -> Segment | None:
        """Half of what the busiest segment has before it; None if that is not worth a request."""
        busiest = max(self.active, key=Segment.left, default=None)
        if busiest is None:
            return None
        left = busiest.left()
        if left <= 2 * piece_size:
            return None
        stolen = _split(busiest, left // 2, piece_size)
        return self._hand_out(stolen, now) if stolen else None

    def rescue(self, now: float, usual_bytes_per_s: float) -> Segment | None:
        """What a connection that crawls has before it; that connection then ends."""
        for slow in self.active:
            took = now - slow.claimed_at
            rate = (slow.position + slow.buffered - slow.claimed_from) / max(took, 1e-3)
            if slow.end is None or took < _CRAWL_S or slow.rescues >= _MOST_RESCUES:
                continue
            if slow.left() > _CRAWL_S * rate and rate < usual_bytes_per_s * _CRAWL_SHARE:
                rest = Segment(slow.position, slow.end, slow.kind, differs=slow.differs)
                rest.rescues = slow.rescues + 1
                slow.end = slow.position
                return self._hand_out(rest, now)
        return None

    def _hand_out(self, segment: Segment, now: float) -> Segment:
        segment.claimed_at, segment.claimed_from = now, segment.position
        self.active.add(segment)
        return segment

    def clear(self) -> None:
        """Forget all; whoever works on a segment finds out with `in active`."""
        self.free.clear()
        self.active.clear()


def _split(segment: Segment, most_bytes: int | None, piece_size: int) -> Segment | None:
    """Shorten `segment` to about `most_bytes` and whole pieces; what was cut off, if anything."""
    if most_bytes is None or segment.end is None or not segment.left():
        return None
    cut = -(-(segment.position + segment.buffered + most_bytes) // piece_size) * piece_size
    if cut >= segment.end:
        return None
    rest = Segment(cut, segment.end, segment.kind, ready_at=segment.ready_at)
    segment.end = cut
    return rest
