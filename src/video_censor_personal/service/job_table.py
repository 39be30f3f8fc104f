"""The table of downloads: every change goes through `move` or `checkpoint`, with its event."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from video_censor_personal.service.jobs import FileCount, Job, Wanted, new_id
from video_censor_personal.service.ledger import Ledger, Transaction
from video_censor_personal.service.places import number_anew, place_before
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.rivals import already, rival_of
from video_censor_personal.service.states import (
    ACTIVE,
    ENDED,
    WORKING,
    Change,
    JobState,
    NoSuchChange,
    after,
)

__all__ = ["JobTable"]

_KEPT_ENDED = 1000
_KEPT_EVENTS = 5000

Facts = Callable[[Job], dict[str, Any]]


class JobTable:
    """The downloads in `ledger`. `describe` is what events say of a job."""

    def __init__(self, ledger: Ledger, describe: Facts) -> None:
        self._ledger = ledger
        self._describe = describe

    # -- reading

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            Problem: 404.
        """
        rows = self._ledger.read("SELECT * FROM job WHERE id = ?", job_id)
        if not rows:
            raise _unknown(job_id)
        return Job.from_row(rows[0])

    def active(self, repository: str | None = None) -> list[Job]:
        """Jobs that are not over, in the order in which they start."""
        rows = self._ledger.read(
            f"SELECT * FROM job WHERE state IN ({_listed(ACTIVE)}) "
            "AND (? IS NULL OR repository = ?) ORDER BY priority DESC, position",
            repository,
            repository,
        )
        return [Job.from_row(row) for row in rows]

    def next_queued(self) -> Job | None:
        rows = self._ledger.read(
            "SELECT * FROM job WHERE state = 'queued' ORDER BY priority DESC, position LIMIT 1"
        )
        return Job.from_row(rows[0]) if rows else None

    def page(self, states: Sequence[JobState], before: str | None, limit: int) -> list[Job]:
        """The latest jobs (created before the job `before`), latest first."""
        rows = self._ledger.read(
            f"SELECT * FROM job WHERE state IN ({_listed(states or tuple(JobState))}) "
            "AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
            before,
            before,
            limit,
        )
        return [Job.from_row(row) for row in rows]

    def files(self, job_id: str) -> tuple[FileCount, ...]:
        """The files of a job as they were when it was last written."""
        rows = self._ledger.read("SELECT * FROM job_file WHERE job_id = ? ORDER BY path", job_id)
        return tuple(
            FileCount(
                row["path"],
                row["size_bytes"],
                row["done_bytes"],
                row["state"],
                row["tries"],
                row["note"],
            )
            for row in rows
        )

    def count_by_state(self) -> dict[JobState, int]:
        rows = self._ledger.read("SELECT state, count(*) AS n FROM job GROUP BY state")
        return dict.fromkeys(JobState, 0) | {JobState(r["state"]): r["n"] for r in rows}

    # -- changing

    def add(self, transaction: Transaction, wanted: Wanted, priority: int) -> Job:
        """A new job at the end of the queue of its priority.

        Raises:
            Problem: 409, there is one for this model that is not over.
        """
        now = time.time()
        (row,) = transaction.execute("SELECT coalesce(max(position), 0) + 1 AS next FROM job")
        job = Job(new_id(now), wanted, JobState.QUEUED, priority, row["next"], now)
        try:
            transaction.execute(
                "INSERT INTO job(id, repository, revision, endpoint, patterns, state, priority, "
                "position, created_s) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                job.id,
                wanted.repository,
                wanted.revision,
                wanted.endpoint,
                _json(wanted.patterns),
                job.state,
                priority,
                job.position,
                now,
            )
        except sqlite3.IntegrityError as exc:
            raise already(wanted, rival_of(transaction, wanted)) from exc
        transaction.emit("state", job.id, self._describe(job))
        self._prune(transaction)
        return job

    def move(self, job_id: str, change: Change, **facts: Any) -> Job:
        """Let `change` happen to a job, and write `facts` (columns) with it.

        Raises:
            Problem: 404; 409, it cannot happen to this job now.
        """
        return self._ledger.write(lambda t: self.move_in(t, job_id, change, **facts))

    def move_in(self, transaction: Transaction, job_id: str, change: Change, **facts: Any) -> Job:
        """As `move`, in a transaction that does more."""
        job = self._in(transaction, job_id)
        try:
            state = after(job.state, change)
        except NoSuchChange as exc:
            raise Problem(
                409, "wrong_state", f"{exc}.", state=str(job.state), change=str(change)
            ) from exc
        now = time.time()
        facts["state"] = state
        if state in WORKING and job.state not in WORKING:
            facts |= {"started_s": now, "ended_s": None, "code": None, "error": None}
        elif job.state in WORKING and state not in WORKING:
            facts["active_s"] = job.active_s + now - (job.started_s or now)
        if state in ENDED:
            facts["ended_s"] = now
        if state is JobState.QUEUED and job.state in ENDED:
            facts |= {"ended_s": None, "code": None, "error": None}
        try:
            job = self._update(transaction, job_id, facts)
        except sqlite3.IntegrityError as exc:
            raise already(job.wanted, rival_of(transaction, job.wanted)) from exc
        transaction.emit("state", job_id, self._describe(job))
        return job

    def checkpoint(
        self,
        job_id: str,
        files: Iterable[FileCount],
        describe: Facts | None,
        **facts: Any,
    ) -> None:
        """Write soon how far a job is, and (with `describe`) tell it as an event."""
        rows = [
            (job_id, f.path, f.size_bytes, f.done_bytes, f.state, f.tries, f.note) for f in files
        ]

        def change(transaction: Transaction) -> None:
            job = self._update(transaction, job_id, facts)
            transaction.execute_many(
                "INSERT OR REPLACE INTO job_file VALUES(?, ?, ?, ?, ?, ?, ?)", rows
            )
            if describe is not None and job.state in WORKING:
                transaction.emit("progress", job_id, describe(job))

        self._ledger.post(change)

    def order(self, job_id: str, priority: int | None, before: str | None) -> Job:
        """Give a job another priority, or (and) the place before another one that waits.

        Raises:
            Problem: 404; 409, one of them does not wait.
        """

        def change(transaction: Transaction) -> Job:
            job = self._in(transaction, job_id)
            facts: dict[str, Any] = {} if priority is None else {"priority": priority}
            if before is not None:
                other = self._in(transaction, before)
                for each in (job, other):
                    if each.state not in (JobState.QUEUED, JobState.PAUSED):
                        raise Problem(
                            409, "wrong_state", f"the download {each.id} does not wait in the queue"
                        )
                facts |= {
                    "priority": other.priority,
                    "position": self._place_before(transaction, other),
                }
            job = self._update(transaction, job_id, facts)
            transaction.emit("state", job_id, self._describe(job))
            return job

        return self._ledger.write(change)

    def remove(self, job_id: str) -> None:
        """Forget a job that is over.

        Raises:
            Problem: 404.
        """

        def change(transaction: Transaction) -> None:
            self._in(transaction, job_id)
            transaction.execute("DELETE FROM job WHERE id = ?", job_id)
            transaction.execute("DELETE FROM job_file WHERE job_id = ?", job_id)
            transaction.execute("DELETE FROM event WHERE job_id = ?", job_id)
            transaction.emit("removed", job_id, {"id": job_id})

        self._ledger.write(change)

    def _place_before(self, transaction: Transaction, other: Job) -> float:
        place = place_before(transaction, other)
        if place is None:
            for job in number_anew(transaction):
                transaction.emit("state", job.id, self._describe(job))
            return self._place_before(transaction, self._in(transaction, other.id))
        return place

    def _in(self, transaction: Transaction, job_id: str) -> Job:
        rows = transaction.execute("SELECT * FROM job WHERE id = ?", job_id)
        if not rows:
            raise _unknown(job_id)
        return Job.from_row(rows[0])

    def _update(self, transaction: Transaction, job_id: str, facts: dict[str, Any]) -> Job:
        columns = "".join(f"{column} = ?, " for column in facts)
        rows = transaction.execute(
            f"UPDATE job SET {columns}rev = rev + 1 WHERE id = ? RETURNING *",
            *facts.values(),
            job_id,
        )
        if not rows:
            raise _unknown(job_id)
        return Job.from_row(rows[0])

    def _prune(self, transaction: Transaction) -> None:
        """Forget the oldest jobs and events, so that the file does not grow for ever."""
        old = f"SELECT id FROM job WHERE state IN ({_listed(ENDED)}) ORDER BY id DESC LIMIT -1"
        for row in transaction.execute(f"{old} OFFSET {_KEPT_ENDED}"):
            for sql in ("job WHERE id", "job_file WHERE job_id", "event WHERE job_id"):
                transaction.execute(f"DELETE FROM {sql} = ?", row["id"])
        transaction.execute(
            "DELETE FROM event WHERE id <= "
            f"(SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET {_KEPT_EVENTS})"
        )


def _unknown(job_id: str) -> Problem:
    return Problem(404, "no_such_download", f"There is no download {job_id}.")


def _listed(states: Iterable[JobState]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


def _json(values: Sequence[str]) -> str:
    return json.dumps(list(values))
