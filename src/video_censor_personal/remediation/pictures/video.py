"""What a blur, a pixelation or a blank does to a decoded picture.

Pictures are changed in place, in their own planes: no conversion to RGB and back, so what lies
outside a box keeps every bit. A plane is `(H, W)` uint8, or uint16 above 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import ceil, floor
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from video_censor_personal.findings import Box
from video_censor_personal.remediation.edits import PictureEdit

__all__ = ["PictureEditor", "coded_box", "planar_format"]

Plane = NDArray[Any]

# The longer side of a hidden region becomes this many cells. A face fills two thirds of its padded
# box, so four cells are left of it, and NudeNet at its most lenient finds nothing there; with eight
# cells and no padding it still gave a face 0.25.
_CELLS = 6
_SMALLEST_CELL = 4  # pixels of the plane
_SAMPLES_PER_CELL = 12  # along each side; a mean of more pixels looks the same and costs more

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_LUMA_SHARES = {  # AVColorSpace -> (Kr, Kb), from ITU-T H.273
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}


def planar_format(name: str, bits: int) -> str:
    """The planar YUV format nearest to a decoder's pixel format `name`, which `PictureEditor` can
    change and encoders take; `name` itself if it is one."""
    if name.startswith(("yuv4", "yuvj4", "gray")) and not name.endswith("be"):
        planar = "p" in name or name.startswith("gray")
        if planar and bits in (8, 10, 12):
            return name
    sampling = "yuv444p" if "444" in name or "rgb" in name or "gbr" in name else "yuv420p"
    if "422" in name or "210" in name or "nv16" in name or name.startswith(("yuyv", "uyvy")):
        sampling = "yuv422p"
    return f"{sampling}10le" if bits > 8 else sampling


def coded_box(box: Box, rotation: int) -> Box:
    """Where `box` of the upright picture lies in the coded one, which a player turns by `rotation`
    degrees counter-clockwise."""
    turned = {
        90: Box(1 - box.y - box.height, box.x, box.height, box.width),
        180: Box(1 - box.x - box.width, 1 - box.y - box.height, box.width, box.height),
        270: Box(box.y, 1 - box.x - box.width, box.height, box.width),
    }
    return turned.get(rotation % 360, box)


class PictureEditor:
    """Applies edits to the pictures of one track.

    Args:
        rotation: degrees counter-clockwise by which a player turns the picture.
        blank_color: `#rrggbb`.
    """

    def __init__(
        self, edits: Sequence[PictureEdit], rotation: int = 0, blank_color: str = "#000000"
    ) -> None:
        self._edits = tuple(edits)
        self._rotation = rotation
        self._blank_color = blank_color
        self._scaler = VideoReformatter()

    def apply(self, frame: Any, time: Fraction) -> None:
        """Changes `frame` (an `av.VideoFrame` in a `planar_format`) as it is shown at `time`."""
        edits = [edit for edit in self._edits if edit.span.contains(time)]
        if not edits:
            return
        frame.make_writable()
        if any(edit.action == "blank" for edit in edits):
            _fill(frame, self._blank_color)
            return
        for edit in edits:
            box = edit.box_at(time)
            region = Box(0, 0, 1, 1) if box is None else coded_box(box, self._rotation)
            for plane in _planes(frame):
                self._hide(_inside(plane, region), smooth=edit.action == "blur")

    def _hide(self, region: Plane, *, smooth: bool) -> None:
        """Replaces `region` by the means of a few cells, with soft or hard borders between them."""
        if not region.size:
            return
        height, width = region.shape
        cell = max(max(height, width) / _CELLS, _SMALLEST_CELL)
        rows, columns = max(1, round(height / cell)), max(1, round(width / cell))
        means = _cell_means(_cell_means(region, rows).T, columns).T
        cells = np.rint(means).astype(region.dtype)
        if smooth:
            region[:] = self._enlarged(cells, width, height)
        else:
            region[:] = cells[_owners(height, rows)][:, _owners(width, columns)]

    def _enlarged(self, cells: Plane, width: int, height: int) -> Plane:
        """`(height, width)`: from the centre of each cell to the next in a straight line."""
        name = "gray" if cells.dtype == np.uint8 else "gray16le"
        small = av.VideoFrame.from_ndarray(np.ascontiguousarray(cells), format=name)
        # libswscale takes a tenth of the time that numpy does
        large = self._scaler.reformat(
            small, width, height, name, interpolation="BILINEAR", threads=1
        )
        return _rows(large.planes[0], cells.dtype)


def _planes(frame: Any) -> list[Plane]:
    """The planes of `frame`, sharing its memory."""
    return [
        _rows(plane, np.dtype(np.uint16 if component.bits > 8 else np.uint8))
        for component, plane in zip(frame.format.components, frame.planes, strict=True)
    ]


def _rows(plane: Any, kind: np.dtype[Any]) -> Plane:
    """`(height, width)`: what is shown of an `av` plane, without the padding behind each row."""
    rows: Plane = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:, : plane.width]


def _inside(plane: Plane, box: Box) -> Plane:
    """The part of `plane` that `box` touches."""
    height, width = plane.shape
    left, right = max(0, floor(box.x * width)), min(width, ceil((box.x + box.width) * width))
    top, bottom = max(0, floor(box.y * height)), min(height, ceil((box.y + box.height) * height))
    return plane[top : max(top, bottom), left : max(left, right)]


def _cell_means(values: Plane, cells: int) -> Plane:
    """`(cells, W)`: the means of `cells` bands of rows of `values`."""
    edges = np.linspace(0, values.shape[0], cells + 1).astype(int)
    bands = []
    for start, end in pairwise(edges):
        step = max(1, (end - start) // _SAMPLES_PER_CELL)
        bands.append(values[start:end:step].mean(axis=0, dtype=np.float32))
    return np.stack(bands)


@lru_cache(maxsize=256)
def _owners(size: int, cells: int) -> NDArray[np.intp]:
    """`(size,)`: the cell that each pixel lies in."""
    edges = np.linspace(0, size, cells + 1).astype(int)
    return np.repeat(np.arange(cells), np.diff(edges))


def _fill(frame: Any, color: str) -> None:
    bits = frame.format.components[0].bits
    for plane, value in zip(_planes(frame), _yuv(color, frame, bits), strict=False):
        plane[:] = value


def _yuv(color: str, frame: Any, bits: int) -> tuple[int, int, int]:
    """The Y, Cb and Cr of `#rrggbb` in the colour space and range of `frame` (H.273, 8.3)."""
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    guessed = 1 if frame.height >= 720 else 6
    kr, kb = _LUMA_SHARES.get(int(frame.colorspace), _LUMA_SHARES[guessed])
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    if frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj"):
        low, luma_size, chroma_size = 0.0, 255.0, 255.0
    else:
        low, luma_size, chroma_size = 16.0, 219.0, 224.0
    scale = 1 << (bits - 8)
    full = (1 << bits) - 1
    values = (low + luma_size * luma, 128 + chroma_size * cb, 128 + chroma_size * cr)
    y, u, v = (min(full, max(0, round(value * scale))) for value in values)
    return y, u, v
