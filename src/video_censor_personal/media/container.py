"""Opening a file: the one place where FFmpeg's errors become ours."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
import av.error
from av.container import InputContainer

from video_censor_personal.errors import InputError, InputNotFoundError, NotMediaError

__all__ = ["open_media"]

_HEAD_BYTES = 4096

# Formats that open other files than the one that was named.
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
                    f"{path} refers to other files ({container.format.name}). "
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
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputNotFoundError(_not_found(path), path=path) from error
    except PermissionError as error:
        raise _unreadable(path) from error
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror}.", path=path) from error
    # Of lists of other files (HLS, DASH, concat), too, FFmpeg would open what they name.
    if _is_text(head):
        raise NotMediaError(f"{path} is a text file, not a video. Give a video file.", path=path)


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
        head = file.read(8)
        if head[4:8] in _MP4_BOXES and not _has_index(file, path.stat().st_size):
            return (
                f"{path} is an MP4 file without its index (the `moov` box): it was cut off before "
                "its end was written, so nothing in it can be found. Copy or record it again."
            )
    return (
        f"{path} holds no video or sound that can be read: it is damaged or of no known kind. "
        "Give a video file."
    )


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
