"""What is there, what is damaged and what has to move, as values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.errors import ModelCacheError
from video_censor_personal.store import Fingerprint, Store
from video_censor_personal.transfer.source import Source

__all__ = ["FileState", "Plan", "PlannedFile"]


class FileState(enum.Enum):
    """What lies on disk for a source."""

    VERIFIED = "verified"  # under its name, and its checksum is right
    DAMAGED = "damaged"  # under its name, but not (known to be) the declared bytes
    PARTIAL = "partial"  # an earlier run fetched some of it
    MISSING = "missing"
    UNREADABLE = "unreadable"  # nobody can tell what is there, so it is neither used nor replaced


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One source and what the disk has of it.

    Attributes:
        have_bytes: bytes that need not be fetched again.
        missing_bytes: bytes still to fetch; None while the size is not known.
        reserved_bytes: room on the disk that an earlier try already holds for them.
        reason: why a damaged file is not the declared one, or a sentence on why an unreadable one
            cannot be looked at and what to do; else empty.
        digest: its checksum, if it is verified or was read.
        record: what was remembered of the file, if anything (right or not).
        read_as: size, time of change (ns) and inode of the file when its bytes were read.
    """

    source: Source
    path: Path
    state: FileState
    have_bytes: int = 0
    missing_bytes: int | None = None
    reserved_bytes: int = 0
    reason: str = ""
    digest: str | None = None
    record: Fingerprint | None = None
    read_as: tuple[int, int, int] | None = None

    @property
    def refusal(self) -> ModelCacheError | None:
        """What having a file ends with that cannot be looked at; None for all others."""
        if self.state is not FileState.UNREADABLE:
            return None
        return ModelCacheError(self.reason, model=self.source.name, path=self.path)

    def accepts(self, record: Fingerprint) -> bool:
        """Whether a file with this record is the one that is wanted."""
        return accepts(self.source, record)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `Engine.fetch` would do. Making it changed nothing on disk."""

    store: Store
    files: tuple[PlannedFile, ...]
    free_bytes: int

    @property
    def to_fetch(self) -> tuple[PlannedFile, ...]:
        """The files that are not there, or not right."""
        return tuple(f for f in self.files if f.state is not FileState.VERIFIED)

    @property
    def missing_bytes(self) -> int:
        """Bytes still to fetch, as far as sizes are known."""
        return sum(f.missing_bytes or 0 for f in self.to_fetch)

    @property
    def room_bytes(self) -> int:
        """Free bytes that must be there before the first is fetched: twice what is missing, less
        what earlier tries already reserved."""
        return max(0, 2 * self.missing_bytes - sum(f.reserved_bytes for f in self.to_fetch))


def accepts(source: Source, record: Fingerprint) -> bool:
    """Whether `record` says that its file is the one `source` wants."""
    if source.size_bytes not in (None, record.size):
        return False
    if source.checksum is None:
        return True
    return (record.algorithm, record.checksum) == (source.algorithm, source.checksum)
