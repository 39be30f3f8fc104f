"""Re-opening the finished copy: is everything in it that was written, and can it be played?"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition

from video_censor_personal.errors import InputError, OutputCheckError
from video_censor_personal.media.container import open_media

__all__ = ["Written", "check_copy"]

_TOLERANCE_S = Fraction(1, 10)
_NEAR_END_S = 2


@dataclass(slots=True)
class Written:
    """What was handed to the muxer for one stream of the copy; `end` by the container's clock."""

    kind: str
    disposition: int = 0
    encoded: bool = False
    packets: int = 0
    end: Fraction = Fraction(0)

    @property
    def picture_or_sound(self) -> bool:
        return self.kind in ("video", "audio") and not self.disposition & Disposition.attached_pic

    def add(self, packet: Any) -> None:
        if packet.size:  # an encoder's last word may be nothing but new headers
            self.packets += 1
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            self.end = max(self.end, end)


def check_copy(copy: Path, written: dict[int, Written], output: Path) -> None:
    """Compares the file `copy` with what was written into it, by the index of its streams.

    Raises:
        OutputCheckError: a stream is missing, holds more or fewer packets, ends elsewhere, goes
            back in time, or what was encoded cannot be decoded. `output` is its later name.
    """
    try:
        with open_media(copy) as container:
            _check_streams(container, written, output)
            _check_packets(container, written, output)
        for index, entry in written.items():
            if entry.encoded and entry.packets:
                _check_decodable(copy, index, entry, output)
    except (InputError, av.error.FFmpegError) as error:
        raise _failed(output, f"it cannot be read again ({error})") from error


def _check_streams(container: Any, written: dict[int, Written], output: Path) -> None:
    kinds = [stream.type for stream in container.streams]
    wanted = [written[index].kind for index in sorted(written)]
    # Chapters may have made one track more, at the end.
    if kinds[: len(wanted)] != wanted or set(kinds[len(wanted) :]) - {"data"}:
        raise _failed(output, f"its streams are {kinds}, not {wanted}")


def _check_packets(container: Any, written: dict[int, Written], output: Path) -> None:
    counts: Counter[int] = Counter()
    ends: dict[int, Fraction] = {}
    last: dict[int, int] = {}
    for packet in container.demux():
        if not packet.size:
            continue
        index = packet.stream_index
        counts[index] += 1
        if packet.dts is not None:
            if packet.dts < last.get(index, packet.dts):
                raise _failed(output, f"stream {index} goes back in time")
            last[index] = packet.dts
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            ends[index] = max(ends.get(index, end), end)
    for index, entry in written.items():
        if not entry.picture_or_sound:
            continue
        if counts[index] != entry.packets:
            raise _failed(
                output, f"stream {index} holds {counts[index]} packets, not {entry.packets}"
            )
        if entry.packets and abs(ends.get(index, Fraction(0)) - entry.end) > _TOLERANCE_S:
            raise _failed(
                output,
                f"stream {index} ends at {float(ends.get(index, 0)):.3f} s, "
                f"not {float(entry.end):.3f} s",
            )


def _check_decodable(copy: Path, index: int, entry: Written, output: Path) -> None:
    """Decodes the first frame, and everything from shortly before the end."""
    with open_media(copy) as container:
        stream = container.streams[index]
        if next(container.decode(stream), None) is None:
            raise _failed(output, f"nothing can be decoded at the start of stream {index}")
    with open_media(copy) as container:
        near_end = max(Fraction(0), entry.end - _NEAR_END_S)
        container.seek(int(near_end * av.time_base))
        if not deque(container.decode(container.streams[index]), maxlen=1):
            raise _failed(output, f"nothing can be decoded at the end of stream {index}")


def _failed(output: Path, what: str) -> OutputCheckError:
    return OutputCheckError(
        f"the finished copy was checked and is not right: {what}. It was not kept; "
        "please report this with the kind of video",
        path=output,
    )
