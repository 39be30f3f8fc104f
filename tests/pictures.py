"""Frames made by code, with or without a real face, for tests that look at pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from importlib.resources import files

import av
import numpy as np
from numpy.typing import NDArray

from video_censor_personal.findings import Box
from video_censor_personal.media.base import Frame

__all__ = ["FACE", "clip", "frame", "meadow", "portrait", "scaled", "with_portrait"]

Picture = NDArray[np.uint8]

FACE = Box(0.35, 0.235, 0.34, 0.34)
"""Where the face is in the portrait, drawn by hand from hairline to chin, from ear to ear."""


@cache
def portrait() -> Picture:
    """`(600, 512, 3) uint8 RGB`: a photograph of one person."""
    path = files("video_censor_personal.sample") / "data" / "portrait.jpg"
    with path.open("rb") as file, av.open(file) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def scaled(picture: Picture, width: int, height: int) -> Picture:
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return source.reformat(width=width, height=height).to_ndarray()


@cache
def meadow(width: int, height: int, seed: int = 0) -> Picture:
    """A picture in which nothing is to be found: soft coloured blotches."""
    coarse = np.random.default_rng(seed).integers(60, 200, (6, 8, 3), dtype=np.uint8)
    return scaled(coarse, width, height)


def with_portrait(left: int, top: int, width: int = 640, height: int = 360) -> Picture:
    """A meadow with the portrait, 256 by 300 pixels, in it."""
    picture = meadow(width, height).copy()
    person = scaled(portrait(), 256, 300)
    picture[top : top + 300, left : left + 256] = person
    return picture


def frame(picture: Picture, time: Fraction | float = 0, rotation: int = 0) -> Frame:
    """A frame as the media layer hands it out; `picture` is as coded, not yet turned."""
    coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return Frame(Fraction(time), coded, rotation)


def clip(
    seconds: float, fps: int, paint: Callable[[Fraction], Picture], start: Fraction = Fraction(0)
) -> Iterator[Frame]:
    """Frames at a constant rate; `paint` gives the picture for a time."""
    for number in range(round(seconds * fps)):
        time = start + Fraction(number, fps)
        yield frame(paint(time), time)
