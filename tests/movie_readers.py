"""What tests read from movies that `movies` made, and how they damage them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

__all__ = [
    "cut_off",
    "damage",
    "decoded_audio",
    "frame_times",
    "frames",
    "hide_codec",
    "level_dbfs",
    "number_picture",
    "read_number",
]

_BITS = 12


def number_picture(number: int, width: int, height: int) -> np.ndarray:
    """`(H, W, 3) uint8 RGB`: `number` (below 4096) in two rows of six cells across the top quarter;
    below them red fades in from left to right, green from top to bottom, over a fine texture."""
    across = np.linspace(0, 255, width)[None, :]
    down = np.linspace(0, 255, height)[:, None]
    rows, columns = np.indices((height, width))
    texture = 40 * ((rows // 2 + columns // 2) % 2)
    picture = np.stack(np.broadcast_arrays(across, down, 100.0), axis=-1) * 0.7 + texture[..., None]
    cell_h, cell_w = height / 8, width / 6
    for bit in range(_BITS):
        row, column = divmod(bit, 6)
        top, left = round(row * cell_h), round(column * cell_w)
        bottom, right = round((row + 1) * cell_h), round((column + 1) * cell_w)
        picture[top:bottom, left:right] = 235 if number >> bit & 1 else 16
    return picture.clip(0, 255).astype(np.uint8)


def read_number(picture: Any) -> int:
    """The number in an upright picture: `(H, W, 3) uint8 RGB`, a `Frame`, or an `av.VideoFrame`."""
    if isinstance(picture, av.VideoFrame):
        picture = picture.to_ndarray(format="rgb24")
    elif not isinstance(picture, np.ndarray):
        picture = picture.rgb(max(picture.width, picture.height))
    height, width = picture.shape[:2]
    number = 0
    for bit in range(_BITS):
        row, column = divmod(bit, 6)
        y, x = round((row + 0.5) * height / 8), round((column + 0.5) * width / 6)
        number |= int(picture[y - 1 : y + 2, x - 1 : x + 2].mean() > 126) << bit
    return number


def frames(path: Path) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(time, upright `(H, W, 3) uint8 RGB`) of every frame of the first video stream."""
    first: Fraction | None = None
    with av.open(f"file:{path}") as container:
        for frame in container.decode(video=0):
            time = frame.pts * frame.time_base
            first = time if first is None else first
            picture = frame.to_ndarray(format="rgb24")
            yield time - first, np.ascontiguousarray(np.rot90(picture, frame.rotation // 90))


def frame_times(path: Path) -> list[Fraction]:
    """The time of every frame of the first video stream, seconds since the first."""
    return [time for time, _ in frames(path)]


def decoded_audio(path: Path, stream: int = 0) -> tuple[np.ndarray, int]:
    """`(channels, N) float32` of -1..1 and its rate: all sound of the `stream`-th audio stream.

    Sample 0 is at time 0 (the first video frame, else the first sound): what comes before is cut
    away, and holes are silence.
    """
    with av.open(f"file:{path}") as container:
        origin = _origin(container)
        track = container.streams.audio[stream]
        rate = track.codec_context.sample_rate
        resampler = av.AudioResampler(format="fltp", layout=track.codec_context.layout, rate=rate)
        blocks: list[tuple[int, np.ndarray]] = []
        for frame in container.decode(track):
            at = frame.pts * frame.time_base
            origin = at if origin is None else origin
            for out in resampler.resample(frame):
                blocks.append((round((at - origin) * rate), out.to_ndarray()))
                at += Fraction(out.samples, rate)
    end = max((at + block.shape[1] for at, block in blocks), default=0)
    sound = np.zeros((track.codec_context.layout.nb_channels, end), np.float32)
    for at, block in blocks:
        block, at = block[:, max(0, -at) :], max(0, at)
        sound[:, at : at + block.shape[1]] = block
    return sound, rate


def _origin(container: Any) -> Fraction | None:
    if container.format.name == "avi":  # it has no times, and FFmpeg would make some up
        return Fraction(0)
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            frame = next(container.decode(stream))
            container.seek(0)
            return Fraction(frame.pts * frame.time_base)
    return None


def level_dbfs(samples: np.ndarray) -> float:
    """Root mean square of samples of -1..1, in dB below full scale; -200 for silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return max(-200.0, 10 * np.log10(power)) if power else -200.0


def cut_off(path: Path, share: float = 0.5) -> None:
    """Keeps only the first `share` of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def damage(path: Path, share: float = 0.5, count: int = 400, seed: int = 1) -> None:
    """Replaces `count` bytes with noise, beginning at `share` of a file."""
    content = bytearray(path.read_bytes())
    at = int(len(content) * share)
    content[at : at + count] = np.random.default_rng(seed).bytes(len(content[at : at + count]))
    path.write_bytes(content)


def hide_codec(path: Path, name: bytes) -> None:
    """Renames a codec (`b"avc1"`, `b"V_MPEG4/ISO/AVC"`) to one nobody knows, in place."""
    content = path.read_bytes()
    if name not in content:
        raise ValueError(f"{path.name} does not name the codec {name!r}")
    kind = name[:2] if name[1:2] == b"_" else b"zz"
    unknown = kind.ljust(len(name), b"Q")
    path.write_bytes(content.replace(name, unknown))
