"""Reading packets, and telling from them where a file is torn, joined or cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av.error
from av.container import InputContainer

from video_censor_personal.findings import Gap
from video_censor_personal.media.avi_times import demuxed
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.timeline import Span

__all__ = [
    "PacketReader",
    "declares_length",
    "missing_end",
    "packets",
    "try_decode",
    "undecodable",
]


def packets(container: InputContainer, streams: Sequence[Any]) -> Iterator[Any]:
    """The packets of `streams` that hold data, in file order.

    A file that breaks off in the middle of a packet just ends there.
    """
    try:
        for packet in demuxed(container, streams):
            if packet.size:
                yield packet
    except (av.error.InvalidDataError, av.error.EOFError):
        return
    except IndexError:
        # At the end PyAV 18 wants to flush streams that turned up after the file was opened (in
        # transport streams, say), and does not know them.
        return


def try_decode(stream: Any, packet: Any) -> list[Any] | None:
    """What a decoder makes of `packet` (None: of what it still holds); None where it refuses it."""
    try:
        return list(stream.decode(packet))
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return None


# Between two packets a container writes headers of some tens of bytes. Transport and program
# streams also cut packets into pieces, which costs about 1 byte in 40.
_HEADER_BYTES = 128
_PIECES_SHARE = 20

_JUMP = 1  # second: stamps that go back further are not just out of order


class PacketReader:
    """Packets of one stream in file order, with what only the succession of all packets tells.

    Attributes:
        broken: between the last packet and the current one lie bytes that belong to no packet,
            more than the container's own headers take: something there could not be read.
        torn: and the last packet before them was of the stream that is read; it may be incomplete.
        jumped: the stamps jump back here, as where files were joined. The packets from here on
            have got new stamps that go on from the last ones.
    """

    def __init__(self, container: InputContainer) -> None:
        self.broken = self.torn = self.jumped = False
        self._container = container
        self._position: int | None = None
        self._last_index = -1
        self._allowed = _HEADER_BYTES
        self._in_pieces = container.format.name in ("mpegts", "mpeg")
        self._ends: dict[int, int] = {}
        self._last_stamp: int | None = None
        self._step = 1
        self._shift = 0

    def read(self, wanted: Any) -> Iterator[Any]:
        """The packets of the stream `wanted`, none of them empty."""
        timed = [s for s in self._container.streams if s.type in ("video", "audio", "subtitle")]
        index = wanted.index
        jump = round(_JUMP / wanted.time_base)
        for packet in packets(self._container, timed):
            if packet.stream_index == index:
                self._restamp(packet, jump)
            self._account(packet, index)
            if packet.stream_index == index:
                yield packet
                self.broken = self.torn = self.jumped = False

    def _restamp(self, packet: Any, jump: int) -> None:
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            return
        last = self._last_stamp
        if last is not None and stamp + self._shift < last - jump:
            self._shift = last + (packet.duration or self._step) - stamp
            self.jumped = True
        elif last is not None:
            self._step = max(1, stamp + self._shift - last)
        self._last_stamp = stamp + self._shift
        if self._shift:
            packet.dts = None if packet.dts is None else packet.dts + self._shift
            packet.pts = None if packet.pts is None else packet.pts + self._shift

    @property
    def end(self) -> Fraction:
        """The latest time, by the container's clock, until which any picture or sound lasted."""
        streams: Any = self._container.streams
        ends = [end * Fraction(streams[index].time_base) for index, end in self._ends.items()]
        return max(ends, default=Fraction(0))

    def _account(self, packet: Any, wanted: int) -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.stream.type != "subtitle":
            index = packet.stream_index
            self._ends[index] = max(self._ends.get(index, 0), stamp + (packet.duration or 0))
        if packet.pos is None:
            return
        # Data beside the picture (HDR10+, alpha) is not counted in the packet's own size.
        if (
            self._position is not None
            and packet.pos > self._position + self._allowed
            and not packet.has_sidedata("matroska_block_additional")
        ):
            self.broken = True
            self.torn = self.torn or (self._last_index == wanted and not self._in_pieces)
        self._position, self._last_index = packet.pos + packet.size, packet.stream_index
        if self._in_pieces:
            self._allowed = _HEADER_BYTES + packet.size // _PIECES_SHARE


# Formats that declare how long they are. The others' length is guessed from their size.
_DECLARING = ("mov", "matroska", "avi", "asf", "flv", "wav", "flac", "nut", "mxf")

_SLACK = Fraction(1, 10)


def declares_length(info: MediaInfo) -> bool:
    """Whether the container says how long it is, so that a cut-off file is noticed."""
    return info.container.startswith(_DECLARING)


def missing_end(
    info: MediaInfo,
    stream: StreamInfo,
    stream_end: Fraction,
    read_until: Fraction,
    tolerance: Fraction,
) -> Fraction | None:
    """The declared end of `stream` if it really ended more than `tolerance` before, else None.

    Where the container declares only its own length, a stream may well be shorter than the
    others. Then only a file of which nothing at all (`read_until`) reaches that length was cut.
    """
    if not declares_length(info):
        return None
    if stream.duration is not None:
        declared = stream.start + stream.duration
    elif info.duration is not None and read_until + _SLACK < info.duration:
        declared = info.duration
    else:
        return None
    return declared if stream_end + tolerance < declared else None


def undecodable(info: MediaInfo, stream: StreamInfo) -> Gap:
    """All the time of a stream for which there is no decoder."""
    with open_media(info.path) as container:
        reader = PacketReader(container)
        for _ in reader.read(container.streams[stream.index]):
            pass
        end = max(Fraction(0), info.duration or reader.end - info.origin)
    codec = f" ({stream.codec})" if stream.codec else ""
    reason = f"no decoder is known for {stream.kind} stream {stream.index}{codec}"
    return Gap(Span(Fraction(0), end), reason)
