"""A download as a value: what was asked for, how far it is, how it ended."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from video_censor_personal.service.states import JobState

__all__ = ["FileCount", "Job", "Wanted", "new_id"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model that somebody asked for.

    Attributes:
        repository: `org/name`.
        revision: a branch, tag or commit; None: what `main` is when the download starts.
        endpoint: the hub, without a slash at its end.
        patterns: which files (shell patterns); empty: all that the policy permits.
    """

    repository: str
    revision: str | None
    endpoint: str
    patterns: tuple[str, ...] = ()

    @property
    def branch(self) -> str:
        """What the revision is called at the hub."""
        return self.revision or "main"

    def is_same_model(self, other: Wanted) -> bool:
        """Whether both ask for the same revision, under the same name, of the same hub."""
        own, others = ((each.endpoint, each.repository, each.branch) for each in (self, other))
        return own == others


@dataclass(frozen=True, slots=True)
class FileCount:
    """One file of a job. `state` is a `transfer.Phase` value, or `present`."""

    path: str
    size_bytes: int
    done_bytes: int
    state: str
    tries: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the ledger. Times are Unix seconds.

    Attributes:
        position: jobs of the same priority start in this order, lowest first.
        active_s: how long it has been worked on, over all its runs.
        done_bytes: of the model's files that are here and not known to be wrong.
        fetched_bytes: that came over the network for it, over all its runs.
        retries: how often a try for one of its files failed and another one followed.
        code, error: why it failed, for programs and for people.
        left_out: files that the policy does not let in.
        rev: grows with every change; who shows jobs keeps the highest.
    """

    id: str
    wanted: Wanted
    state: JobState
    priority: int
    position: float
    created_s: float
    commit: str | None = None
    started_s: float | None = None
    ended_s: float | None = None
    active_s: float = 0.0
    total_bytes: int | None = None
    done_bytes: int = 0
    fetched_bytes: int = 0
    retries: int = 0
    code: str | None = None
    error: str | None = None
    left_out: tuple[str, ...] = ()
    rev: int = 1

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Job:
        """The job in a row of the table `job`."""
        return cls(
            id=row["id"],
            wanted=Wanted(
                row["repository"],
                row["revision"],
                row["endpoint"],
                _strings(row["patterns"]),
            ),
            state=JobState(row["state"]),
            priority=row["priority"],
            position=row["position"],
            created_s=row["created_s"],
            commit=row["commit_id"],
            started_s=row["started_s"],
            ended_s=row["ended_s"],
            active_s=row["active_s"],
            total_bytes=row["total_bytes"],
            done_bytes=row["done_bytes"],
            fetched_bytes=row["fetched_bytes"],
            retries=row["retries"],
            code=row["code"],
            error=row["error"],
            left_out=_strings(row["left_out"]),
            rev=row["rev"],
        )


def new_id(now_s: float) -> str:
    """An identifier that nobody can guess; later ones sort behind earlier ones."""
    return f"{int(now_s * 1000):011x}{secrets.token_hex(6)}"


def _strings(text: str) -> tuple[str, ...]:
    values: Sequence[str] = json.loads(text)
    return tuple(values)
