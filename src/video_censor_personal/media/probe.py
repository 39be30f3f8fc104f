"""What a file holds, and when it begins: `probe`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition

from video_censor_personal.errors import NotMediaError
from video_censor_personal.media.base import Chapter, MediaInfo, StreamInfo, StreamKind
from video_censor_personal.media.container import open_media
from video_censor_personal.media.packets import packets, try_decode
from video_censor_personal.timeline import Span, parse_timecode

__all__ = ["probe"]

_KINDS: Mapping[str, StreamKind] = {
    "video": "video",
    "audio": "audio",
    "subtitle": "subtitle",
    "attachment": "attachment",
}

# Packets of one stream after which a decoder that has shown nothing is given up. Frame threads,
# B-frames and a start in the middle of a group of pictures all need some; 300 is 10 s of video.
_PATIENCE = 300

# Codecs whose containers hand nothing to the decoder: every packet says what it is.
_SELF_DESCRIBING = ("ac3", "eac3")
_SOON = 3000  # packets: some seconds of a film with many tracks


def probe(path: Path | str) -> MediaInfo:
    """Everything a file declares, and the time at which its first frame is really shown.

    Raises:
        InputNotFoundError: there is no such file.
        NotMediaError: there is no picture and no sound in it.
        InputError: it is a folder, is empty, or cannot be read.
    """
    path = Path(path)
    firsts = _first_frames(path)
    with open_media(path) as container:
        matroska = container.format.name.startswith("matroska")
        origin = _origin(container, firsts)
        streams = tuple(
            _stream_info(stream, origin, firsts.get(stream.index), matroska)
            for stream in container.streams
        )
        streams = _with_first_packets(container, streams)
        if not any(s.kind in ("video", "audio") and not s.attached_picture for s in streams):
            held = ", ".join(sorted({s.kind for s in streams})) or "nothing"
            raise NotMediaError(
                f"{path} holds no video and no sound, only {held}. Give a video file.", path=path
            )
        return MediaInfo(
            path=path,
            container=container.format.name,
            origin=origin,
            duration=_duration(container, streams, origin, matroska),
            size_bytes=path.stat().st_size,
            streams=streams,
            chapters=_chapters(container, origin),
            tags=dict(container.metadata),
        )


class _First:
    """The first thing a stream shows: `time` by the container's clock, None if unknown."""

    def __init__(self, stream: Any) -> None:
        self.frame: Any = None
        self._stream, self._base = stream, Fraction(stream.time_base)
        self._packets = 0
        self._earliest: int | None = None
        self._refused = False

    @property
    def settled(self) -> bool:
        return self.frame is not None or self._packets >= _PATIENCE

    @property
    def time(self) -> Fraction | None:
        # A decoder that refused something before its first frame has lost what was to come first.
        seen = None if self.frame is None or self._refused else self.frame.pts
        stamp = self._earliest if seen is None else seen
        return None if stamp is None else stamp * self._base

    def feed(self, packet: Any) -> None:
        """The next packet, or None when there are no more."""
        if packet is not None:
            self._packets += 1
            if packet.pts is not None and not packet.is_discard:
                earliest = packet.pts if self._earliest is None else self._earliest
                self._earliest = min(earliest, packet.pts)
        decoded = try_decode(self._stream, packet)
        if decoded is None:
            self._refused = True
        elif decoded:
            self.frame = decoded[0]


def _first_frames(path: Path) -> dict[int, _First]:
    """By index, of every video stream; of every audio stream where there is no video.

    Decoding is the only witness that knows about edit lists, priming and open groups of pictures.
    """
    with open_media(path) as container:
        streams: list[Any] = [s for s in container.streams.video if not _is_cover(s)]
        streams = streams or list(container.streams.audio)
        firsts = {s.index: _First(s) for s in streams if _decoder(s) is not None}
        if not firsts:
            return {}
        for index in firsts:
            container.streams[index].codec_context.thread_count = 1
        for packet in packets(container, [container.streams[index] for index in firsts]):
            first = firsts[packet.stream_index]
            if not first.settled:
                first.feed(packet)
            if all(first.settled for first in firsts.values()):
                return firsts
        for first in firsts.values():
            if not first.settled:
                first.feed(None)
        return firsts


def _decoder(stream: Any) -> Any:
    return getattr(stream, "codec_context", None)


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _origin(container: InputContainer, firsts: Mapping[int, _First]) -> Fraction:
    """When the stream that a player shows (else plays) first shows something."""
    streams: list[Any] = [s for s in container.streams.video if not _is_cover(s)]
    streams = streams or list(container.streams.audio)
    streams.sort(key=lambda s: not s.disposition & Disposition.default)
    for stream in streams[:1]:
        first = firsts.get(stream.index)
        if first is not None and first.time is not None:
            return first.time
        if stream.start_time is not None:
            return Fraction(stream.start_time * stream.time_base)
    return Fraction(container.start_time or 0, av.time_base)


