"""The pictures that the camera of the sample movie looks at, computed.

Every function gives `(H, W, 3) uint8 RGB`, the same one on every machine with the same numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import av
import numpy as np
from numpy.typing import NDArray

from video_censor_personal.sample.script import Shot, data_file

__all__ = ["paint"]

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]
Colour = tuple[int, int, int]

_HEIGHT = 1080
_WIDTH = 1920


def paint(shots: Iterable[Shot]) -> dict[str, Picture]:
    """The scenery of every shot by its name, the photograph hung where the shot says."""
    landscapes = {name: paint_one() for name, paint_one in _LANDSCAPES.items()}
    pictures = {}
    for shot in shots:
        if shot.scenery in landscapes:
            pictures[shot.scenery] = landscapes[shot.scenery]
            continue
        room = _ROOMS[shot.scenery]
        picture = pictures[shot.scenery] = _bare(room)
        for x, y, name in room.paintings:
            _hang(picture, landscapes[name][::3, 180:1620:3], x, y)
        if shot.portrait is not None:
            photo = _photograph(shot.portrait.width, shot.portrait.height)
            _hang(picture, photo, shot.portrait.x, shot.portrait.y)
    return pictures


def _noise(rng: np.random.Generator, height: int, width: int, cell: int, octaves: int) -> Plane:
    """Cloudy noise, `(height, width) float32` of about 0–1, whose largest blobs are `cell` wide."""
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for octave in range(octaves):
        step = max(2, cell >> octave)
        grid = rng.random((height // step + 3, width // step + 3), np.float32)
        total += _stretched(grid, step, height, width) * 0.5**octave
        weight += 0.5**octave
    return total / np.float32(weight)


def _stretched(grid: Plane, step: int, height: int, width: int) -> Plane:
    """`grid` enlarged `step` times with smooth steps between its values, cut to size."""
    rows, columns = np.arange(height) / step, np.arange(width) / step
    top, left = rows.astype(int), columns.astype(int)
    down = _smooth(rows - top)[:, None]
    across = _smooth(columns - left)[None, :]
    wide = grid[:, left] * (1 - across) + grid[:, left + 1] * across
    tall: Plane = wide[top] * (1 - down) + wide[top + 1] * down
    return tall


def _smooth(share: NDArray[np.float64]) -> Plane:
    return (share * share * (3 - 2 * share)).astype(np.float32)


def _gradient(height: int, width: int, stops: Sequence[tuple[float, Colour]]) -> Plane:
    """Colours from top to bottom, `(height, width, 3) float32`; `stops` are (share, colour)."""
    at = np.linspace(0, 1, height)
    shares = [share for share, _ in stops]
    bands = [np.interp(at, shares, [colour[band] for _, colour in stops]) for band in range(3)]
    column = np.stack(bands, axis=1).astype(np.float32)
    return np.repeat(column[:, None, :], width, axis=1)


def _add_glow(canvas: Plane, x: int, y: int, radius: float, colour: Colour, power: float) -> None:
    height, width = canvas.shape[:2]
    across = (np.arange(width, dtype=np.float32) - x) / radius
    down = (np.arange(height, dtype=np.float32) - y) / radius
    light = np.exp(-np.sqrt(across[None, :] ** 2 + down[:, None] ** 2)) * power
    canvas += light[..., None].astype(np.float32) * np.array(colour, np.float32)


def _add_ridge(
    canvas: Plane,
    rng: np.random.Generator,
    line: float,
    relief: float,
    colours: tuple[Colour, Colour],
) -> None:
    """Mountains in front of what is there; `line` and `relief` are shares of the height."""
    height, width = canvas.shape[:2]
    profile = _noise(rng, 2, width, int(width / 5), 7)[0]
    crest = (line - (profile - 0.5) * 2 * relief) * height
    top = max(0, int(crest.min()))
    below = canvas[top:]
    depth = np.arange(top, height, dtype=np.float32)[:, None] - crest[None, :]
    texture = _noise(rng, height - top, width, 90, 5)[..., None]
    fade = np.clip(depth / (height * 0.3), 0, 1)[..., None]
    near, far = (np.array(colour, np.float32) for colour in colours)
    slope = (far * (1 - fade) + near * fade) * (0.8 + 0.4 * texture)
    below += (slope - below) * np.clip(depth, 0, 1)[..., None]  # one pixel of soft edge


def _finished(canvas: Plane, rng: np.random.Generator, grain: float = 1.6) -> Picture:
    """As bytes, with the fine grain of a camera."""
    canvas += rng.normal(0, grain, canvas.shape[:2]).astype(np.float32)[..., None]
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _sunset() -> Picture:
    rng = np.random.default_rng(11)
    sky = (
        (0, (48, 40, 92)),
        (0.3, (150, 82, 120)),
        (0.5, (243, 156, 110)),
        (0.65, (255, 214, 150)),
    )
    canvas = _gradient(_HEIGHT, _WIDTH, sky)
    clouds = _noise(rng, _HEIGHT, _WIDTH, 420, 6)
    canvas += np.clip(clouds - 0.5, 0, 1)[..., None] * np.array((180, 90, 60), np.float32)
    _add_glow(canvas, 1250, 560, 150, (255, 190, 110), 0.9)
    for line, relief, colours in (
        (0.58, 0.16, ((150, 104, 128), (214, 150, 140))),
        (0.68, 0.15, ((84, 66, 100), (150, 100, 118))),
        (0.80, 0.12, ((36, 34, 62), (84, 62, 88))),
        (0.94, 0.08, ((12, 16, 32), (34, 34, 54))),
    ):
        _add_ridge(canvas, rng, line, relief, colours)
    return _finished(canvas, rng)


def _sea() -> Picture:
    rng = np.random.default_rng(23)
    canvas = _gradient(
        _HEIGHT,
        _WIDTH,
        (
            (0, (66, 136, 200)),
            (0.44, (190, 222, 236)),
            (0.45, (38, 116, 148)),
            (0.7, (22, 96, 124)),
            (1, (12, 62, 92)),
        ),
    )
    horizon = int(_HEIGHT * 0.45)
    clouds = np.clip(_noise(rng, horizon, _WIDTH, 380, 6) - 0.48, 0, 1)[..., None] * 4
    canvas[:horizon] += (250 - canvas[:horizon]) * np.clip(clouds, 0, 0.9)
    # Waves are noise that gets wider than tall, and coarser towards the viewer.
    far = _noise(rng, (_HEIGHT - horizon) * 3, _WIDTH, 60, 4)[::3]
    near = _noise(rng, (_HEIGHT - horizon) * 2, _WIDTH, 150, 5)[::2]
    close = np.linspace(0, 1, _HEIGHT - horizon, dtype=np.float32)[:, None]
    waves = far * (1 - close) + near * close
    canvas[horizon:] += ((waves - 0.5) * (60 + 120 * close))[..., None]
    foam = np.clip(waves - 0.68, 0, 1)[..., None] * 6
    canvas[horizon:] += (240 - canvas[horizon:]) * np.clip(foam, 0, 0.85)
    _add_glow(canvas, 420, 120, 170, (255, 240, 200), 0.6)
    return _finished(canvas, rng)


def _forest() -> Picture:
    rng = np.random.default_rng(37)
    canvas = _gradient(
        _HEIGHT, _WIDTH, ((0, (208, 226, 214)), (0.5, (226, 232, 190)), (1, (120, 142, 74)))
    )
    leaves = _noise(rng, _HEIGHT, _WIDTH, 240, 7)[..., None]
    for shade, trunks, breadth in ((0.75, 22, 14), (0.45, 15, 30), (0.15, 8, 60)):
        bark = np.array((58, 44, 34), np.float32) * (1 - shade) + 200 * shade
        crown = np.array((34, 84, 30), np.float32) * (1 - shade) + np.float32(205) * shade
        for x in rng.integers(40, _WIDTH - 40, trunks):
            lean = np.linspace(rng.uniform(-20, 20), 0, _HEIGHT)
            strip = slice(max(0, x - 60), x + 60)
            distance = np.abs(np.arange(_WIDTH)[None, strip] - x - lean[:, None])
            trunk = np.clip(breadth / 2 - distance, 0, 1).astype(np.float32)[..., None]
            canvas[:, strip] += (bark * (0.6 + 0.8 * leaves[:, strip]) - canvas[:, strip]) * trunk
        thick = _noise(rng, _HEIGHT, _WIDTH, 200, 7)
        height = np.linspace(0.32, -0.5, _HEIGHT, dtype=np.float32)[:, None]
        foliage = np.clip((thick + height - 0.55) * 8, 0, 0.95)[..., None]
        canvas += (crown * (0.5 + leaves) - canvas) * foliage
    _add_glow(canvas, 1300, 180, 260, (255, 250, 190), 0.5)
    return _finished(canvas, rng)


def _city() -> Picture:
    """A city under stars: straight edges, because NudeNet takes soft night clouds for skin."""
    rng = np.random.default_rng(53)
    canvas = _gradient(
        _HEIGHT, _WIDTH, ((0, (8, 12, 38)), (0.5, (30, 44, 96)), (0.75, (92, 82, 128)))
    )
    for brightness, count in ((90, 1400), (170, 420), (255, 160)):
        rows, columns = rng.integers(0, 700, count), rng.integers(1, _WIDTH - 1, count)
        canvas[rows, columns] += brightness
        if brightness == 255:
            for shift in (-1, 1):
                canvas[rows, columns + shift] += brightness * 0.6
    for depth, (lowest, highest) in enumerate(((300, 620), (160, 480), (60, 300))):
        x = -int(rng.integers(0, 60))
        while x < _WIDTH:
            width = int(rng.integers(60, 170))
            _add_tower(canvas, rng, x, width, int(rng.integers(lowest, highest)), depth)
            x += width + int(rng.integers(0, 40))
    return _finished(canvas, rng)


def _add_tower(
    canvas: Plane, rng: np.random.Generator, x: int, width: int, height: int, depth: int
) -> None:
    """A building with some lit windows; greater `depth` is nearer and darker."""
    tower = canvas[_HEIGHT - height :, max(0, x) : x + width]
    tower[:] = np.array((44, 46, 82), np.float32) * (1 - 0.33 * depth)
    pitch, pane = 13 + 4 * depth, 6 + 2 * depth
    for top in range(12, height - pitch, pitch):
        for left in range(10, tower.shape[1] - pitch, pitch):
            if rng.random() < 0.45:
                glow = rng.uniform(0.45, 1.0)
                pane_colour = np.array((255, 208, 128), np.float32) * glow
                tower[top : top + pane, left : left + pane] = pane_colour


@dataclass(frozen=True, slots=True)
class _Room:
    """A wall of one colour; `paintings` are landscapes with their top left corners."""

    seed: int
    width: int
    wall: Colour
    paintings: tuple[tuple[int, int, str], ...]


def _bare(room: _Room) -> Picture:
    """The wall with a damask pattern above a wooden floor, lit by lamps."""
    rng = np.random.default_rng(room.seed)
    canvas = np.empty((_HEIGHT, room.width, 3), np.float32)
    canvas[:] = np.array(room.wall, np.float32)
    rows, columns = np.mgrid[0:_HEIGHT, 0 : room.width].astype(np.float32)
    pattern = np.sin(columns / 26) * np.sin(rows / 34) + np.sin((columns + rows) / 19) * 0.4
    canvas *= (1 + 0.06 * np.clip(pattern * 3, -1, 1))[..., None]
    floor = int(_HEIGHT * 0.9)
    boards = 0.75 + 0.25 * ((columns[floor:] // 140 + rows[floor:] // 36) % 3) / 2
    grain = _noise(rng, (_HEIGHT - floor) * 4, room.width, 120, 6)[::4]
    wood = np.array((150, 98, 58), np.float32) * (boards * (0.6 + 0.8 * grain))[..., None]
    canvas[floor:] = wood
    canvas[floor - 26 : floor] = np.array((232, 224, 206), np.float32)
    canvas[floor - 3 : floor] *= 0.7
    lamps = _noise(rng, 2, room.width, 520, 2)[0]
    falloff = np.linspace(1.15, 0.72, _HEIGHT, dtype=np.float32)[:, None]
    canvas *= (falloff * (0.82 + 0.36 * lamps[None, :]))[..., None]
    return _finished(canvas, rng)


def _hang(picture: Picture, photo: Picture, x: int, y: int) -> None:
    """Put `photo` on the wall, top left corner at `x`, `y`: shadow, wooden frame, mount."""
    height, width = photo.shape[:2]
    for border in range(60, 40, -4):
        wall = _patch(picture, x + 8, y + 14, width, height, border)
        np.multiply(wall, 0.88, out=wall, casting="unsafe")
    for border, colour in ((40, (74, 46, 24)), (34, (150, 104, 52)), (24, (104, 68, 34))):
        _patch(picture, x, y, width, height, border)[:] = colour
    _patch(picture, x, y, width, height, 18)[:] = (238, 232, 218)
    picture[y : y + height, x : x + width] = photo


def _patch(picture: Picture, x: int, y: int, width: int, height: int, border: int) -> Picture:
    top, left = max(0, y - border), max(0, x - border)
    return picture[top : y + height + border, left : x + width + border]


def _photograph(width: int, height: int) -> Picture:
    with av.open(BytesIO(data_file("portrait.jpg").read_bytes()), "r") as container:
        frame = next(container.decode(video=0))
    frame = frame.reformat(width, height, "rgb24", interpolation="BICUBIC")
    return np.asarray(frame.to_ndarray(), np.uint8)


_LANDSCAPES: Mapping[str, Callable[[], Picture]] = {
    "sunset": _sunset,
    "sea": _sea,
    "forest": _forest,
    "city": _city,
}
_ROOMS: Mapping[str, _Room] = {
    "red room": _Room(61, _WIDTH, (134, 52, 50), ((80, 300, "sea"), (1300, 330, "city"))),
    "long room": _Room(67, 2304, (62, 96, 128), ((150, 330, "sunset"), (840, 300, "forest"))),
    "green room": _Room(71, _WIDTH, (72, 108, 82), ((150, 320, "city"), (1400, 300, "sunset"))),
}
