"""One pass over the source: every packet through the track of its stream, and into the muxer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av.error

from video_censor_personal.config import Remediation
from video_censor_personal.errors import OutputError
from video_censor_personal.media.avi_times import demuxed
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.media.container import open_media
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.remediation.check import Written
from video_censor_personal.remediation.container import (
    disk_error,
    open_container,
    set_chapters,
    set_tags,
)
from video_censor_personal.remediation.edits import EditPlan
from video_censor_personal.remediation.joinability import JoinError
from video_censor_personal.remediation.output import muxer_of
from video_censor_personal.remediation.packets import duplicate
from video_censor_personal.remediation.plain_track import CopiedTrack, Track
from video_censor_personal.remediation.retiming import Retiming, frame_exact
from video_censor_personal.remediation.tracks import Tracks, lay_tracks

__all__ = ["STAGE", "Remuxed", "Taken", "remux"]

STAGE = "copy"
"""What progress is told as."""

Taken = Callable[[Iterable[Any]], Iterator[Any]]
"""Which of the source's packets are taken, in order."""

_TELL_EVERY_S = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Remuxed:
    """What was handed to the muxer, by the index of the copy's streams, and what is not as in the
    source though nobody asked for it, for people."""

    written: dict[int, Written]
    notes: tuple[str, ...]


def remux(
    part: Path,
    info: MediaInfo,
    plan: EditPlan,
    output: Path,
    remediation: Remediation,
    *,
    listener: Listener = ignore,
    taken: Taken = iter,
) -> Remuxed:
    """Writes to `part` what `plan` makes of `info`'s file, as the kind of file that `output` names.

    Raises:
        OutputError: that kind cannot hold the streams.
        ConfigError: the bleep file cannot be used.
        InputError: the source cannot be read.
    """
    notes: list[str] = []
    while True:
        try:
            laid, done = _fill(part, info, plan, output, remediation, listener, taken)
            return Remuxed(done.written, (*notes, *laid.notes, *done.notes))
        except JoinError as error:  # once a stream at most, as it is then encoded whole
            plan = plan.without_joints(error.stream_index, error.reason)
            notes.append(f"all of {error}")


def _fill(
    part: Path,
    info: MediaInfo,
    plan: EditPlan,
    output: Path,
    remediation: Remediation,
    listener: Listener,
    taken: Taken,
) -> tuple[Tracks, _Pass]:
    """Writes the copy to `part`; the tracks that made it.

    Raises:
        JoinError: a track turned out not to be joinable; `part` is gone.
    """
    retiming = Retiming(frame_exact(plan.cuts, info))
    with open_media(info.path) as source, open_container(part, muxer_of(output)) as out:
        laid = lay_tracks(source, out, info, plan, remediation, retiming, output)
        set_tags(out, info.tags)
        set_chapters(out, retiming.chapters(plan.chapters), info.origin)
        pass_through = _Pass(source, out, laid, info, retiming, listener, taken)
        pass_through.run()
    return laid, pass_through


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
        notes: what is not as in the source, for people.
    """

    def __init__(
        self,
        source: Any,
        out: Any,
        laid: Tracks,
        info: MediaInfo,
        retiming: Retiming,
        listener: Listener,
        taken: Taken,
    ) -> None:
        self.written: dict[int, Written] = {}
        self.notes: list[str] = []
        self._source = source
        self._out = out
        self._info = info
        self._listener = listener
        self._taken = taken
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
            OutputError: the muxer refuses what it is given.
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
            found = demuxed(self._source, streams, as_stored=self._as_stored())
            # The empty ones at the end all say that they are of stream 0, which may not be taken.
            yield from self._taken(packet for packet in found if packet.size)
        except (av.error.InvalidDataError, av.error.EOFError) as error:
            self.notes.append(
                f"{self._info.path.name} could not be read to its end ({error.strerror}); "
                "the copy ends where it breaks off"
            )

    def _as_stored(self) -> list[int]:
        """From one AVI to another, what is copied needs no times, and has its places already."""
        if self._out.format.name != "avi":
            return []
        return [i for i, lanes in self._lanes.items() if isinstance(lanes[0].track, CopiedTrack)]

    def _mux(self, packet: Any, lane: _Lane) -> None:
        entry = lane.entry
        entry.add(packet)
        try:
            self._out.mux_one(packet)
        except av.error.FFmpegError as error:
            if full := disk_error(error):
                raise full from error
            # Muxers put the streams' packets in order, so it may not be the one just handed over.
            raise OutputError(
                f"a packet up to {float(entry.end):.3f} s could not be written: {error.strerror}"
            ) from error
        if lane.is_clock and entry.end_ticks >= self._tell_at:
            self._tell(entry)

    def _tell(self, entry: Written) -> None:
        step = int(_TELL_EVERY_S / entry.time_base)
        if self._tell_at:
            done = float(entry.end - self._info.origin)
            self._listener(Progress(STAGE, done, self._total))
        self._tell_at = entry.end_ticks + step
