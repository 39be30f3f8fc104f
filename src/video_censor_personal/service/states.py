"""The life of a download, as a table; nothing here touches a disk or a clock.

queued ──start──> running <──fetch── verifying ──finish──> done
  │  ^              │ └────verify────────^  │
  │  └─interrupt────┴───────────────────────┘      (the server stopped: it goes on later)
  └──pause──> paused ──resume──> queued
queued, running, verifying, paused ──cancel──> cancelled ──retry──> queued
queued, running, verifying ──fail──> failed ──retry──> queued
"""

from __future__ import annotations

import enum

__all__ = ["ACTIVE", "ENDED", "WORKING", "Change", "JobState", "NoSuchChange", "after"]


class JobState(enum.StrEnum):
    """Where a download is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    VERIFYING = "verifying"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Change(enum.StrEnum):
    """What can happen to a download."""

    START = "start"
    VERIFY = "verify"
    FETCH = "fetch"
    INTERRUPT = "interrupt"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    FINISH = "finish"
    FAIL = "fail"


WORKING = frozenset({JobState.RUNNING, JobState.VERIFYING})
"""A thread is at it."""

ACTIVE = WORKING | {JobState.QUEUED, JobState.PAUSED}
"""It is to become a model, now or later; there is one such job a model at most."""

ENDED = frozenset(JobState) - ACTIVE

_TABLE: dict[Change, tuple[frozenset[JobState], JobState]] = {
    Change.START: (frozenset({JobState.QUEUED}), JobState.RUNNING),
    Change.VERIFY: (frozenset({JobState.RUNNING}), JobState.VERIFYING),
    Change.FETCH: (frozenset({JobState.VERIFYING}), JobState.RUNNING),
    Change.INTERRUPT: (WORKING, JobState.QUEUED),
    Change.PAUSE: (WORKING | {JobState.QUEUED}, JobState.PAUSED),
    Change.RESUME: (frozenset({JobState.PAUSED}), JobState.QUEUED),
    Change.CANCEL: (ACTIVE, JobState.CANCELLED),
    Change.RETRY: (frozenset({JobState.FAILED, JobState.CANCELLED}), JobState.QUEUED),
    Change.FINISH: (WORKING, JobState.DONE),
    Change.FAIL: (WORKING | {JobState.QUEUED}, JobState.FAILED),
}


class NoSuchChange(Exception):
    """`change` cannot happen to a download in `state`."""

    def __init__(self, state: JobState, change: Change) -> None:
        self.state, self.change = state, change
        super().__init__(f"a download that is {state} cannot {change}")


def after(state: JobState, change: Change) -> JobState:
    """The state that `change` leads to.

    Raises:
        NoSuchChange: it cannot happen in `state`.
    """
    sources, target = _TABLE[change]
    if state not in sources:
        raise NoSuchChange(state, change)
    return target
