"""One thread with its connections: takes work, asks for it, and lands what comes."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import time
from typing import Protocol

from video_censor_personal.transfer import recovery
from video_censor_personal.transfer.agreement import accept, range_headers, refusal
from video_censor_personal.transfer.assembly import Assembly
from video_censor_personal.transfer.batch import Batch, Courier
from video_censor_personal.transfer.checksum import new_hasher
from video_censor_personal.transfer.faults import Fault, Halted, StatusFault
from video_censor_personal.transfer.http import Client, Response
from video_censor_personal.transfer.job import Job, Surroundings
from video_censor_personal.transfer.line import Line, receive_some
from video_censor_personal.transfer.plan import FileState
from video_censor_personal.transfer.publication import publish_whole
from video_censor_personal.transfer.routes import Route
from video_censor_personal.transfer.segments import Kind, Segment
from video_censor_personal.transfer.work import Task

__all__ = ["Worker", "Workplace"]

# A killed process loses what it has received and not written: on a slow line bytes are written
# before a buffer is full.
_LANDS_AFTER_S = 0.015
_STEP_BYTES = 16 << 10
_FIRST_ROOM_BYTES = 64 << 10
_MOST_AT_ONCE_BYTES = 1 << 20


class Workplace(Line, Protocol):
    """Where a worker gets its work."""

    reads: int  # buffers that were filled
    reads_ahead: int  # those for which the bytes were here already: the line is not what is slow

    def next_task(self, number: int) -> Task | None:
        """None: there is no more work."""

    def first_segment(self, job: Job) -> Segment | None:
        """What to fetch of a job that was just opened, if it is free."""

    def waits(self, job: Job) -> None:
        """Another process has the lock of this job."""

    def ended(self, batch: Batch) -> None:
        """Nobody works on this batch any more."""


class Worker:
    """Call `run` in a thread; it returns when there is no more work, or the run was stopped."""

    def __init__(
        self, number: int, workplace: Workplace, client: Client, shared: Surroundings
    ) -> None:
        self._number, self._workplace, self._client = number, workplace, client
        self._courier = Courier(client, workplace, shared)
        self._room = _FIRST_ROOM_BYTES

    def run(self) -> None:
        try:
            while (task := self._workplace.next_task(self._number)) is not None:
                if isinstance(task, Batch):
                    self._deliver(task)
                    continue
                job, segment = task
                try:
                    segment = segment or self._open(job)
                    if segment is not None:
                        self._fetch(job, segment)
                except OSError as exc:
                    recovery.fail_disk(job, exc)
                finally:
                    job.leave()
        except Halted:
            pass
        finally:
            self._client.close()

    def _deliver(self, batch: Batch) -> None:
        try:
            self._courier.fetch(batch)
        finally:
            self._workplace.ended(batch)

    def _open(self, job: Job) -> Segment | None:
        """Begin with a job; its first segment, unless there is nothing to do now."""
        if job.planned.state is FileState.DAMAGED and os.path.isdir(job.planned.path):
            recovery.fail_disk(job, IsADirectoryError(errno.EISDIR, "a folder lies there"))
            return None
        if not job.open():
            self._workplace.waits(job)
            return None
        segment = self._workplace.first_segment(job)
        earlier, job.earlier = job.earlier, None
        if segment is not None and earlier and recovery.go_on_after(earlier, job, segment):
            return None
        return segment

    def _fetch(self, job: Job, segment: Segment) -> None:
        with job.lock:
            if not job.routes.alive or job.outcome is not None:
                return
            route = job.routes.pick(segment.avoided)
        try:
            if segment.kind is Kind.WHOLE:
                self._fetch_whole(job, segment, route)
            else:
                self._fetch_part(job, segment, route)
        except StatusFault as fault:
            if fault.status in (429, 503):
                self._workplace.refused()
            recovery.put_back(job, segment, route, refusal(job, fault))
        except Fault as fault:
            recovery.put_back(job, segment, route, fault)

    # -- files in pieces

    def _fetch_part(self, job: Job, segment: Segment, route: Route) -> None:
        response = self._ask(job, segment, route)
        try:
            with job.lock:
                if segment not in job.ledger.active:
                    return
                accept(job, segment, route, response)
                assembly = job.assembly
                assert assembly is not None
                assembly.partial.retain()
            try:
                complete = self._receive(job, segment, response, assembly)
            finally:
                assembly.partial.release()
        finally:
            self._client.done(response)
        with job.lock:
            if complete and segment in job.ledger.active:
                job.ledger.active.discard(segment)
                job.routes.served = route
                recovery.after_segment(job)
                job.lock.notify_all()

    def _ask(self, job: Job, segment: Segment, route: Route) -> Response:
        byte_range, condition = range_headers(job, segment, route)
        first = not job.probed and not segment.tries
        hopeless, origin = job.shared.hopeless, route.address.origin
        with hopeless.first_request(origin) if first else contextlib.nullcontext():
            response = self._client.get(route.next_address, job.headers, byte_range, condition)
        self._workplace.answered(response)
        hopeless.discard(origin)
        return response

    def _receive(self, job: Job, segment: Segment, response: Response, assembly: Assembly) -> bool:
        """Land the body; whether the segment is complete (else it is not wanted any more)."""
        buffers = job.shared.buffers
        while segment.end is None or segment.position < segment.end:
            buffer = buffers.take()
            kept = False
            try:
                ahead = response.wire.is_ahead()
                room = assembly.room(segment)
                room = min(room, self._room)
                began = time.monotonic()
                count, fault = self._fill(job, segment, response, buffer[:room], _LANDS_AFTER_S)
                rate = count / max(1e-6, time.monotonic() - began)
                self._room = min(_room_at(rate), 4 * self._room)  # the first bytes lay there
                if segment not in job.ledger.active:
                    return False
                if count:
                    kept = assembly.land(segment, buffer, count)
                    self._advance(job, segment, assembly, count, ahead=ahead)
            finally:
                if not kept:
                    buffers.give(buffer)
            if fault is not None:
                raise fault
            if not count and segment.end is None:
                self._end_of_stream(job, segment, assembly)
            elif not count and room:  # no room: another connection has just taken the rest over
                raise Fault("the server sent less than it said")
        return True

    def _fill(
        self,
        job: Job,
        segment: Segment,
        response: Response,
        view: memoryview,
        lands_after_s: float = math.inf,
    ) -> tuple[int, Fault | None]:
        """Receive until `view` is full, the body ends, or something has come and it took so long;
        what came before a fault counts."""
        filled, until = 0, time.monotonic() + lands_after_s
        try:
            while filled < len(view):
                count = receive_some(self._workplace, job.throttle, response, view[filled:])
                if not count:
                    break
                filled += count
                segment.buffered = filled
                taken_over = segment.end is not None and segment.position >= segment.end
                if taken_over or segment not in job.ledger.active or time.monotonic() > until:
                    break
        except Fault as fault:
            return filled, fault
        return filled, None

    def _advance(
        self, job: Job, segment: Segment, assembly: Assembly, count: int, *, ahead: bool
    ) -> None:
        with job.lock:
            self._workplace.reads += 1
            self._workplace.reads_ahead += ahead
            segment.position += count
            segment.buffered = 0
            job.fetched_bytes += count
            pieces = assembly.pieces
            if pieces is None:
                return
            index = pieces.index_at(segment.position - 1)
            if segment.position == pieces.end(index):
                if segment.kind is Kind.COMPARE:
                    recovery.compare_piece(job, segment, index)
                if segment.position > segment.reached:  # not what an earlier try had brought
                    segment.tries, segment.reached = 0, segment.position
                    segment.avoided.clear()

    def _end_of_stream(self, job: Job, segment: Segment, assembly: Assembly) -> None:
        with job.lock:
            segment.end = job.size = segment.position
        assembly.end_at(segment.position)

    # -- small files

    def _fetch_whole(self, job: Job, segment: Segment, route: Route) -> None:
        assert job.size is not None
        response = self._ask(job, segment, route)
        buffer = job.shared.buffers.take()
        try:
            try:
                with job.lock:
                    accept(job, segment, route, response)
                view = buffer[: job.size]
                count, fault = self._fill(job, segment, response, view)
                job.fetched_bytes += count
                if fault is None and count < len(view):
                    fault = Fault("the server sent less than it said")
                if fault is not None:
                    raise fault
            finally:
                self._client.done(response)
            self._check_whole(job, segment, route, view)
        finally:
            job.shared.buffers.give(buffer)

    def _check_whole(self, job: Job, segment: Segment, route: Route, view: memoryview) -> None:
        hasher = new_hasher(job.source.digest_algorithm, len(view))
        hasher.update(view)
        digest = hasher.hexdigest()
        with job.lock:
            segment.buffered = 0
            job.routes.served = route
            if job.outcome is not None:
                return
            if job.source.checksum not in (None, digest):
                recovery.refuse_whole(job, segment, digest)
                return
        publish_whole(job, view, digest)


def _room_at(bytes_per_s: float) -> int:
    """How many bytes a connection of that speed should bring before they are written."""
    most = min(bytes_per_s * _LANDS_AFTER_S, _MOST_AT_ONCE_BYTES)
    return max(1, int(most / _STEP_BYTES)) * _STEP_BYTES
