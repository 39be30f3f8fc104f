"""Which streams can be changed in parts: new packets between the source's own.

Every rule, here and for pictures and sound, was found by playing joints, not by reading standards.
What is not known to join is encoded anew from end to end, and the plan says so before it is done.
"""

from __future__ import annotations

from video_censor_personal.media.base import MediaInfo

__all__ = ["JoinError", "container_obstacle"]

# Kinds of file that keep packets, their times and their set-up apart. From one of them to the other
# times change: one has a list of edits for what an encoder puts first, the other counts from 0.
_SUFFIXES = {"mov": (".mp4", ".m4v", ".m4a", ".mov"), "matroska": (".mkv", ".mka", ".webm")}


class JoinError(Exception):
    """`stream_index` turned out not to be joinable when it was tried; `reason` says why."""

    def __init__(self, stream_index: int, reason: str) -> None:
        super().__init__(f"stream {stream_index} is encoded anew, as {reason}")
        self.stream_index = stream_index
        self.reason = reason


def container_obstacle(info: MediaInfo, suffix: str) -> str:
    """Why no packets can be joined in a file that ends in `suffix`; empty if they can."""
    kind = info.container.split(",")[0]
    if kind not in _SUFFIXES:
        return f"packets of a {kind} file cannot be joined"
    return "" if suffix in _SUFFIXES[kind] else f"its times change in a {suffix} file"
