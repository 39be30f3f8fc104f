"""Single moments of a film are found exactly, whatever must be decoded for them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from movies import cut_off, damage, make_movie, read_number

from video_censor_personal.analysis.moments import Shown, shown_at
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.probe import probe


def numbers(info: MediaInfo, *times: Fraction | float) -> list[tuple[int, list[float]]]:
    """Which pictures come, and for which times."""
    found = shown_at(info, [Fraction(time) for time in times], threads=1)
    return [
        (read_number(item.frame.rgb(160)), [float(time) for time in item.times])
        for item in found
        if isinstance(item, Shown)
    ]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx265"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")],
)
def test_each_moment_gets_the_picture_that_is_shown_then(
    tmp_path: Path, name: str, codec: str
) -> None:
    movie = make_movie(tmp_path / name, seconds=6, video_codec=codec)
    info = probe(movie.path)
    assert numbers(info, 0, 0.55, 2.5, Fraction(7, 2), 5.99, 60) == [
        (0, [0.0]), (5, [0.55]), (25, [2.5]), (35, [3.5]), (59, [5.99, 60.0]),
    ]  # fmt: skip


def test_moments_of_one_picture_share_it(tmp_path: Path) -> None:
    info = probe(make_movie(tmp_path / "a.mp4", seconds=2, vfr=True).path)
    found = numbers(info, *(Fraction(n, 100) for n in range(0, 200, 7)))
    times = [time for _, asked in found for time in asked]
    assert times == [n / 100 for n in range(0, 200, 7)]
    assert len({number for number, _ in found}) == len(found)


def test_nothing_is_decoded_for_no_moment(tmp_path: Path) -> None:
    assert list(shown_at(probe(make_movie(tmp_path / "a.mp4", seconds=1).path), [])) == []


def test_damage_around_a_moment_is_told(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=8)
    damage(movie.path, 0.4, count=4000)
    times = [Fraction(number, 2) for number in range(16)]
    found = list(shown_at(probe(movie.path), times, threads=1))
    gaps = [item.span for item in found if isinstance(item, Gap)]
    assert any(gap.contains(time) for gap in gaps for time in times)


def test_a_film_that_is_cut_off_has_a_gap_at_the_end(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mp4", seconds=8, container_options={"movflags": "faststart"})
    cut_off(movie.path, 0.5)
    found = list(shown_at(probe(movie.path), [Fraction(7)], threads=1))
    assert any(isinstance(item, Gap) and item.span.contains(7) for item in found)
