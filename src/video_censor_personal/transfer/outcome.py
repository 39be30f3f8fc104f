"""What the engine says: while it works, and how it ended for each file."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.errors import ModelDownloadError
from video_censor_personal.transfer.source import Source

__all__ = ["FileProgress", "Listener", "Outcome", "Phase", "Status"]


class Phase(enum.Enum):
    """What happens to a file right now."""

    QUEUED = "queued"
    WAITING = "waiting"  # another process fetches it; the counts are that process's
    FETCHING = "fetching"
    RETRYING = "retrying"  # a try failed, the next one comes; `note` says why
    VERIFYING = "verifying"  # the bytes are here, the checksum is not finished
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FileProgress:
    """True counts for one file: `done_bytes` have arrived and are not known to be wrong.

    `fetched_bytes` came over the network in this run: fewer than `done_bytes` after a resume,
    more after a repair. `connections` fetch it right now.
    """

    name: str
    phase: Phase
    done_bytes: int
    total_bytes: int | None
    fetched_bytes: int = 0
    connections: int = 0
    note: str = ""


Listener = Callable[[FileProgress], None]


class Status(enum.Enum):
    """How it ended for one file."""

    PRESENT = "present"  # was there and right, or another process fetched it meanwhile
    FETCHED = "fetched"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one source.

    Attributes:
        path: where the file lies if `ok`.
        digest: hex checksum in the source's algorithm; sha256 where it declared none.
        url: the URL that served it (without credentials), None if nothing was fetched.
        error: why it failed; None unless `status` is FAILED.
    """

    source: Source
    status: Status
    path: Path
    size_bytes: int | None = None
    digest: str | None = None
    fetched_bytes: int = 0
    url: str | None = None
    error: ModelDownloadError | None = None

    @property
    def ok(self) -> bool:
        return self.status in (Status.PRESENT, Status.FETCHED)
