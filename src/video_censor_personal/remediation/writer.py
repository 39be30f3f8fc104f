"""Writing the copy: one pass over the source, every packet through the track of its stream.

packets of the source -> a track for each stream -> the muxer -> check -> the output's name
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av.error

from video_censor_personal.config import Remediation
from video_censor_personal.errors import InputError, OutputError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.outputs import check_output, temporary_file
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.remediation.check import Written, check_copy
from video_censor_personal.remediation.container import (
    disk_error,
    open_container,
    set_chapters,
    set_tags,
)
from video_censor_personal.remediation.edits import EditPlan
from video_censor_personal.remediation.joinability import JoinError
from video_censor_personal.remediation.misfits import losses
from video_censor_personal.remediation.output import muxer_of
from video_censor_personal.remediation.packets import duplicate
from video_censor_personal.remediation.plain_track import Track
from video_censor_personal.remediation.retiming import Retiming, snapped
from video_censor_personal.remediation.tracks import Tracks, lay_tracks
from video_censor_personal.timeline import Span

__all__ = ["CopyResult", "check_writable", "write_copy"]

_STAGE = "copy"
_TELL_EVERY_S = Fraction(1, 2)
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
    notes: list[str] = []
    with temporary_file(output, force=force) as part:
        while True:
            try:
                laid, pass_through = _fill(part, info, plan, output, remediation, listener)
                break
            except JoinError as error:  # once a stream at most, as it is then encoded whole
                plan = plan.without_joints(error.stream_index, error.reason)
                notes.append(f"all of {error}")
        check_copy(part, pass_through.written, output)
        size = part.stat().st_size
    end = max((entry.end for entry in pass_through.written.values()), default=info.origin)
    duration = end - info.origin
    listener(Progress(_STAGE, float(duration), float(duration), finished=True))
    return CopyResult(output, size, duration, (*notes, *laid.notes, *pass_through.notes))


def check_writable(
    info: MediaInfo, plan: EditPlan, output: Path, *, force: bool = False
) -> tuple[str, ...]:
    """Finds out before the work whether `write_copy` can succeed, without touching anything.

    Returns, for people, what becomes of streams that `output`'s kind of file cannot hold, and what
    no encoder here can write.

    Raises:
        OutputError: `output` cannot be written, or cannot hold a stream that must not be lost.
        InputError: nothing here can read the picture.
    """
    _refuse_without_picture(info, plan)
    muxer_of(output)
    check_output(info.path, output, force=force, size_bytes=_least_size(info, plan))
    return losses(info, plan, output)


def _fill(
    part: Path,
    info: MediaInfo,
    plan: EditPlan,
    output: Path,
    remediation: Remediation,
    listener: Listener,
) -> tuple[Tracks, _Pass]:
    """Writes the copy to `part`; the tracks that made it.

    Raises:
        JoinError: a track turned out not to be joinable; `part` is gone.
    """
    retiming = Retiming(_frame_exact(info, plan))
    with open_media(info.path) as source, open_container(part, muxer_of(output)) as out:
        laid = lay_tracks(source, out, info, plan, remediation, retiming, output)
        set_tags(out, info.tags)
        set_chapters(out, retiming.chapters(plan.chapters), info.origin)
        pass_through = _Pass(source, out, laid, info, retiming, listener)
        pass_through.run()
    return laid, pass_through


def _refuse_without_picture(info: MediaInfo, plan: EditPlan) -> None:
    shown = info.video
    for entry in plan.streams:
        if entry.work == "drop" and shown is not None and entry.stream.index == shown.index:
            raise InputError(
                f"the picture of {info.path} cannot be copied: nothing here can read it "
                f"(stream {entry.stream.index}). Convert the video to H.264 first.",
                path=info.path,
            )


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


def _frame_exact(info: MediaInfo, plan: EditPlan) -> list[Span]:
    if not plan.cuts or info.video is None:
        return list(plan.cuts)
    with open_media(info.path) as source:
        stream = source.streams[info.video.index]
        return snapped(plan.cuts, source, stream, info.origin)


@dataclass(frozen=True, slots=True)
class _Lane:
    """A track, what it wrote, and whether progress is counted by it."""

    track: Track
    entry: Written
    is_clock: bool


class _Pass:
    """One run over the source.

    Attributes:
        written: what was handed to the muxer, by the index of the output stream.
        notes: as in `CopyResult`.
    """

    def __init__(
        self,
        source: Any,
        out: Any,
        laid: Tracks,
        info: MediaInfo,
        retiming: Retiming,
        listener: Listener,
    ) -> None:
        self.written: dict[int, Written] = {}
        self.notes: list[str] = []
        self._source = source
        self._out = out
        self._info = info
        self._listener = listener
        self._total = None if info.duration is None else float(retiming.moved(info.duration))
        self._tell_at = 0  # in ticks of the stream that tells the time
        clock = info.video or info.audio
        self._lanes: dict[int, list[_Lane]] = {}
        for index, tracks in laid.by_source.items():
            for track in tracks:
                stream = track.stream
                entry = Written(stream.type, stream.disposition, track in laid.encoded)
                self.written[stream.index] = entry
                is_clock = clock is not None and clock.index == index and track is tracks[0]
                self._lanes.setdefault(index, []).append(_Lane(track, entry, is_clock))

    def run(self) -> None:
        """Reads, edits and writes everything.

        Raises:
            OutputError: the muxer refuses what it is given, or nothing is left of the picture.
        """
        self._begin()
        for packet in self._packets():
            *others, last = self._lanes[packet.stream_index]
            for lane in others:
                for new in lane.track.push(duplicate(packet)):
                    self._mux(new, lane)
            for new in last.track.push(packet):
                self._mux(new, last)
        for lane in chain.from_iterable(self._lanes.values()):
            for new in lane.track.finish():
                self._mux(new, lane)
            self.notes += lane.track.notes
            lane.entry.joints = lane.track.joints
        for entry in self.written.values():
            if entry.kind == "video" and entry.timed and not entry.packets:
                raise OutputError(
                    "nothing is left of the picture: it was cut out entirely, or none of it could "
                    "be decoded"
                )

    def _begin(self) -> None:
        try:
            self._out.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            full = disk_error(error) if isinstance(error, av.error.FFmpegError) else None
            if full is not None:
                raise full from error
            raise OutputError(f"this kind of file cannot hold these streams: {error}") from error

    def _packets(self) -> Iterator[Any]:
        streams = [
            self._source.streams[index]
            for index, lanes in self._lanes.items()
            if lanes[0].entry.kind != "attachment"
        ]
        try:
            yield from self._source.demux(streams)
        except (av.error.InvalidDataError, av.error.EOFError) as error:
            self.notes.append(
                f"{self._info.path.name} could not be read to its end ({error.strerror}); "
                "the copy ends where it breaks off"
            )

    def _mux(self, packet: Any, lane: _Lane) -> None:
        entry = lane.entry
        entry.add(packet)
        try:
            self._out.mux_one(packet)
        except av.error.FFmpegError as error:
            if full := disk_error(error):
                raise full from error
            raise OutputError(
                f"a packet of stream {lane.track.stream.index} ({entry.kind}) at "
                f"{float(entry.end):.3f} s could not be written: {error.strerror}"
            ) from error
        if lane.is_clock and entry.end_ticks >= self._tell_at:
            self._tell(entry)

    def _tell(self, entry: Written) -> None:
        step = int(_TELL_EVERY_S / entry.time_base)
        if self._tell_at:
            done = float(entry.end - self._info.origin)
            self._listener(Progress(_STAGE, done, self._total))
        self._tell_at = entry.end_ticks + step
