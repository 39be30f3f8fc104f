"""Packets ahead of the decoder, in groups, so that somebody can choose which are decoded at all.

Most pictures of a film are built on by no other. Leaving those out that nobody looks at changes
nothing in the rest, and spares a third to a half of the decoding (measured).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from video_censor_personal.media.packets import PacketReader
from video_censor_personal.media.picture_types import PictureType, PictureTypes

__all__ = ["Chosen", "Picture", "PictureGroup", "Selection", "Sent", "choose_groups"]

_GROUP_BYTES = 16 * 1024 * 1024
_GROUP_PACKETS = 600
"""How far to read ahead at most: 6 s of 20 Mbit/s, 10 s of 60 frames a second. A longer group comes
in parts."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that could be decoded.

    Attributes:
        entry: decoding can begin with it; at most the first picture of a group is one.
        reference: others may be built on it.
    """

    time: Fraction
    entry: bool
    reference: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures of a group that are decoded.

    Attributes:
        wanted: these in any case, to be looked at.
        between: these as well; but what comes after the last one wanted may be put off until
            somebody asks for it (`Frame.opened`).
    """

    wanted: Collection[Picture]
    between: Collection[Picture] = ()


class Selection(Protocol):
    """Says which pictures are decoded."""

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        """The ones to decode of a group's `pictures`, which come in order of presentation.

        All that are references must be among them, or the entry alone, or nothing. `until` is the
        time of the next group's entry. It is None where that is not known, because the group comes
        in parts or the film ends; then all references must be decoded.
        """
        ...


@dataclass(slots=True)
class Sent:
    """A packet, what the reader said of it (see `PacketReader`), and what becomes of it.

    Attributes:
        wanted: somebody waits for its picture.
        decode: give it to the decoder.
        due: a selection wants it to be looked at.
        accounted: it was noted already.
    """

    packet: Any
    broken: bool
    torn: bool
    jumped: bool
    type: PictureType
    wanted: bool = True
    decode: bool = True
    due: bool = False
    accounted: bool = False

    @property
    def pts(self) -> int | None:
        pts: int | None = self.packet.pts
        return pts


@dataclass(frozen=True, slots=True)
class PictureGroup:
    """Pictures from an entry to the next, in file order; or a part of such a group.

    `complete`: it is followed by another group's entry. `whole`: all that pictures after it may be
    built on is decoded.
    """

    sent: Sequence[Sent]
    complete: bool = False
    whole: bool = True

    def decodable_before(self, following: PictureGroup) -> bool:
        """Whether a fresh decoder shows everything from this group's entry until that of the
        `following` one, because the file is whole here."""
        return (
            self.complete
            and self.sent[0].type.entry
            and all(sent.pts is not None for sent in (*self.sent, *following.sent))
            and not any(sent.packet.is_corrupt for sent in self.sent)
            and not any(s.broken or s.torn or s.jumped for s in (*self.sent, following.sent[0]))
        )

    @property
    def leading(self) -> Sequence[Sent]:
        """What is shown before the entry, and may be built on the group before."""
        return [sent for sent in self.sent if sent.packet.pts < self.sent[0].packet.pts]

    @property
    def trailing(self) -> Sequence[Sent]:
        """The entry and what is shown after it."""
        return [sent for sent in self.sent if sent.packet.pts >= self.sent[0].packet.pts]

    def until(self, following: PictureGroup) -> list[Sent]:
        """What is decoded for all that is shown from this group's entry until before that of the
        `following` one, in file order."""
        sent = [sent for sent in self.trailing if sent.decode]
        leading = [sent for sent in following.leading if sent.decode]
        return [*sent, following.sent[0], *leading] if leading else sent


def choose_groups(
    reader: PacketReader,
    stream: Any,
    types: PictureTypes,
    selection: Selection | None,
    time_of: Callable[[int], Fraction],
) -> Iterator[PictureGroup]:
    """Every packet of `stream` in file order, and whether it is to be decoded.

    Without a `selection`, or where the pictures' types are unknown, all are, and nothing is read
    ahead: each comes as a part of its own.
    """
    if selection is None or not types.known:
        for packet in reader.read(stream):
            sent = Sent(packet, reader.broken, reader.torn, reader.jumped, PictureType())
            yield PictureGroup([sent])
        return
    choice = _Choice(selection, time_of)
    group: list[Sent] = []
    size_bytes = 0
    for packet in reader.read(stream):
        sent = Sent(packet, reader.broken, reader.torn, reader.jumped, types.read(packet))
        full = size_bytes >= _GROUP_BYTES or len(group) >= _GROUP_PACKETS
        if group and (sent.type.entry or full):
            choice.choose(group, sent if sent.type.entry else None)
            yield PictureGroup(group, complete=sent.type.entry, whole=choice.whole)
            group, size_bytes = [], 0
        group.append(sent)
        size_bytes += packet.size
    if group:
        choice.choose(group, None, last=True)
        yield PictureGroup(group, whole=choice.whole)


class _Choice:
    """Applies a selection, group by group, and keeps it from being undecodable.

    `whole`: all references since the last entry are decoded.
    """

    def __init__(self, selection: Selection, time_of: Callable[[int], Fraction]) -> None:
        self._selection, self._time_of = selection, time_of
        self._top_layer = 0
        self.whole = True

    def choose(self, group: Sequence[Sent], following: Sent | None, *, last: bool = False) -> None:
        """Mark what is decoded of `group`; `following` is the next group's entry."""
        stamps = [sent.pts for sent in group]
        if None in stamps or len(set(stamps)) < len(stamps):
            self.whole = True
            return
        self._top_layer = max(self._top_layer, *(sent.type.layer for sent in group))
        pictures = {self._picture(sent): sent for sent in self._decodable(group)}
        in_order = sorted(pictures, key=lambda picture: picture.time)
        until = None if following is None or following.pts is None else following.pts
        choice = self._selection.choose(in_order, None if until is None else self._time_of(until))
        wanted = set(choice.wanted)
        if last:
            wanted.add(in_order[-1])  # what is shown at the end is always looked at
        chosen = wanted.union(choice.between)
        for sent in group:
            sent.decode = sent.wanted = False
        for picture in wanted:
            pictures[picture].wanted = pictures[picture].due = True
        for picture in chosen:
            pictures[picture].decode = True
        self.whole = all(picture in chosen for picture in in_order if picture.reference)

    def _decodable(self, group: Sequence[Sent]) -> Sequence[Sent]:
        """All of it, but for the pictures shown before the entry if what they are built on is not
        decoded."""
        if self.whole or not group[0].type.entry:
            return group
        return [sent for sent in group if sent.packet.pts >= group[0].packet.pts]

    def _picture(self, sent: Sent) -> Picture:
        needed = sent.type.reference or sent.type.layer < self._top_layer
        return Picture(self._time_of(sent.packet.pts), sent.type.entry, needed)
