"""Streams that the copy's kind of file cannot hold as they are: what becomes of them, or a refusal.

Asked before the work, so that nobody waits for an analysis whose copy cannot be written, and again
when the tracks are laid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from video_censor_personal.errors import OutputError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.remediation.container import accepts, holds, text_codec
from video_censor_personal.remediation.edits import EditPlan, StreamPlan
from video_censor_personal.remediation.output import SUFFIXES, muxer_of
from video_censor_personal.remediation.pictures.hdr import first_hdr, lost_dynamic_hdr
from video_censor_personal.remediation.subtitles import TEXT_CODECS

__all__ = ["Misfit", "is_written_anew", "losses", "misfit_of", "surer_suffix"]

_CHAPTER_TRACK = "bin_data"  # MP4 keeps chapters in a track of its own; the muxer writes it

# Only "enhanced" FLV has names for these; FFmpeg 5.1 reads none of them.
_READ_BY_FEW = {"flv": ("hevc", "vp9", "av1", "ac3", "eac3", "flac", "opus")}


@dataclass(frozen=True, slots=True)
class Misfit:
    """`note` says what becomes of the stream: text subtitles of another codec (`becomes`), or
    nothing."""

    note: str
    becomes: str = ""


def losses(info: MediaInfo, plan: EditPlan, output: Path) -> tuple[str, ...]:
    """What the copy `output` goes without, or holds in another form, for people.

    Raises:
        OutputError: it cannot hold picture, sound or pictured subtitles.
    """
    with open_media(info.path) as source:
        notes = [misfit.note for misfit in _misfits(source, info, plan, output)]
    for entry in plan.streams:
        index = entry.stream.index
        encoded = entry.work == "encode" and entry.stream.kind == "video"
        if encoded and first_hdr(info.path, index).dynamic:
            notes.append(lost_dynamic_hdr(index))
    return tuple(notes)


def _misfits(source: Any, info: MediaInfo, plan: EditPlan, output: Path) -> Iterator[Misfit]:
    for stream_plan in plan.streams:
        stream = source.streams[stream_plan.stream.index]
        if stream_plan.work == "drop" or is_written_anew(stream, stream_plan, plan, output):
            continue
        misfit = misfit_of(stream, stream_plan, info, output)
        if misfit is not None:
            yield misfit


def is_written_anew(source: Any, stream_plan: StreamPlan, plan: EditPlan, output: Path) -> bool:
    """Whether the stream `source` is no stream for the copy: chapters, or a cover that Matroska
    keeps among its attachments."""
    stream = stream_plan.stream
    chapters = plan.chapters and stream.kind == "data" and source.name == _CHAPTER_TRACK
    return bool(chapters) or (stream.attached_picture and muxer_of(output) == "matroska")


def misfit_of(source: Any, plan: StreamPlan, info: MediaInfo, output: Path) -> Misfit | None:
    """What becomes of the stream `source` where the copy cannot hold it; None where it can.

    Raises:
        OutputError: the copy cannot do without it.
    """
    stream, suffix, muxer = plan.stream, output.suffix, muxer_of(output)
    encoding = plan.encoding or Encoding(stream.codec, "")
    fits = accepts(muxer, encoding.encoder) if encoding.why_other else holds(muxer, source)
    if fits and (muxer == info.container or encoding.codec not in _READ_BY_FEW.get(muxer, ())):
        return None
    if stream.kind == "subtitle" and stream.codec in TEXT_CODECS:
        codec = text_codec(muxer)
        return Misfit(
            f"stream {stream.index} (subtitle) becomes {codec}, as a {suffix} file cannot hold "
            f"{stream.codec}",
            codec,
        )
    if stream.kind in ("data", "attachment") or stream.attached_picture:
        return Misfit(
            f"stream {stream.index} ({stream.kind}) is left out: a {suffix} file cannot hold it"
        )
    known = info.path.suffix.lower() in SUFFIXES
    own = known and not encoding.why_other and holds(muxer_of(info.path), source)
    raise OutputError(
        f"stream {stream.index} ({stream.kind}: {encoding.codec}) cannot be copied: a {suffix} "
        f"file cannot hold it; name the copy {output.stem}{surer_suffix(info, output, own=own)}",
        path=output,
    )


def surer_suffix(info: MediaInfo, output: Path, *, own: bool) -> str:
    """Another ending for the name of the copy `output`: that of `info`'s file where that is
    known to hold everything (`own`), else Matroska's, which holds nearly all there is."""
    suffix = info.path.suffix.lower()
    if own and suffix != output.suffix.lower():
        return suffix
    return ".mkv" if info.video else ".mka"
