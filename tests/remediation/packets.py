"""What lies in a file, as packets and as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Packet = tuple[Fraction | None, bytes]


def packets(path: Path, stream: int) -> list[Packet]:
    """(presentation time by the container's clock, bytes) of every packet, in file order."""
    with av.open(str(path)) as container:
        chosen = container.streams[stream]
        return [
            (None if packet.pts is None else packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(chosen)
            if packet.size
        ]


def luma(path: Path) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(container time, `(H, W)` float luma of 0..1 as coded) of every frame."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            component = frame.format.components[0]
            kind = np.dtype(np.uint16 if component.bits > 8 else np.uint8)
            plane = frame.planes[0]
            rows = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]
            yield frame.pts * frame.time_base, rows / float((1 << component.bits) - 1)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of pictures of 0..1."""
    return float(-10 * np.log10(np.mean((a - b) ** 2) + 1e-12))


def likeness(a: np.ndarray, b: np.ndarray, block: int = 4) -> float:
    """How much of `a`'s detail is in `b`: the correlation of what is finer than `block` pixels."""
    fine_a, fine_b = _detail(a, block), _detail(b, block)
    scale = np.sqrt((fine_a**2).sum() * (fine_b**2).sum())
    return float(abs((fine_a * fine_b).sum()) / scale) if scale else 0.0


def detail(a: np.ndarray, block: int = 4) -> float:
    """Root mean square of what is finer than `block` pixels."""
    return float(np.sqrt(np.mean(_detail(a, block) ** 2)))


def _detail(picture: np.ndarray, block: int) -> np.ndarray:
    height, width = (size // block * block for size in picture.shape)
    blocks = picture[:height, :width].reshape(height // block, block, width // block, block)
    fine: np.ndarray = blocks - blocks.mean(axis=(1, 3), keepdims=True)
    return fine
