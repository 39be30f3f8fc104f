"""The subtitles of a video as a file, without the words that are not to be read."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import pysubs2

from video_censor_personal.errors import OutputError
from video_censor_personal.findings import Detection, Report
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.media.cue_masking import mask_text
from video_censor_personal.media.subtitles import read_subtitles
from video_censor_personal.outputs import write_text
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["write_clean_subtitles"]

# Subtitles come before the word is said and stay after it.
_NEAR_S = Fraction(1, 2)
_MILLISECOND = Fraction(1, 1000)
_FORMATS = {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ssa"}
_EMPTY_MP4_CUE_BYTES = 2


def write_clean_subtitles(
    info: MediaInfo, report: Report, path: Path, cuts: Sequence[Span] = ()
) -> bool:
    """Write the video's subtitles to `path`, in the format of its suffix, cleaned.

    They come from a subtitle file beside the video, or else from its default text track. Words
    that the report found and nobody allowed become their replacement, or asterisks. What lies in
    `cuts` is left out, and what follows moves up, as in the copy. All other words and their
    styling stay as they are; where on the screen they stood is kept only from ASS to ASS.

    Returns:
        Whether there were subtitles to clean; else nothing is written.

    Raises:
        InputError: the video cannot be read any more.
        OutputError: the file cannot be written, or its suffix stands for no kind of subtitles.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(_FORMATS)
        raise OutputError(f"{path} is no name for subtitles; end it in one of {known}", path=path)
    subtitles = _subtitles(info)
    if subtitles is None:
        return False
    words = [
        detection
        for segment in report.segments
        if not segment.allow and segment.audio_action != "none"
        for detection in segment.detections
        if detection.modality == "audio"
    ]
    skipped = union(cuts)
    events: list[pysubs2.SSAEvent] = []
    for event in subtitles.events:
        _clean(event, words)
        events += _retimed(event, skipped)
    subtitles.events = events
    write_text(subtitles.to_string(kind), path)
    return True


def _subtitles(info: MediaInfo) -> pysubs2.SSAFile | None:
    """Those of the file beside the video, else those of the default text track."""
    sources = read_subtitles(info).sources
    for name in sources:
        beside = info.path.parent / name
        if beside.suffix.lower() in _FORMATS and beside.is_file():
            return _from_file(beside)
    tracks = [s for s in info.of_kind("subtitle") if s.text and s.decodable]
    if not tracks:
        return None
    chosen = next((track for track in tracks if "default" in track.flags), tracks[0])
    return _from_track(info, chosen)


def _from_file(path: Path) -> pysubs2.SSAFile:
    with path.open("rb") as file:
        mark = file.read(2)
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    kind = _FORMATS[path.suffix.lower()]
    options = {} if kind in ("ass", "ssa") else {"keep_unknown_html_tags": True}
    with warnings.catch_warnings():  # of styles that are declared twice, which does no harm
        warnings.simplefilter("ignore", RuntimeWarning)
        # Bytes that are not UTF-8 (older files have their country's own) come out as they went in.
        return pysubs2.load(str(path), encoding, format_=kind, errors="surrogateescape", **options)


def _from_track(info: MediaInfo, track: StreamInfo) -> pysubs2.SSAFile:
    with open_media(info.path) as container:
        stream: Any = container.streams[track.index]
        header = stream.codec_context.extradata or b""
        subtitles = (
            pysubs2.SSAFile.from_string(header.decode("utf-8", "replace"), "ass")
            if track.codec in ("ass", "ssa")
            else pysubs2.SSAFile()
        )
        for packet in container.demux(stream):
            subtitles.events += _packet_events(packet, stream, info.origin)
    return subtitles


def _packet_events(packet: Any, stream: Any, origin: Fraction) -> Iterator[pysubs2.SSAEvent]:
    """A cue that cannot be decoded is left out: nobody could know what it says."""
    if packet.pts is None or packet.size <= _EMPTY_MP4_CUE_BYTES:
        return
    try:
        decoded = stream.codec_context.decode2(packet) or ()
    except av.error.FFmpegError:
        return
    start = packet.pts * packet.time_base - origin
    end = start + (packet.duration or 0) * packet.time_base
    for rect in decoded:
        fields = rect.ass.decode("utf-8", "replace").split(",", 8)
        yield pysubs2.SSAEvent(
            start=_milliseconds(start), end=_milliseconds(end), style=fields[2], text=fields[8]
        )


def _clean(event: pysubs2.SSAEvent, words: Sequence[Detection]) -> None:
    shown = Span(event.start * _MILLISECOND, max(event.start, event.end) * _MILLISECOND)
    near = shown.padded(_NEAR_S, _NEAR_S)
    event.text = mask_text(
        event.text,
        [(word.label, word.replacement) for word in words if word.span.overlaps(near)],
    )


def _retimed(event: pysubs2.SSAEvent, cuts: Sequence[Span]) -> Iterator[pysubs2.SSAEvent]:
    """`event` on the time line without `cuts`; nothing where it lies inside one."""
    shown = Span(event.start * _MILLISECOND, max(event.start, event.end) * _MILLISECOND)
    left = subtract(shown, cuts)
    if not left:
        return
    moved = copy.copy(event)
    moved.start = _milliseconds(_moved(left[0].start, cuts))
    moved.end = _milliseconds(_moved(left[-1].end, cuts))
    yield moved


def _moved(time: Fraction, cuts: Sequence[Span]) -> Fraction:
    gone = sum((min(c.end, time) - c.start for c in cuts if c.start < time), Fraction(0))
    return time - gone


def _milliseconds(time: Fraction) -> int:
    return round(time / _MILLISECOND)
