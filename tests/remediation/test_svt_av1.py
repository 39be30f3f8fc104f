"""SVT-AV1 makes its threads real-time ones where it may; nothing of that may stay."""

import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from flagged import copy, seen, segment
from movies import make_movie

from video_censor_personal.remediation import svt_av1

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root's threads are changed"
)


def policies() -> list[int]:
    """How each thread of this process is scheduled."""
    return [os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")]


def test_no_thread_has_another_priority_while_it_encodes_or_afterwards() -> None:
    encoder = av.CodecContext.create("libsvtav1", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "10"}
    before = len(policies())
    with svt_av1.contained():
        encoder.open()
        assert os.SCHED_FIFO in policies()  # else there is nothing to hold back any more
    assert len(policies()) > before
    assert set(policies()) == {os.SCHED_OTHER}
    picture = av.VideoFrame(64, 64, "yuv420p")
    picture.pts = 0
    assert [*encoder.encode(picture), *encoder.encode(None)]
    assert set(policies()) == {os.SCHED_OTHER}


def test_a_priority_that_was_chosen_stays() -> None:
    chosen = (os.SCHED_RR, 3)
    os.sched_setscheduler(0, chosen[0], os.sched_param(chosen[1]))
    try:
        with svt_av1.contained():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
        kept = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    assert kept == chosen


@pytest.mark.parametrize("options", [{"preset": "10", "g": "24"}, {"preset": "10", "g": "1000"}])
def test_a_copy_leaves_it_as_it_was(tmp_path: Path, options: dict[str, str]) -> None:
    movie = make_movie(tmp_path / "a.mkv", video_codec="libsvtav1", video_options=options)
    copy(movie.path, tmp_path / "b.mkv", segment(seen("nudity", 1, 1.5)))
    assert set(policies()) == {os.SCHED_OTHER}
