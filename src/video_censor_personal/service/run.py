"""A download at work: its thread, its counts, and why it was asked to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from video_censor_personal.errors import VideoCensorError
from video_censor_personal.service.counts import Counts
from video_censor_personal.service.download import Download, Stopped
from video_censor_personal.service.jobs import Job
from video_censor_personal.service.problems import failure_code
from video_censor_personal.service.states import Change, JobState

__all__ = ["Ending", "Run"]

log = logging.getLogger(__name__)

Ending = tuple[Change, str | None, str | None]
"""How a run ended: the change that it makes, and the code and text of what went wrong."""


class Run:
    """Works on `job` in a thread of its own until it ends, then calls `on_end` from there.

    Attributes:
        job: as it was when the run began.
        commit: what is being downloaded, once that is known.
    """

    def __init__(
        self,
        job: Job,
        download: Download,
        time_limit_s: float,
        on_end: Callable[[Run, Ending], None],
    ) -> None:
        self.job, self.download = job, download
        self.commit: str | None = None
        self.began = time.monotonic()
        self._started_s = time.time()
        self._time_limit_s = time_limit_s
        self._on_end = on_end
        self._reason = Change.INTERRUPT
        self._mutex = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"download-{job.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, reason: Change) -> None:
        """Ask the run to end: to be paused, cancelled or interrupted. The first reason counts."""
        with self._mutex:
            if not self.download.cancel.cancelled:
                self._reason = reason
                self.download.cancel.cancel()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def keep_time(self) -> None:
        """Stop if the run takes longer than it may."""
        if time.monotonic() - self.began > self._time_limit_s:
            self.stop(Change.FAIL)

    def counts(self) -> Counts:
        return self.download.tally.counts()

    def job_now(self, counts: Counts) -> Job:
        """The job as it is while the run goes on, without asking the ledger."""
        state = JobState.VERIFYING if counts.is_verifying else JobState.RUNNING
        return replace(
            self.job, state=state, commit=self.commit, started_s=self._started_s, ended_s=None
        )

    def _work(self) -> None:
        self._on_end(self, self._outcome())

    def _outcome(self) -> Ending:
        name = self.job.wanted.repository
        try:
            self.download.run()
        except Stopped:
            return self._stopped()
        except VideoCensorError as error:
            if self.download.cancel.cancelled:
                return self._stopped()
            log.warning("the download of %s failed: %s", name, error)
            return Change.FAIL, failure_code(error), str(error)
        except Exception as error:
            # The edge of a job: the service goes on, and the job says that it failed.
            log.exception("the download of %s failed in a way that nobody thought of", name)
            return Change.FAIL, "internal", f"unexpected {type(error).__name__}; see the log"
        return Change.FINISH, None, None

    def _stopped(self) -> Ending:
        if self._reason is Change.FAIL:
            text = f"it was not finished within {self._time_limit_s / 3600:g} hours"
            return Change.FAIL, "time_limit", f"{text}; what arrived is kept: retry to go on."
        return self._reason, None, None
