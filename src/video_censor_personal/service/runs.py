"""The runs of this moment, and the thread that writes down how far they are."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import Any

from video_censor_personal.service.counts import Counts
from video_censor_personal.service.facts import describe_file, describe_job
from video_censor_personal.service.job_table import JobTable
from video_censor_personal.service.jobs import Job
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.room import Demand
from video_censor_personal.service.run import Run
from video_censor_personal.service.states import Change, JobState

__all__ = ["Runs", "progress_facts"]

_REPORT_S = 0.25
_SHOWN_FILES = 8


class Runs:
    """Job id -> run. Who adds or removes one, or decides by what is there, holds `mutex`."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._stopping = threading.Event()
        self._reporter: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: Run) -> None:
        self._runs[run.job.id] = run

    def discard(self, run: Run) -> None:
        self._runs.pop(run.job.id, None)

    def get(self, job_id: str) -> Run | None:
        return self._runs.get(job_id)

    def all(self) -> list[Run]:
        with self.mutex:
            return list(self._runs.values())

    def find(self, repository: str, branch: str) -> Run | None:
        """The run that is to bring a model, asking nobody."""
        for run in list(self._runs.values()):
            wanted = run.job.wanted
            if wanted.repository == repository and branch in (wanted.branch, run.commit):
                return run
        return None

    def demand_beside(self, job_id: str) -> Demand:
        """What all others still want."""
        others = [run.download.demand() for run in self.all() if run.job.id != job_id]
        return sum(others, Demand())

    def describe(self, job: Job) -> dict[str, Any]:
        """A job as programs see it, with the counts of this moment if it runs."""
        run = self._runs.get(job.id)
        return describe_job(_before(job, run), run.counts()) if run else describe_job(job)

    # -- reporting

    def start(self, table: JobTable) -> None:
        """Write and tell how far every run is, four times a second, and keep its time."""
        self._stopping.clear()
        self._reporter = threading.Thread(
            target=self._report, args=(table,), name="progress", daemon=True
        )
        self._reporter.start()

    def stop(self) -> None:
        """End that, and forget the runs that have not ended. Idempotent."""
        self._stopping.set()
        if self._reporter is not None:
            self._reporter.join()
        with self.mutex:
            self._runs.clear()

    def _report(self, table: JobTable) -> None:
        while not self._stopping.wait(_REPORT_S):
            for run in self.all():
                run.keep_time()
                with self.mutex:
                    if run.job.id in self._runs:
                        _checkpoint(table, run)


def progress_facts(run: Run, counts: Counts) -> dict[str, Any]:
    """The columns of a job that say how far a run of it is."""
    if counts.total_bytes is None:
        return {}
    return {
        "total_bytes": counts.total_bytes,
        "done_bytes": counts.done_bytes,
        "fetched_bytes": run.job.fetched_bytes + counts.fetched_bytes,
        "retries": run.job.retries + counts.retries,
    }


def _checkpoint(table: JobTable, run: Run) -> None:
    counts = run.counts()
    change = Change.VERIFY if counts.is_verifying else Change.FETCH
    before = JobState.RUNNING if counts.is_verifying else JobState.VERIFYING
    with contextlib.suppress(Problem):
        if table.get(run.job.id).state is before:
            table.move(run.job.id, change)
    files = run.download.tally.take_changed()
    moving = [describe_file(file) for file in files[:_SHOWN_FILES]]
    table.checkpoint(
        run.job.id,
        files,
        lambda job: describe_job(_before(job, run), counts) | {"files": moving},
        **progress_facts(run, counts),
    )


def _before(job: Job, run: Run) -> Job:
    """A job with the sums of its earlier runs: those of this one are in its counts."""
    return replace(job, fetched_bytes=run.job.fetched_bytes, retries=run.job.retries)
