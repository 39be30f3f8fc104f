"""Which audio tracks a mute or bleep changes."""

from __future__ import annotations

from collections.abc import Sequence

from video_censor_personal.media.base import MediaInfo, StreamInfo

__all__ = ["chosen_tracks"]


def chosen_tracks(
    info: MediaInfo, wanted: Sequence[int | str]
) -> tuple[tuple[StreamInfo, ...], tuple[str, ...]]:
    """The audio streams that `wanted` names by position (0 is the first) or language, and notes.

    All of them where nothing is named, as any may carry speech; and also where a name fits no
    track, as a word that was to be muted must not stay for a misspelt language.
    """
    tracks = info.of_kind("audio")
    if not wanted or not tracks:
        return tracks, ()
    chosen: set[int] = set()
    notes = []
    for name in wanted:
        fitting = [track.index for place, track in enumerate(tracks) if _fits(track, place, name)]
        chosen.update(fitting)
        if not fitting:
            there = ", ".join(track.language or "no language" for track in tracks)
            notes.append(f"there is no audio track {name!r} (there: 0–{len(tracks) - 1}; {there})")
    if notes:
        return tracks, (*notes, "so every audio track is changed")
    return tuple(track for track in tracks if track.index in chosen), ()


def _fits(track: StreamInfo, place: int, name: int | str) -> bool:
    if isinstance(name, int):
        return place == name
    wanted, has = name.strip().casefold(), track.language.casefold()
    return bool(has) and (wanted == has or (len(wanted) == 2 and has.startswith(wanted)))
