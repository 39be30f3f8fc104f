"""A result appears under its name complete, or not at all."""

from __future__ import annotations

import errno
import secrets
from contextlib import suppress
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
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with unfinished.open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text)
        if path.is_file():
            unfinished.chmod(path.stat().st_mode & 0o777)
        unfinished.replace(path)
    except OSError as error:
        if error.errno in _FULL:
            raise OutputSpaceError(
                f"no room to write {path}: {error.strerror}. Free some space and run it again",
                path=path,
            ) from error
        raise OutputError(f"cannot write {path}: {error.strerror or error}", path=path) from error
    finally:
        with suppress(OSError):  # the folder may not be there
            unfinished.unlink()
