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

__all__ = ["Ears", "Examined", "examine", "modalities_of", "passed_over"]

T = TypeVar("T")

_LARGE = 960
"""From this longer side on, scaling down for a detector evens out what decoding without smoothing
leaves (scores differ by 0.05 at most, 0.003 on average: measured at 1080p)."""

_DEAR_PIXELS = 1280 * 720
"""From this size on, decoding a step's pictures costs more than a look: of 1080p H.264 12 at 2 ms,
a look of NudeNet takes 11 ms (measured)."""

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


@dataclass(frozen=True, slots=True)
class Ears:
    """A detector that listens: `make` gives a new one for every sound track, because each is for
    one track only.

    `languages`: those that it understands; empty where language does not matter to it.
    """

    name: str
    make: Callable[[], SoundDetector]
    languages: Collection[str] = ()

    def understands(self, stream: StreamInfo) -> bool:
        """Whether a sound track is in one of its languages, or does not say in which it is."""
        return _is_understood(stream, self.languages)


def examine(
    info: MediaInfo,
    eyes: Sequence[FrameDetector],
    ears: Sequence[Ears],
    cues: Sequence[Cue],
    processing: Processing,
    *,
    sensitivities: Mapping[str, float],
    listener: Listener = ignore,
) -> Examined:
    """Show the pictures to `eyes` and play every sound track to those `ears` that understand it;
    whatever fails stops all of it.

    The edges of what is seen are looked for at the `sensitivities`, by category.

    Raises:
        DetectorError: a detector kept failing.
        InputError: the file could not be read any more.
    """
    stop = threading.Event()
    hearing = _Hearing(info, cues, listener, stop)
    parts: list[Callable[[], Examined]] = [lambda: hearing.hear_all(ears)]
    if eyes and info.video:
        parts.append(lambda: _watch(info, eyes, processing, sensitivities, listener, stop))
    with ThreadPoolExecutor(len(parts), thread_name_prefix="analysis") as pool:
        try:
            found = _results([pool.submit(part) for part in parts])
        finally:
            stop.set()
            hearing.abandon()
    return Examined(
        looks={name: looks for part in found for name, looks in part.looks.items()},
        heard={name: heard for part in found for name, heard in part.heard.items()},
        scales={name: scales for part in found for name, scales in part.scales.items()},
        gaps={modality: gaps for part in found for modality, gaps in part.gaps.items()},
        end=max(part.end for part in found),
    )


def modalities_of(info: MediaInfo) -> frozenset[Modality]:
    """What there is to be searched in a video: pictures, sound."""
    found: set[Modality] = set()
    if info.video:
        found.add("video")
    if info.of_kind("audio"):
        found.add("audio")
    return frozenset(found)


def passed_over(
    info: MediaInfo, modality: Modality, languages: Collection[str] = ()
) -> tuple[str, ...]:
    """The pictures, or the sound tracks, that the copy has and `examine` does not show or play to
    a detector (that understands these `languages`; empty: any), as people call them."""
    if modality == "video":
        pictures = info.of_kind("video")
        return tuple(
            _name(stream)
            for stream in pictures
            if not stream.attached_picture and stream != info.video
        )
    return tuple(
        _name(stream) for stream in info.of_kind("audio") if not _is_understood(stream, languages)
    )


def _is_understood(stream: StreamInfo, languages: Collection[str]) -> bool:
    return (
        not languages
        or stream.language in ("", "und")
        or any(same_language(stream.language, language) for language in languages)
    )


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
    width, height = (info.video.width, info.video.height) if info.video else (0, 0)
    costly = [getattr(eye, "costly", False) for eye in eyes]
    sparing = width * height >= _DEAR_PIXELS and not any(costly)
    frames = decode_frames(
        info,
        threads=processing.max_workers or os.cpu_count() or 1,
        selection=selection(processing.frame_sampling, sparing=sparing),
        smooth=max(width, height) < _LARGE,
    )
    watched = watch(
        _until(stop, frames),
        [Recalling(eye) if dear else eye for eye, dear in zip(eyes, costly, strict=True)],
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


class _Hearing:
    """Every sound track in turn. What a detector hears in two tracks at the same time is kept
    once."""

    def __init__(
        self, info: MediaInfo, cues: Sequence[Cue], listener: Listener, stop: threading.Event
    ) -> None:
        self._info, self._cues, self._listener, self._stop = info, cues, listener, stop
        self._at_work: Sequence[SoundDetector] = ()
        self._heard: dict[str, tuple[Detection, ...]] = {}
        self._scales: dict[str, Mapping[str, Scale]] = {}
        self._gaps: list[Gap] = []

    def hear_all(self, ears: Sequence[Ears]) -> Examined:
        """The track that a player plays first comes first."""
        streams = self._info.of_kind("audio")
        for stream in sorted(streams, key=lambda stream: stream != self._info.audio):
            self._play(stream, [each for each in ears if each.understands(stream)])
        # Subtitles tell without sound too.
        self._play(None, [each for each in ears if each.name not in self._heard])
        return Examined(heard=self._heard, scales=self._scales, gaps={"audio": self._gaps})

    def abandon(self) -> None:
        """Do not wait for one that thinks about its last block; one that is done does not mind."""
        for ear in self._at_work:
            give_up = getattr(ear, "abandon", None)
            if give_up is not None:
                give_up()

    def _play(self, stream: StreamInfo | None, ears: Sequence[Ears]) -> None:
        if not ears:
            return
        self._at_work = tuple([each.make() for each in ears])
        blocks = () if stream is None else decode_audio(self._info, stream.index)
        told = self._listener
        if stream is not None and stream != self._info.audio:
            told = _as_stage(f"listening to stream {stream.index}", told)
        listened = listen(
            _until(self._stop, blocks),
            self._cues,
            self._at_work,
            duration=self._info.duration,
            listener=told,
        )
        for ear, said in zip(self._at_work, listened.heard, strict=True):
            before = self._heard.get(ear.name, ())
            self._heard[ear.name] = (*before, *(d for d in said if not _known(d, before)))
            self._scales[ear.name] = scales_of(ear)
        self._gaps += [gap for gap in listened.gaps if gap not in self._gaps]


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
