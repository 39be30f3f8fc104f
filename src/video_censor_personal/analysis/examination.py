"""Look and listen to one video at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar

from video_censor_personal.analysis.listen import listen
from video_censor_personal.analysis.recall import Recalling
from video_censor_personal.analysis.schedule import selection
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.analysis.watch import watch
from video_censor_personal.config import Processing
from video_censor_personal.detectors.base import FrameDetector, Scale, SoundDetector, scales_of
from video_censor_personal.findings import Detection, Gap, Modality
from video_censor_personal.media.audio import decode_audio
from video_censor_personal.media.base import Cue, MediaInfo, StreamInfo
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.languages import same_language
from video_censor_personal.progress import Listener, ignore

__all__ = ["Examined", "examine", "unexamined_streams"]

T = TypeVar("T")

_LARGE = 960
"""From this longer side on, scaling down for a detector evens out what decoding without smoothing
leaves (scores differ by 0.05 at most, 0.003 on average: measured at 1080p)."""

_SIGNAL_INTERVAL_S = 0.2
"""Windows delivers Ctrl-C to a waiting thread only between waits."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What every detector said, by its name, and what could be neither seen nor heard.

    Attributes:
        scales: what the raw scores of each detector mean, by category.
        end: when the last picture stops being shown; 0 where none was looked at.
    """

    looks: Mapping[str, tuple[Look, ...]] = field(default_factory=dict)
    heard: Mapping[str, tuple[Detection, ...]] = field(default_factory=dict)
    scales: Mapping[str, Mapping[str, Scale]] = field(default_factory=dict)
    gaps: Mapping[Modality, Sequence[Gap]] = field(default_factory=dict)
    end: Fraction = Fraction(0)


def examine(
    info: MediaInfo,
    eyes: Sequence[FrameDetector],
    make_ears: Callable[[], Sequence[SoundDetector]],
    cues: Sequence[Cue],
    processing: Processing,
    *,
    sensitivities: Mapping[str, float],
    languages: Collection[str] = (),
    listener: Listener = ignore,
) -> Examined:
    """Show the pictures to `eyes` and play every sound track in one of the `languages` (empty: in
    any) to new ears of its own; whatever fails stops all of it.

    The edges of what is seen are looked for at the `sensitivities`, by category.

    Raises:
        DetectorError: a detector kept failing.
        InputError: the file could not be read any more.
    """
    stop = threading.Event()
    parts: list[Callable[[], Examined]] = []
    if eyes and info.video:
        parts.append(lambda: _watch(info, eyes, processing, sensitivities, listener, stop))
    heard = heard_streams(info, languages)
    ears: list[SoundDetector] = []

    def new_ears() -> Sequence[SoundDetector]:
        ears[:] = make_ears()
        return tuple(ears)

    parts.append(lambda: _listen_to_all(info, heard, new_ears, cues, listener, stop))
    with ThreadPoolExecutor(len(parts), thread_name_prefix="analysis") as pool:
        try:
            found = _results([pool.submit(part) for part in parts])
        finally:
            stop.set()
            for ear in ears:
                _abandon(ear)
    return Examined(
        looks={name: looks for part in found for name, looks in part.looks.items()},
        heard={name: heard for part in found for name, heard in part.heard.items()},
        scales={name: scales for part in found for name, scales in part.scales.items()},
        gaps={modality: gaps for part in found for modality, gaps in part.gaps.items()},
        end=max(part.end for part in found),
    )


def _abandon(ear: SoundDetector) -> None:
    """Do not wait for one that thinks about its last block; one that is done does not mind."""
    abandon = getattr(ear, "abandon", None)
    if abandon is not None:
        abandon()


def heard_streams(info: MediaInfo, languages: Collection[str]) -> list[StreamInfo]:
    """The sound tracks that are listened to, the one a player plays first: those in one of the
    `languages` (empty: in any), and those that do not say theirs."""
    sounds = sorted(info.of_kind("audio"), key=lambda stream: stream != info.audio)
    return [
        stream
        for stream in sounds
        if not languages
        or stream.language in ("", "und")
        or any(same_language(stream.language, language) for language in languages)
    ]


def unexamined_streams(info: MediaInfo, languages: Collection[str]) -> dict[Modality, list[str]]:
    """A sentence for each picture or sound that `examine` passes over and the copy has."""
    pictures = [s for s in info.of_kind("video") if not s.attached_picture and s != info.video]
    heard = heard_streams(info, languages)
    sounds = [s for s in info.of_kind("audio") if s not in heard]
    spoken = ", ".join(sorted(languages))
    return {
        "video": [f"{_name(stream)} was not looked at" for stream in pictures],
        "audio": [
            f"{_name(stream)} was not listened to: it is not in a language that is understood "
            f"here ({spoken})"
            for stream in sounds
        ],
    }


def _name(stream: StreamInfo) -> str:
    facts = ", ".join(fact for fact in (stream.language, stream.title) if fact)
    return f"stream {stream.index} ({stream.kind}{': ' if facts else ''}{facts})"


def _watch(
    info: MediaInfo,
    eyes: Sequence[FrameDetector],
    processing: Processing,
    sensitivities: Mapping[str, float],
    listener: Listener,
    stop: threading.Event,
) -> Examined:
    frames = decode_frames(
        info,
        threads=processing.max_workers or os.cpu_count() or 1,
        selection=selection(processing.frame_sampling),
        smooth=max(info.video.width, info.video.height) < _LARGE if info.video else True,
    )
    watched = watch(
        _until(stop, frames),
        [Recalling(eye) if getattr(eye, "costly", False) else eye for eye in eyes],
        processing.frame_sampling,
        sensitivities=sensitivities,
        duration=info.duration,
        listener=listener,
    )
    return Examined(
        looks={eye.name: looks for eye, looks in zip(eyes, watched.looks, strict=True)},
        scales={eye.name: scales_of(eye) for eye in eyes},
        gaps={"video": watched.gaps},
        end=watched.end,
    )


def _listen_to_all(
    info: MediaInfo,
    heard: Sequence[StreamInfo],
    make_ears: Callable[[], Sequence[SoundDetector]],
    cues: Sequence[Cue],
    listener: Listener,
    stop: threading.Event,
) -> Examined:
    """Every track in turn. What a detector hears in two tracks at the same time is kept once."""
    heard_by: dict[str, tuple[Detection, ...]] = {}
    scales: dict[str, Mapping[str, Scale]] = {}
    gaps: list[Gap] = []
    tracks: Sequence[StreamInfo | None] = heard or [None]  # subtitles tell without sound too
    for stream in tracks:
        ears = make_ears()
        if not ears:
            break
        blocks = () if stream is None else decode_audio(info, stream.index)
        told = listener
        if stream is not None and stream != info.audio:
            told = _as_stage(f"listening to stream {stream.index}", listener)
        listened = listen(_until(stop, blocks), cues, ears, duration=info.duration, listener=told)
        for ear, said in zip(ears, listened.heard, strict=True):
            before = heard_by.get(ear.name, ())
            heard_by[ear.name] = (*before, *(d for d in said if not _known(d, before)))
            scales[ear.name] = scales_of(ear)
        gaps += [gap for gap in listened.gaps if gap not in gaps]
    return Examined(heard=heard_by, scales=scales, gaps={"audio": gaps})


def _as_stage(stage: str, listener: Listener) -> Listener:
    return lambda progress: listener(replace(progress, stage=stage))


def _known(detection: Detection, known: Iterable[Detection]) -> bool:
    return any(
        other.label == detection.label
        and other.category == detection.category
        and (other.score or 0) >= (detection.score or 0)
        and other.span.start <= detection.span.start
        and detection.span.end <= other.span.end
        for other in known
    )


class _Stopped(Exception):
    """The other half of the analysis failed, so this one need not go on."""


def _until(stop: threading.Event, items: Iterable[T]) -> Iterator[T]:
    """`items` until `stop` is set; then, and whenever it is closed, they are closed too."""
    try:
        for item in items:
            if stop.is_set():
                raise _Stopped
            yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _results(futures: Sequence[Future[Examined]]) -> list[Examined]:
    """All results, or the first failure as soon as it happens."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, _SIGNAL_INTERVAL_S, FIRST_EXCEPTION)
        for future in done:
            future.result()
    return [future.result() for future in futures]
