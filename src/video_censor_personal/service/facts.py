"""Downloads as programs see them: the same in answers, events and webhooks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from video_censor_personal.service.counts import Counts
from video_censor_personal.service.jobs import FileCount, Job
from video_censor_personal.service.problems import is_retryable
from video_censor_personal.service.states import WORKING

__all__ = ["describe_file", "describe_job", "timestamp"]


def describe_job(job: Job, counts: Counts | None = None) -> dict[str, Any]:
    """A job, with `counts` of its run if it has one now."""
    return {
        "id": job.id,
        "rev": job.rev,
        "model": {"hf_repo": job.wanted.repository, "hf_commit": job.wanted.revision},
        "endpoint": job.wanted.endpoint,
        "patterns": list(job.wanted.patterns),
        "state": str(job.state),
        "priority": job.priority,
        "position": job.position,
        "commit": job.commit,
        "created_at": timestamp(job.created_s),
        "started_at": timestamp(job.started_s),
        "ended_at": timestamp(job.ended_s),
        "progress": _describe_progress(job, counts or Counts()),
        "retries": job.retries + (counts.retries if counts else 0),
        "last_error": (counts.note if counts else "") or None,
        "error": _describe_error(job),
        "left_out": list(job.left_out),
    }


def describe_file(file: FileCount) -> dict[str, Any]:
    """One file of a job."""
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "done_bytes": file.done_bytes,
        "state": file.state,
        "retries": file.tries,
        "last_error": file.note or None,
    }


def timestamp(seconds: float | None) -> str | None:
    """Unix seconds as RFC 3339 in UTC."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _describe_progress(job: Job, counts: Counts) -> dict[str, Any]:
    working = job.state in WORKING
    known = counts.total_bytes is not None
    elapsed = job.active_s
    if working and job.started_s is not None:
        elapsed += max(0.0, time.time() - job.started_s)
    eta_s = counts.eta_s if working else None
    return {
        "done_bytes": counts.done_bytes if known else job.done_bytes,
        "total_bytes": counts.total_bytes if known else job.total_bytes,
        "fetched_bytes": job.fetched_bytes + counts.fetched_bytes,
        "bytes_per_s": round(counts.bytes_per_s) if working else 0,
        "mean_bytes_per_s": round(counts.mean_bytes_per_s)
        if counts.mean_bytes_per_s
        else round(job.fetched_bytes / elapsed)
        if elapsed
        else 0,
        "eta_s": None if eta_s is None else round(eta_s, 1),
        "elapsed_s": round(elapsed, 3),
    }


def _describe_error(job: Job) -> dict[str, Any] | None:
    if job.code is None:
        return None
    return {"code": job.code, "message": job.error or "", "retryable": is_retryable(job.code)}
