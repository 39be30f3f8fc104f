"""When the pictures of an AVI are shown: `demuxed`.

An AVI stores its pictures in the order in which they are decoded, and no times. The n-th that is
shown is shown when the n-th that is stored comes: so encoders mean it (the sound of an AVI that
FFmpeg wrote fits its pictures then), and so mpv plays it. FFmpeg itself takes the place of a packet
for the time at which it is decoded, and shows everything later by as many pictures as the codec
may hold back; asked for times, it gives H.264 with B-frames the ones of other pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import av.error

from video_censor_personal.media.picture_orders import Order, PictureOrders, orders_of

__all__ = ["demuxed"]


def demuxed(
    container: Any, streams: Sequence[Any], *, as_stored: Collection[int] = ()
) -> Iterator[Any]:
    """The packets of `streams` in file order, and the empty ones that end them; those of pictures
    have the times at which they are shown.

    `as_stored`: indexes of streams that are only copied to where they have no times either.
    """
    packets: Iterator[Any] = container.demux(streams)
    if container.format.name != "avi":
        return packets
    clocks = {
        stream.index: clock
        for stream in streams
        if stream.type == "video" and stream.index not in as_stored
        if (clock := _clock(stream)) is not None
    }
    return _timed(packets, clocks) if clocks else packets


def _clock(stream: Any) -> _Clock | None:
    """None: nobody here knows in which order its pictures are shown; FFmpeg's guess it is."""
    context = stream.codec_context
    if context is None:
        return None
    delay = int(context.reorder_depth)
    orders = orders_of(context.codec.canonical_name, bytes(context.extradata or b""))
    return None if delay and orders is None else _Clock(delay, orders)


@dataclass(slots=True)
class _Entry:
    """A packet on its way; `held` until it is known when it is shown."""

    packet: Any
    held: bool = False


def _timed(packets: Iterable[Any], clocks: dict[int, _Clock]) -> Iterator[Any]:
    queue: deque[_Entry] = deque()
    packets = iter(packets)
    failure: Exception | None = None
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, IndexError) as error:  # once what was read is told
            packet, failure = None, error
        if packet is None:
            break
        queue.append(entry := _Entry(packet))
        clock = clocks.get(packet.stream_index)
        if clock is not None:
            clock.take(entry)
        while queue and not queue[0].held:
            yield queue.popleft().packet
    for clock in clocks.values():
        clock.finish()
    yield from (entry.packet for entry in queue)
    if failure is not None:
        raise failure


class _Clock:
    """Gives the packets of one stream their times.

    Args:
        delay: how many pictures a decoder holds back, at most, before it shows one.
    """

    def __init__(self, delay: int, orders: PictureOrders | None) -> None:
        self._delay, self._orders = delay, orders
        self._count = 0
        self._waiting: list[tuple[Order, int, _Entry]] = []
        self._times: deque[int] = deque()  # of what is stored and was not shown yet
        self._decoded: deque[int] = deque()

    def take(self, entry: _Entry) -> None:
        """Holds `entry` until its time is known."""
        packet = entry.packet
        if not packet.size or packet.dts is None:
            return
        if not self._delay or self._orders is None:
            packet.pts = packet.dts
            return
        entry.held = True
        self._count += 1
        heappush(self._waiting, (self._orders.read(bytes(packet)), self._count, entry))
        self._times.append(packet.dts)
        packet.dts = self._decoding_time(packet)
        if len(self._waiting) > self._delay:
            self._show()

    def _decoding_time(self, packet: Any) -> int:
        """So much before its place that every picture is decoded when it is to be shown."""
        if not self._decoded:
            step = packet.duration or 1
            self._decoded.extend(packet.dts - step * n for n in range(self._delay, 0, -1))
        self._decoded.append(packet.dts)
        return self._decoded.popleft()

    def finish(self) -> None:
        """Nothing follows what was taken."""
        while self._waiting:
            self._show()

    def _show(self) -> None:
        _, _, entry = heappop(self._waiting)
        entry.packet.pts, entry.held = self._times.popleft(), False
