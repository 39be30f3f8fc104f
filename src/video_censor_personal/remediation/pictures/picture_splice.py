"""A track of the copy in which only the groups of pictures around an edit are encoded anew.

Of such a group, what is shown before the edit is copied too, as far as nothing in it is needed
later; the rest up to the next entry is new. Every new packet takes the decoding time of one that
it replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from video_censor_personal.remediation.edits import PictureEdit
from video_censor_personal.remediation.joinability import JoinError
from video_censor_personal.remediation.packets import with_data
from video_censor_personal.remediation.pictures.groups import Group, clean_cut
from video_censor_personal.remediation.pictures.new_pictures import NewPictures
from video_censor_personal.remediation.pictures.picture_codings import PictureCoding
from video_censor_personal.remediation.retiming import Retiming

__all__ = ["SplicedPictureTrack"]

# Held in memory until it is known where a group ends.
_LARGEST_GROUP_BYTES = 96 << 20
_REMEMBERED = 16  # times of pictures before a joint; more than any decoder reorders


class SplicedPictureTrack:
    """Takes packets, gives packets.

    Args:
        stream: of the output, set up for the source's packets and the new ones.
        source: the stream of the input.
    """

    def __init__(
        self,
        stream: Any,
        source: Any,
        coding: PictureCoding,
        pictures: NewPictures,
        edits: Sequence[PictureEdit],
        retiming: Retiming,
        origin: Fraction,
    ) -> None:
        self.stream = stream
        self.notes: list[str] = []
        self.joints: list[Fraction] = []
        self._index = source.index
        self._time_base = Fraction(source.time_base)
        self._coding = coding
        self._pictures = pictures
        self._changes = [edit.span for edit in edits] + list(retiming.cuts)
        self._retiming = retiming
        self._origin = origin
        self._delay = int(source.codec_context.reorder_depth)
        self._interval = max(1, round(1 / ((source.average_rate or 25) * source.time_base)))
        self._current: Group | None = None
        self._next: Group | None = None
        self._after_new = False
        self._unstamped: list[Any] = []
        self._shown: list[int] = []
        self._last_dts: int | None = None

    def push(self, packet: Any) -> Iterable[Any]:
        if not packet.size or packet.is_corrupt:  # the file breaks off in the middle of it
            return
        if packet.pts is None:
            raise JoinError(self._index, "some of its pictures have no time")
        if packet.dts is None:
            self._unstamped.append(packet)
            return
        yield from self._stamped(packet.dts)
        yield from self._grouped(packet)

    def finish(self) -> Iterable[Any]:
        if self._unstamped:
            first = min(packet.pts for packet in self._unstamped)
            yield from self._stamped(first + len(self._unstamped) * self._interval)
        for group, following in ((self._current, self._next), (self._next, None)):
            if group is not None:
                yield from self._emit(group, following)
        self.notes += self._pictures.notes(self.stream.index)

    def _stamped(self, following: int) -> Iterator[Any]:
        """Matroska gives no decoding times before it knows how far pictures are reordered."""
        waiting, self._unstamped = self._unstamped, []
        for place, packet in enumerate(waiting):
            early = following - (len(waiting) - place) * self._interval
            packet.dts = min(packet.pts, early)
            yield from self._grouped(packet)

    def _grouped(self, packet: Any) -> Iterator[Any]:
        try:
            entry = self._coding.entry(bytes(packet)) if packet.is_keyframe else "none"
        except ValueError as error:
            raise JoinError(self._index, str(error)) from error
        if entry != "none" or self._current is None:
            if self._next is not None:
                yield from self._advance()
            if self._current is None:
                self._current = Group(entry)
            else:
                self._next = Group(entry)
        group = self._next or self._current
        group.add(packet)
        if group.size_bytes > _LARGEST_GROUP_BYTES:
            raise JoinError(self._index, "its key frames are too far apart")
        # Pictures shown before an entry are stored directly after it.
        following = self._next
        if following and (following.entry == "closed" or packet.pts > following.start):
            yield from self._advance()

    def _advance(self) -> Iterator[Any]:
        assert self._current is not None
        group, self._current = self._current, self._next
        following, self._next = self._next, None
        yield from self._emit(group, following)

    def _emit(self, group: Group, following: Group | None) -> Iterator[Any]:
        """`group`, and the pictures of an open `following` that need it."""
        leading = set() if not self._after_new else {packet.pts for packet in group.leading}
        packets = [packet for packet in group.packets if packet.pts not in leading]
        dropped = [packet.dts for packet in group.packets if packet.pts in leading]
        slots = [packet.dts for packet in packets]
        if dropped:
            # The pictures before took the earlier of these times.
            slots[0] = max(slots[0], *dropped)
        heads = following.leading if following is not None else []
        entry = following.start if following is not None and following.entry == "open" else None
        changed = self._first_changed(packets, heads, entry)
        first_data = self._coding.after_new(bytes(packets[0])) if self._after_new else None
        if self._after_new and group.entry == "none":
            raise JoinError(self._index, "it does not go on with a key frame")
        self._after_new = changed is not None
        kept = len(packets)
        if changed is not None:
            if group.entry == "none":
                raise JoinError(self._index, "it does not begin with a key frame")
            stamps = [packet.pts for packet in packets]
            kept = clean_cut(stamps, [packet.pts for packet in heads], changed)
        # The new pictures are decoded from packets that may by then be gone to the muxer.
        needed = [] if changed is None else [*group.packets, *_entry_of(following, heads)]
        fed = self._pictures.fed(needed)
        for place in range(kept):
            data = first_data if place == 0 else None
            yield self._copied(packets[place], slots[place], data)
        if changed is not None:
            entries = [following.packets[0]] if heads and following is not None else []
            taken = sorted([*slots[kept:], *(p.dts for p in entries), *(p.dts for p in heads)])
            replaced = [*packets[kept:], *heads]
            yield from self._new(fed, replaced, taken)

    def _first_changed(
        self, packets: Sequence[Any], heads: Sequence[Any], entry: int | None
    ) -> int | None:
        """The time of the first changed picture. One of a following open entry counts: the pictures
        before it cannot stay without it."""
        stamps = [packet.pts for packet in (*packets, *heads)] + ([] if entry is None else [entry])
        first, last = self._time(min(stamps)), self._time(max(stamps))
        near = [span for span in self._changes if span.start <= last and span.end > first]
        if not near:
            return None
        hit = (s for s in stamps if any(span.contains(self._time(s)) for span in near))
        return min(hit, default=None)

    def _new(
        self, fed: Sequence[Any], replaced: Sequence[Any], slots: Sequence[int]
    ) -> Iterator[Any]:
        wanted = {
            packet.pts: (self._moved(packet.pts), packet.duration or self._interval)
            for packet in replaced
            if self._retiming.keeps(self._time(packet.pts))
        }
        if not wanted:
            return
        shown = sorted(moved for moved, _ in wanted.values())
        if len(wanted) < len(replaced):  # some are cut out: the times of the rest close up
            before = [*self._shown, *shown][-len(shown) - self._delay : -self._delay or None]
            missing = len(shown) - len(before)
            early = [shown[0] - (missing - n) * self._interval for n in range(missing)]
            times = sorted([*early, *before])
        else:
            shift = min(wanted) - shown[0]
            times = [slot - shift for slot in slots[: len(shown)]]
        self.joints.append(shown[0] * self._time_base)
        for new in self._pictures.encoded(fed, wanted, times):
            yield self._sent(new)

    def _copied(self, packet: Any, slot: int, data: bytes | None) -> Any:
        if data is not None:
            packet = with_data(packet, data)
            self.joints.append(self._moved(packet.pts) * self._time_base)
        moved = self._moved(packet.pts)
        packet.dts = slot - (packet.pts - moved)
        packet.pts = moved
        return self._sent(packet)

    def _sent(self, packet: Any) -> Any:
        if self._last_dts is not None and packet.dts <= self._last_dts and self._retiming.cuts:
            packet.dts = self._last_dts + 1
        if packet.dts > packet.pts:
            raise JoinError(self._index, "its decoding times leave no room for other pictures")
        self._last_dts = packet.dts
        self._shown = sorted([*self._shown, packet.pts])[-_REMEMBERED:]
        packet.stream = self.stream
        return packet

    def _time(self, stamp: int) -> Fraction:
        return stamp * self._time_base - self._origin

    def _moved(self, stamp: int) -> int:
        if not self._retiming.cuts:
            return stamp
        moved = self._retiming.moved(self._time(stamp)) + self._origin
        return round(moved / self._time_base)


def _entry_of(following: Group | None, heads: Sequence[Any]) -> list[Any]:
    """What has to be decoded to see the pictures that `following` shows before its entry."""
    return [following.packets[0], *heads] if following is not None and heads else []
