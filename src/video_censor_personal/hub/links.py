"""Links and small files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

__all__ = ["link_inside", "place_link", "write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a small file in one step, unless it holds `text` already.

    Raises:
        OSError: the folder cannot be written.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name[:100]}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def link_inside(folder: Path, target: Path, link: Path) -> None:
    """Make `link` lead to the file `target`, both inside `folder`, with a relative link.

    Raises:
        OSError: the folder cannot be written, or a link on the way leads out of it.
    """
    text = os.path.relpath(target, link.parent)
    if _reads(link, text):
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.parent.resolve().is_relative_to(folder.resolve()):
        raise OSError(0, f"{link.parent} leads out of {folder}", str(link))
    place_link(link, target, text)


def place_link(link: Path, target: Path, text: str | None = None) -> None:
    """Make `link` a symbolic link to a file or folder, replacing what is there in one step.

    Where the system has no symbolic links (Windows without developer mode), a file becomes a hard
    link, and a folder a folder of such files.

    Raises:
        OSError: it cannot be written; also where `link` is a folder with something in it.
    """
    text = text or os.path.abspath(target)
    if _reads(link, text):
        return
    temporary = link.with_name(f".{uuid.uuid4().hex[:12]}.link")
    try:
        try:
            os.symlink(text, temporary, target_is_directory=target.is_dir())
        except (OSError, NotImplementedError):
            _hard_link(target, temporary)
        os.replace(temporary, link)
    finally:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink()


def _reads(link: Path, text: str) -> bool:
    try:
        return os.readlink(link) == text
    except OSError:
        return False


def _hard_link(target: Path, place: Path) -> None:
    if target.is_dir():
        shutil.copytree(target, place, copy_function=_hard_link_file)
    else:
        _hard_link_file(str(target), str(place))


def _hard_link_file(source: str, place: str) -> str:
    os.link(os.path.realpath(source), place)
    return place
