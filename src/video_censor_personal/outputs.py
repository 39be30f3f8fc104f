"""Files that appear under their name complete, or not at all.

`check_output` asks before the work whether a file can be written; `temporary_file` and
`write_text` write beside its place and put it there in one step.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from video_censor_personal.errors import (
    OutputError,
    OutputExistsError,
    OutputSpaceError,
    VideoCensorError,
)
from video_censor_personal.sizes import describe_size

__all__ = ["check_output", "temporary_file", "translated", "write_text"]

_ABANDONED_S = 600  # whoever still writes writes something in that time
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_output(
    source: Path, output: Path, *, force: bool = False, size_bytes: int | None = None
) -> None:
    """Finds out whether `output` can be written, without touching it.

    Args:
        source: the video, which is never overwritten.
        size_bytes: about how large it will be; None: not asked.

    Raises:
        OutputError: it is the source (under whatever name), a folder, lies in no folder, or may
            not be written.
        OutputExistsError: it is there, and `force` is not given.
        OutputSpaceError: there is no room for it.
    """
    folder = _place(output).absolute().parent
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
                f"{output} needs about {describe_size(size_bytes)} and only {describe_size(free)} "
                f"are free in {folder}; make room or write to another disk",
                path=output,
            )


def _check_existing(source: Path, output: Path, force: bool) -> None:
    if output.exists() and source.exists() and output.samefile(source):
        raise OutputError(
            f"{output} is the video itself ({source}); it is never overwritten. "
            "Give the result another name",
            path=output,
        )
    if not force:
        raise OutputExistsError(
            f"{output} is there already; add --force to overwrite it", path=output
        )
    if output.exists() and not output.is_file():
        raise OutputError(f"{output} is no ordinary file; give another name", path=output)


def _place(output: Path) -> Path:
    """Where the file `output` really lies, or will: what a link points to."""
    return Path(os.path.realpath(output)) if output.is_symlink() else output


@contextmanager
def temporary_file(output: Path, *, force: bool) -> Iterator[Path]:
    """A path beside `output`; what lies there when the block ends takes `output`'s place.

    Where `output` is a symbolic link, that is the place it points to: the link stays. When the
    block raises (Ctrl-C included) the file is removed, and `output` is as it was before. A file
    that is replaced hands on its mode. What killed processes left of the same output is removed.

    Raises:
        OutputError: it cannot be put in place, or errors of the disk within the block.
    """
    place = _place(output)
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    _remove_abandoned(place)
    try:
        try:
            yield part
            _publish(part, place, force)
        except VideoCensorError:  # some of ours are OSErrors too
            raise
        except OSError as error:
            raise translated(error, output) from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _remove_abandoned(place: Path) -> None:
    if os.name != "posix":  # elsewhere nobody can be asked whether a process lives
        return
    for part in place.parent.glob(f".{glob.escape(place.name)}.*.part"):
        process = part.name.split(".")[-2]
        with suppress(OSError):
            silent_s = time.time() - part.stat().st_mtime
            if process.isdecimal() and silent_s > _ABANDONED_S and not _lives(int(process)):
                part.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def write_text(text: str, output: Path) -> None:
    """Write `text` as UTF-8 to `output`, replacing what is there in one step.

    Bytes that were read with `errors="surrogateescape"` are written as they were.

    Raises:
        OutputError: it cannot be written.
    """
    with temporary_file(output, force=True) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


def _publish(part: Path, output: Path, force: bool) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    if os.path.lexists(output):
        if not force:
            raise OutputExistsError(
                f"{output} has appeared while it was made; add --force to overwrite it",
                path=output,
            )
        with suppress(FileNotFoundError):
            part.chmod(output.stat().st_mode & 0o777)
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
