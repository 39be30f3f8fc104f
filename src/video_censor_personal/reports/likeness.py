"""Whether a report was made from the video at hand, and whether its segments lie in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from video_censor_personal.errors import InputError, ReportError
from video_censor_personal.findings import Report
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.timeline import Span, format_timecode

__all__ = ["Likeness", "check_belongs", "check_times", "fingerprint", "modified_ns"]

_BLOCK_BYTES = 64 * 1024
_BLOCKS = 16
_TOLERANCE_S = 1


@dataclass(frozen=True, slots=True)
class Likeness:
    """What speaks for a report belonging to a video.

    `same`: it does. `probably`: its times fit, but the file is another one, or nothing tells.
    `other`: its times mean something else here. `sentence` says why, to a person.
    """

    verdict: Literal["same", "probably", "other"]
    sentence: str


def fingerprint(path: Path) -> str:
    """By which a file is recognised: its size and 16 blocks spread over it, hashed.

    It reads at most 1 MiB, so it takes milliseconds whatever the size. It tells different files
    apart, but not a file from itself after a change between the blocks, nor from one that was made
    to look the same.

    Raises:
        InputError: the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            digest.update(size.to_bytes(8, "big"))
            last = max(0, size - _BLOCK_BYTES)
            for number in range(_BLOCKS):
                file.seek(last * number // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK_BYTES))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", path=path) from error
    return f"blake2b-16x64k:{digest.hexdigest()}"


def modified_ns(path: Path) -> int:
    """When a file was last changed, in ns since 1970.

    Raises:
        InputError: there is no such file.
    """
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", path=path) from error


def check_belongs(report: Report, info: MediaInfo) -> Likeness:
    """Whether `report` was made from the video `info` describes.

    A video that was only put into another container, or named otherwise, keeps its times: that is
    `probably`.

    Raises:
        InputError: the video cannot be read.
    """
    video = info.path.name
    if report.fingerprint is not None and report.fingerprint == fingerprint(info.path):
        return Likeness("same", f"the report was made from {video}")
    late = next((s for s in report.segments if _begins_after_the_end(s.span, info)), None)
    if report.duration is not None and info.duration is not None:
        difference = abs(report.duration - info.duration)
        if difference > _TOLERANCE_S:
            return Likeness(
                "other",
                f"the report was made from a video of {format_timecode(report.duration)}"
                f"{_called(report)}, but {video} lasts {format_timecode(info.duration)}; analyse "
                "it, or name the video the report was made from",
            )
    elif late is None and report.source.name not in ("", video):
        return Likeness(
            "other",
            f"the report was made from {report.source.name}, not from {video}, and says nothing "
            "of how long that was; if the two are one video, write its length into "
            "metadata.duration_seconds",
        )
    if late is not None:
        return Likeness(
            "other",
            f"the report speaks of {format_timecode(late.span.start)}, which is after the end of "
            f"{video} ({format_timecode(info.duration or 0)})",
        )
    return Likeness("probably", _doubt(report, info))


def check_times(report: Report, info: MediaInfo, path: Path) -> None:
    """Finds out whether every segment that is to be censored lies in the video; `path` is the
    report's, for the message.

    Raises:
        ReportError: one begins after the end, so that nothing would be done about it.
    """
    for number, segment in enumerate(report.segments, 1):
        if not segment.allow and _begins_after_the_end(segment.span, info):
            raise ReportError(
                f"{path}: segment {number} ({segment.span} {', '.join(segment.labels)}) begins "
                f"after the end of {info.path.name} ({format_timecode(info.duration or 0)}), so it "
                "would censor nothing; correct its times, or delete it"
            )


def _begins_after_the_end(span: Span, info: MediaInfo) -> bool:
    return info.duration is not None and span.start >= info.duration + _TOLERANCE_S


def _called(report: Report) -> str:
    return f" ({report.source.name})" if report.source.name else ""


def _doubt(report: Report, info: MediaInfo) -> str:
    video = info.path.name
    if report.fingerprint is None:
        return (
            f"the report does not say of which file it was made; nothing contradicts {video}, "
            "but look at the copy"
        )
    if report.source.name == video:
        return (
            f"{video} was changed after the report was made from it; its length is the same, so "
            "the times should still be right, but look at the copy"
        )
    return (
        f"the report was made from another file{_called(report)} of the same length; if {video} is "
        "the same video in another container, all is well, but look at the copy"
    )
