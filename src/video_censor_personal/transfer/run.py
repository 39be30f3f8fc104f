"""One run of the engine: its jobs, the threads that work on them, and the loop that watches."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from video_censor_personal import __version__
from video_censor_personal.store import Store, sync_folder
from video_censor_personal.transfer import recovery
from video_censor_personal.transfer.batch import Batch
from video_censor_personal.transfer.buffers import Buffers
from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.faults import Halted
from video_censor_personal.transfer.hopeless import Hopeless
from video_censor_personal.transfer.http import Client, Response
from video_censor_personal.transfer.job import Job, Surroundings
from video_censor_personal.transfer.limits import Limits, RetryPolicy
from video_censor_personal.transfer.outcome import FileProgress, Listener, Outcome
from video_censor_personal.transfer.plan import PlannedFile
from video_censor_personal.transfer.ramp import Ramp, Seen
from video_censor_personal.transfer.segments import Segment
from video_censor_personal.transfer.throttle import Throttle
from video_censor_personal.transfer.trust import LazyTls
from video_censor_personal.transfer.wire import Dialer, Permit
from video_censor_personal.transfer.work import Task, Work, claim
from video_censor_personal.transfer.worker import Worker

__all__ = ["Run"]

_TICK_S = 0.025
_REPORT_S = 0.1
_ASK_LOCK_S = 0.2
# Beyond this the threads are left behind (they are stuck in name resolution, and are daemons).
_LEAVE_THREADS_S = 3.0
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
            hopeless=Hopeless(),
            on_settled=self._settled,
            on_hash=recovery.after_hash,
            on_damage=recovery.refetch_damaged,
            on_disk_error=recovery.fail_disk,
        )
        self._work = Work(files, self._shared, limits.connections)
        self._adapted_at = time.monotonic()
        self._threads: list[threading.Thread] = []
        self._ramp = Ramp(limits.connections, self._work.small_left, synced=durable)
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
                    if self._work.unfinished and not self.stopped:
                        self._over.wait(_TICK_S)
                    finished = not self._work.unfinished or self.stopped
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
                    with self.lock:
                        if self._work.ask_again():
                            self.lock.notify_all()
        finally:
            self._shut_down()
        for progress in self._report(told):
            listener(progress)
        if self._crash is not None:
            raise self._crash

    def _adapt(self, now: float) -> None:
        passed, self._adapted_at = now - self._adapted_at, now
        busy, fetched = self._work.pass_time(passed)
        before = self._ramp.target
        self._ramp.small_files = self._work.small_left
        self._ramp.other_files = self._work.unfinished - self._work.small_left
        self._ramp.observe(Seen(now, fetched, self.reads, self.reads_ahead), busy)
        target = self._ramp.target
        if before == 1 and target > 1:
            self._work.share()
        while len(self._threads) < target and self._work.unfinished and not self.stopped:
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
        """What has changed since it was last told."""
        fresh = []
        for progress in self._work.progress():
            if told.get(progress.name) != progress:
                told[progress.name] = progress
                fresh.append(progress)
        return fresh

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
            self._work.cancel()
        self._work.join(deadline)
        for folder in tuple(self._shared.unsynced) if self._shared.durable else ():
            with contextlib.suppress(OSError):
                sync_folder(Path(folder))

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """By name, once `work` is over."""
        return self._work.outcomes

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
                if self.stopped:
                    raise Halted
                if not self._work.unfinished:
                    return None
                if number < self._ramp.target and (task := self._work.next(number, self._ramp)):
                    if not isinstance(task, Batch):
                        task[0].enter()
                    return task
                self.lock.wait(self._work.until_ready_s())

    def first_segment(self, job: Job) -> Segment | None:
        """See `Workplace`."""
        with self.lock:
            return claim(job, time.monotonic(), self._ramp)

    def waits(self, job: Job) -> None:
        """See `Workplace`."""
        with self.lock:
            self._work.wait_for_owner(job)

    def ended(self, batch: Batch) -> None:
        """See `Workplace`."""
        with self.lock:
            self._work.end(batch)
            before = self._ramp.target
            if not self.throttle.limited:  # else it is not the server that takes its time
                self._ramp.saw_files(len(batch.outcomes), batch.asked_s)
            if batch.left or batch.unfinished:
                self.lock.notify_all()
            if self._ramp.target > before:
                self._over.notify_all()
            self._look_at_end()

    def _settled(self, job: Job) -> None:
        self._work.settle(job)
        self._look_at_end()

    def _look_at_end(self) -> None:
        if not self._work.unfinished:
            self.lock.notify_all()
            self._over.notify_all()

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
