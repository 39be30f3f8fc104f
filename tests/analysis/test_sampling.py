"""Which frames are looked at, by time, and what is kept of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import clip, frame, meadow, scaled, with_portrait

from video_censor_personal.analysis.sampling import Sample, sample
from video_censor_personal.config import FrameSampling
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.timeline import Span

SMALL = np.zeros((16, 16, 3), np.uint8)
BYTES = frame(SMALL).video_frame.planes[0].buffer_size


def at(times: Iterable[float | Fraction]) -> list[Frame]:
    return [frame(SMALL, Fraction(time).limit_denominator(1000)) for time in times]


def run(
    items: Iterable[Frame | Gap], strategy: str = "uniform", rate: float = 0.5, **limits: int
) -> list[Sample]:
    sampling = FrameSampling(strategy, rate)  # type: ignore[arg-type]
    return [s for s in sample(items, sampling, **limits) if isinstance(s, Sample)]


def times(samples: Sequence[Sample]) -> list[float]:
    return [float(item.frame.time) for item in samples]


def test_uniform_looks_every_so_many_seconds_and_at_the_last_frame() -> None:
    frames = at(Fraction(n, 10) for n in range(23))
    assert times(run(frames)) == [0, 0.5, 1, 1.5, 2, 2.2]


def test_a_variable_frame_rate_is_sampled_by_time_not_by_number() -> None:
    frames = at([0, 0.1, 0.2, 0.3, 0.4, 2.0, 2.1, 2.4, 2.6, 3.7, 3.8])
    assert times(run(frames)) == [0, 2.0, 2.6, 3.7, 3.8]


def test_times_that_fall_between_frames_do_not_drift() -> None:
    """At 24 frames a second and 0.1 s, each sample is the first frame from its tenth on."""
    frames = at(Fraction(n, 24) for n in range(240))
    due = [next(f.time for f in frames if f.time >= Fraction(n, 10)) for n in range(100)]
    assert [item.frame.time for item in run(frames, rate=0.1)][:-1] == due


def test_a_single_frame_is_looked_at_once() -> None:
    assert times(run(at([0]))) == [0]
    assert run([]) == []


def test_all_looks_at_every_frame() -> None:
    frames = at([0, 0.04, 0.08, 0.5])
    assert times(run(frames, "all")) == [0, 0.04, 0.08, 0.5]


@pytest.mark.parametrize("strategy", ["uniform", "scene_based", "all"])
def test_the_frames_beside_a_gap_are_looked_at_and_the_gap_passes_through(strategy: str) -> None:
    gap = Gap(Span.of(0.8, 3), "damaged")
    items = [*at([0, 0.2, 0.4, 0.7]), gap, *at([3.1, 3.2, 3.3, 4])]
    out = list(sample(items, FrameSampling(strategy, 2)))  # type: ignore[arg-type]
    looked = [float(item.frame.time) if isinstance(item, Sample) else item for item in out]
    assert gap in looked
    assert looked[looked.index(gap) - 1] == 0.7
    assert looked[looked.index(gap) + 1] == 3.1


def test_what_was_passed_over_comes_with_the_next_sample() -> None:
    first, second, third = run(at([0, 0.1, 0.2, 0.3, 0.5, 0.6]))
    assert first.passed == ()
    assert [float(m.frame.time) for m in second.passed] == [0.1, 0.2, 0.3]
    assert all(m.since == m.frame.time for m in second.passed)
    assert second.since == Fraction(1, 10)
    assert third.since == third.frame.time == Fraction(6, 10)


@given(
    count=st.integers(1, 200),
    capacity=st.integers(1, 9),
    rate=st.sampled_from([0.1, 0.5, 2.0, 60.0]),
)
def test_memory_is_bounded_and_no_time_goes_unnoticed(
    count: int, capacity: int, rate: float
) -> None:
    frames = at(Fraction(n, 25) for n in range(count))
    samples = run(frames, rate=rate, kept_bytes=capacity * BYTES)
    assert samples[0].frame is frames[0]
    assert samples[-1].frame is frames[-1]
    previous = -1
    for item in samples:
        assert len(item.passed) <= capacity
        for moment in (*item.passed, item.moment):
            number = frames.index(moment.frame)
            assert moment.since == frames[previous + 1].time
            previous = number


def test_moments_are_thinned_out_evenly() -> None:
    (_, last) = run(at(Fraction(n, 25) for n in range(101)), rate=60, kept_bytes=10 * BYTES)
    steps = np.diff([float(m.frame.time) for m in (*last.passed, last.moment)])
    assert len(last.passed) >= 5
    assert max(steps) <= 2.1 * min(steps[:-1])


def test_large_moments_are_kept_smaller_before_any_is_let_go() -> None:
    large = av.VideoFrame.from_ndarray(with_portrait(200, 100, 1280, 720), format="rgb24")
    large = large.reformat(format="yuv420p")
    frames = [Frame(Fraction(n, 10), large) for n in range(20)]
    limit = 10 * sum(plane.buffer_size for plane in large.planes)

    (_, last) = run(frames, rate=60, kept_bytes=limit)

    assert [moment.frame.time for moment in last.passed] == [f.time for f in frames[1:-1]]
    assert all(moment.since == moment.frame.time for moment in last.passed)
    assert sum(moment.size_bytes for moment in last.passed) <= limit
    small, full = last.passed[0].frame, last.passed[-1].frame
    assert (small.width, full.width) == (640, 1280)
    assert np.abs(small.rgb(320).astype(int) - full.rgb(320)).mean() < 3


# -- shots

SHOTS = [Fraction(0), Fraction(7, 10), Fraction(2), Fraction(23, 10)]
"""Where the shots of the test movie begin: the third one is shorter than a sampling step."""


def moving_shots() -> Iterator[Frame]:
    """Four shots at 10 frames a second, each with the camera moving over a scene of its own."""
    scenes = [with_portrait(200, 40, 640, 400), meadow(640, 400, 1), meadow(640, 400, 2)]
    scenes.append(with_portrait(50, 80, 640, 400)[:, ::-1])

    def paint(time: Fraction) -> np.ndarray:
        shot = max(n for n, start in enumerate(SHOTS) if start <= time)
        shift = round(float(time - SHOTS[shot]) * 60)
        return scaled(scenes[shot][shift // 2 :, shift : shift + 500][:200], 250, 100)

    return clip(3.5, 10, paint)


def test_every_shot_is_looked_at_from_its_first_frame_to_its_last() -> None:
    samples = run(moving_shots(), "scene_based", 1.0)
    starts = [item.frame.time for item in samples if item.starts_shot]
    assert starts == SHOTS[1:]
    looked = {item.frame.time for item in samples}
    assert {start - Fraction(1, 10) for start in SHOTS[1:]} <= looked
    assert Fraction(17, 10) in looked, "inside a shot it goes on by the sampling rate"
    assert len(samples) == 10


def test_uniform_sampling_does_not_look_for_shots() -> None:
    assert times(run(moving_shots(), "uniform", 1.0)) == [0, 1, 2, 3, 3.4]


def test_a_moving_camera_is_no_cut() -> None:
    wide = meadow(1600, 200, 5)
    wild = np.random.default_rng(3).integers(0, 40, wide.shape, dtype=np.uint8)
    scene = wide + wild

    def pan(time: Fraction) -> np.ndarray:
        left = round(float(time) * 500)
        return scene[:, left : left + 320]

    samples = run(clip(2, 10, pan), "scene_based", 10.0)
    assert times(samples) == [0, 1.9]


def test_a_new_picture_size_starts_a_shot() -> None:
    frames = [frame(meadow(64, 48), 0), frame(meadow(48, 64), 1)]
    assert [item.starts_shot for item in run(frames, "scene_based")] == [False, True]
