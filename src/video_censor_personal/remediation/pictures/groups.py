"""Groups of pictures: a packet that a decoder can begin at, and those up to the next such one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from video_censor_personal.remediation.pictures.picture_codings import Entry

__all__ = ["Group", "clean_cut"]


@dataclass(slots=True)
class Group:
    """Packets in decoding order; the first is the entry (else `entry` is `none`)."""

    entry: Entry
    packets: list[Any] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, packet: Any) -> None:
        self.packets.append(packet)
        self.size_bytes += packet.size

    @property
    def start(self) -> int:
        """The time stamp of the entry."""
        return int(self.packets[0].pts)

    @property
    def leading(self) -> list[Any]:
        """Packets of an open group that are shown before its entry."""
        if self.entry != "open":
            return []
        return [packet for packet in self.packets if packet.pts < self.start]


def clean_cut(stamps: Sequence[int], rest: Sequence[int], first_changed: int) -> int:
    """How many pictures can stay: all of them are shown before the rest, and before a change.

    Args:
        stamps: presentation times in decoding order.
        rest: those of what must be encoded anyway, after `stamps`.
        first_changed: the earliest time of a change.
    """
    latest = list(stamps)
    for place in range(1, len(latest)):
        latest[place] = max(latest[place], latest[place - 1])
    coming = min(rest, default=None)
    clean = 0
    for place in range(len(stamps), 0, -1):
        before = latest[place - 1]
        if before < first_changed and (coming is None or before < coming):
            clean = place
            break
        here = stamps[place - 1]
        coming = here if coming is None else min(coming, here)
    return clean
