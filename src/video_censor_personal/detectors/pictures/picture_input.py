"""What a vision model sees of a frame, as its `preprocessor_config.json` asks for it.

Models that were trained on the middle square of pictures (CLIP) get as many squares as it takes to
see all of a frame, side by side; a censor must not look at the middle alone. Models that were
trained on squashed pictures (SigLIP) get the whole frame squashed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_censor_personal.errors import DetectorError
from video_censor_personal.media.base import Frame

__all__ = ["PictureInput", "read_picture_input"]

Picture = NDArray[np.uint8]
Tensor = NDArray[np.float32]

_LONGEST = 4
"""A frame that is more than this many times as long as wide is squashed to this, so that a
picture of one pixel's height does not become hundreds of squares."""

_SQUEEZED = 0.1
"""What sticks out by at most this share of a square is squeezed in, rather than seen in another."""

_INTERPOLATIONS = {0: "POINT", 1: "LANCZOS", 2: "BILINEAR", 3: "BICUBIC"}
"""The numbers of Pillow, which the files use, as swscale calls them."""


@dataclass(frozen=True, slots=True)
class PictureInput:
    """How frames become the input of one model.

    Attributes:
        side: of the square that the model sees, in pixels.
        squashed: the whole frame becomes that square; else squares are cut from it.
        interpolation: PyAV's name for how it is scaled.
        factor: what pixel values of 0–255 are multiplied with.
        mean, deviation: `(3,)`, subtracted and divided by afterwards.
        processor: the name of the class that prepared the pictures in training, or empty.
    """

    side: int
    squashed: bool
    interpolation: str
    factor: float
    mean: Tensor
    deviation: Tensor
    processor: str = ""

    def views(self, frame: Frame, tiles: int = 1) -> list[Picture]:
        """What the model sees of a frame: `(side, side, 3) uint8 RGB` each, together all of it.

        `tiles` 2 adds views of a picture twice as large, for what is small in it; 3 adds to those
        views of one three times as large, and so on.
        """
        return [view for size in range(1, tiles + 1) for view in self._views(frame, size)]

    def tensor(self, views: Sequence[Picture]) -> Tensor:
        """`(N, 3, side, side)`, scaled and normalised as in training."""
        pixels = np.stack(views).astype(np.float32) * np.float32(self.factor)
        return np.ascontiguousarray(((pixels - self.mean) / self.deviation).transpose(0, 3, 1, 2))

    def _views(self, frame: Frame, size: int) -> list[Picture]:
        across = down = size
        width = height = self.side * size
        if not self.squashed:
            ratio = max(1 / _LONGEST, min(_LONGEST, frame.width / frame.height))
            across, width = _fit(width * max(1.0, ratio), self.side)
            down, height = _fit(height * max(1.0, 1 / ratio), self.side)
        picture = frame.scaled(width, height, self.interpolation)
        return [
            picture[top : top + self.side, left : left + self.side]
            for top in _starts(height, self.side, down)
            for left in _starts(width, self.side, across)
        ]


def _fit(length: float, side: int) -> tuple[int, int]:
    """How many squares cover `length` pixels, and how many pixels it is made for that."""
    count = max(1, math.ceil(length / side - _SQUEEZED))
    return count, min(round(length), count * side)


def _starts(length: int, side: int, count: int) -> list[int]:
    """Where `count` pieces of `side` that cover `length` start, evenly spread."""
    return [round(number * (length - side) / max(1, count - 1)) for number in range(count)]


def read_picture_input(path: Path, detector: str = "") -> PictureInput:
    """What a `preprocessor_config.json` says.

    Raises:
        DetectorError: it is no such file, or it asks for something that is not a square of RGB.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        return _picture_input(written)
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DetectorError(
            f"{path} does not say how pictures are prepared for the model ({error!r}); it must be "
            "the preprocessor_config.json of a CLIP or SigLIP model. Download the model again",
            detector=detector,
        ) from error


def _picture_input(written: Mapping[str, Any]) -> PictureInput:
    size = written["size"]
    cropped = written.get("do_center_crop", "crop_size" in written)
    # A frame is scaled to the size of the crop itself: what a crop cuts off is not seen.
    sides = _sides(written["crop_size"] if cropped else size)
    if len(sides) != 1 or min(sides) < 1:
        raise ValueError(f"the picture is {sorted(sides)} pixels, not a square")
    normalised = written.get("do_normalize", True)
    return PictureInput(
        side=sides.pop(),
        squashed=not cropped and not _keeps_its_shape(size),
        interpolation=_INTERPOLATIONS.get(written.get("resample", 3), "BICUBIC"),
        factor=float(written.get("rescale_factor", 1 / 255))
        if written.get("do_rescale", True)
        else 1.0,
        mean=_three(written["image_mean"]) if normalised else np.zeros(3, np.float32),
        deviation=_three(written["image_std"]) if normalised else np.ones(3, np.float32),
        processor=str(
            written.get("image_processor_type") or written.get("feature_extractor_type") or ""
        ),
    )


def _sides(size: Any) -> set[int]:
    return {int(size)} if isinstance(size, int) else {int(side) for side in size.values()}


def _keeps_its_shape(size: Any) -> bool:
    return isinstance(size, int) or "shortest_edge" in size


def _three(values: Any) -> Tensor:
    three = np.asarray(values, np.float32)
    if three.shape != (3,):
        raise ValueError(f"{values!r} are not three numbers")
    return three
