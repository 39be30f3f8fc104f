"""The engine: a plan goes in, bytes move, verified files lie under their names."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from video_censor_personal.errors import ModelDownloadError
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.plan import Plan, Source

__all__ = ["Engine", "FileProgress", "Limits", "Listener", "Outcome", "Phase", "RetryPolicy", "Status"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the line and of the servers the engine may use. None: no limit."""

    connections: int = 16
    connections_per_file: int = 16
    bytes_per_s: int | None = None
    bytes_per_s_per_file: int | None = None
    connect_s: float = 10.0
    stall_s: float = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """One try more than there are `waits_s`; each wait gets up to `jitter` (a share) added.

    A `Retry-After` of the server wins; one longer than `longest_wait_s` ends the tries.
    """

    waits_s: tuple[float, ...] = (2.0, 4.0, 8.0)
    jitter: float = 0.1
    longest_wait_s: float = 120.0


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
    """True counts for one file: `done_bytes` on disk and not known to be wrong.

    `fetched_bytes` came over the network in this run (more than `done_bytes` says, after repairs).
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

    PRESENT = "present"  # was there and right
    FETCHED = "fetched"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one source.

    Attributes:
        path: where the file lies if `ok`.
        digest: hex checksum in the source's algorithm, or sha256 where it declared none.
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


class Engine:
    """Fetches what a plan names. One engine may run several plans, also from several threads."""

    def __init__(
        self, limits: Limits | None = None, retry: RetryPolicy | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.retry = retry or RetryPolicy()

    def fetch(
        self,
        plan: Plan,
        listener: Listener | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[Outcome, ...]:
        """Fetch, verify and publish; one `Outcome` per planned file, in the plan's order.

        A failed file does not stop the others and is not raised: look at `Outcome.error`.
        The listener is called from this thread, at least 4 times a second per file that moves.

        Raises:
            DiskSpaceError: there is less room than `plan.room_bytes`; nothing was fetched.
            ModelDownloadError: the store cannot be written; nothing was fetched.
            KeyboardInterrupt, and whatever the listener raises: after every thread has stopped;
                what arrived is kept for the next run.
        """
        raise NotImplementedError
