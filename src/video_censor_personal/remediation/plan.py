"""From a report to an edit plan: every decision about the copy, before a file is opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from video_censor_personal.config import Remediation, SkipChapters
from video_censor_personal.findings import Detection, Report
from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.remediation.actions import Action, choose
from video_censor_personal.remediation.chapters import merged_chapters
from video_censor_personal.remediation.edits import (
    EditPlan,
    PictureEdit,
    SoundEdit,
    StreamPlan,
    WordMask,
)
from video_censor_personal.remediation.review import fitted
from video_censor_personal.remediation.sound.audio_tracks import chosen_tracks
from video_censor_personal.remediation.sound.clean_tracks import can_hold_more, with_clean_tracks
from video_censor_personal.remediation.stream_plans import StreamPlanner
from video_censor_personal.timeline import Span, subtract, union, within

__all__ = ["EditPlan", "make_plan"]

_MOMENT_S = Fraction(1, 1000)  # as finely as a report tells the time


@dataclass
class _Wanted:
    """What the detections ask for, before it is ordered and put on streams."""

    silences: list[Span] = field(default_factory=list)
    bleeps: list[Span] = field(default_factory=list)
    picture: list[PictureEdit] = field(default_factory=list)
    cuts: list[Span] = field(default_factory=list)
    masks: list[WordMask] = field(default_factory=list)


def make_plan(
    report: Report,
    remediation: Remediation,
    info: MediaInfo,
    *,
    skip_chapters: SkipChapters | None = None,
    output: Path | None = None,
) -> EditPlan:
    """What to do to `info`'s file because of `report`; `output` (its suffix) None: the same kind.

    Every detection of a segment that is not allowed is acted on by itself, so two words that were
    merged into one segment are two mutes.

    Raises:
        ReportError: a segment asks for an action that there is not.
    """
    wanted = _Wanted()
    for segment in report.segments:
        if not segment.allow:
            for detection in fitted(segment):
                _want(wanted, detection, choose(detection, segment, remediation), remediation)
    duration = info.duration or report.duration
    cuts = tuple(within(union(wanted.cuts), duration))  # behind the end they take nothing away
    sound = _sound_edits(wanted, cuts) if info.of_kind("audio") else ()
    picture = _picture_edits(wanted, cuts, info.video) if info.video else ()
    tracks, notes = chosen_tracks(info, remediation.audio.tracks) if sound else ((), ())
    chapters = info.chapters
    if skip_chapters is not None and skip_chapters.enabled:
        chapters = merged_chapters(
            info.chapters, report.segments, skip_chapters.name_format, duration
        )
    masks = tuple(wanted.masks)
    plan = EditPlan((), sound, picture, cuts, masks, chapters, notes, duration)
    suffix = (output or info.path).suffix.lower()
    end = duration or _last(report)
    planner = StreamPlanner(info, plan, tracks, suffix, end, remediation)
    streams, beside = _streams(planner, remediation.audio.clean_track)
    notes += beside + _only_centre(remediation.audio.speech_channels, tracks)
    return replace(plan, streams=streams, notes=(*notes, *_missing(wanted, info)))


def _streams(
    planner: StreamPlanner, clean_track: bool
) -> tuple[tuple[StreamPlan, ...], tuple[str, ...]]:
    """What happens to every stream, and what a person should know of it."""
    notes: tuple[str, ...] = ()
    if clean_track and planner.tracks:
        if can_hold_more(planner.suffix):
            return with_clean_tracks(planner, planner.info, planner.tracks), ()
        notes = (f"a {planner.suffix} file holds one track only, so its own sound is changed",)
    return tuple(planner.plan(stream) for stream in planner.info.streams), notes


def _want(wanted: _Wanted, detection: Detection, action: Action, remediation: Remediation) -> None:
    span = detection.span
    if not span.duration:  # a moment that somebody wrote down: what is shown then
        span = span.padded(0, _MOMENT_S)
    if action.picture == "cut":
        wanted.cuts.append(span)
    elif action.picture is not None:
        padding = remediation.video.box_padding
        track = tuple(replace(point, box=point.box.padded(padding)) for point in detection.track)
        wanted.picture.append(PictureEdit(span, action.picture, track))
    if action.sound is not None:
        padding_s = remediation.audio.padding_s
        spans = wanted.silences if action.sound == "silence" else wanted.bleeps
        spans.append(span.padded(padding_s, padding_s))
    if detection.modality == "audio" and action != Action():
        wanted.masks.append(WordMask(detection.span, detection.label, detection.replacement))


def _sound_edits(wanted: _Wanted, cuts: Sequence[Span]) -> tuple[SoundEdit, ...]:
    """In order, without overlap: a cut wins over silence, and silence over a bleep."""
    silences = _without(union(wanted.silences), cuts)
    bleeps = _without(union(wanted.bleeps), [*cuts, *silences])
    edits = [SoundEdit(span, "silence") for span in silences]
    edits += [SoundEdit(span, "bleep") for span in bleeps]
    return tuple(sorted(edits, key=lambda edit: edit.span))


def _picture_edits(
    wanted: _Wanted, cuts: Sequence[Span], video: StreamInfo
) -> tuple[PictureEdit, ...]:
    """In order, without what is cut out. Overlapping edits stay, as each has its own box.

    A frame is shown until the next one: the one that is still on the screen when a span begins is
    hidden as well.
    """
    still_shown = Fraction(999, 1000) / video.frame_rate if video.frame_rate else Fraction(0)
    edits = [
        replace(edit, span=span)
        for edit in wanted.picture
        for span in subtract(edit.span.padded(still_shown, 0), cuts)
    ]
    return tuple(sorted(edits, key=lambda edit: edit.span))


def _without(spans: Iterable[Span], holes: Sequence[Span]) -> list[Span]:
    return [left for span in spans for left in subtract(span, holes)]


def _missing(wanted: _Wanted, info: MediaInfo) -> tuple[str, ...]:
    """Says what cannot be done because the file has no such stream."""
    notes = []
    if (wanted.silences or wanted.bleeps) and not info.of_kind("audio"):
        notes.append("the video has no sound, so there is nothing to mute or bleep in it")
    if wanted.picture and not info.video:
        notes.append("the file has no picture, so there is nothing to hide in it")
    return tuple(notes)


def _only_centre(wanted: str, tracks: Sequence[StreamInfo]) -> tuple[str, ...]:
    surround = [track.index for track in tracks if track.channels > 2]
    if wanted != "center" or not surround:
        return ()
    numbers = ", ".join(str(index) for index in surround)
    return (f"of stream {numbers} only the centre is changed; speech in other channels stays",)


def _last(report: Report) -> Fraction:
    return max((segment.span.end for segment in report.segments), default=Fraction(0))
