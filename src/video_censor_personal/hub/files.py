"""The files of a commit: as values, as a listing in the cache, and as addresses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from video_censor_personal.hub.links import write_text
from video_censor_personal.hub.names import (
    check_blob_name,
    check_file_path,
    check_size,
    check_tree,
    shorten,
)

__all__ = ["HubFile", "read_tree", "resolve_url", "write_tree"]

_FORMAT = 1  # of trees/<commit>.json, as huggingface_hub 1.x and 2.x write it


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a commit: large ones have a sha256, small ones only git's own checksum.

    `git_sha1` of a large file is that of the pointer in the repository; it may be unknown.

    Raises:
        ValueError: a value that no honest listing has.
    """

    path: str
    size_bytes: int
    git_sha1: str | None
    sha256: str | None = None
    xet_hash: str | None = None

    def __post_init__(self) -> None:
        check_file_path(self.path)
        check_size(self.size_bytes)
        for digest, digits in ((self.git_sha1, 40), (self.sha256, 64), (self.xet_hash, 64)):
            if digest is not None and len(check_blob_name(digest)) != digits:
                raise ValueError(f"{shorten(digest)} is no checksum of {digits} digits")
        if self.git_sha1 is None and self.sha256 is None:
            raise ValueError(f"{shorten(self.path)} has no checksum")

    @property
    def blob(self) -> str:
        """The file's name in the cache: its checksum."""
        return self.sha256 or self.git_sha1 or ""

    @property
    def algorithm(self) -> str:
        """The algorithm of `blob`, as `transfer.Source` names it."""
        return "sha256" if self.sha256 else "git-blob-sha1"


def resolve_url(endpoint: str, name: str, commit: str, path: str) -> str:
    """Where a hub serves one file."""
    return f"{endpoint}/{name}/resolve/{quote(commit, safe='')}/{quote(path)}"


def read_tree(path: Path) -> tuple[HubFile, ...] | None:
    """The files that a listing in the cache names; None if there is none that can be believed.

    Other programs write listings too, from endpoints we know nothing of.
    """
    try:
        data = json.loads(path.read_bytes())
        if data["format_version"] != _FORMAT:
            return None
        files = tuple(_read_file(name, entry) for name, entry in sorted(data["files"].items()))
        check_tree(file.path for file in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return files


def write_tree(path: Path, files: Sequence[HubFile]) -> None:
    """Write the listing of a commit, as the Hugging Face libraries read it.

    Raises:
        OSError: the cache cannot be written.
    """
    if path.exists():
        return  # a commit never changes
    listing = {
        "format_version": _FORMAT,
        "files": {file.path: _entry(file) for file in sorted(files, key=lambda file: file.path)},
    }
    write_text(path, json.dumps(listing, indent=1))


def _read_file(path: str, entry: dict[str, Any]) -> HubFile:
    size = check_size(entry["size"])
    if entry.get("lfs_size", size) != size:
        raise ValueError(f"the size of {shorten(path)} is given as two different ones")
    return HubFile(path, size, entry["blob_id"], entry.get("lfs_sha256"), entry.get("xet_hash"))


def _entry(file: HubFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"size": file.size_bytes, "blob_id": file.git_sha1}
    if file.sha256 is not None:
        entry |= {"lfs_sha256": file.sha256, "lfs_size": file.size_bytes}
    if file.xet_hash is not None:
        entry["xet_hash"] = file.xet_hash
    return entry