def _stream_info(stream: Any, origin: Fraction, first: _First | None, matroska: bool) -> StreamInfo:
    context = _decoder(stream)
    kind = _KINDS.get(stream.type, "data")
    start = Fraction((stream.start_time or 0) * stream.time_base) - origin
    described = _described(kind, stream, context, first) if context is not None else {}
    return StreamInfo(
        index=stream.index,
        kind=kind,
        codec=context.codec.canonical_name if context is not None else "",
        decodable=context is not None,
        language=_language(stream.metadata),
        title=stream.metadata.get("title") or stream.metadata.get("name", ""),  # MP4: name
        start=start,
        duration=_stream_duration(stream, origin + start, matroska),
        attached_picture=_is_cover(stream),
        flags=frozenset(flag.name or "" for flag in Disposition(stream.disposition)),
        **described,
    )


def _with_first_packets(
    container: InputContainer, streams: tuple[StreamInfo, ...]
) -> tuple[StreamInfo, ...]:
    """`streams`, with their first packet for a `setup` where a codec has nothing else."""
    missing = {s.index for s in streams if s.codec in _SELF_DESCRIBING}
    found: dict[int, bytes] = {}
    if missing:
        # Of all streams, so that one without a packet does not have the whole film read.
        timed = [s for s in container.streams if s.type in ("video", "audio", "subtitle")]
        for packet in islice(packets(container, timed), _SOON):
            if packet.stream_index in missing:
                found.setdefault(packet.stream_index, bytes(packet))
            if found.keys() == missing:
                break
    return tuple(replace(s, setup=found[s.index]) if s.index in found else s for s in streams)


def _described(kind: StreamKind, stream: Any, context: Any, first: _First | None) -> dict[str, Any]:
    """The fields of `StreamInfo` that only a stream of this kind has."""
    facts: dict[str, Any] = {}
    if kind == "video":
        # What FFmpeg looks through at first may hold no picture, in a film that begins with sound.
        frame = None if first is None else first.frame
        facts = {
            "width": context.width or (frame.width if frame else 0),
            "height": context.height or (frame.height if frame else 0),
            "pixel_format": context.pix_fmt or (frame.format.name if frame else ""),
            "frame_rate": stream.average_rate or stream.guessed_rate or None,
        }
        if frame is not None:
            facts["rotation"] = round(frame.rotation / 90) * 90 % 360
            facts["interlaced"] = bool(frame.interlaced_frame)
    elif kind == "audio":
        facts = {
            "channels": context.channels,
            "channel_layout": context.layout.name,
            "sample_rate_hz": context.sample_rate or 0,
        }
    elif kind == "subtitle":
        return {"text": context.codec.text_sub}
    coded = {"profile": context.profile or "", "setup": bytes(context.extradata or b"")}
    return {**facts, **coded, "bit_rate": context.bit_rate or None}


def _language(metadata: Mapping[str, str]) -> str:
    language = metadata.get("language", "")
    return "" if language == "und" else language


def _stream_duration(stream: Any, start: Fraction, matroska: bool) -> Fraction | None:
    """Seconds; `start` is by the container's clock."""
    if stream.duration is not None and not matroska:
        return Fraction(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "") if matroska else ""
    try:
        # Matroska counts a stream's length from the container's zero, not from its first packet.
        return max(Fraction(0), parse_timecode(tag) - start)
    except ValueError:
        return None


def _duration(
    container: InputContainer, streams: tuple[StreamInfo, ...], origin: Fraction, matroska: bool
) -> Fraction | None:
    timed = [s for s in streams if s.kind in ("video", "audio") and not s.attached_picture]
    ends = [s.start + s.duration for s in timed if s.duration is not None]
    if len(ends) == len(timed):
        return max(ends)
    if container.duration is None:
        return None
    start = 0 if matroska else container.start_time or 0
    return max(Fraction(0), Fraction(start + container.duration, av.time_base) - origin)


def _chapters(container: InputContainer, origin: Fraction) -> tuple[Chapter, ...]:
    chapters = []
    for chapter in container.chapters():
        base = chapter["time_base"] or Fraction(1, av.time_base)
        start, end = chapter["start"] * base - origin, chapter["end"] * base - origin
        if start <= end:
            chapters.append(Chapter(Span(start, end), chapter["metadata"].get("title", "")))
    return tuple(chapters)
