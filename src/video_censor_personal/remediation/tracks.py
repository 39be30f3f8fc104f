"""Laying the tracks: for every stream of the source, who makes the copy's out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from video_censor_personal.config import Remediation
from video_censor_personal.errors import OutputError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.remediation.container import copied_stream, holds, label
from video_censor_personal.remediation.edits import EditPlan, StreamPlan
from video_censor_personal.remediation.encoders import picture_output, sound_output
from video_censor_personal.remediation.hdr import HdrMetadata, hdr_of
from video_censor_personal.remediation.output import muxer_of
from video_censor_personal.remediation.picture_track import PictureTrack
from video_censor_personal.remediation.plain_track import CopiedTrack, SubtitleTrack, Track
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.sound_track import SoundTrack
from video_censor_personal.remediation.video import PictureEditor

__all__ = ["Tracks", "lay_tracks"]

_HDR_CURVES = (16, 18)  # AVCOL_TRC_SMPTE2084 (PQ) and ARIB_STD_B67 (HLG)
_CHAPTER_TRACK = "bin_data"  # MP4 keeps chapters in a track of its own; the muxer writes it

_IMAGES = {"mjpeg": "jpeg", "png": "png", "webp": "webp", "gif": "gif", "bmp": "bmp"}


@dataclass(slots=True)
class Tracks:
    """The tracks of the copy by the index of their source stream, in the source's order."""

    by_source: dict[int, Track] = field(default_factory=dict)
    encoded: list[Track] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Everything that a track may be made from."""

    source: Any
    out: Any
    info: MediaInfo
    plan: EditPlan
    remediation: Remediation
    retiming: Retiming

    def track(self, stream_plan: StreamPlan) -> Track:
        source = self.source.streams[stream_plan.stream.index]
        if stream_plan.work == "encode":
            encoding = stream_plan.encoding or Encoding("", "")
            if source.type == "video":
                return self._picture(source, stream_plan)
            return self._sound(source, encoding, stream_plan)
        stream = copied_stream(self.out, source)
        if source.type == "subtitle":
            codec = stream_plan.stream.codec
            return SubtitleTrack(stream, codec, self.plan.masks, self.retiming, self.info.origin)
        return CopiedTrack(stream)

    def _picture(self, source: Any, stream_plan: StreamPlan) -> Track:
        video = self.remediation.video
        hdr = HdrMetadata()
        if source.codec_context.color_trc in _HDR_CURVES:
            hdr = _first_hdr(self.info.path, source.index)
        output = picture_output(self.out, source, stream_plan, video.quality, hdr)
        label(output.stream, source)
        editor = PictureEditor(self.plan.picture, stream_plan.stream.rotation, video.blank_color)
        return PictureTrack(output, source, editor, self.retiming, self.info.origin)

    def _sound(self, source: Any, encoding: Encoding, stream_plan: StreamPlan) -> Track:
        stream = sound_output(self.out, source, encoding)
        label(stream, source)
        return SoundTrack(
            stream,
            source,
            self.plan.sound if stream_plan.edited else (),
            self.remediation.audio,
            self.retiming,
            self.info.origin,
        )


def lay_tracks(
    source: Any,
    out: Any,
    info: MediaInfo,
    plan: EditPlan,
    remediation: Remediation,
    retiming: Retiming,
    output: Path,
) -> Tracks:
    """A track for every stream that the copy is to have; its streams are added to `out`.

    Raises:
        OutputError: `out` cannot hold a stream of picture, sound or subtitles.
    """
    layer = _Layer(source, out, info, plan, remediation, retiming)
    laid = Tracks()
    for stream_plan in plan.streams:
        stream = stream_plan.stream
        if stream_plan.work == "drop":
            laid.notes.append(str(stream_plan))
            continue
        template = source.streams[stream.index]
        if plan.chapters and stream.kind == "data" and template.name == _CHAPTER_TRACK:
            continue
        muxer = muxer_of(output)
        if stream.attached_picture and muxer == "matroska":
            laid.by_source[stream.index] = CopiedTrack(_attached(out, template, info.path))
            continue
        same_codec = stream_plan.encoding is None or not stream_plan.encoding.why_other
        if same_codec and not holds(muxer, template):
            what = f"a {output.suffix} file cannot hold it"
            if stream.kind in ("data", "attachment") or stream.attached_picture:
                laid.notes.append(f"stream {stream.index} ({stream.kind}) is left out: {what}")
                continue
            raise OutputError(
                f"stream {stream.index} ({stream.kind}: {stream.codec}) cannot be copied: {what}; "
                f"name the copy {output.stem}.mkv",
                path=output,
            )
        track = layer.track(stream_plan)
        laid.by_source[stream.index] = track
        if stream_plan.work == "encode":
            laid.encoded.append(track)
    return laid


def _attached(out: Any, source: Any, path: Path) -> Any:
    """The cover picture `source` as an attachment of `out`, which is where Matroska keeps it."""
    with open_media(path) as container:
        cover = container.streams[source.index]
        picture = next(bytes(packet) for packet in container.demux(cover) if packet.size)
    kind = _IMAGES.get(source.codec_context.name, "jpeg")
    name = source.metadata.get("filename", f"cover.{kind.replace('jpeg', 'jpg')}")
    return out.add_attachment(name, source.metadata.get("mimetype", f"image/{kind}"), picture)


def _first_hdr(path: Path, index: int) -> HdrMetadata:
    with open_media(path) as source:
        frame = next(source.decode(source.streams[index]), None)
        return HdrMetadata() if frame is None else hdr_of(frame)
