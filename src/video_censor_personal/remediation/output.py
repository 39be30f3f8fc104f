"""Where the copy goes: questions before the work, a temporary file during it, one step at its end.

The output appears under its name complete and checked, or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from video_censor_personal.errors import (
    OutputError,
    OutputExistsError,
    OutputSpaceError,
    VideoCensorError,
)

__all__ = ["SUFFIXES", "check_output", "muxer_of", "temporary_file", "translated"]

_MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".m4a": "ipod",
    ".mov": "mov",
    ".mkv": "matroska",
    ".mka": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".mts": "mpegts",
    ".flv": "flv",
    ".ogv": "ogg",
    ".ogg": "ogg",
    ".mp3": "mp3",
    ".flac": "flac",
    ".wav": "wav",
    ".wmv": "asf",
    ".mpg": "mpeg",
}
SUFFIXES = frozenset(_MUXERS)
"""The endings of a name that a copy can be written to."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def muxer_of(output: Path) -> str:
    """FFmpeg's name of the format that `output`'s suffix stands for.

    Raises:
        OutputError: it stands for none.
    """
    try:
        return _MUXERS[output.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted(_MUXERS))
        raise OutputError(
            f"{output} has no ending that says which kind of file to write; use one of {known}",
            path=output,
        ) from None


def check_output(
    source: Path, output: Path, *, force: bool = False, size_bytes: int | None = None
) -> None:
    """Finds out before the work whether `output` can be written, without touching it.

    Args:
        size_bytes: about how large it will be; None: not asked.

    Raises:
        OutputError: it is the source (under whatever name), a folder, lies in no folder, may not
            be written, or has no known suffix.
        OutputExistsError: it is there, and `force` is not given.
        OutputSpaceError: there is no room for it.
    """
    muxer_of(output)
    folder = output.absolute().parent
    if output.is_dir():
        raise OutputError(f"{output} is a folder; give the name of a file in it", path=output)
    if not folder.is_dir():
        raise OutputError(
            f"there is no folder {folder} to write {output.name} into; make it first", path=output
        )
    if os.path.lexists(output):
        _check_existing(source, output, force)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _forbidden(output)
    if size_bytes is not None:
        free = shutil.disk_usage(folder).free
        if free < size_bytes:
            raise OutputSpaceError(
                f"{output} needs about {size_bytes / 1e6:.0f} MB and only {free / 1e6:.0f} MB are "
                f"free in {folder}; make room or write to another disk",
                path=output,
            )


def _check_existing(source: Path, output: Path, force: bool) -> None:
    if output.exists() and source.exists() and output.samefile(source):
        raise OutputError(
            f"{output} is the video itself ({source}); it is never overwritten. "
            "Give the copy another name",
            path=output,
        )
    if not force:
        raise OutputExistsError(
            f"{output} is there already; add --force to overwrite it", path=output
        )
    if output.exists() and not output.is_file():
        raise OutputError(f"{output} is no ordinary file; give another name", path=output)


@contextmanager
def temporary_file(output: Path, *, force: bool) -> Iterator[Path]:
    """A path beside `output`; what lies there when the block ends takes `output`'s place.

    When the block raises (Ctrl-C included) it is removed, and `output` is as it was before.

    Raises:
        OutputError: it cannot be put in place, or errors of the disk within the block.
    """
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        try:
            yield part
            _publish(part, output, force)
        except VideoCensorError:
            raise
        except OSError as error:
            raise translated(error, output) from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _publish(part: Path, output: Path, force: bool) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    if not force and os.path.lexists(output):
        raise OutputExistsError(
            f"{output} has appeared while the copy was made; add --force to overwrite it",
            path=output,
        )
    part.replace(output)
    if os.name == "posix":
        folder = os.open(output.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def translated(error: OSError, output: Path) -> OutputError:
    """`error` as one of ours that says what to do."""
    if error.errno in _FULL:
        return OutputSpaceError(
            f"{output} could not be written to its end: "
            f"{os.strerror(error.errno).lower()}. Nothing was left behind; make room, raise the "
            "limit, or write to another disk",
            path=output,
        )
    if isinstance(error, PermissionError):
        return _forbidden(output)
    return OutputError(f"{output} could not be written: {error.strerror or error}", path=output)


def _forbidden(output: Path) -> OutputError:
    return OutputError(
        f"there is no permission to write {output.name} into {output.absolute().parent}; "
        "choose another folder",
        path=output,
    )
