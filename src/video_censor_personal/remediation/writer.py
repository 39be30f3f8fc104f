"""Writing the copy: refused where it cannot be, else made, checked and put in its place.

packets of the source -> a track for each stream -> the muxer -> check -> the output's name
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from video_censor_personal.config import Remediation
from video_censor_personal.errors import InputError, OutputError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.outputs import check_output, temporary_file
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.remediation.check import check_copy
from video_censor_personal.remediation.edits import EditPlan
from video_censor_personal.remediation.misfits import losses
from video_censor_personal.remediation.output import muxer_of
from video_censor_personal.remediation.remuxing import STAGE, Remuxed, remux
from video_censor_personal.remediation.retiming import leaves_anything
from video_censor_personal.timeline import Span

__all__ = ["CopyResult", "check_writable", "write_copy"]

# Of the kept share of the source; with less room a full disk is certain. New pictures may need next
# to nothing (a minute of black), and the rest of their groups is new as well.
_NEVER_SMALLER = 0.9
_LEAST_SPLICED = 0.5  # of what is copied of a picture
_LEAST_ENCODED = 0.02


@dataclass(frozen=True, slots=True)
class CopyResult:
    """The finished copy.

    Attributes:
        duration: seconds from its first frame to its end.
        notes: what is not as in the source though nobody asked for it, for people.
    """

    path: Path
    size_bytes: int
    duration: Fraction
    notes: tuple[str, ...] = ()


def write_copy(
    info: MediaInfo,
    plan: EditPlan,
    output: Path,
    *,
    remediation: Remediation,
    force: bool = False,
    listener: Listener = ignore,
) -> CopyResult:
    """Makes `output` from `info`'s file as `plan` says, or leaves no trace.

    `remediation.audio.bleep_file` is taken as it is: relative to the working directory.

    Raises:
        OutputError: it cannot be written (`check_output` has the reasons known beforehand), or
            its kind of file cannot hold the streams.
        OutputCheckError: it was written, re-opened, and is not what it must be.
        ConfigError: the bleep file cannot be used.
        InputError: the source cannot be read any more, or its picture not at all.
    """
    check_writable(info, plan, output, force=force)
    with temporary_file(output, force=force) as part:
        made = remux(part, info, plan, output, remediation, listener=listener)
        _refuse_undecoded(made)
        check_copy(part, made.written, output)
        size = part.stat().st_size
    end = max((entry.end for entry in made.written.values()), default=info.origin)
    duration = end - info.origin
    listener(Progress(STAGE, float(duration), float(duration), finished=True))
    return CopyResult(output, size, duration, made.notes)


def check_writable(
    info: MediaInfo, plan: EditPlan, output: Path, *, force: bool = False
) -> tuple[str, ...]:
    """Finds out before the work whether `write_copy` can succeed, without touching anything.

    Returns, for people, what becomes of streams that `output`'s kind of file cannot hold, and what
    no encoder here can write.

    Raises:
        OutputError: `output` cannot be written, or cannot hold a stream that must not be lost; or
            nothing would be in it.
        InputError: nothing here can read the picture.
    """
    _refuse_without_picture(info, plan)
    _refuse_cut_whole(info, plan, output)
    muxer_of(output)
    check_output(info.path, output, force=force, size_bytes=_least_size(info, plan))
    return losses(info, plan, output)


def _refuse_without_picture(info: MediaInfo, plan: EditPlan) -> None:
    shown = info.video
    for entry in plan.streams:
        if entry.work == "drop" and shown is not None and entry.stream.index == shown.index:
            raise InputError(
                f"the picture of {info.path} cannot be copied: nothing here can read it "
                f"(stream {entry.stream.index}). Convert the video to H.264 first.",
                path=info.path,
            )


def _refuse_cut_whole(info: MediaInfo, plan: EditPlan, output: Path) -> None:
    if plan.cuts and not leaves_anything(plan.cuts, info):
        raise OutputError(
            f"nothing would be left of {info.path.name}: all of it is to be cut out. Allow a "
            "segment in the report, or have it blanked instead",
            path=output,
        )


def _refuse_undecoded(made: Remuxed) -> None:
    if any(e.kind == "video" and e.timed and not e.packets for e in made.written.values()):
        raise OutputError("nothing is left of the picture: none of it could be decoded")


def _least_size(info: MediaInfo, plan: EditPlan) -> int:
    cut = sum((cut.duration for cut in plan.cuts), Fraction(0))
    share = max(0.0, 1 - float(cut / info.duration)) if info.duration else 1.0
    least = _NEVER_SMALLER
    for entry in plan.streams:
        if entry.stream.kind == "video" and entry.work in ("encode", "splice"):
            copied, encoded = (sum(map(_seconds, spans)) for spans in (entry.copied, entry.encoded))
            least = _LEAST_ENCODED + _LEAST_SPLICED * copied / (copied + encoded or 1)
    return int(info.size_bytes * share * least)


def _seconds(span: Span) -> float:
    return float(span.duration)
