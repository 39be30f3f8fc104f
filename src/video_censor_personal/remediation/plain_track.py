"""Tracks of the copy whose packets are taken over: as they are, or re-timed and with words masked.

Every track takes the packets of one stream of the source in file order (`push`), gives packets for
the copy, and the last of them at the end (`finish`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Protocol

from av.bitstream import BitStreamFilterContext

from video_censor_personal.remediation.edits import WordMask
from video_censor_personal.remediation.packets import with_data
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.subtitles import TEXT_CODECS, convert_packet, mask_packet
from video_censor_personal.timeline import Span

__all__ = ["CopiedTrack", "SubtitleTrack", "Track", "UnpackedTrack"]

# An alignment may place a word a little before or after the subtitle that says it.
_NEAR_S = Fraction(1, 2)


# MP4 fills the time between two subtitles with this; the muxer writes it anew.
_MOV_TEXT_PAUSE = b"\0\0"


class Track(Protocol):
    """One stream of the copy in the making.

    Attributes:
        stream: the stream of the output container.
        notes: what went other than planned, for people.
        joints: when, by the container's clock, new packets and the source's follow each other.
    """

    stream: Any
    notes: list[str]
    joints: list[Fraction]

    def push(self, packet: Any) -> Iterable[Any]:
        """Packets for the copy, after `packet` of the source."""
        ...

    def finish(self) -> Iterable[Any]:
        """What is still to come when the source has ended."""
        ...


class CopiedTrack:
    """Every packet as it is."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.notes: list[str] = []
        self.joints: list[Fraction] = []

    def push(self, packet: Any) -> Iterable[Any]:
        if packet.size:
            packet.stream = self.stream
            yield packet

    def finish(self) -> Iterable[Any]:
        return ()


class UnpackedTrack(CopiedTrack):
    """MPEG-4 pictures from an AVI, each in a packet of its own.

    DivX and Xvid put two pictures into one packet and nothing into the next, which no other kind of
    file provides for.

    Args:
        source: their stream.
    """

    def __init__(self, stream: Any, source: Any) -> None:
        super().__init__(stream)
        self._filter = BitStreamFilterContext("mpeg4_unpack_bframes", source)

    def push(self, packet: Any) -> Iterable[Any]:
        if packet.size:
            time_base = packet.time_base
            for new in self._filter.filter(packet):
                new.time_base = time_base
                yield from super().push(new)


class SubtitleTrack:
    """Subtitles on the copy's time line, with words masked.

    A subtitle that is shown during a cut gets shorter, and goes with it if it lies inside.

    Args:
        target: the codec that the copy's subtitles have, if it is another than the source's.
    """

    def __init__(
        self,
        stream: Any,
        codec: str,
        masks: Sequence[WordMask],
        retiming: Retiming,
        origin: Fraction,
        target: str = "",
    ) -> None:
        self.stream = stream
        self.notes: list[str] = []
        self.joints: list[Fraction] = []
        self._codec = codec
        self._target = target or codec
        self._masks = masks if codec in TEXT_CODECS else ()
        self._retiming = retiming
        self._origin = origin
        self._last = Fraction(-(10**9))

    def push(self, packet: Any) -> Iterable[Any]:
        if not packet.size or (self._codec == "mov_text" and bytes(packet) == _MOV_TEXT_PAUSE):
            return
        packet = self._masked(packet)
        if self._retiming.cuts and not self._retime(packet):
            return
        packet.stream = self.stream
        yield packet

    def finish(self) -> Iterable[Any]:
        return ()

    def _span(self, packet: Any) -> Span | None:
        if packet.pts is None:
            return None
        start = packet.pts * packet.time_base - self._origin
        return Span(start, start + (packet.duration or 0) * packet.time_base)

    def _masked(self, packet: Any) -> Any:
        span = self._span(packet)
        if span is None:
            return packet
        near = span.padded(_NEAR_S, _NEAR_S)
        words = [(m.word, m.replacement) for m in self._masks if m.span.overlaps(near)]
        data = bytes(packet)
        new = mask_packet(data, self._codec, words)
        if self._target != self._codec:
            new = convert_packet(new, self._codec, self._target)
        return packet if new is data else with_data(packet, new)

    def _retime(self, packet: Any) -> bool:
        """Moves `packet`; whether anything of it is left.

        Subtitles that are pictures often have no end: the next one clears them. They all stay, so
        that what was cleared within a cut does not stand on the screen for ever.
        """
        span = self._span(packet)
        if span is None:
            return True
        if span.duration and not self._retiming.kept(span):
            return False
        start, end = self._retiming.moved(span.start), self._retiming.moved(span.end)
        if start < self._last:
            return False
        self._last = start
        packet.pts = packet.dts = round((start + self._origin) / packet.time_base)
        if span.duration:
            packet.duration = max(1, round((end - start) / packet.time_base))
        return True
