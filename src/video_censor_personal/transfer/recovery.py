"""What happens to a job when a request fails, its file changes, or its checksum is wrong."""

from __future__ import annotations

import errno
import logging
import time

from video_censor_personal.transfer.assembly import Assembly
from video_censor_personal.transfer.failures import checksum_error, disk_error, download_error
from video_censor_personal.transfer.faults import ChangedFault, Fault, StatusFault
from video_censor_personal.transfer.job import Earlier, Job
from video_censor_personal.transfer.outcome import Phase, Status
from video_censor_personal.transfer.publication import publish
from video_censor_personal.transfer.routes import Route
from video_censor_personal.transfer.segments import Kind, Segment

__all__ = [
    "after_hash",
    "after_segment",
    "compare_piece",
    "fail_disk",
    "go_on_after",
    "put_back",
    "refetch_damaged",
    "refuse_whole",
    "wrong_bytes",
]

log = logging.getLogger(__name__)

# A file that changes more often than this under way is given up.
_MOST_RESTARTS = 3
# A try that brought this much counts as a success, whatever ended it.
_PROGRESS_BYTES = 256 << 10


def put_back(job: Job, segment: Segment, route: Route, fault: Fault) -> None:
    """A try ended with a fault: try again now, later, elsewhere, or give the file up."""
    with job.lock:
        if segment not in job.ledger.active:
            return
        job.ledger.active.discard(segment)
        if isinstance(fault, ChangedFault):
            _restart(job, fault.size, str(fault), route)
            return
        log.info("%s from %s: %s", job.source.name, route.address.shown, fault)
        _rewind(segment)
        if route.forget_resolved(fault):
            segment.ready_at = 0.0
        elif not fault.passing:
            route.dead = fault
            segment.ready_at = 0.0
        else:
            segment.avoided.add(route)
            _postpone(job, segment, fault)
        if not job.routes.alive:
            job.end(Status.FAILED, error=download_error(job, fault, route))
        elif job.source.checksum is None and route.validator is None and job.assembly:
            # Nothing would show that the rest is of the same version as what has arrived.
            _begin_anew(job)
            for fresh in job.ledger.free:
                fresh.tries, fresh.ready_at = segment.tries, segment.ready_at
                fresh.reached = segment.reached
        else:
            job.ledger.add(segment)
        job.lock.notify_all()


def _rewind(segment: Segment) -> None:
    """Go back to where the next try begins; one that brought something costs no try."""
    if segment.position - segment.reached >= _PROGRESS_BYTES:
        segment.tries = 0
        segment.avoided.clear()
    segment.reached = max(segment.reached, segment.position)
    segment.buffered = 0
    if segment.kind in (Kind.WHOLE, Kind.STREAM) or segment.end is None:
        segment.position = 0


