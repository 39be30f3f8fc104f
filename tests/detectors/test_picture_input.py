"""What a model sees of a frame: all of it, prepared as in the model's training."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pictures import frame

from video_censor_personal.detectors.pictures.picture_input import PictureInput, read_picture_input
from video_censor_personal.errors import DetectorError
from video_censor_personal.media.base import Frame

CLIP = {
    "crop_size": {"height": 32, "width": 32},
    "do_center_crop": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_processor_type": "CLIPImageProcessor",
    "image_std": [0.2, 0.25, 0.3],
    "resample": 3,
    "size": {"shortest_edge": 32},
}
SIGLIP = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 32, "width": 32},
}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read_(written: dict[str, Any], **changes: Any) -> PictureInput:
        path = tmp_path / "preprocessor_config.json"
        path.write_text(json.dumps({**written, **changes}))
        return read_picture_input(path, "eyes")

    return read_


def ramp(width: int, height: int) -> Frame:
    """Red says how far right a pixel is, green how far down: 0–255 from edge to edge."""
    across = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return frame(np.stack([across, down, np.zeros_like(down)], -1).astype(np.uint8))


SHAPES = [(320, 180), (180, 320), (384, 160), (240, 200), (64, 64), (66, 64), (9, 5), (400, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("tiles", [1, 2, 3])
@pytest.mark.parametrize("written", [CLIP, SIGLIP], ids=["clip", "siglip"])
def test_the_views_of_each_size_together_are_all_of_the_frame(
    read: Any, written: dict[str, Any], shape: tuple[int, int], tiles: int
) -> None:
    made, picture = read(written), ramp(*shape)
    views = made.views(picture, tiles)[len(made.views(picture, tiles - 1)) :]
    assert {view.shape for view in views} == {(32, 32, 3)}
    for channel, length in ((0, shape[0]), (1, shape[1])):
        seen = np.unique([view[..., channel] for view in views]).astype(int)
        step = 255 / min(length, 32) + 14  # between two pixels, with what scaling adds
        assert seen[0] < step
        assert seen[-1] > 255 - step
        assert np.diff(seen).max() < 2 * step


@pytest.mark.parametrize(
    ("shape", "tiles", "clip", "siglip"),
    [
        ((64, 64), 1, 1, 1),
        ((66, 64), 1, 1, 1),
        ((320, 180), 1, 2, 1),
        ((180, 320), 1, 2, 1),
        ((384, 160), 1, 3, 1),
        ((320, 180), 2, 2 + 8, 1 + 4),
        ((4000, 4), 1, 4, 1),
    ],
)
def test_it_takes_as_few_views_as_possible(
    read: Any, shape: tuple[int, int], tiles: int, clip: int, siglip: int
) -> None:
    assert len(read(CLIP).views(ramp(*shape), tiles)) == clip
    assert len(read(SIGLIP).views(ramp(*shape), tiles)) == siglip


def test_clip_sees_no_distortion_and_siglip_a_squashed_picture(read: Any) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[30:60, 20:50] = 255  # a square
    left, _ = read(CLIP).views(frame(picture))
    (squashed,) = read(SIGLIP).views(frame(picture))
    assert extent(left) == pytest.approx((30 * 32 / 90, 30 * 32 / 90), abs=1.5)
    assert extent(squashed) == pytest.approx((30 * 32 / 160, 30 * 32 / 90), abs=1.5)


def extent(view: np.ndarray) -> tuple[int, int]:
    bright = view[..., 0] > 127
    return int(bright.any(axis=0).sum()), int(bright.any(axis=1).sum())


def test_pixels_are_normalised_as_in_training(read: Any) -> None:
    colour = np.array([200, 100, 50], np.uint8)
    view = np.broadcast_to(colour, (32, 32, 3))
    tensor = read(CLIP).tensor([view, view])
    assert tensor.shape == (2, 3, 32, 32)
    assert tensor.dtype == np.float32
    by_hand = (colour / 255 - CLIP["image_mean"]) / CLIP["image_std"]
    assert tensor[1, :, 5, 7] == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "value"),
    [({}, 1.0), ({"do_normalize": False}, 1.0), ({"do_rescale": False}, 509.0)],
)
def test_each_step_can_be_switched_off(read: Any, changes: dict[str, bool], value: float) -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    assert read(SIGLIP, **changes).tensor([white]).max() == pytest.approx(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 32, "crop_size": 32},
        {"size": {"shortest_edge": 40}},
        {"size": {"height": 32, "width": 32}},
    ],
)
def test_older_and_other_ways_to_write_a_crop(read: Any, changes: dict[str, Any]) -> None:
    made = read(CLIP, **changes)
    assert (made.side, made.squashed) == (32, False)


def test_without_a_crop_the_picture_is_squashed(read: Any) -> None:
    assert read(SIGLIP).squashed
    assert read(CLIP, do_center_crop=False, size={"height": 48, "width": 48}).side == 48


def test_a_turned_video_is_seen_upright(read: Any) -> None:
    upright = ramp(64, 64)
    coded = np.ascontiguousarray(np.rot90(upright.rgb(64), -1))
    turned = Frame(Fraction(0), av.VideoFrame.from_ndarray(coded, format="rgb24"), 90)
    (one,), (other,) = read(CLIP).views(upright), read(CLIP).views(turned)
    assert np.abs(one.astype(int) - other).max() <= 8


@pytest.mark.parametrize(
    "changes",
    [
        {"size": None, "crop_size": None},
        {"crop_size": {"height": 32, "width": 48}},
        {"crop_size": {"height": 0, "width": 0}},
        {"image_mean": [0.5]},
        {"image_std": None},
        {"size": "large", "do_center_crop": False},
    ],
)
def test_what_cannot_be_prepared_is_refused(read: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(DetectorError, match=r"preprocessor_config\.json") as caught:
        read(CLIP, **changes)
    assert caught.value.detector == "eyes"
