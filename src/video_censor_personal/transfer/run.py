"""One run of the engine: its jobs, the threads that work on them, and the loop that watches."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from video_censor_personal import __version__
from video_censor_personal.store import Store, sync_folder
from video_censor_personal.transfer import recovery
from video_censor_personal.transfer.batch import Batch, fits_a_batch
from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.faults import Halted
from video_censor_personal.transfer.http import Client, Response
from video_censor_personal.transfer.job import Job, Surroundings
from video_censor_personal.transfer.limits import Limits, RetryPolicy
from video_censor_personal.transfer.outcome import FileProgress, Listener, Outcome, Status
from video_censor_personal.transfer.pieces import SMALL_BYTES
from video_censor_personal.transfer.plan import PlannedFile
from video_censor_personal.transfer.ramp import Ramp, Seen
from video_censor_personal.transfer.segments import Segment
from video_censor_personal.transfer.small_files import SmallFiles
from video_censor_personal.transfer.throttle import Throttle
from video_censor_personal.transfer.trust import LazyTls
from video_censor_personal.transfer.wire import Dialer, Permit
from video_censor_personal.transfer.worker import Task, Worker

__all__ = ["Run"]

_TICK_S = 0.025
_REPORT_S = 0.1
_ASK_LOCK_S = 0.2
_MOST_OPENED = 32  # each holds descriptors, a large one a thread, also while it waits to retry
# Beyond this the threads are left behind (they are stuck in name resolution, and are daemons).
_LEAVE_THREADS_S = 3.0
# Of fewer small files each gets a job.
_LEAST_FOR_BATCHES = 64
_BUFFER_BYTES = 1 << 20
_SPARE_BUFFERS = 8


class Run:
    """Fetches the planned files of one plan. Use it once."""

    def __init__(
        self,
        files: Iterable[PlannedFile],
        store: Store,
        limits: Limits,
        retry: RetryPolicy,
        *,
        durable: bool,
        throttle: Throttle | None = None,
        permits: Permit | None = None,
    ) -> None:
        mutex = threading.RLock()
        self.lock = threading.Condition(mutex)
        self._over = threading.Condition(mutex)
        self._stop = threading.Event()
        self._crash: BaseException | None = None
        self._limits = limits
        self.throttle = Throttle(limits.bytes_per_s, parent=throttle)
        self.reads = self.reads_ahead = 0
        self._shared = Surroundings(
            store=store,
            lock=self.lock,
            buffers=Buffers(limits.connections + _SPARE_BUFFERS, _BUFFER_BYTES),
            limits=limits,
            retry=retry,
            durable=durable,
            hopeless=set(),
            on_settled=self._settled,
            on_hash=recovery.after_hash,
            on_damage=recovery.refetch_damaged,
            on_disk_error=recovery.fail_disk,
        )
        wanted = list(files)
        small = [planned for planned in wanted if fits_a_batch(planned)]
        self._small = SmallFiles(small if len(small) >= _LEAST_FOR_BATCHES else ())
        self._jobs: list[Job] = []
        self._queue: deque[Job] = deque()
        self._opened: dict[Job, None] = {}
        self._waiting: list[Job] = []
        self._ended: list[Job] = []
        for planned in wanted:
            if not (self._small and fits_a_batch(planned)):
                self._add_job(planned)
        self._unfinished = len(wanted)
        self._most_opened = max(_MOST_OPENED, limits.connections)
        self._adapted_at = time.monotonic()
        self._fetched_bytes = 0  # by jobs that have ended
        self._threads: list[threading.Thread] = []
        self._small_left = sum(map(_is_small, wanted))
        self._ramp = Ramp(limits.connections, self._small_left, synced=durable)
        self._dialer = Dialer(
            LazyTls(), limits.connect_s, limits.stall_s, self._stop.is_set, permits
        )

    # -- the loop

    def work(self, listener: Listener, cancel: CancelToken) -> None:
        """Fetch everything. When this returns or raises, every thread has stopped."""
        told: dict[str, FileProgress] = {}
        report_at = ask_lock_at = 0.0
        with self.lock:
            self._adapt(time.monotonic())
        try:
            while True:
                with self.lock:
                    if self._unfinished and not self._stop.is_set():
                        self._over.wait(_TICK_S)
                    finished = not self._unfinished or self._stop.is_set()
                    now = time.monotonic()
                    self._adapt(now)
                    reports = self._report(told) if finished or now >= report_at else []
                if reports:
                    report_at = now + _REPORT_S
                for progress in reports:
                    listener(progress)
                if finished or cancel.cancelled:
                    break
                if now >= ask_lock_at:
                    ask_lock_at = now + _ASK_LOCK_S
                    self._ask_locks_again()
        finally:
            self._shut_down()
        for progress in self._report(told):
            listener(progress)
        if self._crash is not None:
            raise self._crash

    def _adapt(self, now: float) -> None:
        fetched = self._fetched_bytes
        busy = 0
        passed, self._adapted_at = now - self._adapted_at, now
        for job in self._opened:
            active = job.ledger.active
            job.busy_s += passed * len(active)
            busy += len(active)
            fetched += job.fetched_bytes + sum(s.buffered for s in active)
        for batch in self._small.underway:
            busy += 1
            fetched += batch.buffered_bytes
        before = self._ramp.target
        self._ramp.small_files = self._small_left
        self._ramp.observe(Seen(now, fetched, self.reads, self.reads_ahead), busy)
        target = self._ramp.target
        if before == 1 and target > 1:
            for job in self._opened:
                job.share()
        while len(self._threads) < target and self._unfinished and not self._stop.is_set():
            self._hire()
        if busy < target:
            self.lock.notify_all()  # those with nothing to do look again

    def _hire(self) -> None:
        client = Client(self._dialer, f"video-censor/{__version__}")
        worker = Worker(len(self._threads), self, client, self._shared)
        thread = threading.Thread(
            target=self._guarded,
            args=(worker.run,),
            name=f"fetch-{len(self._threads)}",
            daemon=True,
        )
        self._threads.append(thread)
        thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - the edge of a thread: raised again in `work`
            with self.lock:
                self._crash = exc
                self._halt()

    def _report(self, told: dict[str, FileProgress]) -> list[FileProgress]:
        """What has changed since it was last told; ended jobs once more, for the last time."""
        ended, self._ended = self._ended, []
        fresh = []
        jobs = (job.progress() for job in (*self._opened, *self._waiting, *ended))
        for progress in (*jobs, *self._small.progress()):
            if told.get(progress.name) != progress:
                told[progress.name] = progress
                fresh.append(progress)
        return fresh

    def _ask_locks_again(self) -> None:
        with self.lock:
            self._queue.extend(self._waiting)
            if self._waiting:
                self._waiting.clear()
                self.lock.notify_all()

    def _halt(self) -> None:
        self._stop.set()
        self.lock.notify_all()
        self._over.notify_all()

    def _shut_down(self) -> None:
        with self.lock:
            self._halt()
        deadline = time.monotonic() + _LEAVE_THREADS_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self.lock:
            self._small.cancel()
            for job in self._jobs:
                job.end(Status.CANCELLED)
        for job in self._jobs:
            if job.assembly is not None:
                job.assembly.join(max(0.0, deadline - time.monotonic()))
        for folder in self._shared.unsynced if self._shared.durable else ():
            with contextlib.suppress(OSError):
                sync_folder(Path(folder))

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """By name, once `work` is over."""
        return self._small.outcomes | {j.source.name: j.outcome for j in self._jobs if j.outcome}

    # -- what workers ask for

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def pause(self, seconds: float) -> None:
        """Sleep, unless the run is stopped: then raise Halted."""
        if self._stop.wait(seconds):
            raise Halted

    def next_task(self, number: int) -> Task | None:
        """See `Workplace`."""
        with self.lock:
            while True:
                if self._stop.is_set():
                    raise Halted
                if not self._unfinished:
                    return None
                if number < self._ramp.target and (task := self._claim()) is not None:
                    if not isinstance(task, Batch):
                        task[0].enter()
                    return task
                self.lock.wait(self._until_ready_s())

    def _until_ready_s(self) -> float | None:
        """Seconds until a segment that waits may be tried again; None: none waits."""
        due = [s.ready_at for job in self._opened for s in job.ledger.free if s.ready_at]
        return max(0.001, min(due) - time.monotonic()) if due else None

    def _claim(self) -> Task | None:
        now = time.monotonic()
        for job in self._opened:
            if job.ledger.free and (segment := self._claim_of(job, now)) is not None:
                return job, segment
        if (batch := self._small.take(now, self._ramp.target)) is not None:
            return batch
        if len(self._opened) < self._most_opened and (self._queue or self._small):
            if not self._queue:
                self._add_job(self._small.pop())
            job = self._queue.popleft()
            self._opened[job] = None
            return job, None
        for job in self._opened:
            if (segment := job.steal(now)) is not None:
                return job, segment
        return None

    def first_segment(self, job: Job) -> Segment | None:
        """What to fetch of a job that was just opened, if it is free."""
        with self.lock:
            return self._claim_of(job, time.monotonic())

    def _claim_of(self, job: Job, now: float) -> Segment | None:
        return job.claim(now, self._ramp.worth_a_request(job.ledger.free_bytes))

    def ended(self, batch: Batch) -> None:
        """See `Workplace`."""
        with self.lock:
            if self._small.end(batch, time.monotonic()):
                self._fetched_bytes += sum(o.fetched_bytes for o in batch.outcomes)
                for planned in batch.left:
                    self._add_job(planned)
                self._ended_files(len(batch.outcomes))
                self._small_left -= len(batch.outcomes)
                if batch.left:
                    self.lock.notify_all()

    def _add_job(self, planned: PlannedFile) -> None:
        job = Job(planned, self._shared)
        self._jobs.append(job)
        self._queue.append(job)

    def waits(self, job: Job) -> None:
        """Another process has the lock of this job."""
        with self.lock:
            job.wait_for_owner()
            self._opened.pop(job, None)
            self._waiting.append(job)

    def answered(self, response: Response) -> None:
        """A server answered."""
        with self.lock:
            before = self._ramp.target
            self._ramp.saw_answer(response.wire.round_trip_s, response.first_byte_s)
            if self._ramp.target > before:
                self._over.notify_all()

    def refused(self) -> None:
        """A server said that it gets too many requests."""
        with self.lock:
            self._ramp.was_refused(time.monotonic())

    def _settled(self, job: Job) -> None:
        self._small_left -= _is_small(job.planned)
        self._fetched_bytes += job.fetched_bytes
        self._opened.pop(job, None)
        self._ended.append(job)
        self._ended_files(1)

    def _ended_files(self, count: int) -> None:
        self._unfinished -= count
        if not self._unfinished:
            self.lock.notify_all()
            self._over.notify_all()


def _is_small(planned: PlannedFile) -> bool:
    """Whether the file is fetched with one request."""
    size = planned.source.size_bytes
    return size is not None and size <= SMALL_BYTES
