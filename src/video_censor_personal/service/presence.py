"""What a cache has of a model, as a value, and how files add up to it."""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from video_censor_personal.hub.files import HubFile
from video_censor_personal.transfer import FileState, PlannedFile, Source

__all__ = ["ModelState", "Presence", "Signature", "Space", "judge", "signature_of"]

Signature = tuple[tuple[int, int, int, int], ...]

_SHOWN_FAULTS = 3


class Presence(enum.StrEnum):
    """What the cache has of a model."""

    DOWNLOADED = "DOWNLOADED"
    DOWNLOADING = "DOWNLOADING"
    PARTIAL = "PARTIAL"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class ModelState:
    """One commit of a repository, as it lies in the cache.

    Attributes:
        reason: why it is partial.
        have_bytes, size_bytes: of the files that were asked for.
        left_out: files that the policy does not let in; it may be whole without them.
    """

    repository: str
    commit: str | None
    presence: Presence
    reason: str | None = None
    have_bytes: int = 0
    size_bytes: int | None = None
    revisions: tuple[str, ...] = ()
    is_pinned: bool = False
    used_s: float = 0.0
    left_out: tuple[str, ...] = ()

    def without(self, rest: Sequence[str], left_out: Sequence[str], total: int) -> ModelState:
        """The same of a commit of `total` files that also has `rest`, which nobody asked for, and
        `left_out`."""
        state = replace(self, left_out=tuple(left_out))
        if not rest or self.presence is not Presence.DOWNLOADED:
            return state
        reason = f"{len(rest)} of {total} files were not asked for: {_some(rest)}. "
        reason += "Download it without patterns to have all."
        return replace(state, presence=Presence.PARTIAL, reason=reason)


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the cache, and of the disk it lies on."""

    cache_bytes: int
    free_bytes: int
    total_bytes: int
    path: Path


def judge(
    repository: str,
    commit: str,
    files: Sequence[HubFile],
    found: Sequence[PlannedFile],
    unread: Sequence[Source],
    *,
    snapshot: Path,
    blobs: Path,
) -> ModelState:
    """The state of the model whose files are `files`.

    Args:
        found: what is known of their blobs. unread: blobs that nobody read yet.
        snapshot, blobs: where the links to them lie, and they themselves.
    """
    by_blob = {file.source.checksum: file for file in found}
    missing, damaged, have, touched = [], [], 0, False
    for file in files:
        look = by_blob.get(file.blob)
        if look is None:
            touched = True
        elif look.state in (FileState.DAMAGED, FileState.UNREADABLE):
            damaged.append(f"{file.path}: {look.reason}")
            touched = True
        elif look.state is FileState.VERIFIED and _same(snapshot / file.path, blobs / file.blob):
            have += file.size_bytes
        else:
            missing.append(file.path)
            have += look.have_bytes
    reason = _reason(files, missing, damaged, unread)
    if reason is None:
        presence = Presence.DOWNLOADED
    else:
        presence = Presence.PARTIAL if have or touched else Presence.NOT_FOUND
    size = sum(file.size_bytes for file in files)
    return ModelState(repository, commit, presence, reason, min(have, size), size)


def signature_of(paths: Sequence[Path]) -> Signature | None:
    """What the files look like, links followed; None if one is not there."""
    try:
        stats = [os.stat(path) for path in paths]
    except OSError:
        return None
    return tuple((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in stats)


def _same(link: Path, blob: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samefile(link, blob)
    return False


def _some(paths: Sequence[str]) -> str:
    more = ", ..." if len(paths) > _SHOWN_FAULTS else ""
    return ", ".join(paths[:_SHOWN_FAULTS]) + more


def _reason(
    files: Sequence[HubFile],
    missing: Sequence[str],
    damaged: Sequence[str],
    unread: Sequence[Source],
) -> str | None:
    """Why a model is not whole; None if it is."""
    if damaged:
        return f"damaged: {'; '.join(damaged[:_SHOWN_FAULTS])}. Download it again to repair it."
    if missing:
        return f"{len(missing)} of {len(files)} files are missing or unfinished: {_some(missing)}"
    if unread:
        return f"{len(unread)} of {len(files)} files are being verified; ask again"
    return None
