"""What a run has to do: which jobs and batches there are, and what a thread does next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from video_censor_personal.transfer.batch import Batch, fits_a_batch
from video_censor_personal.transfer.job import Earlier, Job, Surroundings
from video_censor_personal.transfer.outcome import FileProgress, Outcome, Status
from video_censor_personal.transfer.pieces import SMALL_BYTES
from video_censor_personal.transfer.plan import PlannedFile
from video_censor_personal.transfer.ramp import Ramp
from video_censor_personal.transfer.segments import Segment
from video_censor_personal.transfer.small_files import SmallFiles

__all__ = ["Task", "Work", "claim"]

_MOST_OPENED = 32  # each holds descriptors, a large one a thread, also while it waits to retry
# Of fewer small files each gets a job.
_LEAST_FOR_BATCHES = 64

Task = tuple[Job, Segment | None] | Batch
"""A job to open (no segment), a segment of one to fetch, or a batch."""

_Step = Callable[[float, Ramp], Task | None]


class Work:
    """The files of a run, as jobs and in batches. Not locked: the run is.

    Attributes:
        unfinished: how many files have not ended.
        small_left: and how many of those take one request each.
    """

    def __init__(
        self, files: Iterable[PlannedFile], shared: Surroundings, connections: int
    ) -> None:
        wanted = list(files)
        self._shared = shared
        self._most_opened = max(_MOST_OPENED, connections)
        small = [planned for planned in wanted if fits_a_batch(planned)]
        self._small = SmallFiles(small if len(small) >= _LEAST_FOR_BATCHES else ())
        self._jobs: list[Job] = []
        self._queue: deque[Job] = deque()
        self._left: deque[Job] = deque()  # of batches
        self._opened: dict[Job, None] = {}
        self._waiting: list[Job] = []
        self._ended: list[Job] = []
        self._ended_bytes = 0
        for planned in wanted:
            if not (self._small and fits_a_batch(planned)):
                self._queue.append(self._new_job(planned))
        self.unfinished = len(wanted)
        self.small_left = sum(map(_is_small, wanted))

    # -- what to do next

    def next(self, number: int, ramp: Ramp) -> Task | None:
        """For the thread of that number; None: nothing can be done now.

        Every second thread begins with small files, so that neither kind waits for all the other.
        """
        now = time.monotonic()
        steps: tuple[_Step, ...] = (self._part, self._open, self._batch, self._open_small)
        if number % 2:
            steps = (self._batch, self._open_small, self._part, self._open)
        for step in (*steps, self._stolen):
            if (task := step(now, ramp)) is not None:
                return task
        return None

    def _part(self, now: float, ramp: Ramp) -> Task | None:
        for job in self._opened:
            if job.ledger.free and (segment := claim(job, now, ramp)) is not None:
                return job, segment
        return None

    def _batch(self, now: float, ramp: Ramp) -> Task | None:
        return self._small.take(now, ramp.target)

    def _open(self, _: float, __: Ramp) -> Task | None:
        if not self._queue or len(self._opened) >= self._most_opened:
            return None
        job = self._queue.popleft()
        self._opened[job] = None
        return job, None

    def _open_small(self, now: float, ramp: Ramp) -> Task | None:
        """A file that a batch left, or one that waits, if there are no batches for now."""
        if len(self._opened) >= self._most_opened or not (self._left or self._small):
            return None
        job = self._left.popleft() if self._left else self._new_job(self._small.pop())
        self._queue.appendleft(job)
        return self._open(now, ramp)

    def _stolen(self, now: float, _: Ramp) -> Task | None:
        for job in self._opened:
            if (segment := job.steal(now)) is not None:
                return job, segment
        return None

    def until_ready_s(self) -> float | None:
        """Seconds until a segment that waits may be tried again; None: none waits."""
        due = [s.ready_at for job in self._opened for s in job.ledger.free if s.ready_at]
        return max(0.001, min(due) - time.monotonic()) if due else None

    def _new_job(self, planned: PlannedFile, earlier: Earlier | None = None) -> Job:
        job = Job(planned, self._shared, earlier)
        self._jobs.append(job)
        return job

    # -- what became of it

    def wait_for_owner(self, job: Job) -> None:
        """Another process has the lock of this job."""
        job.wait_for_owner()
        self._opened.pop(job, None)
        self._waiting.append(job)

    def ask_again(self) -> bool:
        """Try again to take the locks that others had; whether there are any."""
        self._queue.extend(self._waiting)
        found, self._waiting = bool(self._waiting), []
        return found

    def settle(self, job: Job) -> None:
        """A job has ended, and no thread works on it any more."""
        self._opened.pop(job, None)
        self._ended.append(job)
        self._ended_bytes += job.fetched_bytes
        self.unfinished -= 1
        self.small_left -= _is_small(job.planned)

    def end(self, batch: Batch) -> None:
        """Nobody works on this batch any more: what it left gets jobs."""
        if not self._small.end(batch, time.monotonic()):
            return
        self._ended_bytes += sum(outcome.fetched_bytes for outcome in batch.outcomes)
        self.unfinished -= len(batch.outcomes)
        self.small_left -= len(batch.outcomes)
        for planned, earlier in batch.left:
            self._left.append(self._new_job(planned, earlier))

    def cancel(self) -> None:
        """End what has not ended."""
        self._small.cancel()
        for job in self._jobs:
            job.end(Status.CANCELLED)

    def join(self, deadline: float) -> None:
        """Wait for the threads of checksums and disks."""
        for job in self._jobs:
            if job.assembly is not None:
                job.assembly.join(max(0.0, deadline - time.monotonic()))

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """By name, of what has ended."""
        return self._small.outcomes | {j.source.name: j.outcome for j in self._jobs if j.outcome}

    # -- how it goes

    def progress(self) -> Iterator[FileProgress]:
        """Where every file stands that has begun, and for the last time, those that have ended."""
        ended, self._ended = self._ended, []
        for job in (*self._opened, *self._waiting, *ended):
            yield job.progress()
        yield from self._small.progress()

    def pass_time(self, seconds: float) -> tuple[int, int]:
        """So much time has passed: how many connections are busy, and the bytes so far."""
        busy, fetched = 0, self._ended_bytes
        for job in self._opened:
            active = job.ledger.active
            job.busy_s += seconds * len(active)
            busy += len(active)
            fetched += job.fetched_bytes + sum(s.buffered for s in active)
        for batch in self._small.underway:
            busy += 1
            arriving = batch.arriving
            fetched += sum(o.fetched_bytes for o in batch.outcomes)
            fetched += arriving[1] if arriving else 0
        return busy, fetched

    def share(self) -> None:
        """Let other connections help with what one had for itself."""
        for job in self._opened:
            job.share()


def claim(job: Job, now: float, ramp: Ramp) -> Segment | None:
    """What one request should ask for of a job; None: nothing can be asked for now."""
    return job.claim(now, ramp.worth_a_request(job.ledger.free_bytes))


def _is_small(planned: PlannedFile) -> bool:
    """Whether the file is fetched with one request."""
    size = planned.source.size_bytes
    return size is not None and size <= SMALL_BYTES
