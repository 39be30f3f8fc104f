"""Several groups of pictures decoded at once, each by a decoder with a single thread.

The threads of a single decoder wait for each other all the time, which costs 5 to 15 % (measured on
two busy cores); these never do. But the pictures of a later group have to be kept until all before
them were handed out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from video_censor_personal.media.belt import Belt
from video_censor_personal.media.packets import try_decode
from video_censor_personal.media.picture_groups import PictureGroup

__all__ = ["GroupDecoders"]

_KEPT_BYTES = 72 * 1024 * 1024
"""How much of decoded pictures may wait until it is their turn: just enough for two decoders of
1080p, where it makes the whole program take 390 instead of 260 MB (measured)."""

_LEAST_PICTURES = 12
"""What each decoder must have room for, or it would mostly wait: half a second to a second."""

_TAKEN = 4


@dataclass(frozen=True, slots=True)
class _Task:
    """What a decoder is given, and which of its frames are wanted: stamped from `first` until
    before `end`."""

    packets: Sequence[Any]
    first: int
    end: int

    def wants(self, frame: Any) -> bool:
        return frame.pts is not None and self.first <= frame.pts < self.end


class GroupDecoders:
    """As many decoders as `threads` of the stream that `make_decoder` makes decoders for.

    `picture_bytes` is the size of one decoded picture. `affordable`: there is room for what so
    many decoders keep. Closed like a file: leave the `with` block, and nothing runs any more.
    """

    def __init__(self, make_decoder: Callable[[], Any], threads: int, picture_bytes: int) -> None:
        self._make_decoder = make_decoder
        self._share = _KEPT_BYTES // threads
        self.affordable = threads > 1 and self._share >= _LEAST_PICTURES * picture_bytes
        self._threads = threads
        self._idle: deque[Any] = deque()
        self._ahead: deque[Belt[Any]] = deque()

    def __enter__(self) -> GroupDecoders:
        return self

    def __exit__(self, *_: object) -> None:
        while self._ahead:
            self._ahead.popleft().__exit__(None, None, None)

    @property
    def full(self) -> bool:
        """Whether every decoder has a group: take the oldest one's frames first."""
        return len(self._ahead) >= self._threads

    @property
    def busy(self) -> bool:
        return bool(self._ahead)

    def begin(self, group: PictureGroup, following: PictureGroup) -> None:
        """Decode what is shown from the entry of `group` until before that of `following`."""
        packets = [sent.packet for sent in group.until(following)]
        entries = (each.sent[0].packet.pts for each in (group, following))
        task = _Task(packets, *entries)
        belt = Belt(lambda stopped: self._decode(task, stopped), cost=_size, capacity=self._share)
        self._ahead.append(belt)
        belt.start()

    def oldest(self) -> Iterator[Any]:
        """The frames of the group begun first, in order; None wherever its decoder refused data."""
        with self._ahead.popleft() as belt:
            while frames := belt.take(_TAKEN):
                yield from frames

    def _decode(self, task: _Task, stopped: Callable[[], bool]) -> Iterator[Any]:
        try:
            decoder = self._idle.popleft()
        except IndexError:
            decoder = self._make_decoder()
        for packet in (*task.packets, None):
            if stopped():
                return
            frames = try_decode(decoder, packet)
            if frames is None:
                yield None
                continue
            yield from filter(task.wants, frames)
        decoder.flush_buffers()
        self._idle.append(decoder)


def _size(frame: Any) -> int:
    return 0 if frame is None else sum(plane.buffer_size for plane in frame.planes)
