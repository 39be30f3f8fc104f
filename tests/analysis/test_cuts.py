"""Cuts are found in every pixel format, and motion is none."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import pytest
from pictures import meadow, with_portrait

from video_censor_personal.analysis.cuts import CutFinder
from video_censor_personal.media.base import Frame


def cuts(pictures: Iterable[np.ndarray], pixel_format: str = "yuv420p") -> list[int]:
    finder = CutFinder()
    found = []
    for number, picture in enumerate(pictures):
        coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = Frame(Fraction(number), coded.reformat(format=pixel_format))
        if finder.starts_shot(frame):
            found.append(number)
    return found


def pan(scene: np.ndarray, step: int, count: int) -> list[np.ndarray]:
    return [scene[:240, step * n : step * n + 320] for n in range(count)]


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuvj420p", "nv12", "yuv444p", "yuv420p10le", "gray", "rgb24", "bgra"],
)
def test_a_cut_is_found_in_every_pixel_format(pixel_format: str) -> None:
    one, other = with_portrait(100, 20), meadow(640, 360, 1)
    assert cuts([*pan(one, 3, 8), *pan(other, 3, 8)], pixel_format) == [8]


def test_a_cut_between_dark_scenes_is_found() -> None:
    one, other = (meadow(640, 360, seed) // 4 for seed in (1, 2))
    assert cuts([*pan(one, 2, 8), *pan(other, 2, 8)]) == [8]


def test_grain_is_no_cut() -> None:
    still = meadow(320, 240, 3)
    random = np.random.default_rng(0)
    noisy = [still + random.integers(0, 50, still.shape, dtype=np.uint8) for _ in range(20)]
    assert cuts(noisy) == []


def test_a_fast_pan_and_a_fade_are_no_cuts() -> None:
    wide = meadow(1600, 240, 5)
    assert cuts(pan(wide, 40, 30)) == []
    assert cuts([meadow(320, 240, 3) // 25 * n for n in range(25)]) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (33, 5), (4000, 8)])
def test_odd_sizes_are_no_trouble(width: int, height: int) -> None:
    black, white = (
        np.zeros((height, width, 3), np.uint8),
        np.full((height, width, 3), 255, np.uint8),
    )
    assert cuts([black, black, white, white], "yuv444p") == [2]


def test_nothing_is_compared_across_a_restart() -> None:
    finder = CutFinder()
    black, white = (
        Frame(Fraction(0), av.VideoFrame.from_ndarray(np.full((40, 40, 3), level, np.uint8)))
        for level in (0, 255)
    )
    assert not finder.starts_shot(black)
    finder.restart()
    assert not finder.starts_shot(white)
