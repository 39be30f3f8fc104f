"""Blobs that several repositories of a cache share.

huggingface_hub keeps files that it fetched by the Xet protocol once for all repositories, in
`blobs/<2 hex>/<xet hash>`; a repository's blob is then a link there, and `<xet hash>.refs` lists
those links. We never write there; we only let go of what we delete.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from video_censor_personal.hub.library_locks import library_lock

__all__ = ["sweep_shared_blob"]

_XET = re.compile(r"[0-9a-f]{64}")
_MARKER, _LAYOUT = ".huggingface-shared-blobs", "1"


def sweep_shared_blob(root: Path, path: Path) -> int:
    """Delete a shared blob that no repository links to any more; the bytes freed.

    When in doubt (another layout, no list of links, somebody at work) it stays.
    """
    shared = Path(os.path.realpath(root)) / "blobs"
    if path.parent.parent != shared or not _XET.fullmatch(path.name):
        return 0
    try:
        if (shared / _MARKER).read_text(encoding="ascii").strip() != _LAYOUT:
            return 0
        with library_lock(path.with_name(f"{path.name}.lock")) as is_free:
            if not is_free:
                return 0
            listing = path.with_name(f"{path.name}.refs")
            links = listing.read_text(encoding="utf-8").splitlines()
            if any(_leads_to(Path(os.path.realpath(root)) / link, path) for link in links if link):
                return 0
            size = path.stat().st_size
            path.unlink()
            listing.unlink()
            return size
    except (OSError, UnicodeDecodeError):
        return 0


def _leads_to(link: Path, path: Path) -> bool:
    return link.is_symlink() and Path(os.path.realpath(link)) == path
