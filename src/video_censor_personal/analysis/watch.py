"""Look at a video: frames in, every detector's looks at them out.

One thread decodes and picks the samples, the caller's thread runs the detectors. Between two
samples that show different things, a few of the frames already decoded are looked at as well, so
that the edge of what counts is exact to the frame wherever memory allowed to keep them. Detectors
do not wait for each other's looks in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile

from video_censor_personal.analysis.eye import Eye
from video_censor_personal.analysis.sampling import Sample, sample
from video_censor_personal.analysis.tracks import Look
from video_censor_personal.config import FrameSampling
from video_censor_personal.detectors.base import FrameDetector
from video_censor_personal.findings import Gap
from video_censor_personal.media.base import Frame
from video_censor_personal.media.belt import Belt
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.timeline import Span

__all__ = ["Watched", "watch"]

_BATCH = 4
"""Samples a detector sees at once; larger ones gain at most 10 % (measured with NudeNet)."""

_BELT_BYTES = 64 * 1024 * 1024
"""How much of decoded frames waits for the detectors or is with them: about three samples of 1080p
at 30 frames and two looks a second, where every other frame is decoded."""

_BELT_SAMPLES = 8
"""And how many samples: of a small picture more would only be memory."""

_USUAL_FRAME_S = Fraction(1, 25)
_STAGE = "watching"


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen.

    Attributes:
        looks: those of each detector, in order of time, with raw scores.
        gaps: what could not be decoded (`category` None) or what a detector failed on.
        samples: how many frames the sampling picked.
        end: when the last frame stops being shown.
    """

    looks: tuple[tuple[Look, ...], ...]
    gaps: tuple[Gap, ...]
    samples: int
    end: Fraction


def watch(
    frames: Iterable[Frame | Gap],
    detectors: Sequence[FrameDetector],
    sampling: FrameSampling,
    *,
    sensitivities: Mapping[str, float] | None = None,
    duration: Fraction | None = None,
    listener: Listener = ignore,
    batch: int = _BATCH,
) -> Watched:
    """Show the sampled frames to every detector.

    Args:
        frames: in order of presentation; iterated (and closed, if a generator) in another thread.
        sensitivities: by category: at which edges are looked for; 0.5 where none is given.
        duration: of the video, if known; the last picture stays until then.
        listener: told the seconds of video looked at so far.

    Raises:
        DetectorError: a detector failed on several batches in a row. Single failures are gaps.
        Exception: whatever `frames` raised.
    """

    def samples(stopped: Callable[[], bool]) -> Iterator[Sample | Gap]:
        try:
            yield from sample(takewhile(lambda _: not stopped(), frames), sampling)
        finally:
            close = getattr(frames, "close", None)
            if close is not None:
                close()

    eyes = [Eye(detector, sensitivities or {}) for detector in detectors]
    journal = _Journal(listener, duration)
    with Belt(samples, cost=_cost, capacity=_BELT_BYTES) as belt:
        while _work_through(belt.take(batch), eyes, journal):
            pass
    end = journal.finish()
    for eye in eyes:
        eye.finish(end)
    return Watched(
        looks=tuple(tuple(eye.looks) for eye in eyes),
        gaps=(*journal.gaps, *(gap for eye in eyes for gap in eye.gaps)),
        samples=journal.samples,
        end=end,
    )


def _work_through(items: Sequence[Sample | Gap], eyes: Sequence[Eye], journal: _Journal) -> bool:
    """Show the next samples to everyone; False where there were none.

    A function of its own, so that nothing holds on to these frames while the next are waited for.
    """
    samples = [item for item in items if isinstance(item, Sample)]
    for eye in eyes:
        eye.look(samples)
    for eye in eyes:
        eye.look_between(samples, [other for other in eyes if other is not eye])
    journal.note(items)
    return bool(items)


class _Journal:
    """What came off the belt: how much was looked at, and what could not be."""

    def __init__(self, listener: Listener, duration: Fraction | None) -> None:
        self._listener, self._duration = listener, duration
        self._reached = self._seen_s = Fraction(0)
        self._last: Frame | None = None
        self.samples = 0
        self.gaps: list[Gap] = []

    def note(self, items: Sequence[Sample | Gap]) -> None:
        """These were looked at; tells the listener."""
        for item in items:
            if isinstance(item, Gap):
                self.gaps.append(item)
                self._reach(item.span.start)
                self._reached = max(self._reached, item.span.end)
            else:
                self.samples += 1
                self._last = item.frame
                self._reach(item.frame.time)
        self._tell(finished=False)

    def finish(self) -> Fraction:
        """When the last picture stops being shown."""
        end = max(self._reached, self._duration or Fraction(0))
        if self._last is None:
            if end > 0 and not self.gaps:
                self.gaps.append(Gap(Span(Fraction(0), end), "no picture could be decoded"))
        else:
            end = max(end, self._last.time + _shown_for(self._last))
            self._reach(end)
        self._tell(finished=True)
        return end

    def _reach(self, time: Fraction) -> None:
        self._seen_s += max(Fraction(0), time - self._reached)
        self._reached = max(self._reached, time)

    def _tell(self, *, finished: bool) -> None:
        total = None if self._duration is None else float(self._duration)
        self._listener(Progress(_STAGE, float(self._seen_s), total, finished=finished))


def _shown_for(frame: Frame) -> Fraction:
    """Seconds for which a frame is shown if none follows."""
    picture = frame.video_frame
    if picture.duration and picture.time_base:
        return Fraction(picture.duration * picture.time_base)
    return _USUAL_FRAME_S


def _cost(item: Sample | Gap) -> int:
    return max(item.size_bytes, _BELT_BYTES // _BELT_SAMPLES) if isinstance(item, Sample) else 0
