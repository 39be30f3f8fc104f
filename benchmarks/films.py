"""Films made by code, whose faces are known to the frame: for benchmarks that watch them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation

FPS = 24
WIDTH, HEIGHT = 1920, 1080
_ROOM = 320  # pixels that a camera can move over, beside the picture and below it
_SHOTS_S = (3.4, 2.2, 5.7, 1.3, 4.1, 2.9)
_GRAIN = 2.0

Picture = np.ndarray


@dataclass(frozen=True)
class Shot:
    """One shot: its frames, and those with a face in them (none: an empty range)."""

    number: int
    frames: range
    face: range


@dataclass(frozen=True)
class Coding:
    """How a film is coded: one slice a picture, so that threads within a picture do not flatter
    decoders that use them."""

    suffix: str
    codec: str
    options: Mapping[str, str]
    pixel_format: str = "yuv420p"


_ONE_SLICE = "sliced-threads=0:slices=1"
CODINGS = {
    # x264's own defaults: B-pyramid, a key frame at every cut and at least every 250 pictures
    "h264": Coding(".mp4", "libx264", {"crf": "23", "x264-params": _ONE_SLICE}),
    "h264-keys": Coding(
        ".mp4", "libx264", {"crf": "23", "x264-params": f"{_ONE_SLICE}:keyint={FPS}"}
    ),
    # x265's: open groups
    "hevc-10": Coding(
        ".mkv",
        "libx265",
        {"crf": "24", "preset": "faster", "x265-params": "log-level=error:keyint=240:slices=1"},
        "yuv420p10le",
    ),
}


def shots(seconds: float) -> list[Shot]:
    """A face is in every fourth shot: by turns the whole of it, and a part in the middle."""
    found, start = [], 0
    while start < round(seconds * FPS):
        number = len(found)
        length = round(_SHOTS_S[number % len(_SHOTS_S)] * FPS)
        end = min(start + length, round(seconds * FPS))
        face = range(start, end) if number % 4 == 2 else range(0)
        if number % 8 == 2:
            face = range(start + length // 5, end - length // 5)
        found.append(Shot(number, range(start, end), face))
        start = end
    return found


def make_film(path: Path, coding: Coding, seconds: float) -> None:
    """Camera moves over detailed scenes, film grain, hard cuts; no sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding.codec, rate=FPS, options=dict(coding.options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, coding.pixel_format
        stream.codec_context.thread_type = "FRAME"  # PyAV's own default cuts pictures into slices
        for number, picture in enumerate(_pictures(seconds)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _pictures(seconds: float) -> Iterator[Picture]:
    random = np.random.default_rng(1)
    grain = random.normal(0, _GRAIN, (2 * HEIGHT, 2 * WIDTH, 1)).round().astype(np.int16)
    for shot in shots(seconds):
        plain, face = _scene(shot.number), _scene(shot.number, face=True)
        for index in shot.frames:
            time = (index - shot.frames.start) / FPS
            left = round(_ROOM / 2 * (1 + np.sin(0.5 * time + shot.number)))
            top = round(_ROOM / 2 * (1 + np.cos(0.4 * time)))
            scene = face if index in shot.face else plain
            y, x = random.integers(0, HEIGHT), random.integers(0, WIDTH)
            picture = scene[top : top + HEIGHT, left : left + WIDTH].astype(np.int16)
            picture += grain[y : y + HEIGHT, x : x + WIDTH]
            yield np.clip(picture, 0, 255).astype(np.uint8)


def _scene(number: int, *, face: bool = False) -> Picture:
    """`(H, W, 3) uint8 RGB`, larger than the picture: blotches from coarse to fine."""
    random = np.random.default_rng(number)
    width, height = WIDTH + _ROOM, HEIGHT + _ROOM
    scene = np.full((height, width, 3), 110, np.int16)
    for cells, contrast in ((6, 60), (40, 25), (300, 25)):
        noise = random.integers(0, 255, (cells * 9 // 16 + 1, cells, 3), dtype=np.uint8)
        scene += (_scaled(noise, width, height).astype(np.int16) - 127) * contrast // 127
    scene = np.clip(scene, 0, 255).astype(np.uint8)
    if face:
        portrait = files("video_censor_personal.sample") / "data" / "portrait.jpg"
        with portrait.open("rb") as file, av.open(file) as container:
            person = next(container.decode(video=0)).to_ndarray(format="rgb24")
        left = 600 + number * 37 % 300
        scene[250:1150, left : left + 768] = _scaled(person, 768, 900)
    return scene


def _scaled(picture: Picture, width: int, height: int) -> Picture:
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return source.reformat(
        width=width, height=height, interpolation=Interpolation.BICUBIC
    ).to_ndarray()
