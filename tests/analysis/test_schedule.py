"""What is decoded for a sampling: no less than it looks at, and no more than it must."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from group_movies import SELECTABLE, WHOLE
from hypothesis import given
from hypothesis import strategies as st
from movies import damage, make_movie

from video_censor_personal.analysis.sampling import Sample, sample
from video_censor_personal.analysis.schedule import selection
from video_censor_personal.config import FrameSampling
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.picture_groups import Chosen, Picture, Selection
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

FPS = 10
TINY = av.VideoFrame(16, 16, "gray")


def items(
    path: Path, sampling: FrameSampling, *, select: bool = True, threads: int = 2
) -> Iterator[Frame | Gap]:
    return decode_frames(
        probe(path), threads=threads, selection=selection(sampling) if select else None
    )


def samples(found: Iterable[Sample | Gap]) -> list[Sample]:
    return [item for item in found if isinstance(item, Sample)]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def film(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        make_movie(path, seconds=8, fps=FPS, **{**SELECTABLE, **WHOLE}[name])
    return path


# -- uniform


@pytest.mark.parametrize(("rate", "threads"), [(0.3, 1), (0.3, 3), (1.0, 2)])
@pytest.mark.parametrize("name", [*SELECTABLE, *WHOLE])
def test_the_samples_are_those_of_decoding_everything(
    films: Path, name: str, rate: float, threads: int
) -> None:
    path, sampling = film(films, name), FrameSampling("uniform", rate)

    thorough = samples(sample(items(path, sampling, select=False), sampling))
    spare = samples(sample(items(path, sampling, threads=threads), sampling))

    assert [item.frame.time for item in spare] == [item.frame.time for item in thorough]
    assert [item.since for item in spare] == [item.since for item in thorough]
    for one, other in zip(spare, thorough, strict=True):
        assert np.array_equal(one.frame.rgb(160), other.frame.rgb(160))


@pytest.mark.parametrize("name", SELECTABLE)
def test_between_two_samples_hardly_a_picture_goes_unseen(films: Path, name: str) -> None:
    """What was not decoded counts as not looked at, and is at most two pictures long."""
    path, sampling = film(films, name), FrameSampling("uniform", 1)
    every = [item for item in items(path, sampling, select=False) if isinstance(item, Frame)]
    times = [frame.time for frame in every]
    number = {time: count for count, time in enumerate(times)}

    found = samples(sample(items(path, sampling), sampling))

    moments = [m for item in found for moment in item.moments for m in item.opened(moment)]
    for before, moment in pairwise(moments):
        assert number[moment.since] == number[before.frame.time] + 1
        assert number[moment.frame.time] - number[moment.since] <= 2
    assert len(moments) < 0.8 * len(times)
    by_time = {frame.time: frame for frame in every}
    for moment in moments:
        assert np.array_equal(moment.frame.rgb(160), by_time[moment.frame.time].rgb(160))


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("count", [8, 3000])
def test_what_is_looked_at_in_a_damaged_file_is_good_or_lies_in_a_gap(
    films: Path, tmp_path: Path, share: float, count: int
) -> None:
    sampling = FrameSampling("uniform", 0.5)
    path = film(films, "pyramid.mkv")
    good = {i.time: i.rgb(80).astype(int) for i in items(path, sampling) if isinstance(i, Frame)}
    broken = Path(shutil.copy(path, tmp_path / path.name))
    damage(broken, share, count, seed=count)

    found = list(sample(items(broken, sampling), sampling))

    gaps = [item.span for item in found if isinstance(item, Gap)]
    assert gaps
    for item in samples(found):
        if not any(gap.contains(item.frame.time) for gap in gaps):
            assert np.abs(item.frame.rgb(80) - good[item.frame.time]).max() <= 60
    covered = [*gaps, *(Span(item.since, item.frame.time) for item in samples(found))]
    assert max(span.duration for span in covered) < 5


# -- placed where it costs least


@st.composite
def streams(draw: st.DrawFn) -> list[list[Picture]]:
    """Groups as odd as they come: pictures at any distance, entries rare or close, groups in parts
    that begin with no entry, some shown before the entry, hardly a reference."""
    time, made = Fraction(0), []
    for _ in range(draw(st.integers(1, 8))):
        gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 9, 35]), min_size=1, max_size=30))
        times = [time := time + Fraction(gap, 10) for gap in gaps]
        at = draw(st.sampled_from([0, 0, 0, min(3, len(times) - 1), None]))
        rare = draw(st.sampled_from([1, 2, 4, 100]))
        made.append([Picture(t, n == at, n == at or n % rare == 0) for n, t in enumerate(times)])
    return made


def entry_of(group: Sequence[Picture]) -> Fraction | None:
    return next((picture.time for picture in group if picture.entry), None)


def chosen(film: Sequence[list[Picture]], chooser: Selection) -> list[Chosen]:
    """What is chosen of each group, the last picture added as when decoding."""
    made = []
    for group, following in zip(film, [*film[1:], None], strict=True):
        until = entry_of(following) if following else None
        made.append(chooser.choose(group, until))
    return [*made[:-1], Chosen({*made[-1].wanted, film[-1][-1]}, made[-1].between)]


@given(film=streams(), strategy=st.sampled_from(["uniform", "keyframes"]))
def test_no_picture_a_step_after_a_look_comes_before_the_next_one(
    film: list[list[Picture]], strategy: Any
) -> None:
    chooser = selection(FrameSampling(strategy, 1), sparing=True)
    assert chooser is not None

    looks = sorted({p.time for choice in chosen(film, chooser) for p in choice.wanted})

    times = [picture.time for group in film for picture in group]
    assert times[0] == looks[0]
    assert times[-1] == looks[-1]
    for before, after in pairwise(looks):
        assert not any(before + 1 <= time < after for time in times)


@given(film=streams(), lost=st.integers(0, 5), gap_at=st.integers(0, 40))
def test_no_step_goes_by_without_a_look_where_chosen_frames_never_come(
    film: list[list[Picture]], lost: int, gap_at: int
) -> None:
    sampling = FrameSampling("uniform", 1)
    chooser = selection(sampling, sparing=True)
    assert chooser is not None
    due = {p.time for choice in chosen(film, chooser) for p in choice.wanted}
    came = [Frame(p.time, TINY, due=p.time in due) for group in film for p in group]
    came = [frame for n, frame in enumerate(came) if not frame.due or n % 6 != lost]
    items: list[Frame | Gap] = [*came]
    items.insert(gap_at, Gap(Span(Fraction(0), Fraction(0)), "damaged"))

    looked = [item.frame.time for item in samples(sample(items, sampling))]

    times = [frame.time for frame in came]
    for before, after in pairwise(looked):
        assert not any(before + 1 <= time < after for time in times)
    assert {frame.time for frame in came if frame.due} <= {*looked}


@pytest.mark.parametrize("length", [11, 24, 30, 33])
def test_the_last_look_of_a_group_leaves_a_whole_step_that_others_need_not(length: int) -> None:
    sampling = FrameSampling("uniform", 1)
    film = groups([Fraction(length, 10)] * 4)
    chooser = selection(sampling, sparing=True)
    assert chooser is not None
    for group, following, choice in zip(film[:-1], film[1:], chosen(film, chooser), strict=False):
        wanted = sorted(choice.wanted, key=lambda picture: picture.time)
        assert wanted[0] == group[0], "the entry is decoded anyway"
        assert all(picture.reference for picture in wanted)
        left = following[0].time - wanted[-1].time
        assert Fraction(8, 10) <= left <= 1
        assert len(wanted) <= math.ceil(length / 8)


@pytest.mark.parametrize("seconds", [1, 2])
def test_a_whole_number_of_seconds_at_a_rate_beside_it_needs_no_more_looks(seconds: int) -> None:
    """24 pictures at 23.976 a second take 1.001 s; a grid looks at the first one from 1 s on."""
    fps, count = Fraction(24000, 1001), 24 * seconds
    film = [
        [Picture((n + start) / fps, n == 0, n % 2 == 0) for n in range(count)]
        for start in range(0, 10 * count, count)
    ]
    chooser = selection(FrameSampling("uniform", 1), sparing=True)
    assert chooser is not None
    assert {len(choice.wanted) for choice in chosen(film, chooser)[:-1]} == {seconds}


def test_no_look_more_is_made_for_the_sake_of_a_reference() -> None:
    film = [
        [Picture(Fraction(n + 48 * group, 24), n == 0, n % 5 == 0) for n in range(48)]
        for group in range(5)
    ]
    chooser = selection(FrameSampling("uniform", 1), sparing=True)
    assert chooser is not None
    assert [len(choice.wanted) for choice in chosen(film, chooser)[:-1]] == [2] * 4


def test_of_short_groups_only_entries_are_looked_at_and_of_those_no_more_than_needed() -> None:
    chooser = selection(FrameSampling("uniform", 1), sparing=True)
    assert chooser is not None
    choices = chosen(groups([Fraction(4, 10)] * 10), chooser)
    looks = [[float(picture.time) for picture in choice.wanted] for choice in choices[:-1]]
    assert looks == [[0.0], [], [0.8], [], [1.6], [], [2.4], [], [3.2]]  # and not 1.2 s apart


@pytest.mark.parametrize("name", SELECTABLE)
@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_sparing_selection_chose_is_what_is_looked_at(
    films: Path, name: str, threads: int
) -> None:
    path, sampling = film(films, name), FrameSampling("uniform", 1)
    every = {i.time: i for i in items(path, sampling, select=False) if isinstance(i, Frame)}
    chooser = selection(sampling, sparing=True)

    frames = [*decode_frames(probe(path), threads=threads, selection=chooser)]
    looks = samples(sample(frames, sampling))

    due = [frame.time for frame in frames if isinstance(frame, Frame) and frame.due]
    assert [item.frame.time for item in looks] == due
    times = sorted(every)
    assert (due[0], due[-1]) == (times[0], times[-1])
    for before, after in pairwise(due):
        assert after - before <= 1 or times.index(after) == times.index(before) + 1
    for frame in frames:
        assert isinstance(frame, Frame), "no gap"
        assert np.array_equal(frame.rgb(160), every[frame.time].rgb(160))


# -- key frames


def groups(gaps: Sequence[Fraction]) -> list[list[Picture]]:
    """Groups whose entries are `gaps` apart, with pictures every tenth of a second."""
    made, start = [], Fraction(0)
    for gap in gaps:
        count = max(1, int(gap * FPS))
        made.append([Picture(start + Fraction(n, FPS), n == 0, n % 2 == 0) for n in range(count)])
        start += gap
    return made


@given(
    gaps=st.lists(st.integers(1, 40).map(lambda n: Fraction(n, 10)), min_size=1, max_size=12),
    rate=st.sampled_from([0.5, 1.0, 3.0]),
)
def test_key_frames_alone_keep_the_promised_rate(gaps: list[Fraction], rate: float) -> None:
    sampling = FrameSampling("keyframes", rate)
    chooser = selection(sampling)
    assert chooser is not None
    film = groups(gaps)
    chosen = []
    for group, following in zip(film, [*film[1:], None], strict=True):
        until = following[0].time if following else None
        choice = chooser.choose(group, until)
        picked = sorted({*choice.wanted, *choice.between}, key=lambda picture: picture.time)
        references = {picture for picture in group if picture.reference}
        assert references <= {*picked} or picked in ([group[0]], [])
        chosen += [Frame(p.time, TINY, due=p in choice.wanted) for p in picked]

    looked = [item.frame.time for item in samples(sample(chosen, sampling))]

    times = [picture.time for group in film for picture in group]
    for before, after in pairwise(looked):
        due = next((time for time in times if time >= before + Fraction(rate)), times[-1])
        assert after <= due


def test_where_key_frames_are_close_nothing_else_is_decoded(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.mp4", seconds=12, video_options={"g": "5"}).path
    sampling = FrameSampling("keyframes", 1)

    frames = [item for item in items(path, sampling) if isinstance(item, Frame)]

    assert all(frame.video_frame.key_frame for frame in frames[:-5])
    assert len(frames) < 12 + 5
    looked = [item.frame.time for item in samples(sample(frames, sampling))]
    assert max(after - before for before, after in pairwise(looked)) <= 1
    assert looked[-1] == frames[-1].time == Fraction(119, 10)


def test_where_key_frames_are_far_apart_it_decodes_as_usual(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.mp4", seconds=8, video_options={"g": "40"}).path
    looked = [
        [item.frame.time for item in samples(sample(items(path, sampling), sampling))]
        for sampling in (FrameSampling("keyframes", 1), FrameSampling("uniform", 1))
    ]
    assert looked[0] == looked[1]


# -- every frame


@pytest.mark.parametrize("strategy", ["all", "scene_based"])
def test_where_every_frame_counts_every_frame_is_decoded(films: Path, strategy: Any) -> None:
    assert selection(FrameSampling(strategy, 1)) is None
