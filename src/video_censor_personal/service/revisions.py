"""Which commit a name stands for: one model under two names is one download.

A branch and the commit that it stands for are the same model. Which they are is known of downloads
that have begun; of others the hub is asked, and only when it matters.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Sequence

from video_censor_personal.errors import VideoCensorError
from video_censor_personal.hub.api import HubApi
from video_censor_personal.hub.names import is_commit
from video_censor_personal.service.download import Resolved, hub_of
from video_censor_personal.service.job_table import JobTable
from video_censor_personal.service.jobs import Job, Wanted
from video_censor_personal.service.ledger import Transaction
from video_censor_personal.service.model_book import ModelBook
from video_censor_personal.service.rivals import already
from video_censor_personal.service.settings import ServiceSettings
from video_censor_personal.service.states import ACTIVE
from video_censor_personal.transfer import CancelToken, RetryPolicy

__all__ = ["Revisions"]

_PATIENCE_S = 2.0
_ASKING = 4
"""Threads of the service that may wait for hubs: the others answer what needs none."""


class Revisions:
    """The revisions that jobs of `table` want. From any thread."""

    def __init__(self, settings: ServiceSettings, table: JobTable, book: ModelBook) -> None:
        self._settings, self._table, self._book = settings, table, book
        self._asking = threading.BoundedSemaphore(_ASKING)
        self._stop = CancelToken()

    def start(self) -> None:
        """From now on hubs are asked."""
        self._stop = CancelToken()

    def stop(self) -> None:
        """End every question to a hub, as if it had not answered. Idempotent."""
        self._stop.cancel()

    def check(self, wanted: Wanted) -> None:
        """Make sure that no job is to bring the same commit under another name.

        Asks the hub if there is a job of the same repository, for two seconds, and not while many
        others ask; what the hub does not tell now is found out by `note`.

        Raises:
            Problem: 409.
        """
        rivals = [
            job
            for job in self._table.active(wanted.repository)
            if job.wanted.branch != wanted.branch
        ]
        if not rivals or not self._asking.acquire(blocking=False):
            return
        try:
            self._compare(wanted, rivals, time.monotonic() + _PATIENCE_S)
        finally:
            self._asking.release()

    def note(self, transaction: Transaction, job: Job, resolved: Resolved) -> None:
        """Write down what a job turned out to be.

        Raises:
            Problem: 409, another job brings that.
        """
        wanted = job.wanted
        for row in transaction.execute(
            "SELECT * FROM job WHERE repository = ? AND commit_id = ? AND id != ?",
            wanted.repository,
            resolved.commit,
            job.id,
        ):
            other = Job.from_row(row)
            if other.state in ACTIVE:
                raise already(wanted, other)
        self._book.note(
            transaction,
            wanted.repository,
            resolved.commit,
            wanted.branch,
            resolved.files,
            resolved.tree,
            time.time(),
        )
        transaction.execute(
            "UPDATE job SET commit_id = ?, left_out = ? WHERE id = ?",
            resolved.commit,
            json.dumps(list(resolved.left_out)),
            job.id,
        )
        transaction.execute("DELETE FROM job_file WHERE job_id = ?", job.id)

    def _compare(self, wanted: Wanted, rivals: Sequence[Job], ends_at: float) -> None:
        commit = self._commit_of(wanted, ends_at)
        if commit is None:
            return
        for job in rivals:
            if commit == (job.commit or self._commit_of(job.wanted, ends_at)):
                raise already(wanted, job)

    def _commit_of(self, wanted: Wanted, ends_at: float) -> str | None:
        """The commit, if the hub says it at once and before `ends_at` (monotonic)."""
        if is_commit(wanted.branch):
            return wanted.branch
        api = HubApi(
            hub_of(wanted, self._settings),
            retry=RetryPolicy(waits_s=()),
            cancel=self._stop,
            deadline_s=ends_at - time.monotonic(),
        )
        with contextlib.suppress(VideoCensorError), contextlib.closing(api):
            return api.model(wanted.repository, wanted.branch).commit
        return None
