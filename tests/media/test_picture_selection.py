"""Leaving pictures out of the decoding changes nothing in those that are kept."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from group_movies import SELECTABLE, WHOLE
from movies import Movie, cut_off, damage, make_movie, read_number

from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.picture_groups import Chosen, Picture
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span, subtract, union


class Every:
    """Chooses all references, and of the rest what comes every `step` tenths of a second."""

    def __init__(self, step: int) -> None:
        self._step = step

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        due = [picture for picture in pictures if round(picture.time * 10) % self._step == 0]
        return Chosen([*due, *(picture for picture in pictures if picture.reference)])


class EntriesAlone:
    """Chooses the entry of every second group, and all references of the others."""

    def __init__(self) -> None:
        self._groups = 0

    def choose(self, pictures: Sequence[Picture], until: Fraction | None) -> Chosen:
        self._groups += 1
        if until is None or self._groups % 2:
            return Chosen([picture for picture in pictures if picture.reference])
        return Chosen([picture for picture in pictures if picture.entry])


def textured(number: int, width: int, height: int) -> np.ndarray:
    """Fine and coarse patterns that move, as a film has them."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin((x + 3 * number) / 9) + np.sin((y - number) / 7) + np.sin((x + y) / 3) / 2
    picture = 128 + 40 * waves[..., None] + np.array([20, 0, -20]) * np.cos(x / 31)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Movie]:
    """`numbered("pyramid.mp4")`: 8 s whose pictures show their number."""
    folder = tmp_path_factory.mktemp("numbered")
    made: dict[str, Movie] = {}

    def get(name: str) -> Movie:
        if name not in made:
            options = {**SELECTABLE, **WHOLE}[name]
            made[name] = make_movie(folder / name, **{"seconds": 8, **options})
        return made[name]

    return get


def decoded(path: Path, **options: Any) -> tuple[list[Frame], list[Gap]]:
    items = list(decode_frames(probe(path), **options))
    return (
        [item for item in items if isinstance(item, Frame)],
        [item for item in items if isinstance(item, Gap)],
    )


def likeness_db(one: Frame, other: Frame) -> float:
    """Peak signal-to-noise ratio of two pictures as a detector would see them."""
    error = (one.rgb(160).astype(float) - other.rgb(160)) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-9)))


@pytest.mark.parametrize("name", SELECTABLE)
def test_pictures_that_nothing_is_built_on_are_left_out_and_the_rest_is_the_same(
    numbered: Callable[[str], Movie], name: str
) -> None:
    path = numbered(name).path
    every, _ = decoded(path)

    chosen, gaps = decoded(path, selection=Every(5))

    assert gaps == []
    assert len(chosen) < 0.8 * len(every)
    by_time = {frame.time: frame for frame in every}
    for frame in chosen:
        assert read_number(frame) == read_number(by_time[frame.time])
        assert np.array_equal(frame.rgb(160), by_time[frame.time].rgb(160))
    assert chosen[0].time == every[0].time
    assert chosen[-1].time == every[-1].time


@pytest.mark.parametrize("name", SELECTABLE)
def test_a_frame_says_since_when_nothing_was_decoded(
    numbered: Callable[[str], Movie], name: str
) -> None:
    path = numbered(name).path
    times = [frame.time for frame in decoded(path)[0]]

    chosen, _ = decoded(path, selection=Every(1000))

    following = dict(pairwise(times))
    for before, frame in pairwise(chosen):
        assert frame.since == following[before.time]
    assert chosen[0].since == 0


@pytest.mark.parametrize("name", WHOLE)
def test_where_nothing_can_be_left_out_everything_comes(
    numbered: Callable[[str], Movie], name: str
) -> None:
    movie = numbered(name)

    frames, gaps = decoded(movie.path, selection=Every(1000), smooth=False)

    assert [read_number(frame) for frame in frames] == list(range(len(movie.times)))
    assert all(frame.since == frame.time for frame in frames)
    assert gaps == []


