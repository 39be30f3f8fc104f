"""Which commit a name stands for: one model under two names is one download.

A branch and the commit that it stands for are the same model. Which they are is known of downloads
that have begun; of others the hub is asked, and only when it matters.
"""

from __future__ import annotations

import contextlib
import json
import time

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
from video_censor_personal.transfer import RetryPolicy

__all__ = ["Revisions"]


class Revisions:
    """The revisions that jobs of `table` want. From any thread."""

    def __init__(self, settings: ServiceSettings, table: JobTable, book: ModelBook) -> None:
        self._settings, self._table, self._book = settings, table, book

    def check(self, wanted: Wanted) -> None:
        """Make sure that no job is to bring the same commit under another name.

        Asks the hub if there is a job of the same repository; what the hub does not tell now is
        found out by `note`.

        Raises:
            Problem: 409.
        """
        rivals = [
            job
            for job in self._table.active(wanted.repository)
            if job.wanted.branch != wanted.branch
        ]
        commit = self._commit_of(wanted) if rivals else None
        for job in rivals:
            if commit is not None and commit == (job.commit or self._commit_of(job.wanted)):
                raise already(wanted, job)

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

    def _commit_of(self, wanted: Wanted) -> str | None:
        """The commit, if the hub says it at once."""
        if is_commit(wanted.branch):
            return wanted.branch
        with (
            contextlib.suppress(VideoCensorError),
            contextlib.closing(
                HubApi(hub_of(wanted, self._settings), retry=RetryPolicy(waits_s=()))
            ) as api,
        ):
            return api.model(wanted.repository, wanted.branch).commit
        return None
