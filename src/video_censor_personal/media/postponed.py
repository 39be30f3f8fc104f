"""Pictures that are decoded only if somebody asks for them.

What is shown after the last picture of a group that somebody wants is of use only if something
changed there. It is left out, and its packets are kept until the next look tells.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from video_censor_personal.media.base import Frame
from video_censor_personal.media.packets import try_decode
from video_censor_personal.media.picture_groups import PictureGroup, Sent

__all__ = ["Postponed", "postpone"]

_LEAST_PART = 3
"""Of so many parts of a group at least one must be postponed, because whoever asks for it has the
others decoded a second time: it pays while no more than one group in three ends in a change."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """The last pictures of a group; see `Unseen`.

    Attributes:
        packets: all that its decoder is given, in file order.
        stamps: of the pictures that are left, decoded or not, in order of presentation.
    """

    packets: Sequence[Any]
    stamps: Sequence[int]
    make_decoder: Callable[[], Any]
    time_of: Callable[[int], Fraction]

    @property
    def size_bytes(self) -> int:
        """See `Unseen`."""
        return sum(packet.size for packet in self.packets)

    def before(self, frame: Frame) -> Iterator[Frame]:
        """See `Unseen`."""
        since = frame.since
        for picture in self._decode():
            yield Frame(self.time_of(picture.pts), picture, frame.rotation, since=since)
            later = self.stamps[bisect_right(self.stamps, picture.pts) :]
            since = self.time_of(later[0]) if later else frame.time
        yield Frame(frame.time, frame.video_frame, frame.rotation, since=since, due=frame.due)

    def _decode(self) -> Iterator[Any]:
        """The decoder's frames that are left, up to the first that cannot be trusted."""
        decoder = self.make_decoder()
        for packet in (*self.packets, None):
            pictures = try_decode(decoder, packet)
            if pictures is None or any(picture.is_corrupt for picture in pictures):
                return
            for picture in pictures:
                if picture.pts is not None and self.stamps[0] <= picture.pts <= self.stamps[-1]:
                    yield picture


def postpone(
    group: PictureGroup,
    following: PictureGroup,
    make_decoder: Callable[[], Any],
    time_of: Callable[[int], Fraction],
) -> Postponed | None:
    """Take out of the decoding what is shown after the last wanted picture of `group` (after its
    entry, if none is wanted) and before the entry of the `following` one, if that is worth it.
    """
    sent, end = group.until(following), following.sent[0]
    if not sent:
        return None
    count, reached = _needed(sent, end)
    if _LEAST_PART * (len(sent) - count) < len(sent):
        return None
    for left in sent[count:]:
        left.decode = left is end and end.decode
    shown = (each.packet.pts for each in (*group.trailing, *following.leading))
    stamps = sorted(stamp for stamp in shown if stamp > reached)
    return Postponed([each.packet for each in sent], stamps, make_decoder, time_of)


def _needed(sent: Sequence[Sent], end: Sent) -> tuple[int, int]:
    """How many packets have to be decoded for the wanted pictures and all that are shown before the
    last of those, and the stamp of the last picture that comes of it."""
    count = 1 + max(
        (n for n, each in enumerate(sent) if each.wanted and each is not end), default=0
    )
    while True:
        reached = max(each.packet.pts for each in sent[:count] if each is not end)
        enough = max(
            n for n, each in enumerate(sent, 1) if each is not end and each.packet.pts <= reached
        )
        if enough == count:
            return count, reached
        count = enough
