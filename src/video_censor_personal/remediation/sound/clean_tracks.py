"""Further tracks with the censored sound, beside those of the source, which stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from video_censor_personal.media.base import MediaInfo, StreamInfo
from video_censor_personal.remediation.edits import StreamPlan
from video_censor_personal.remediation.stream_plans import StreamPlanner

__all__ = ["TITLE", "can_hold_more", "with_clean_tracks"]

TITLE = "CLEAN"
"""What such a track is called."""

_ONE_SOUND = frozenset({".mp3", ".flac", ".wav", ".flv"})


def can_hold_more(suffix: str) -> bool:
    """Whether a file with this ending can hold a second track of sound."""
    return suffix not in _ONE_SOUND


def with_clean_tracks(
    planner: StreamPlanner, info: MediaInfo, tracks: Sequence[StreamInfo]
) -> tuple[StreamPlan, ...]:
    """The plans of all streams, and before each of `tracks` that of its clean one.

    Before it, as some players take the first track whatever the file says. The clean track of what
    a player would play, else the first, is the one that is played by default.
    """
    played = next((track for track in tracks if track is info.audio), tracks[0])
    plain = replace(planner, tracks=())
    return tuple(_plans(planner, plain, info, tracks, played))


def _plans(
    planner: StreamPlanner,
    plain: StreamPlanner,
    info: MediaInfo,
    tracks: Sequence[StreamInfo],
    played: StreamInfo,
) -> Iterable[StreamPlan]:
    for stream in info.streams:
        if any(stream is track for track in tracks) and stream.decodable:
            title = f"{TITLE} {stream.title}".strip() if len(tracks) > 1 else TITLE
            yield replace(planner.plan(stream), new_title=title, default=stream is played)
        plan = plain.plan(stream)
        yield replace(plan, default=False) if stream.kind == "audio" else plan
