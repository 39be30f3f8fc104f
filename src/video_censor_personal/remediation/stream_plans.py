"""What happens to each stream, so that the edits hold and as little as possible is encoded anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from video_censor_personal.config import Remediation
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.remediation.codecs import audio_encoding, video_encoding
from video_censor_personal.remediation.edits import EditPlan, StreamPlan
from video_censor_personal.remediation.pictures.picture_joinability import picture_obstacle
from video_censor_personal.remediation.sound.sound_joinability import sound_obstacle
from video_censor_personal.remediation.sound.sound_windows import grid_of, windows_of
from video_censor_personal.timeline import Span, subtract, union

__all__ = ["StreamPlanner"]

_HOLD_SUBTITLES = frozenset({".mp4", ".m4v", ".mov", ".m4a", ".mkv", ".mka", ".webm"})
"""The kinds of file that text subtitles can be written to."""


@dataclass(frozen=True, slots=True)
class StreamPlanner:
    """Plans the streams of `info` for the edits of `edits`.

    Attributes:
        tracks: the audio streams that mutes and bleeps are for.
        suffix: of the copy.
        remediation: how sound and picture are changed.
    """

    info: MediaInfo
    edits: EditPlan
    tracks: Sequence[StreamInfo]
    suffix: str
    end: Fraction
    remediation: Remediation

    def plan(self, stream: StreamInfo) -> StreamPlan:
        """What happens to `stream`."""
        if stream.kind in ("video", "audio", "subtitle") and not stream.decodable:
            # Only what a decoder is there for can be copied, and nothing unheard may slip through.
            name = stream.codec or "of an unknown codec"
            return StreamPlan(stream, "drop", f"as nothing here can read it ({name})")
        if stream.kind == "video" and not stream.attached_picture:
            return self._picture(stream)
        if stream.kind == "audio":
            return self._sound(stream)
        if stream.kind == "subtitle" and stream.text and self.suffix not in _HOLD_SUBTITLES:
            return StreamPlan(stream, "drop", f"as a {self.suffix} file cannot hold its subtitles")
        if stream.kind == "subtitle":
            return self._subtitles(stream)
        return StreamPlan(stream, "copy", copied=self._kept(()))

    def _picture(self, stream: StreamInfo) -> StreamPlan:
        edited = bool(self.edits.picture)
        why = self._why("parts of the picture are hidden" if edited else "")
        cuts = self.edits.cuts
        # Asked for even where nothing is to be encoded, so that a wrong wish is known at once.
        encoding, kept = (
            video_encoding(stream, self.suffix, self.remediation.video),
            self._kept(cuts),
        )
        if not why:
            return StreamPlan(stream, "copy", copied=self._kept(()))
        obstacle = picture_obstacle(self.info, stream, self.suffix)
        if encoding.is_hardware and not obstacle:
            obstacle = f"parts that {encoding.encoder} encodes were not proven to join"
        if obstacle:
            return StreamPlan(
                stream, "encode", why, encoding, edited, (), kept, cuts, obstacle=obstacle
            )
        hidden = tuple(union(edit.span for edit in self.edits.picture))
        copied, encoded = self._kept((*cuts, *hidden)), _common(kept, hidden)
        return StreamPlan(stream, "splice", why, encoding, edited, copied, encoded, cuts)

    def _sound(self, stream: StreamInfo) -> StreamPlan:
        edited = any(stream is track for track in self.tracks)
        why = self._why("parts of the sound are replaced" if edited else "")
        cuts = self.edits.cuts
        if not why:
            return StreamPlan(stream, "copy", copied=self._kept(()))
        encoding, kept = audio_encoding(stream, self.suffix), self._kept(cuts)
        obstacle = sound_obstacle(self.info, stream, self.suffix, cut=bool(cuts))
        if obstacle:
            return StreamPlan(
                stream, "encode", why, encoding, edited, (), kept, cuts, obstacle=obstacle
            )
        if stream.codec == "aac":
            encoding = replace(encoding, bit_rate=None)  # the new packets have a quality instead
        else:
            encoding = replace(encoding, bit_rate=stream.bit_rate)  # frames keep their size
        rate_hz, grid = stream.sample_rate_hz, grid_of(stream.codec)
        edits = self.edits.sound if edited else ()
        fade_s = self.remediation.audio.fade_ms / 1000
        windows = [w.span(rate_hz) for w in windows_of(edits, cuts, grid, rate_hz, fade_s)]
        copied, encoded = self._kept((*cuts, *windows)), _common(kept, windows)
        return StreamPlan(stream, "splice", why, encoding, edited, copied, encoded, cuts)

    def _subtitles(self, stream: StreamInfo) -> StreamPlan:
        masked = stream.text and self.edits.masks
        why = self._why("words are masked" if masked else "")
        if not why:
            return StreamPlan(stream, "copy", copied=self._kept(()))
        cuts = self.edits.cuts
        return StreamPlan(stream, "rewrite", why, copied=self._kept(cuts), dropped=cuts)

    def _why(self, own: str) -> str:
        reasons = ["parts are cut out"] if self.edits.cuts else []
        return " and ".join([*reasons, own] if own else reasons)

    def _kept(self, holes: Sequence[Span]) -> tuple[Span, ...]:
        return tuple(subtract(Span(Fraction(0), max(self.end, Fraction(0))), holes))


def _common(spans: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """The time that lies in both."""
    both = (span.clipped(other) for span in spans for other in others)
    return tuple(union(part for part in both if part is not None))
