"""What is to be had, and what has to move for it: values only, nothing here touches a network.

`make_plan` looks at the disk and answers with a `Plan`; `Engine.fetch` acts on it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from video_censor_personal.store import Store
from video_censor_personal.transfer.cancel import CancelToken

__all__ = [
    "FileState",
    "Plan",
    "PlannedFile",
    "Source",
    "inspect",
    "make_plan",
]

_NO_HEADERS: Mapping[str, Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be had.

    Attributes:
        name: what people call it (in progress, messages and results); unique within a plan.
        urls: where it can be fetched, best first; the rest are mirrors. Only http and https.
        target: path under the store's root, parts separated by "/".
        size_bytes: None: not known before the server says it.
        checksum: lower-case hex; None: not known, then the result reports the sha256 that arrived.
        algorithm: md5, sha1, sha256, sha512, blake2b, blake3 (if installed) or git-blob-sha1.
        headers: origin ("https://host" or "https://host:port") -> headers sent to that origin only.
        partial: path under the store's root for the unfinished file, on the same file system as
            the target; None: in the store's own folder.

    Raises:
        ConfigError: an unknown algorithm, a malformed checksum, an URL that is not http(s).
    """

    name: str
    urls: tuple[str, ...]
    target: str
    size_bytes: int | None = None
    checksum: str | None = None
    algorithm: str = "sha256"
    headers: Mapping[str, Mapping[str, str]] = field(default=_NO_HEADERS, repr=False)
    partial: str | None = None


class FileState(enum.Enum):
    """What lies on disk for a source."""

    VERIFIED = "verified"  # under its name, and its checksum is right
    DAMAGED = "damaged"  # under its name, but not the declared bytes
    PARTIAL = "partial"  # an earlier run fetched some of it
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One source and what the disk has of it.

    Attributes:
        have_bytes: bytes that need not be fetched again.
        missing_bytes: bytes still to fetch; None while the size is not known.
        reason: why a damaged file is not the declared one, in words; else empty.
    """

    source: Source
    path: Path
    state: FileState
    have_bytes: int = 0
    missing_bytes: int | None = None
    reason: str = ""


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
        """Free bytes that must be there before the first one is fetched: 2x what is missing."""
        return 2 * self.missing_bytes


def inspect(source: Source, store: Store, *, deep: bool = False) -> PlannedFile:
    """Say what the disk has of `source`, changing nothing.

    A file that was verified before is recognised by its record without reading it, unless `deep`.
    """
    raise NotImplementedError


def make_plan(
    sources: Iterable[Source],
    store: Store,
    *,
    deep: bool = False,
    on_hash: Callable[[str, int, int], None] | None = None,
    cancel: CancelToken | None = None,
) -> Plan:
    """Find out what is there and what has to be fetched, before any byte moves.

    Files without a record are hashed, several at once; `on_hash(name, done_bytes, total_bytes)`
    is told while that goes on (from the calling thread).

    Raises:
        ConfigError: two sources share a name or a target, or a target would leave the store.
    """
    raise NotImplementedError
