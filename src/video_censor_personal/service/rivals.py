"""Two jobs for one model: which of them is there already, and how that is said."""

from __future__ import annotations

from video_censor_personal.service.jobs import Job, Wanted
from video_censor_personal.service.ledger import Transaction
from video_censor_personal.service.problems import Problem
from video_censor_personal.service.states import ACTIVE, JobState

__all__ = ["already", "rival_of"]


def rival_of(transaction: Transaction, wanted: Wanted) -> Job:
    """The job that is not over and wants the same; there must be one."""
    jobs = [
        Job.from_row(row)
        for row in transaction.execute(
            "SELECT * FROM job WHERE endpoint = ? AND repository = ? "
            "AND coalesce(revision, 'main') = ?",
            wanted.endpoint,
            wanted.repository,
            wanted.branch,
        )
    ]
    return next(job for job in jobs if job.state in ACTIVE)


def already(wanted: Wanted, job: Job) -> Problem:
    """The problem that `job` is to bring a model when somebody asks for it again, as `wanted`."""
    doing, then = "is downloading already", ""
    if job.state is JobState.QUEUED:
        doing = "waits to be downloaded already"
    elif job.state is JobState.PAUSED:
        doing, then = "was begun already and is paused", "; resume that"
    name = "" if job.wanted.branch == wanted.branch else f" as {job.wanted.branch}"
    return Problem(
        409,
        "already_downloading",
        f"{wanted.repository} ({wanted.branch}) {doing}{name} (download {job.id}){then}.",
        download_id=job.id,
        state=str(job.state),
    )
