"""One file on its way: its lock, its segments, the threads that work on it, its end.

A job's state changes only under the lock that all jobs of a run share. It ends once (`end`), and
is settled (files closed, lock let go) when no thread works on it any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from video_censor_personal.errors import ModelDownloadError
from video_censor_personal.store import Owner, Store, piece_map_path
from video_censor_personal.transfer.assembly import Assembly
from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.faults import Fault
from video_censor_personal.transfer.hopeless import Hopeless
from video_censor_personal.transfer.limits import Limits, RetryPolicy
from video_censor_personal.transfer.outcome import FileProgress, Outcome, Phase, Status
from video_censor_personal.transfer.partial import adopt_damaged, known_pieces
from video_censor_personal.transfer.pieces import (
    SMALL_BYTES,
    Identity,
    piece_size_for,
    read_piece_map,
)
from video_censor_personal.transfer.plan import FileState, PlannedFile
from video_censor_personal.transfer.routes import Route, Routes
from video_censor_personal.transfer.segments import Kind, Ledger, Segment
from video_censor_personal.transfer.throttle import Throttle

__all__ = ["Earlier", "Job", "Surroundings"]

_LAST_PHASE = {
    Status.PRESENT: Phase.DONE,
    Status.FETCHED: Phase.DONE,
    Status.FAILED: Phase.FAILED,
    Status.CANCELLED: Phase.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all jobs of a run share.

    `on_settled` and `on_hash`, `on_damage`, `on_disk_error` (what the checksum thread found) are
    told about a job; the last three are called without the lock. `unsynced` are folders in which
    files got their names, to be synced at the end of the run.
    """

    store: Store
    lock: threading.Condition
    buffers: Buffers
    limits: Limits
    retry: RetryPolicy
    durable: bool
    hopeless: Hopeless
    on_settled: Callable[[Job], None]
    on_hash: Callable[[Job, Assembly, str], None]
    on_damage: Callable[[Job, Assembly, int], None]
    on_disk_error: Callable[[Job, OSError], None]
    unsynced: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What came of a try that a file had before it got its job: a fault, or other bytes than the
    declared ones; or only bytes that the disk refused."""

    fetched_bytes: int
    fault: Fault | None = None
    digest: str | None = None


class Job:
    """One planned file being fetched. All methods but `open` and `leave` want the lock held."""

    def __init__(
        self, planned: PlannedFile, shared: Surroundings, earlier: Earlier | None = None
    ) -> None:
        self.planned, self.source, self.shared = planned, planned.source, shared
        self.lock = shared.lock
        self.throttle = Throttle(shared.limits.bytes_per_s_per_file)
        self.routes = Routes.of(self.source.addresses)
        self.headers = self.source.origin_headers
        self.size = self.source.size_bytes
        self.phase, self.note = Phase.QUEUED, ""
        self.earlier = earlier
        self.fetched_bytes = earlier.fetched_bytes if earlier else 0
        self.busy_s = 0.0  # of all its connections together
        self.outcome: Outcome | None = None
        self.assembly: Assembly | None = None
        self.ledger = Ledger()
        self.probed = False  # a server has answered, so size and ranges are known
        self.single_stream = False  # no server gives ranges
        self.versions_of: Route | None = None  # where the bytes so far came from
        self.restarts = 0
        self.repairs_left = max(1, len(self.routes.all) - 1)
        self.digest: str | None = None  # of the last complete look at the bytes
        self.right = False  # the digest is the declared one, only the name is missing
        self.partial_path = shared.store.partial_path(self.source.target)
        self._file_lock = shared.store.lock(self.source.target)
        self._threads = 0
        self._done_at_end = 0
        self._settled = False

    # -- beginning

    def open(self) -> bool:
        """Take the file's lock and see what is there; False if another process has the lock.

        Raises:
            OSError: the partial file cannot be made.
        """
        if not self._file_lock.acquire():
            return False
        record = self.shared.store.fingerprint(self.source.target)
        with self.lock:
            self.phase, self.note = Phase.FETCHING, ""
            if (
                record is not None
                and record != self.planned.record
                and self.planned.accepts(record)
            ):
                # Another process finished it after the plan was made.
                self.size = record.size
                self.end(Status.PRESENT, digest=record.checksum)
            elif self.size is not None and self.size <= SMALL_BYTES:
                self.ledger.add(Segment(0, self.size, Kind.WHOLE))
            else:
                self.assemble(self._earlier_identity() or self.identity())
        return True

    def wait_for_owner(self) -> None:
        """Another process fetches it: show how far that is."""
        self.phase = Phase.WAITING
        owner = self._file_lock.owner()
        self.note = f"{owner or 'another process'} is fetching it"
        if owner == Owner.myself():  # perhaps this run: two names may share a lock
            self.note = "another download of this program goes first"

    def identity(self, validator: str | None = None) -> Identity | None:
        """What the partial file is a part of; None while the size is not known."""
        if self.size is None:
            return None
        source = self.source
        return Identity(
            self.size,
            piece_size_for(self.size),
            source.digest_algorithm,
            source.checksum,
            validator if source.checksum is None else None,
        )

    def _earlier_identity(self) -> Identity | None:
        """What an earlier run learned about the file, if its partial can be gone on with."""
        source, identity = self.source, self.identity()
        if source.checksum is not None and identity is not None:
            if self.planned.state is FileState.DAMAGED and self.planned.path.is_file():
                kept = self.shared.store.kept_map_path(source.target)
                adopt_damaged(self.planned.path, kept, self.partial_path, identity)
            return None
        known = known_pieces(self.partial_path, None)
        if known is None or known.identity.checksum != source.checksum:
            return None
        earlier = known.identity
        if earlier.algorithm != source.digest_algorithm or self.size not in (None, earlier.size):
            return None
        if source.checksum is None and earlier.validator is None:
            return None  # nothing would show that the server has another file by now
        self.size = earlier.size
        self.routes.all[0].validator = earlier.validator
        return earlier

    def assemble(self, identity: Identity | None) -> None:
        """Begin with the partial of `identity`, going on where an earlier run stopped.

        Raises:
            OSError: it cannot be written, or there is no room for all of it.
        """
        if self.assembly is not None:
            self.assembly.close()
        self.ledger.clear()
        self.assembly = Assembly(
            self.partial_path,
            identity,
            self.source.digest_algorithm,
            self.shared.buffers,
            on_hash=lambda assembly, digest: self.shared.on_hash(self, assembly, digest),
            on_damage=lambda assembly, start: self.shared.on_damage(self, assembly, start),
            on_error=lambda _, error: self.shared.on_disk_error(self, error),
            durable=self.shared.durable,
        )
        pieces = self.assembly.pieces
        for start, end in pieces.missing() if pieces else [(0, None)]:
            self.ledger.add(Segment(start, end))
        self.lock.notify_all()

    # -- handing out work

    def claim(self, now: float, most_bytes: int | None) -> Segment | None:
        """A segment to fetch now, at most about `most_bytes` of it; None: nothing to do here."""
        busy = len(self.ledger.active)
        if busy >= self.shared.limits.connections_per_file:
            return None
        if busy and (self.single_stream or not self.probed):
            return None
        segment = self.ledger.claim(now, most_bytes, self.piece_size)
        if segment is not None and self.phase is Phase.RETRYING:
            self.phase, self.note = Phase.FETCHING, ""
        return segment

    def steal(self, now: float) -> Segment | None:
        """Part of what another connection has before it, for one that has nothing to do."""
        if self.ledger.free or len(self.ledger.active) >= self.shared.limits.connections_per_file:
            return None
        stolen = self.ledger.steal(now, self.piece_size)
        if stolen is None and self.busy_s:
            stolen = self.ledger.rescue(now, self.fetched_bytes / self.busy_s)
        return stolen

    def share(self) -> None:
        """Let other connections help with what one had for itself."""
        self.ledger.share(self.piece_size, self.piece_size)

    @property
    def piece_size(self) -> int:
        pieces = self.assembly.pieces if self.assembly else None
        return pieces.identity.piece_size if pieces else SMALL_BYTES

    def enter(self) -> None:
        """A thread begins to work on it."""
        self._threads += 1

    def leave(self) -> None:
        """A thread is through with it; takes the lock."""
        with self.lock:
            self._threads -= 1
            self._settle()

    # -- ending

    def end(
        self,
        status: Status,
        *,
        digest: str | None = None,
        error: ModelDownloadError | None = None,
    ) -> None:
        """Say how it ended; what is still under way is not wanted any more."""
        if self.outcome is not None:
            return
        done = self._done_bytes()
        served = self.routes.served
        self.outcome = Outcome(
            self.source,
            status,
            self.planned.path,
            size_bytes=self.size,
            digest=digest,
            fetched_bytes=self.fetched_bytes,
            url=served.address.shown if served and self.fetched_bytes else None,
            error=error,
        )
        self._done_at_end = done
        self.phase, self.note = _LAST_PHASE[status], str(error or "")
        self.ledger.clear()
        self._settle()

    def _settle(self) -> None:
        if self.outcome is None or self._threads or self._settled:
            return
        self._settled = True
        if self.assembly is not None:
            self.assembly.close()
            if self.outcome.status is Status.FAILED and self.assembly.is_empty:
                self.assembly.partial.delete()  # room was taken for it, and nothing arrived
        self._file_lock.release()
        self.shared.on_settled(self)

    # -- looking

    def progress(self) -> FileProgress:
        """Where it stands."""
        done, phase = self._done_bytes(), self.phase
        if phase is Phase.FETCHING and self.size and done >= self.size:
            phase = Phase.VERIFYING
        return FileProgress(
            self.source.name,
            phase,
            done,
            self.size,
            self.fetched_bytes + sum(s.buffered for s in self.ledger.active),
            len(self.ledger.active),
            self.note,
        )

    def _done_bytes(self) -> int:
        if self.outcome is not None:
            return self.size or 0 if self.outcome.ok else self._done_at_end
        if self.phase is Phase.WAITING:
            theirs = read_piece_map(piece_map_path(self.partial_path))
            return theirs.have_bytes if theirs else 0
        pieces = self.assembly.pieces if self.assembly else None
        parts = (*self.ledger.free, *self.ledger.active)
        if pieces is None:
            return sum(s.position + s.buffered for s in parts)
        in_pieces = sum(
            s.position - pieces.start(pieces.index_at(s.position)) + s.buffered
            for s in parts
            if s.kind is Kind.RANGE
        )
        done = pieces.have_bytes - pieces.begun_bytes + in_pieces
        return min(pieces.identity.size, done)
