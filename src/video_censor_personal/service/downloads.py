"""The downloads of a service: which of them run, what can be done to them, what survives a stop.

The ledger is the truth about states; what runs in this process is kept here. A job that is
`running` or `verifying` in the ledger of a service that starts was interrupted: it is queued
again, and the transfer engine finds on disk what it has already.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from video_censor_personal.service.addresses import reachable_from
from video_censor_personal.service.counts import Counts
from video_censor_personal.service.download import Download, Resolved
from video_censor_personal.service.facts import describe_job
from video_censor_personal.service.job_table import JobTable
from video_censor_personal.service.jobs import FileCount, Job, Wanted
from video_censor_personal.service.ledger import Ledger, Transaction
from video_censor_personal.service.library import Library
from video_censor_personal.service.metrics import Metrics
from video_censor_personal.service.problems import Problem, without_paths
from video_censor_personal.service.revisions import Revisions
from video_censor_personal.service.rivals import already
from video_censor_personal.service.room import Demand, Room
from video_censor_personal.service.run import Ending, Run
from video_censor_personal.service.runs import Runs, progress_facts
from video_censor_personal.service.settings import ServiceSettings
from video_censor_personal.service.states import ACTIVE, WORKING, Change, JobState
from video_censor_personal.transfer import Engine, Limits, RetryPolicy
from video_censor_personal.transfer.address import parse_url
from video_censor_personal.transfer.throttle import Throttle

__all__ = ["Downloads"]

log = logging.getLogger(__name__)

_CONNECTIONS = 8
"""Of one download; three may run at once. With 24 a kill cost 6.5 instead of 2.1 % (1 GiB models),
and the status calls of 200 clients took 723 instead of 268 ms (p99)."""

_STOP_S = 1.5
_HALT_S = 5.0  # a run stops within a tenth of that, unless a disk or a name server hangs

OnEnd = Callable[[Transaction, Job], None]


class Downloads:
    """From any thread. `on_end` takes part in the transaction in which a job ends."""

    def __init__(
        self,
        settings: ServiceSettings,
        ledger: Ledger,
        library: Library,
        metrics: Metrics,
        on_end: OnEnd,
    ) -> None:
        self._runs = Runs()
        self.table = JobTable(ledger, self._runs.describe)
        self._settings, self._ledger, self._library = settings, ledger, library
        self._metrics, self._on_end = metrics, on_end
        self._revisions = Revisions(settings, self.table, library.book)
        self._room = Room(settings, library, metrics)
        self._throttle = Throttle(settings.bytes_per_s)
        self._stopping = threading.Event()

    # -- life

    def start(self) -> None:
        """Take up what an earlier process, or the time before a stop, left."""
        self._stopping.clear()
        for job in self.table.active():
            if job.state in WORKING:
                self.table.move(job.id, Change.INTERRUPT)
        self._runs.start(self.table)
        self._revisions.start()
        self._fill()

    def end_questions(self) -> None:
        """Let nobody wait for a hub any more who wants an answer of this service."""
        self._revisions.stop()

    def stop(self) -> None:
        """Stop every run and write where it was; they go on with the next `start`. Idempotent."""
        self._stopping.set()
        self.end_questions()
        runs = self._runs.all()
        for run in runs:
            run.stop(Change.INTERRUPT)
        deadline = time.monotonic() + _STOP_S
        for run in runs:
            run.join(max(0.0, deadline - time.monotonic()))
        self._runs.stop()

    # -- asking

    def describe(self, job: Job) -> dict[str, Any]:
        """A job as programs see it, with the counts of this moment."""
        return self._runs.describe(job)

    def files(self, job: Job) -> tuple[FileCount, ...]:
        """Every file of a job."""
        run = self._runs.get(job.id)
        return run.download.tally.files() if run else self.table.files(job.id)

    def find(self, repository: str, revision: str | None, commit: str | None) -> Job | None:
        """The job that is to bring a model, if there is one that is not over."""
        for job in self.table.active(repository):
            branch = revision or "main"
            if branch in (job.wanted.branch, job.commit) or (commit and commit == job.commit):
                return job
        return None

    def at_work(self, repository: str, revision: str | None) -> dict[str, Any] | None:
        """The download of a model that is being worked on, if it is; touches no disk."""
        run = self._runs.find(repository, revision or "main")
        if run is None:
            return None
        counts = run.counts()
        return describe_job(run.job_now(counts), counts)

    def running_counts(self) -> list[Counts]:
        """How far those are that run now."""
        return [run.counts() for run in self._runs.all()]

    # -- acting

    def submit(self, wanted: Wanted, *, priority: int = 0, queue: bool) -> Job:
        """Download a model: now, or (`queue`) when it is its turn.

        Raises:
            Problem: 409, it is downloading already; 429, there is no place for it.
        """
        self._revisions.check(wanted)
        with self._runs.mutex:
            waiting = self.table.active()
            for job in waiting:
                if job.wanted.is_same_model(wanted):
                    raise already(wanted, job)
            if not queue and sum(j.state is not JobState.PAUSED for j in waiting) >= (
                self._settings.at_once
            ):
                raise Problem(
                    429,
                    "too_many_downloads",
                    f"{self._settings.at_once} models are downloading already; send "
                    '"queue": true to wait for a place.',
                    retry_after_s=self._until_free_s(),
                )
            if len(waiting) >= self._settings.queue_length:
                raise Problem(429, "queue_full", "The queue is full.", retry_after_s=60)
            job = self._ledger.write(lambda t: self.table.add(t, wanted, priority))
        self._fill()
        return self.table.get(job.id)

    def pause(self, job_id: str) -> Job:
        """Stop a download and keep its place and its bytes."""
        return self._halt(job_id, Change.PAUSE)

    def cancel(self, job_id: str) -> Job:
        """Stop a download for good; when this returns, no byte of it moves any more."""
        return self._halt(job_id, Change.CANCEL)

    def resume(self, job_id: str) -> Job:
        """Let a paused download go on when it is its turn."""
        return self._requeue(job_id, Change.RESUME)

    def retry(self, job_id: str) -> Job:
        """Try a failed or cancelled download again; what arrived before is kept."""
        return self._requeue(job_id, Change.RETRY)

    def order(self, job_id: str, priority: int | None, before: str | None) -> Job:
        """Change when a job has its turn. Those that run are not stopped for it."""
        job = self.table.order(job_id, priority, before)
        self._fill()
        return job

    def remove(self, job_id: str) -> None:
        """Cancel a download if it is not over, and forget it."""
        if self.table.get(job_id).state in ACTIVE:
            with contextlib.suppress(Problem):
                self.cancel(job_id)
        self.table.remove(job_id)

    # -- runs

    def _requeue(self, job_id: str, change: Change) -> Job:
        self.table.move(job_id, change)
        self._fill()
        return self.table.get(job_id)

    def _halt(self, job_id: str, change: Change) -> Job:
        with self._runs.mutex:
            run = self._runs.get(job_id)
            if run is None:
                job = self._end(job_id, change)
        if run is None:
            self._fill()
            return job
        run.stop(change)
        if not run.join(_HALT_S):
            raise Problem(
                409,
                "wrong_state",
                "The download was told to stop and is still stopping; look again in a moment.",
                retry_after_s=_HALT_S,
            )
        job = self.table.get(job_id)
        if job.state is JobState.DONE:
            raise Problem(409, "wrong_state", "The download is done already.")
        return job

    def _fill(self) -> None:
        """Start what waits, as far as there is room."""
        with self._runs.mutex:
            while not self._stopping.is_set() and len(self._runs) < self._settings.at_once:
                job = self.table.next_queued()
                if job is None:
                    return
                self._start(job)

    def _start(self, job: Job) -> None:
        download = Download(
            job.wanted,
            self._settings,
            self._engine_for(job.wanted),
            on_resolved=lambda resolved: self._resolved(job, resolved),
            make_room=lambda demand: self._make_room(job, demand),
        )
        run = Run(job, download, self._settings.time_limit_s, self._ended)
        self._runs.add(run)
        try:
            self.table.move(job.id, Change.START)
        except BaseException:
            self._runs.discard(run)
            raise
        self._metrics.started()
        run.start()

    def _engine_for(self, wanted: Wanted) -> Engine:
        settings = self._settings
        return Engine(
            Limits(_CONNECTIONS, _CONNECTIONS, bytes_per_s=settings.bytes_per_s_each),
            RetryPolicy(settings.retry_waits_s, longest_wait_s=settings.longest_wait_s),
            throttle=self._throttle,
            permits=reachable_from(parse_url(wanted.endpoint).origin),
        )

    def _ended(self, run: Run, ending: Ending) -> None:
        change, code, text = ending
        counts = run.counts()
        facts = progress_facts(run, counts)
        if code is not None:
            roots = {"cache": self._settings.cache_dir, "home": Path.home()}
            facts |= {"code": code, "error": without_paths(text or "", roots)}
        files = run.download.tally.take_changed()
        self._library.changed()
        try:
            with self._runs.mutex:
                if self._runs.get(run.job.id) is not run:
                    return  # a stop did not wait for it; the job is for the next start
                self.table.checkpoint(run.job.id, files, None, **facts)
                self._runs.discard(run)
                try:
                    job = self._end(run.job.id, change, **facts)
                    self._metrics.ended(str(job.state), time.monotonic() - run.began, counts)
                except Problem as exc:  # it was forgotten while it stopped; its place is free
                    log.warning("how %s ended is not kept: %s", run.job.wanted.repository, exc)
            self._fill()
        except (sqlite3.Error, Problem) as exc:  # the next start finds the job as it was
            log.error("how %s ended cannot be written: %s", run.job.wanted.repository, exc)

    def _end(self, job_id: str, change: Change, **facts: Any) -> Job:
        def write(transaction: Transaction) -> Job:
            job = self.table.move_in(transaction, job_id, change, **facts)
            if job.state not in ACTIVE:
                self._on_end(transaction, job)
            return job

        return self._ledger.write(write)

    def _resolved(self, job: Job, resolved: Resolved) -> None:
        self._ledger.write(lambda t: self._revisions.note(t, job, resolved))
        if (run := self._runs.get(job.id)) is not None:
            run.commit = resolved.commit

    def _make_room(self, job: Job, demand: Demand) -> None:
        spare = {active.wanted.repository for active in self.table.active()}
        self._room.make(demand, self._runs.demand_beside(job.id), spare)

    def _until_free_s(self) -> float:
        """When the first of the running downloads may be over."""
        etas = [eta for run in self._runs.all() if (eta := run.counts().eta_s) is not None]
        return min(600.0, max(1.0, min(etas, default=10.0)))
