"""Laying the tracks: for every stream of the source, who makes the copy's out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from video_censor_personal.config import Remediation
from video_censor_personal.errors import InputError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.remediation.codecs import Encoding
from video_censor_personal.remediation.container import (
    copied_stream,
    label,
    rename,
    text_stream,
)
from video_censor_personal.remediation.edits import EditPlan, StreamPlan
from video_censor_personal.remediation.encoders import picture_output, sound_output
from video_censor_personal.remediation.misfits import Misfit, is_written_anew, misfit_of
from video_censor_personal.remediation.output import muxer_of
from video_censor_personal.remediation.pictures.hdr import HdrMetadata, first_hdr
from video_censor_personal.remediation.pictures.new_pictures import NewPictures
from video_censor_personal.remediation.pictures.picture_codings import coding_of
from video_censor_personal.remediation.pictures.picture_splice import SplicedPictureTrack
from video_censor_personal.remediation.pictures.picture_track import PictureTrack
from video_censor_personal.remediation.pictures.video import PictureEditor
from video_censor_personal.remediation.plain_track import (
    CopiedTrack,
    SubtitleTrack,
    Track,
    UnpackedTrack,
)
from video_censor_personal.remediation.retiming import Retiming
from video_censor_personal.remediation.sound.sound_splice import SplicedSoundTrack
from video_censor_personal.remediation.sound.sound_track import SoundTrack

__all__ = ["Tracks", "lay_tracks"]

_HDR_CURVES = (16, 18)  # AVCOL_TRC_SMPTE2084 (PQ) and ARIB_STD_B67 (HLG)
_IMAGES = {"mjpeg": "jpeg", "png": "png", "webp": "webp", "gif": "gif", "bmp": "bmp"}


@dataclass(slots=True)
class Tracks:
    """The tracks of the copy by the index of their source stream, in the source's order."""

    by_source: dict[int, list[Track]] = field(default_factory=dict)
    encoded: list[Track] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
        InputError: nothing says what the pictures are like that are to be encoded.
    """
    layer = _Layer(source, out, info, plan, remediation, retiming, output)
    laid = Tracks(notes=layer.notes)
    for stream_plan in plan.streams:
        track = layer.track(stream_plan)
        if track is not None:
            rename(out, track.stream, stream_plan.new_title, stream_plan.default)
            laid.by_source.setdefault(stream_plan.stream.index, []).append(track)
            if stream_plan.work == "encode":
                laid.encoded.append(track)
    return laid


@dataclass(frozen=True, slots=True)
class _Layer:
    """Everything that a track may be made from."""

    source: Any
    out: Any
    info: MediaInfo
    plan: EditPlan
    remediation: Remediation
    retiming: Retiming
    output: Path
    notes: list[str] = field(default_factory=list)

    def track(self, plan: StreamPlan) -> Track | None:
        """The track for one stream, None where the copy goes without."""
        stream = plan.stream
        if plan.work == "drop":
            self.notes.append(str(plan))
            return None
        source = self.source.streams[stream.index]
        if stream.attached_picture and muxer_of(self.output) == "matroska":
            return CopiedTrack(_attached(self.out, source, self.info.path))
        if is_written_anew(source, plan, self.plan, self.output):
            return None
        misfit = misfit_of(source, plan, self.info, self.output)
        if misfit is not None:
            return self._instead(plan, source, misfit)
        if source.type == "video" and plan.work in ("splice", "encode"):
            _check_is_known(source, self.info.path)
        if plan.work == "splice":
            splice = self._spliced_picture if source.type == "video" else self._spliced_sound
            return splice(source, plan)
        if plan.work == "encode":
            return (self._picture if source.type == "video" else self._sound)(source, plan)
        if stream.kind == "subtitle":
            return self._subtitles(copied_stream(self.out, source), stream.codec)
        return self._copied(source)

    def _copied(self, source: Any) -> Track:
        stream = copied_stream(self.out, source)
        leaves_avi = self.info.container == "avi" and muxer_of(self.output) != "avi"
        if leaves_avi and source.type == "video" and source.codec_context.name == "mpeg4":
            return UnpackedTrack(stream, source)
        return CopiedTrack(stream)

    def _instead(self, plan: StreamPlan, source: Any, misfit: Misfit) -> Track | None:
        """What becomes of a stream that this kind of file cannot hold."""
        self.notes.append(misfit.note)
        if not misfit.becomes:
            return None
        new = text_stream(self.out, source)
        return self._subtitles(new, plan.stream.codec, misfit.becomes)

    def _picture(self, source: Any, plan: StreamPlan) -> Track:
        video = self.remediation.video
        hdr = HdrMetadata()
        if source.codec_context.color_trc in _HDR_CURVES:
            hdr = first_hdr(self.info.path, source.index)
        output = picture_output(self.out, source, plan, hdr)
        label(self.out, output.stream, source)
        edits = self.plan.picture if plan.edited else ()
        editor = PictureEditor(edits, plan.stream.rotation, video.blank_color)
        return PictureTrack(output, source, editor, self.retiming, self.info.origin)

    def _spliced_picture(self, source: Any, plan: StreamPlan) -> Track:
        video, origin = self.remediation.video, self.info.origin
        hdr = HdrMetadata()
        if source.codec_context.color_trc in _HDR_CURVES:
            hdr = first_hdr(self.info.path, source.index)
        stream = copied_stream(self.out, source)
        edits = self.plan.picture if plan.edited else ()
        editor = PictureEditor(edits, plan.stream.rotation, video.blank_color)
        coding = coding_of(plan.stream.codec, plan.stream.setup)
        encoding = plan.encoding or Encoding("h264", "libx264")
        new = NewPictures(source, coding, encoding, editor, hdr, origin)
        if setup := new.setup():
            stream.codec_context.extradata = setup
        return SplicedPictureTrack(stream, source, coding, new, edits, self.retiming, origin)

    def _sound(self, source: Any, plan: StreamPlan) -> Track:
        stream = sound_output(self.out, source, plan)
        label(self.out, stream, source)
        edits = self.plan.sound if plan.edited else ()
        audio = self.remediation.audio
        return SoundTrack(stream, source, edits, audio, self.retiming, self.info.origin)

    def _spliced_sound(self, source: Any, plan: StreamPlan) -> Track:
        stream = copied_stream(self.out, source)
        edits = self.plan.sound if plan.edited else ()
        audio, origin = self.remediation.audio, self.info.origin
        return SplicedSoundTrack(stream, source, edits, audio, self.retiming, origin)

    def _subtitles(self, stream: Any, codec: str, target: str = "") -> Track:
        masks, origin = self.plan.masks, self.info.origin
        return SubtitleTrack(stream, codec, masks, self.retiming, origin, target)


def _check_is_known(source: Any, path: Path) -> None:
    """Raises `InputError` where nothing says what the pictures are like that are to be encoded."""
    if source.codec_context.format is None:
        raise InputError(
            f"stream {source.index} (video) of {path.name} has no picture near its beginning, so "
            "it is not known how to encode any of it; only a report can be made (-o film.json)",
            path=path,
        )


def _attached(out: Any, source: Any, path: Path) -> Any:
    """The cover picture `source` as an attachment of `out`, which is where Matroska keeps it."""
    with open_media(path) as container:
        cover = container.streams[source.index]
        picture = next(bytes(packet) for packet in container.demux(cover) if packet.size)
    kind = _IMAGES.get(source.codec_context.name, "jpeg")
    name = source.metadata.get("filename", f"cover.{kind.replace('jpeg', 'jpg')}")
    return out.add_attachment(name, source.metadata.get("mimetype", f"image/{kind}"), picture)
