"""Where a change came is found with few looks, and what nobody needs is not decoded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest
from movies import damage, make_movie
from pictures import clip, meadow

from video_censor_personal.analysis.sampling import Sample, sample
from video_censor_personal.analysis.schedule import selection
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.analysis.watch import watch
from video_censor_personal.config import FrameSampling
from video_censor_personal.findings import Box, Gap, Sighting
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.packets import try_decode
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

FPS = 10
SAMPLING = FrameSampling("uniform", 1)
GROUP = {"g": "12", "bf": "3", "b-pyramid": "normal", "b-adapt": "0"}  # 1.2 s


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mkv"
    return make_movie(path, seconds=12, fps=FPS, video_options=GROUP).path


def spare(path: Path, threads: int = 2, *, sparing: bool = False) -> Iterator[Frame | Gap]:
    """Two threads decode a group each, a single one all groups."""
    chooser = selection(SAMPLING, sparing=sparing)
    return decode_frames(probe(path), threads=threads, selection=chooser)


class Seeing:
    """A detector that sees a thing in some spans of time."""

    name = "seeing"
    categories = frozenset({"things"})

    def __init__(self, *spans: Span) -> None:
        self._spans = spans
        self.looked = 0

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        self.looked += len(frames)
        thing = Sighting("things", "THING", 0.8, Box(0.2, 0.2, 0.4, 0.4))
        return [[thing] * any(s.contains(f.time) for s in self._spans) for f in frames]


def changes(looks: Sequence[Look]) -> list[tuple[Fraction, Fraction]]:
    """Each change of what was seen: since when, and when at the latest."""
    seen, found = False, []
    for look in looks:
        if bool(look.sightings) != seen:
            found.append((look.since, look.time))
            seen = not seen
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_what_comes_after_the_last_look_of_a_group_is_not_decoded(film: Path, threads: int) -> None:
    frames = [item for item in spare(film, threads) if isinstance(item, Frame)]
    waiting = [frame for frame in frames if frame.unseen]
    assert [float(frame.time) for frame in waiting] == [4.8, 6.0, 10.8]
    assert all(frame.time - frame.since >= Fraction(7, 10) for frame in waiting)


@pytest.mark.parametrize("threads", [1, 2])
def test_with_looks_placed_for_it_a_step_of_every_group_is_not_decoded(
    film: Path, threads: int
) -> None:
    frames = [i for i in spare(film, threads, sparing=True) if isinstance(i, Frame)]
    waiting = [frame for frame in frames if frame.unseen]
    assert [frame.time for frame in waiting] == [Fraction(12 * n, 10) for n in range(1, 10)]
    assert all(frame.time - frame.since >= Fraction(7, 10) for frame in waiting)
    assert len(frames) < 9 * 4 + 8


@pytest.mark.parametrize("sparing", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tenths", range(36, 61))
def test_a_change_anywhere_is_found_to_the_frame(
    film: Path, tenths: int, threads: int, sparing: bool
) -> None:
    change = Fraction(tenths, 10)
    eyes = Seeing(Span(change, Fraction(12)))
    (looks,) = watch(spare(film, threads, sparing=sparing), [eyes], SAMPLING).looks
    ((since, until),) = changes(looks)
    assert since <= change <= until
    assert until - since <= Fraction(1, 10), "what is built on is looked at; one beside it is not"


def test_where_nothing_changes_nothing_is_decoded_later(film: Path) -> None:
    asked: list[Fraction] = []

    class Asked:
        size_bytes = 0

        def before(self, frame: Frame) -> Iterator[Frame]:
            asked.append(frame.time)
            yield frame

    def frames() -> Iterator[Frame | Gap]:
        for item in spare(film):
            if isinstance(item, Frame) and item.unseen:
                item.unseen = Asked()
            yield item

    watch(frames(), [Seeing(), Seeing(Span(Fraction(0), Fraction(12)))], SAMPLING)
    assert asked == []
    watch(frames(), [Seeing(Span(Fraction(48, 10), Fraction(12)))] * 2, SAMPLING)
    assert asked == [Fraction(48, 10)], "and what is, once for all detectors"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.65, 0.8])
def test_of_damaged_pictures_decoded_later_none_is_shown(
    film: Path, tmp_path: Path, share: float, threads: int
) -> None:
    good = {
        f.time: f.rgb(80).astype(int) for f in decode_frames(probe(film)) if isinstance(f, Frame)
    }
    broken = Path(shutil.copy(film, tmp_path / "a.mkv"))
    damage(broken, share, 300, seed=1)

    found = list(sample(spare(broken, threads, sparing=True), SAMPLING))

    gaps = [item.span for item in found if isinstance(item, Gap)]
    samples = [item for item in found if isinstance(item, Sample)]
    for moment in (m for item in samples for before in item.moments for m in item.opened(before)):
        if not any(gap.contains(moment.frame.time) for gap in gaps):
            assert np.abs(moment.frame.rgb(80) - good[moment.frame.time]).max() <= 60


def packets(path: Path) -> list[tuple[Fraction, int, int]]:
    """When each picture is shown, and where in the file it lies (position, size)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(p.pts * p.time_base, p.pos, p.size) for p in container.demux(stream) if p.size]


