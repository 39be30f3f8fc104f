"""Re-opening the finished copy: is everything in it that was written, and can it be played?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition

from video_censor_personal.errors import InputError, OutputCheckError
from video_censor_personal.media.container import open_media

__all__ = ["Written", "check_copy"]

_ROUNDING_S = Fraction(1, 500)
_TOLERANCE_S = Fraction(1, 10)
_WARM_UP_S = Fraction(1, 10)  # of sound before a joint; a packet of any codec is shorter
# Some kinds of file can only be entered anywhere, not at a key frame; there is one every 5 s.
_NEAR_END_S = 12


@dataclass(slots=True)
class Written:
    """What was handed to the muxer for one stream of the copy; times by the container's clock.

    `encoded`: from end to end. `joints`: where new packets and the source's follow each other.
    """

    kind: str
    disposition: int = 0
    encoded: bool = False
    packets: int = 0
    end_ticks: int = 0
    time_base: Fraction = Fraction(1)
    start_ticks: int | None = None
    joints: list[Fraction] = field(default_factory=list)

    @property
    def timed(self) -> bool:
        """Whether it is picture, sound or subtitles, and no cover."""
        cover = self.disposition & Disposition.attached_pic
        return self.kind in ("video", "audio", "subtitle") and not cover

    @property
    def end(self) -> Fraction:
        """When the last of it ends."""
        return self.end_ticks * self.time_base

    def add(self, packet: Any) -> None:
        if packet.size:  # an encoder's last word may be nothing but new headers
            self.packets += 1
        pts = packet.pts
        if pts is not None:
            if self.start_ticks is None or pts < self.start_ticks:
                self.start_ticks = pts
            end_ticks = pts + (packet.duration or 0)
            if end_ticks > self.end_ticks:
                if not self.end_ticks:  # one time base a stream; asking each packet costs time
                    self.time_base = packet.time_base
                self.end_ticks = end_ticks


def check_copy(copy: Path, written: dict[int, Written], output: Path) -> None:
    """Compares the file `copy` with what was written into it, by the index of its streams.

    Raises:
        OutputCheckError: a stream is missing, holds more or fewer packets, ends elsewhere, goes
            back in time, or what was encoded cannot be decoded. `output` is its later name.
    """
    try:
        with open_media(copy) as container:
            found = _matched(container, written, output)
            _check_packets(container, found, output)
        for index, entry in found.items():
            if entry.encoded and entry.packets:
                _check_decodable(copy, index, entry, output)
            if entry.joints:
                _check_joints(copy, index, entry, output)
    except (InputError, av.error.FFmpegError) as error:
        raise _failed(output, f"it cannot be read again ({error})") from error


def _matched(container: Any, written: dict[int, Written], output: Path) -> dict[int, Written]:
    """`written` by the index that each stream of picture, sound or subtitles has in the file.

    Covers and fonts have places of their own in every kind of file, and MP4 keeps its chapters in
    a track; of these only the covers and fonts are counted.
    """
    entries = [written[index] for index in sorted(written)]
    wanted = [entry for entry in entries if entry.timed]
    there = {stream.index: Written(stream.type, stream.disposition) for stream in container.streams}
    timed = [index for index, entry in there.items() if entry.timed]
    kinds, wanted_kinds = [there[index].kind for index in timed], [entry.kind for entry in wanted]
    if kinds != wanted_kinds:
        what = f"it holds {', '.join(kinds) or 'nothing'}, not {', '.join(wanted_kinds)}"
        raise _failed(output, what)
    if _extras(there.values()) != _extras(entries):
        raise _failed(output, "a cover or an attached file is missing")
    return dict(zip(timed, wanted, strict=True))


def _extras(entries: Iterable[Written]) -> int:
    return sum(not entry.timed and entry.kind != "data" for entry in entries)


@dataclass(slots=True)
class _Held:
    """What a stream of the copy turns out to hold; times in its ticks."""

    packets: int = 0
    last_dts: int | None = None
    start: int | None = None
    end: int | None = None
    goes_back: bool = False

    def add(self, packet: Any) -> None:
        self.packets += 1
        dts, pts = packet.dts, packet.pts
        if dts is not None:
            if self.last_dts is not None and dts < self.last_dts:
                self.goes_back = True
            self.last_dts = dts
        if pts is not None:
            if self.start is None or pts < self.start:
                self.start = pts
            end = pts + (packet.duration or 0)
            if self.end is None or end > self.end:
                self.end = end


def _check_packets(container: Any, found: dict[int, Written], output: Path) -> None:
    streams = [_Held() for _ in container.streams]
    for packet in container.demux():
        if packet.size:
            streams[packet.stream_index].add(packet)
    for index, held in enumerate(streams):
        if held.goes_back:
            raise _failed(output, f"stream {index} goes back in time")
    later = _delay(container, found, streams)
    for index, entry in found.items():
        held = streams[index]
        if entry.kind == "subtitle":  # muxers end and join them as they like
            continue
        # Plain samples have no packets of their own: every reader cuts them up as it likes.
        plain = (container.streams[index].name or "").startswith("pcm_")
        if held.packets != entry.packets and not plain:
            raise _failed(
                output, f"stream {index} holds {held.packets} packets, not {entry.packets}"
            )
        end = entry.end
        if held.end is not None:
            end = held.end * container.streams[index].time_base - later
        if abs(end - entry.end) > _TOLERANCE_S:
            raise _failed(
                output,
                f"stream {index} ends at {float(end):.3f} s, not {float(entry.end):.3f} s",
            )


def _delay(container: Any, found: dict[int, Written], streams: list[_Held]) -> Fraction:
    """How much later than written the file begins: MPEG, FLV and ASF cannot begin before their
    clock does, so their muxers move every stream by the same."""
    delays = [
        streams[index].start * container.streams[index].time_base
        - entry.start_ticks * entry.time_base
        for index, entry in found.items()
        if entry.kind != "subtitle"
        and streams[index].start is not None
        and entry.start_ticks is not None
    ]
    return min(delays, default=Fraction(0))


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


def _check_joints(copy: Path, index: int, entry: Written, output: Path) -> None:
    """Jumps to every joint, as a player may, and plays on from there."""
    with open_media(copy) as container:
        stream = container.streams[index]
        time_base = Fraction(stream.time_base or 1)
        for joint in entry.joints:
            # Rounded up, as the picture there can be entered and the one before may be far away.
            container.seek(ceil((joint + _ROUNDING_S / 4) * av.time_base))
            earliest = ceil((joint - _WARM_UP_S) / time_base)
            reached = int((joint - _ROUNDING_S) / time_base)
            if not any(
                frame.pts is not None and frame.pts >= reached
                for frame in _decoded_from(container, stream, earliest)
            ):
                raise _failed(output, f"stream {index} cannot be decoded at {float(joint):.3f} s")


def _decoded_from(container: Any, stream: Any, earliest: int) -> Iterator[Any]:
    """Frames; packets of sound before `earliest` (ticks) are passed over, as nothing needs them."""
    sound = stream.type == "audio"
    for packet in container.demux(stream):
        if not (sound and packet.pts is not None and packet.pts < earliest):
            yield from packet.decode()


def _failed(output: Path, what: str) -> OutputCheckError:
    return OutputCheckError(
        f"the finished copy was checked and is not right: {what}. It was not kept; "
        "please report this with the kind of video",
        path=output,
        what=what,
    )
