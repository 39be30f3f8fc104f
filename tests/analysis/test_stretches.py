"""Where a change came is found with few looks, and what nobody needs is not decoded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

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
from video_censor_personal.media.probe import probe
from video_censor_personal.timeline import Span

FPS = 10
SAMPLING = FrameSampling("uniform", 1)
GROUP = {"g": "12", "bf": "3", "b-pyramid": "normal", "b-adapt": "0"}  # 1.2 s


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mkv"
    return make_movie(path, seconds=12, fps=FPS, video_options=GROUP).path


def spare(path: Path) -> Iterator[Frame | Gap]:
    return decode_frames(probe(path), threads=2, selection=selection(SAMPLING))


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


def test_what_comes_after_the_last_look_of_a_group_is_not_decoded(film: Path) -> None:
    frames = [item for item in spare(film) if isinstance(item, Frame)]
    waiting = [frame for frame in frames if frame.unseen]
    assert [float(frame.time) for frame in waiting] == [4.8, 6.0, 10.8]
    assert all(frame.time - frame.since >= Fraction(7, 10) for frame in waiting)


@pytest.mark.parametrize("tenths", range(36, 61))
def test_a_change_anywhere_is_found_to_the_frame(film: Path, tenths: int) -> None:
    change = Fraction(tenths, 10)
    eyes = Seeing(Span(change, Fraction(12)))
    (looks,) = watch(spare(film), [eyes], SAMPLING).looks
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


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.65, 0.8])
def test_of_damaged_pictures_decoded_later_none_is_shown(
    film: Path, tmp_path: Path, share: float
) -> None:
    good = {
        f.time: f.rgb(80).astype(int) for f in decode_frames(probe(film)) if isinstance(f, Frame)
    }
    broken = Path(shutil.copy(film, tmp_path / "a.mkv"))
    damage(broken, share, 300, seed=1)

    found = list(sample(spare(broken), SAMPLING))

    gaps = [item.span for item in found if isinstance(item, Gap)]
    samples = [item for item in found if isinstance(item, Sample)]
    for moment in (m for item in samples for before in item.moments for m in item.opened(before)):
        if not any(gap.contains(moment.frame.time) for gap in gaps):
            assert np.abs(moment.frame.rgb(80) - good[moment.frame.time]).max() <= 60


def test_a_change_that_comes_with_a_cut_takes_two_looks() -> None:
    cut = Fraction(145, 100)

    def paint(time: Fraction) -> np.ndarray:
        return meadow(320, 180, int(time >= cut))

    eyes = Seeing(Span(cut, Fraction(3)))
    (looks,) = watch(clip(3, 20, paint), [eyes], SAMPLING).looks
    assert changes(looks) == [(cut, cut)]
    assert eyes.looked == 4 + 2
