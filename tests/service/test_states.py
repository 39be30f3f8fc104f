"""The life of a download as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_censor_personal.service.states import (
    ACTIVE,
    ENDED,
    WORKING,
    Change,
    JobState,
    NoSuchChange,
    after,
)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        (["start", "verify", "finish"], "done"),
        (["start", "finish"], "done"),
        (["start", "verify", "fetch", "verify", "finish"], "done"),
        (["pause", "resume", "start", "pause", "resume", "start", "fail", "retry"], "queued"),
        (["start", "interrupt", "start", "verify", "interrupt"], "queued"),
        (["start", "cancel", "retry", "start", "finish"], "done"),
        (["pause", "cancel"], "cancelled"),
    ],
)
def test_lives(changes, state):
    now = JobState.QUEUED
    for change in changes:
        now = after(now, Change(change))
    assert now == state


@pytest.mark.parametrize(
    ("state", "change"),
    [
        ("done", "cancel"),
        ("done", "retry"),
        ("paused", "start"),
        ("queued", "resume"),
        ("failed", "pause"),
        ("queued", "finish"),
        ("running", "start"),
    ],
)
def test_what_cannot_happen_is_refused_with_both_names(state, change):
    with pytest.raises(NoSuchChange, match=f"{state}.*{change}"):
        after(JobState(state), Change(change))


@given(st.lists(st.sampled_from(Change), max_size=30))
def test_whatever_happens_only_working_jobs_become_done(changes):
    state = JobState.QUEUED
    for change in changes:
        try:
            now = after(state, change)
        except NoSuchChange:
            continue
        assert now is not JobState.DONE or state in WORKING
        assert state is not JobState.DONE
        state = now


def test_every_state_is_active_or_ended():
    assert set(JobState) == ACTIVE | ENDED
    assert not ACTIVE & ENDED
