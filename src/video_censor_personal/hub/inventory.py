"""What lies in a cache of the Hugging Face libraries, read from the disk alone."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.hub.names import (
    check_blob_name,
    check_commit,
    check_repository,
    is_commit,
)

__all__ = [
    "CachedModel",
    "CachedRevision",
    "blob_target",
    "folder_name",
    "linked_blobs",
    "names_in",
    "private_folder",
    "read_reference",
    "reference_names",
    "scan",
]


@dataclass(frozen=True, slots=True)
class CachedRevision:
    """One snapshot; `refs` are the branches and tags that stand for it here."""

    commit: str
    refs: tuple[str, ...]
    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One repository; `size_bytes` counts every blob once."""

    name: str
    revisions: tuple[CachedRevision, ...]
    size_bytes: int


def scan(root: Path) -> list[CachedModel]:
    """Every model in the cache, by name; folders that are no repository are passed over."""
    found = []
    for folder in sorted(root.glob("models--*")):
        name = folder.name.removeprefix("models--").replace("--", "/")
        with contextlib.suppress(ValueError):
            if folder_name(name) == folder.name and (folder / "snapshots").is_dir():
                found.append(_read_model(name, folder))
    return found


def _read_model(name: str, folder: Path) -> CachedModel:
    refs: dict[str | None, list[str]] = {}
    for ref in reference_names(folder):
        refs.setdefault(read_reference(folder, ref), []).append(ref)
    revisions = []
    for commit in filter(is_commit, names_in(folder / "snapshots")):
        path = folder / "snapshots" / commit
        size = sum(_size(folder / "blobs" / blob) for blob in linked_blobs(path))
        revisions.append(CachedRevision(commit, tuple(refs.get(commit, ())), path, size))
    total = sum(_size(folder / "blobs" / blob) for blob in names_in(folder / "blobs"))
    return CachedModel(name, tuple(revisions), total)


def read_reference(folder: Path, revision: str) -> str | None:
    """The commit that a branch or tag stood for last; None if it leads nowhere."""
    try:
        return check_commit((folder / "refs" / revision).read_text("ascii"))
    except (OSError, ValueError):
        return None


def private_folder(root: Path) -> Path:
    """Where our own files about a cache lie: where the libraries' scan and prune do not look."""
    return root / ".locks" / ".video-censor"


def folder_name(name: str) -> str:
    """The folder of a repository.

    Raises:
        ValueError: nothing on a hub can be called that.
    """
    return "models--" + check_repository(name).replace("/", "--")


def blob_target(name: str, blob: str) -> str:
    """The name of a repository's blob in the store of a cache.

    Raises:
        ValueError: nothing on a hub can be called that.
    """
    return f"{folder_name(name)}/blobs/{check_blob_name(blob)}"


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, sorted; nothing if there is none."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def reference_names(folder: Path) -> list[str]:
    """Branches and tags under `refs/`; their names may have slashes."""
    refs = folder / "refs"
    return [path.relative_to(refs).as_posix() for path in sorted(refs.rglob("*")) if path.is_file()]


def linked_blobs(snapshot: Path) -> set[str]:
    """The blobs that the links of a snapshot lead to."""
    blobs = set()
    for path in snapshot.rglob("*"):
        if path.is_symlink():
            target = Path(os.path.normpath(path.parent / os.readlink(path)))
            if target.parent == snapshot.parent.parent / "blobs":
                blobs.add(target.name)
    return blobs


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
