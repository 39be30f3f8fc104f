"""Look and listen to one video at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from video_censor_personal.analysis.listen import listen
from video_censor_personal.analysis.watch import watch
from video_censor_personal.config import Processing
from video_censor_personal.detectors.base import FrameDetector, SoundDetector
from video_censor_personal.findings import Detection, Gap, Modality
from video_censor_personal.media.audio import decode_audio
from video_censor_personal.media.base import Cue, MediaInfo, StreamInfo
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.progress import Listener, ignore

__all__ = ["Examined", "examine", "unexamined_streams"]

T = TypeVar("T")

_SIGNAL_INTERVAL_S = 0.2
"""Windows delivers Ctrl-C to a waiting thread only between waits."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found, and what could be neither seen nor heard."""

    detections: tuple[Detection, ...] = ()
    gaps: Mapping[Modality, Sequence[Gap]] = field(default_factory=dict)


def examine(
    info: MediaInfo,
    detectors: Sequence[FrameDetector | SoundDetector],
    cues: Sequence[Cue],
    processing: Processing,
    *,
    listener: Listener = ignore,
) -> Examined:
    """Show the pictures and play the sound to `detectors`; whatever fails stops all of it.

    Raises:
        DetectorError: a detector kept failing.
        InputError: the file could not be read any more.
    """
    eyes = [d for d in detectors if isinstance(d, FrameDetector)]
    ears = [d for d in detectors if isinstance(d, SoundDetector)]
    stop = threading.Event()
    parts: list[Callable[[], Examined]] = []
    if eyes and info.video:
        parts.append(lambda: _watch(info, eyes, processing, listener, stop))
    if ears:
        parts.append(lambda: _listen(info, ears, cues, listener, stop))
    with ThreadPoolExecutor(max(1, len(parts)), thread_name_prefix="analysis") as pool:
        try:
            found = _results([pool.submit(part) for part in parts])
        finally:
            stop.set()
    return Examined(
        tuple(detection for part in found for detection in part.detections),
        {modality: gaps for part in found for modality, gaps in part.gaps.items()},
    )


def unexamined_streams(info: MediaInfo) -> dict[Modality, list[str]]:
    """A sentence for each further picture or sound that `examine` passes over: it looks at the one
    stream of each kind that a player shows without being asked, and the copy has them all."""
    pictures = [s for s in info.of_kind("video") if not s.attached_picture and s != info.video]
    sounds = [s for s in info.of_kind("audio") if s != info.audio]
    return {
        "video": [f"{_name(stream)} was not looked at" for stream in pictures],
        "audio": [f"{_name(stream)} was not listened to" for stream in sounds],
    }


def _name(stream: StreamInfo) -> str:
    facts = ", ".join(fact for fact in (stream.language, stream.title) if fact)
    return f"stream {stream.index} ({stream.kind}{': ' if facts else ''}{facts})"


def _watch(
    info: MediaInfo,
    eyes: Sequence[FrameDetector],
    processing: Processing,
    listener: Listener,
    stop: threading.Event,
) -> Examined:
    threads = processing.max_workers or os.cpu_count() or 1
    watched = watch(
        _until(stop, decode_frames(info, threads=threads)),
        eyes,
        processing.frame_sampling,
        padding=processing.padding_s,
        duration=info.duration,
        listener=listener,
    )
    return Examined(watched.detections, {"video": watched.gaps})


def _listen(
    info: MediaInfo,
    ears: Sequence[SoundDetector],
    cues: Sequence[Cue],
    listener: Listener,
    stop: threading.Event,
) -> Examined:
    blocks = _until(stop, decode_audio(info))
    listened = listen(blocks, cues, ears, duration=info.duration, listener=listener)
    return Examined(listened.detections, {"audio": listened.gaps})


class _Stopped(Exception):
    """The other half of the analysis failed, so this one need not go on."""


def _until(stop: threading.Event, items: Iterable[T]) -> Iterator[T]:
    """`items` until `stop` is set."""
    for item in items:
        if stop.is_set():
            raise _Stopped
        yield item


def _results(futures: Sequence[Future[Examined]]) -> list[Examined]:
    """All results, or the first failure as soon as it happens."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, _SIGNAL_INTERVAL_S, FIRST_EXCEPTION)
        for future in done:
            future.result()
    return [future.result() for future in futures]
