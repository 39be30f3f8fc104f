"""The first second of a copy, made and read again before the work: only trying tells whether a kind
of file can hold the streams together, and gives them back as they were."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from video_censor_personal.config import Remediation
from video_censor_personal.errors import InputError, OutputCheckError, OutputError
from video_censor_personal.media.base import MediaInfo
from video_censor_personal.remediation.check import check_copy
from video_censor_personal.remediation.edits import EditPlan, StreamPlan
from video_censor_personal.remediation.misfits import surer_suffix
from video_censor_personal.remediation.output import SUFFIXES
from video_censor_personal.remediation.remuxing import remux

__all__ = ["try_out"]

_TRIED_S = Fraction(1)
_PATIENCE_S = 20
"""A stream that has not begun by then is not waited for."""


def try_out(info: MediaInfo, plan: EditPlan, output: Path, remediation: Remediation) -> None:
    """Makes the first second that `plan` leaves of `info`'s file, among the temporary files, and
    checks it.

    Nothing is said where a stream begins long after the others, or cannot be decoded, or where
    there is no room for temporary files: that is for the copy to tell, which lies elsewhere.

    Raises:
        OutputError: the kind of file that `output` names cannot hold it.
        InputError: the source cannot be read.
    """
    try:
        _try(info, plan, output, remediation)
    except OutputError as error:
        culprit = _culprit(info, plan, output, remediation)
        raise _refusal(error, info, plan, output, culprit) from error
    except InputError:  # some of ours are OSErrors too
        raise
    except OSError:  # of the temporary files
        return


def _try(info: MediaInfo, plan: EditPlan, output: Path, remediation: Remediation) -> None:
    with tempfile.TemporaryDirectory(prefix="video-censor-") as folder:
        part = Path(folder) / f"beginning{output.suffix}"
        made = remux(part, info, plan, output, remediation, taken=_Beginning(info, plan))
        played = [entry for entry in made.written.values() if entry.kind in ("video", "audio")]
        if all(entry.packets for entry in played):
            check_copy(part, made.written, output)


def _culprit(
    info: MediaInfo, plan: EditPlan, output: Path, remediation: Remediation
) -> StreamPlan | None:
    """The first stream that cannot be written even on its own; None where only all of them cannot.

    The muxer does not tell, and what it refuses may not be what it was given last.
    """
    for entry in plan.streams:
        if entry.work == "drop" or entry.stream.kind not in ("video", "audio"):
            continue
        try:
            _try(info, replace(plan, streams=(entry,)), output, remediation)
        except OutputError:
            return entry
    return None


def _refusal(
    error: OutputError,
    info: MediaInfo,
    plan: EditPlan,
    output: Path,
    culprit: StreamPlan | None,
) -> OutputError:
    kept = [entry for entry in plan.streams if entry.work != "drop"]
    codecs = [entry.encoding.codec if entry.encoding else entry.stream.codec for entry in kept]
    others = any(entry.encoding and entry.encoding.why_other for entry in kept)
    own = info.path.suffix.lower() in SUFFIXES and not others
    name = output.with_suffix(surer_suffix(info, output, own=own)).name
    what = f"{info.path.name} ({', '.join(codecs)})"
    if culprit is not None:
        stream = culprit.stream
        codec = culprit.encoding.codec if culprit.encoding else stream.codec
        what = f"stream {stream.index} ({stream.kind}: {codec}) of {info.path.name}"
    return OutputError(
        f"a {output.suffix} file cannot hold {what}: its first "
        f"second was tried, and {error.what if isinstance(error, OutputCheckError) else error}; "
        f"name the copy {name}",
        path=output,
    )


@dataclass(slots=True)
class _Beginning:
    """Takes packets until one second of what is shown is there, and a packet of every stream of
    picture and sound."""

    info: MediaInfo
    plan: EditPlan

    def __call__(self, packets: Iterable[Any]) -> Iterator[Any]:
        streams = [entry.stream for entry in self.plan.streams if entry.work != "drop"]
        waiting = {s.index for s in streams if s.kind in ("video", "audio")}
        clock = self.info.video or self.info.audio
        for packet in packets:
            index, pts = packet.stream_index, packet.pts
            time = None if pts is None else pts * packet.time_base - self.info.origin
            yield packet  # and it is another's, who may change it
            waiting.discard(index)
            if time is None or time < self._end:
                continue
            if time > self._end + _PATIENCE_S or (
                not waiting and clock is not None and index == clock.index
            ):
                return

    @property
    def _end(self) -> Fraction:
        end = _TRIED_S
        for cut in self.plan.cuts:
            if cut.start <= end:
                end += cut.duration
        return end