@pytest.mark.parametrize("name", SELECTABLE)
def test_after_entries_alone_no_picture_is_garbage(
    numbered: Callable[[str], Movie], name: str
) -> None:
    """The pictures before an open group's entry are built on the group before."""
    path = numbered(name).path
    by_time = {frame.time: frame for frame in decoded(path)[0]}

    chosen, gaps = decoded(path, selection=EntriesAlone())

    assert gaps == []
    for frame in chosen:
        assert np.array_equal(frame.rgb(160), by_time[frame.time].rgb(160))
    assert len(chosen) < 0.9 * len(by_time)


@pytest.mark.parametrize("name", ["pyramid.mp4", "hevc-10-bit.mkv"])
def test_without_smoothing_pictures_stay_alike(tmp_path: Path, name: str) -> None:
    path = make_movie(
        tmp_path / name, seconds=3, size=(480, 270), paint=textured, **SELECTABLE[name]
    ).path
    every, _ = decoded(path)

    rough, gaps = decoded(path, smooth=False)

    assert gaps == []
    assert [frame.time for frame in rough] == [frame.time for frame in every]
    likeness = [likeness_db(one, other) for one, other in zip(rough, every, strict=True)]
    assert min(likeness) >= 43
    assert min(likeness) < 90, "the filter really is left out"


@pytest.mark.parametrize("name", ["pyramid.mp4", "pyramid.mkv", "vfr.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("count", [8, 3000])
def test_all_that_damage_spoils_of_what_is_decoded_lies_in_a_gap(
    tmp_path: Path, numbered: Callable[[str], Movie], name: str, share: float, count: int
) -> None:
    path = Path(shutil.copy(numbered(name).path, tmp_path / name))
    good = {f.time: f.rgb(80).astype(int) for f in decoded(path, selection=Every(5))[0]}
    damage(path, share, count, seed=count)

    frames, gaps = decoded(path, selection=Every(5))

    shown = {frame.time: frame.rgb(80).astype(int) for frame in frames}
    unknown = union(gap.span for gap in gaps)
    times = sorted(good)
    spoilt = [
        Span(time, end)
        for time, end in zip(times, [*times[1:], times[-1] + Fraction(1, 10)], strict=True)
        if time not in shown or np.abs(shown[time] - good[time]).max() > 60
    ]
    assert [left for span in spoilt for left in subtract(span, unknown)] == []
    assert sum(span.duration for span in unknown) < 6


@pytest.mark.parametrize("name", ["pyramid.mp4", "hevc-10-bit.mkv"])
def test_a_file_that_is_cut_off_ends_in_a_gap(
    tmp_path: Path, numbered: Callable[[str], Movie], name: str
) -> None:
    path = Path(shutil.copy(numbered(name).path, tmp_path / name))
    cut_off(path, 0.6)

    frames, gaps = decoded(path, selection=Every(5))

    assert "ends early" in gaps[-1].reason
    assert abs(gaps[-1].span.end - 8) < Fraction(3, 10)
    seen = [f for f in frames if not gaps[-1].span.contains(f.time)]
    assert [read_number(frame) for frame in seen] == [round(frame.time * 10) for frame in seen]
    assert len(seen) > 8


@pytest.mark.parametrize("name", ["a.avi", "a.h264"])
def test_formats_without_time_stamps_leave_nothing_out(tmp_path: Path, name: str) -> None:
    """What FFmpeg makes up for the packets is not when their pictures are shown."""
    movie = make_movie(tmp_path / name, seconds=3)

    frames, gaps = decoded(movie.path, selection=Every(1000))

    assert [read_number(frame) for frame in frames] == list(range(30))
    every, known = decoded(movie.path)
    assert [frame.time for frame in frames] == [frame.time for frame in every]
    assert gaps == known


def test_closing_early_leaves_no_open_file_and_no_thread(
    numbered: Callable[[str], Movie],
) -> None:
    info = probe(numbered("pyramid.mp4").path)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()

    frames = decode_frames(info, selection=Every(5))
    next(frames)
    frames.close()

    after = len(os.listdir("/proc/self/fd")), threading.active_count()
    # What an earlier test left behind may have ended meanwhile.
    assert all(now <= then for now, then in zip(after, before, strict=True))
