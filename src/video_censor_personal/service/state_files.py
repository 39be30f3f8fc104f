"""Files that nobody but the owner of the service may read: tokens, sessions, downloads."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["make_private_file", "make_state_folder"]


def make_state_folder(folder: Path) -> None:
    """Make the folder, for its owner alone; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def make_private_file(path: Path) -> None:
    """Make an empty file for its owner's eyes only; one that is there keeps what is in it.

    SQLite gives the files beside its database the same rights.

    Raises:
        OSError: it cannot be made.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if hasattr(os, "fchmod"):  # Windows has rights of another kind, and keeps profiles private
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)