def _postpone(job: Job, segment: Segment, fault: Fault) -> None:
    """Set when the segment is tried again; after enough tries, all its routes are dead."""
    segment.tries += 1
    hopeless = job.shared.hopeless
    routes = len(job.routes.alive)
    wait_s: float | None = 0.0
    if segment.avoided.issuperset(job.routes.alive):
        segment.avoided.clear()
        wait_s = job.shared.retry.wait_s(max(1, segment.tries // routes))
    asked_s = fault.retry_after_s if isinstance(fault, StatusFault) else None
    if asked_s and asked_s > job.shared.retry.longest_wait_s:
        wait_s = None
    if wait_s is None or hopeless.covers([r.address.origin for r in job.routes.alive]):
        for each in job.routes.alive:
            hopeless.add(each.address.origin, fault)
            each.dead = fault
        return
    wait_s = max(wait_s, asked_s or 0.0)
    segment.ready_at = time.monotonic() + wait_s
    job.phase = Phase.RETRYING
    job.note = f"{fault}; trying again in {wait_s:.1f} s" if wait_s else f"{fault}; trying a mirror"


def _restart(job: Job, size: int | None, why: str, route: Route | None) -> None:
    job.restarts += 1
    if job.restarts > _MOST_RESTARTS:
        fault = Fault(f"{why} again and again")
        job.end(Status.FAILED, error=download_error(job, fault, route or job.routes.all[0]))
        return
    job.size = job.source.size_bytes if job.source.size_bytes is not None else size
    job.note = f"{why}: starting again"
    for each in job.routes.all:
        each.validator = each.ranges = None
    _begin_anew(job)


def _begin_anew(job: Job) -> None:
    """Drop what has arrived."""
    if job.assembly is not None:
        job.assembly.partial.delete()
    job.single_stream = job.probed = False
    try:
        job.assemble(job.identity())
    except OSError as exc:
        fail_disk(job, exc)


def fail_disk(job: Job, error: OSError) -> None:
    """The disk refused: the file cannot be had."""
    with job.lock:
        job.end(Status.FAILED, error=disk_error(job, error))
        partial = job.assembly.partial if job.assembly is not None else None
        if partial is not None and (partial.is_lost or error.errno == errno.EIO):
            # What the disk lost still looks right for as long as the system has it in memory.
            partial.delete()


# -- the checksum


def after_hash(job: Job, assembly: Assembly, digest: str) -> None:
    """The checksum of all bytes is known (called from the thread that computed it)."""
    with job.lock:
        if assembly is not job.assembly or job.outcome is not None:
            return
        assembly.take_result()
        job.digest = digest
        job.right = job.source.checksum in (None, digest)
        if not job.right:
            after_segment(job)
            return
        job.phase = Phase.VERIFYING
        job.enter()
    try:
        publish(job, assembly, digest)
    except OSError as exc:
        fail_disk(job, exc)
    finally:
        job.leave()


def after_segment(job: Job) -> None:
    """Is everything here, or is there damage to look for? Under the lock."""
    assembly = job.assembly
    if assembly is None or assembly.hashing or job.right or job.outcome is not None:
        return
    waiting = (*job.ledger.free, *job.ledger.active)
    if any(s.kind is not Kind.COMPARE for s in waiting):
        return
    if assembly.pieces is not None and not assembly.pieces.complete:
        return
    if assembly.repaired:
        assembly.follow()
    elif not waiting and job.digest is not None:
        _look_for_damage(job)


def _look_for_damage(job: Job) -> None:
    """The bytes are not the declared ones: fetch them once more and compare, piece by piece."""
    if not wrong_bytes(job):
        return
    if job.single_stream or job.assembly is None or job.assembly.pieces is None:
        _restart(job, None, "the checksum is wrong", None)
        return
    job.assembly.pieces.forget_prefixes()
    job.ledger.add(Segment(0, job.size, Kind.COMPARE))
    job.lock.notify_all()


def wrong_bytes(job: Job) -> bool:
    """The checksum is wrong: whether another look is worth it, else the file is given up."""
    if job.repairs_left:
        job.repairs_left -= 1
        job.routes.rotate()
        job.phase, job.note = Phase.RETRYING, "the checksum is wrong: looking for the damage"
        return True
    if job.assembly is not None:
        job.assembly.partial.delete()
    job.end(Status.FAILED, error=checksum_error(job))
    return False


def refuse_whole(job: Job, segment: Segment, digest: str) -> None:
    """A small file has come, with a wrong checksum. Under the lock."""
    job.digest = digest
    job.ledger.active.discard(segment)
    if wrong_bytes(job):
        job.ledger.add(segment)
        job.lock.notify_all()


def go_on_after(earlier: Earlier, job: Job, segment: Segment) -> bool:
    """Take over what came of an earlier try at a whole file; whether that was a try that counts."""
    if earlier.fault is not None:
        fault = earlier.fault
        with job.lock:
            route = job.routes.pick(())
        put_back(job, segment, route, fault)
        return True
    if earlier.digest is not None:
        with job.lock:
            refuse_whole(job, segment, earlier.digest)
        return True
    return False


def compare_piece(job: Job, segment: Segment, index: int) -> None:
    """A piece came once more: if it differs, it is fetched and written anew. Under the lock."""
    assembly = job.assembly
    if segment.differs and assembly is not None:
        segment.differs = False
        assembly.repaired += 1
        job.ledger.add(Segment(*assembly.drop_piece(index)))
        job.lock.notify_all()


def refetch_damaged(job: Job, assembly: Assembly, start: int) -> None:
    """A piece of an earlier run is not on disk as its mark says: fetch it again, alone."""
    with job.lock:
        if assembly is not job.assembly or job.outcome is not None or assembly.pieces is None:
            return
        start, end = assembly.drop_piece(assembly.pieces.index_at(start))
        if not job.single_stream:
            job.ledger.add(Segment(start, end))
        elif not job.ledger.free:
            job.ledger.add(Segment(0, job.size, Kind.STREAM))
        job.lock.notify_all()
