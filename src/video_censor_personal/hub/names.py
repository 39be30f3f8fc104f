"""What a repository, a revision, a file and a blob may be called.

Names come from a configuration and from endpoints that may be hostile, and become parts of paths
and URLs. Every one of them passes here first; the functions raise `ValueError` saying what is
wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from video_censor_personal.errors import ConfigError
from video_censor_personal.file_names import check_name

__all__ = [
    "check_blob_name",
    "check_commit",
    "check_file_path",
    "check_repository",
    "check_revision",
    "check_size",
    "check_tree",
    "is_commit",
    "shorten",
]

# https://huggingface.co/docs/huggingface_hub: 1 to 96 characters, at most one slash.
_REPOSITORY = re.compile(r"(?:[A-Za-z0-9_][\w.\-]*/)?[A-Za-z0-9_][\w.\-]*", re.ASCII)
_REVISION = re.compile(r"[\w.\-+@/]{1,200}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_LONGEST_PATH = 1024
_LONGEST_PART = 255
_LARGEST_FILE = 1 << 44  # 16 TiB: what ext4 can hold; nothing a hub serves comes near
_MOST_FILES = 100_000  # https://huggingface.co/docs/hub/storage-limits recommends as many at most


def shorten(value: object, longest: int = 80) -> str:
    """A value of an endpoint as a message can show it: quoted, and never long."""
    text = repr(value[: longest + 1] if isinstance(value, str) else value)
    return text if len(text) <= longest else text[:longest] + "…"


def check_repository(name: object) -> str:
    """`org/name` or `name`."""
    if (
        isinstance(name, str)
        and len(name) <= 96
        and _REPOSITORY.fullmatch(name)
        and not name.endswith((".git", ".", "-"))
        and not any(bad in name for bad in ("--", "..", "./", "-/"))
    ):
        return name
    raise ValueError(f"{shorten(name)} is no name of a repository; write it as org/name")


def check_revision(revision: object) -> str:
    """A branch, a tag or a commit; it becomes a path under `refs/`."""
    if (
        isinstance(revision, str)
        and _REVISION.fullmatch(revision)
        and all(part not in ("", ".", "..") for part in revision.split("/"))
        and not revision.endswith((".lock", ".tmp", "."))
    ):
        return revision
    raise ValueError(f"{shorten(revision)} is no branch, tag or commit")


def is_commit(revision: str) -> bool:
    """Whether `revision` is a whole commit hash, which never means anything else later."""
    return _COMMIT.fullmatch(revision) is not None


def check_commit(commit: object) -> str:
    """Forty lower-case hex digits."""
    if isinstance(commit, str) and is_commit(commit):
        return commit
    raise ValueError(f"{shorten(commit)} is no commit")


def check_blob_name(name: object) -> str:
    """A sha256 (large files) or a git blob's sha1 (the others) in lower-case hex."""
    if isinstance(name, str) and _BLOB.fullmatch(name):
        return name
    raise ValueError(f"{shorten(name)} is no checksum")


def check_size(size: object) -> int:
    """Bytes of a file."""
    if isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= _LARGEST_FILE:
        return size
    raise ValueError(f"{shorten(size)} is no size of a file")


def check_file_path(path: object) -> str:
    """The path of a file in a repository, its parts separated by "/".

    What leads out of a folder on any platform is refused everywhere; names that Windows merely
    cannot have (`aux.py`, a dot at the end) only there, because honest repositories use them.
    """
    if not isinstance(path, str) or not path:
        raise ValueError(f"{shorten(path)} is no file name")
    if fault := _path_fault(path):
        raise ValueError(f"the file name {shorten(path)} {fault}")
    if os.name == "nt":
        try:
            check_name(path)
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc
    return path


def _path_fault(path: str) -> str:
    if any(character < " " or character in "\x7f\\:" for character in path):
        return "holds a character that file names must not have"
    try:
        if len(path.encode()) > _LONGEST_PATH:
            return f"is longer than {_LONGEST_PATH} bytes"
    except UnicodeEncodeError:
        return "is not valid Unicode"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "leads out of its folder"
        if len(part.encode()) > _LONGEST_PART:
            return f"has a part longer than {_LONGEST_PART} bytes"
    return ""


def check_tree(paths: Iterable[str]) -> None:
    """Make sure that the (already checked) paths of one repository can lie beside each other."""
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise ValueError(f"the file {shorten(path)} is listed twice")
        seen.add(path)
        if len(seen) > _MOST_FILES:
            raise ValueError(f"more than {_MOST_FILES} files are listed")
    for path in seen:
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in seen:
                raise ValueError(f"{shorten(path)} is listed as a file and as a folder")
