"""A result appears under its name complete, or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from video_censor_personal.errors import OutputError, OutputSpaceError

__all__ = ["publish"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def publish(text: str, path: Path) -> None:
    """Write `text` as UTF-8 to `path`, replacing what is there in one step.

    Bytes that were read with `errors="surrogateescape"` are written as they were.

    Raises:
        OutputSpaceError: there is no room for it.
        OutputError: it cannot be written there.
    """
    unfinished: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        unfinished = Path(name)
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as file:
            file.write(text)
        os.chmod(unfinished, _usual_mode(path))
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno in _FULL:
            raise OutputSpaceError(
                f"no room to write {path}: {error.strerror}. Free some space and run it again",
                path=path,
            ) from error
        raise OutputError(f"cannot write {path}: {error.strerror or error}", path=path) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


def _usual_mode(path: Path) -> int:
    """The mode of the file that is replaced, else what the umask leaves of rw-rw-rw-."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