def spoil(path: Path, time: Fraction, share: float | Fraction) -> None:
    """Overwrite the last `share` of the picture shown at `time`, but for what tells its type."""
    content = bytearray(path.read_bytes())
    position, size = next((at, size) for t, at, size in packets(path) if t == time)
    count = min(int(size * share), size - 8)
    content[position + size - count : position + size] = b"\x55" * count
    path.write_bytes(content)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("change", [Fraction(43, 10), Fraction(47, 10)])
def test_before_a_damaged_picture_an_edge_is_found_as_well(
    film: Path, tmp_path: Path, threads: int, change: Fraction
) -> None:
    path = Path(shutil.copy(film, tmp_path / "a.mkv"))
    spoil(path, Fraction(48, 10), Fraction(1, 2))
    (looks,) = watch(
        spare(path, threads, sparing=True), [Seeing(Span(change, Fraction(12)))], SAMPLING
    ).looks
    ((since, until),) = changes(looks)
    assert since <= change <= until
    assert until - since <= Fraction(1, 10)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("entry", [Fraction(48, 10), Fraction(108, 10)])
def test_what_was_not_decoded_before_a_gap_belongs_to_it(
    film: Path, threads: int, entry: Fraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before it is good, but nothing after it is there to tell whether it changed."""

    def nothing_from(stream: Any, packet: Any) -> Any:
        pictures = try_decode(stream, packet)
        lost = Span(entry, entry + Fraction(12, 10))
        return [p for p in pictures or () if not lost.contains(p.pts * Fraction(1, 1000))]

    for module in ("frames", "group_decoders"):
        monkeypatch.setattr(f"video_censor_personal.media.{module}.try_decode", nothing_from)

    found = list(sample(spare(film, threads, sparing=True), SAMPLING))

    (gap,) = [item.span for item in found if isinstance(item, Gap)]
    before = found[found.index(next(i for i in found if isinstance(i, Gap))) - 1]
    assert isinstance(before, Sample)
    assert gap.start == before.frame.time + Fraction(1, 10)
    assert gap.start <= entry - Fraction(7, 10)
    assert gap.end == entry + Fraction(12, 10)


@pytest.mark.parametrize("threads", [1, 2])
def test_where_what_was_not_decoded_is_torn_out_of_the_file_it_is_reported(
    film: Path, tmp_path: Path, threads: int
) -> None:
    path = Path(shutil.copy(film, tmp_path / "a.mkv"))
    content = bytearray(path.read_bytes())
    position, size = next((at, size) for t, at, size in packets(film) if t == Fraction(46, 10))
    content[position - 6 : position + size] = bytes(size + 6)
    path.write_bytes(content)

    found = list(sample(spare(path, threads, sparing=True), SAMPLING))

    (gap,) = [item.span for item in found if isinstance(item, Gap)]
    assert gap.contains(Fraction(46, 10))
    assert gap.duration <= Fraction(12, 10)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_damaged_itself_is_not_shown_and_the_edge_stays_where_the_looks_put_it(
    film: Path, tmp_path: Path, threads: int
) -> None:
    path = Path(shutil.copy(film, tmp_path / "a.mkv"))
    spoil(path, Fraction(44, 10), 1)

    eyes = Seeing(Span(Fraction(47, 10), Fraction(12)))
    (looks,) = watch(spare(path, threads, sparing=True), [eyes], SAMPLING).looks

    ((since, until),) = changes(looks)
    assert until == Fraction(48, 10)
    assert since <= Fraction(44, 10), "all that nobody saw counts as changed"


# -- open groups: what is shown before an entry may be built on the group before

OPEN = "log-level=none:keyint=12:min-keyint=12:bframes=4:open-gop=1:pools=1:b-adapt=0:scenecut=0"


@pytest.fixture(scope="module")
def open_groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("open") / "a.mkv"
    options = {"x265-params": OPEN, "preset": "veryfast"}
    return make_movie(path, seconds=8, fps=FPS, video_codec="libx265", video_options=options).path


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_of_open_groups_every_picture_is_right_whenever_it_is_decoded(
    open_groups: Path, threads: int
) -> None:
    every = {f.time: f for f in decode_frames(probe(open_groups)) if isinstance(f, Frame)}

    found = list(sample(spare(open_groups, threads, sparing=True), SAMPLING))

    samples = [item for item in found if isinstance(item, Sample)]
    assert samples == found, "no gap"
    assert sum(item.frame.unseen is not None for item in samples) >= 4
    moments = [m for item in samples for before in item.moments for m in item.opened(before)]
    for moment in moments:
        assert np.array_equal(moment.frame.rgb(80), every[moment.frame.time].rgb(80))
    times = sorted(every)
    for before, moment in pairwise(moments):
        assert times.index(moment.since) == times.index(before.frame.time) + 1
        assert moment.frame.time - moment.since <= Fraction(2, 10)


@pytest.mark.parametrize("strategy", ["uniform", "keyframes"])
@pytest.mark.parametrize("threads", [1, 3])
def test_however_much_is_not_decoded_the_order_stays_right(
    tmp_path: Path, threads: int, strategy: Literal["uniform", "keyframes"]
) -> None:
    """HEVC counts pictures modulo 256 in these films: of a jump of more than half of that, a
    decoder cannot tell the direction."""
    path = tmp_path / "a.mkv"
    options = {"x265-params": OPEN.replace("=12", "=150"), "preset": "ultrafast"}
    make_movie(
        path, seconds=15, fps=50, size=(64, 64), video_codec="libx265", video_options=options
    )
    sampling = FrameSampling(strategy, 3)

    chooser = selection(sampling, sparing=True)
    frames = list(decode_frames(probe(path), threads=threads, selection=chooser))

    times = [frame.time for frame in frames if isinstance(frame, Frame)]
    assert len(times) == len(frames), "no gap"
    assert times[:5] == [0, 3, 6, 9, 12]
    assert strategy == "keyframes" or all(frame.unseen for frame in frames[1:5])


def test_a_change_that_comes_with_a_cut_takes_two_looks() -> None:
    cut = Fraction(145, 100)

    def paint(time: Fraction) -> np.ndarray:
        return meadow(320, 180, int(time >= cut))

    eyes = Seeing(Span(cut, Fraction(3)))
    (looks,) = watch(clip(3, 20, paint), [eyes], SAMPLING).looks
    assert changes(looks) == [(cut, cut)]
    assert eyes.looked == 4 + 2
