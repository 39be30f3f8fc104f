"""What is in the copy and no detector is shown, for the person to know beforehand."""

from __future__ import annotations

from collections.abc import Collection

from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.languages import same_language

__all__ = ["unexamined"]


def unexamined(info: MediaInfo, languages: Collection[str]) -> list[str]:
    """A sentence for each kind of thing; `languages` are those in which somebody looks for words
    (none: nobody does, and that is told elsewhere)."""
    found = [
        f"the cover picture (stream {stream.index}) is not looked at, and is in the copy as it is"
        for stream in info.streams
        if stream.attached_picture
    ]
    foreign = [
        f"{stream.language} (stream {stream.index})"
        for stream in info.of_kind("subtitle")
        if stream.language not in ("", "und")
        and not any(same_language(stream.language, each) for each in languages)
    ]
    if foreign and languages:
        named = ", ".join(foreign)
        found.append(f"nobody looks for words in the subtitles in {named}: they stay as they are")
    return found
