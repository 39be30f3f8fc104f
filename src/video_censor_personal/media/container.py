"""Opening a file and reading its packets: the one place where FFmpeg's errors become ours."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
from av.container import InputContainer

from video_censor_personal.errors import InputError, InputNotFoundError, NotMediaError
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.timeline import Span

__all__ = ["PacketReader", "missing_end", "open_media", "packets", "try_decode", "undecodable"]

# Formats whose content is a list of other files. What they name could lie anywhere.
_LISTS = frozenset(
    {"concat", "concatf", "dash", "hls", "image2", "imf", "sdp", "webm_dash_manifest"}
)

_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"})


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """The open file; closed when the block ends.

    The name is only ever the name of a file, whatever it looks like (`http://…`, `concat:a|b`,
    `pipe:`, `-x`, `a%03d.png`), and nothing but that file is opened.

    Raises:
        InputNotFoundError: there is no such file.
        InputError: it is no ordinary file, is empty, or cannot be read (also later, within the
            block).
        NotMediaError: it holds no streams that FFmpeg knows of.
    """
    _check_is_file(path)
    try:
        with av.open(
            f"file:{path}",
            container_options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        ) as container:
            if container.format.name.split(",")[0] in _LISTS:
                raise NotMediaError(
                    f"{path} is a list of other files ({container.format.name}), not a video. "
                    "Give the video itself.",
                    path=path,
                )
            yield container
    except av.error.FFmpegError as error:
        raise _translated(error, path) from error


def _translated(error: av.error.FFmpegError, path: Path) -> InputError:
    if isinstance(error, PermissionError):
        return _unreadable(path)
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return NotMediaError(_why_not_media(path), path=path)
    return InputError(
        f"{path} could not be read: {error.strerror}. Check the disk or copy the file again.",
        path=path,
    )


def _check_is_file(path: Path) -> None:
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise InputError(f"{path} is a folder. Give one video file.", path=path)
        if not stat.S_ISREG(facts.st_mode):
            raise InputError(f"{path} is not an ordinary file. Give a video file.", path=path)
        if facts.st_size == 0:
            raise InputError(
                f"{path} is empty (0 bytes). Its download or copy did not finish.", path=path
            )
        with path.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputNotFoundError(_not_found(path), path=path) from error
    except PermissionError as error:
        raise _unreadable(path) from error
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}.", path=path) from error


def _unreadable(path: Path) -> InputError:
    return InputError(
        f"{path} cannot be read: permission denied. Give your user the right to read it.", path=path
    )


def _not_found(path: Path) -> str:
    folder = path.parent
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return f"there is no file {path}: the folder {folder} is not there or cannot be read."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"there is no file {path}." + (f" Did you mean {folder / near[0]}?" if near else "")


def _why_not_media(path: Path) -> str:
    """The most helpful sentence on a file that FFmpeg can make nothing of."""
    with path.open("rb") as file:
        head = file.read(4096)
        if head[4:8] in _MP4_BOXES and not _has_index(file, path.stat().st_size):
            return (
                f"{path} is an MP4 file without its index (the `moov` box): it was cut off before "
                "its end was written, so nothing in it can be found. Copy or record it again."
            )
    kind = "a text file" if _is_text(head) else "damaged or of no known kind"
    return f"{path} holds no video or sound that can be read: it is {kind}. Give a video file."


def _has_index(file: BinaryIO, size: int) -> bool:
    """Whether one of the boxes at the top level of an MP4 file is `moov`."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if header[4:8] == b"moov":
            return position + length <= size
        if length == 1:  # a 64-bit length follows the name
            length = int.from_bytes(header[8:16], "big")
        if length < 8:
            return False
        position += length
    return False


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # only its last character is cut in two
    return True


def packets(container: InputContainer, streams: Sequence[Any]) -> Iterator[Any]:
    """The packets of `streams` that hold data, in file order.

    A file that breaks off in the middle of a packet just ends there.
    """
    try:
        for packet in container.demux(*streams):
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
# streams (`mpegts`, `mpeg`) also cut packets into pieces, which costs about 1 byte in 40.
_HEADER_BYTES = 128
_PIECES_SHARE = 20

_JUMP = 1  # second: stamps that go back further are not just out of order


class PacketReader:
    """Packets of one stream in file order, with what only the succession of all packets tells.

    Attributes:
        broken: between the last packet and the current one lie bytes that belong to no packet,
            more than the container's own headers take: something there could not be read.
        jumped: the stamps jump back here, as where files were joined. The packets from here on
            have got new stamps that go on from the last ones.
    """

    def __init__(self, container: InputContainer) -> None:
        self.broken = self.jumped = False
        self._container = container
        self._position: int | None = None
        self._in_pieces = container.format.name in ("mpegts", "mpeg")
        self._allowed = 0
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
            self._account(packet)
            if packet.stream_index == index:
                yield packet
                self.broken = self.jumped = False

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

    def _account(self, packet: Any) -> None:
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
        self._position = packet.pos + packet.size
        pieces = packet.size // _PIECES_SHARE if self._in_pieces else 0
        self._allowed = _HEADER_BYTES + pieces


# Formats that declare how long they are. The others' length is guessed from their size.
_DECLARING = ("mov", "matroska", "avi", "asf", "flv", "wav", "flac", "nut", "mxf")

_SLACK = Fraction(1, 2)


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
    if not info.container.startswith(_DECLARING):
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
