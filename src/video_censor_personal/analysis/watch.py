"""Look at a video: frames in, detections with their spans and tracks out.

One thread decodes and picks the samples, the caller's thread runs the detectors. Between two
samples that show different things, a few of the frames already decoded are looked at as well, so
that the edge of a detection is exact to the frame wherever memory allowed to keep them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile

from video_censor_personal.analysis.belt import Belt
from video_censor_personal.analysis.blackout import Blackout
from video_censor_personal.analysis.sampling import Moment, Sample, sample
from video_censor_personal.analysis.tracks import Look, Tracker, same_scene
from video_censor_personal.config import FrameSampling
from video_censor_personal.detectors.base import FrameDetector
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap, Sighting
from video_censor_personal.media.base import Frame
from video_censor_personal.progress import Listener, Progress, ignore
from video_censor_personal.timeline import Number, Span, seconds

__all__ = ["Watched", "watch"]

_log = logging.getLogger(__name__)

_BATCH = 4
"""Samples a detector sees at once; larger ones gain at most 10 % (measured with NudeNet)."""

_BELT_BYTES = 96 * 1024 * 1024
"""How much of decoded frames waits for the detectors or is with them: about two samples of 1080p
at 30 frames a second and two looks a second."""

_BELT_SAMPLES = 8
"""And how many samples: of a small picture more would only be memory."""

_MOST_EXTRA_LOOKS = 8
"""Looks between two samples to find what changed there; where they do not suffice (a crowd whose
faces come and go), the span stays as wide as the samples made it."""

_USUAL_FRAME_S = Fraction(1, 25)
_STAGE = "watching"


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen.

    Attributes:
        detections: in order of time.
        gaps: what could not be decoded (`category` None) or what a detector failed on.
        samples: how many frames the sampling picked.
        end: when the last frame stops being shown.
    """

    detections: tuple[Detection, ...]
    gaps: tuple[Gap, ...]
    samples: int
    end: Fraction


def watch(
    frames: Iterable[Frame | Gap],
    detectors: Sequence[FrameDetector],
    sampling: FrameSampling,
    *,
    padding: Number = 0,
    duration: Fraction | None = None,
    listener: Listener = ignore,
    batch: int = _BATCH,
) -> Watched:
    """Show the sampled frames to every detector.

    Args:
        frames: in order of presentation; iterated (and closed, if a generator) in another thread.
        padding: seconds added to both ends of every detection.
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

    eyes = [_Eye(detector, seconds(padding)) for detector in detectors]
    journal = _Journal(listener, duration)
    with Belt(samples, cost=_cost, capacity=_BELT_BYTES) as belt:
        while _work_through(belt.take(batch), eyes, journal):
            pass
    end = journal.finish()
    found = [detection for eye in eyes for detection in eye.finish(end)]
    return Watched(
        detections=tuple(sorted(found, key=lambda d: (d.span, d.category, d.label))),
        gaps=(*journal.gaps, *(gap for eye in eyes for gap in eye.gaps)),
        samples=journal.samples,
        end=end,
    )


def _work_through(items: Sequence[Sample | Gap], eyes: Sequence[_Eye], journal: _Journal) -> bool:
    """Show the next samples to everyone; False where there were none.

    A function of its own, so that nothing holds on to these frames while the next are waited for.
    """
    samples = [item for item in items if isinstance(item, Sample)]
    for eye in eyes:
        eye.look(samples)
    journal.note(items)
    return bool(items)


class _Eye:
    """One detector at work: asks it, follows what it sees, records where it failed."""

    def __init__(self, detector: FrameDetector, padding: Fraction) -> None:
        self._detector = detector
        self._tracker = Tracker(detector.name, padding)
        self._blackout = Blackout(detector)
        self._before: Sequence[Sighting] | None = None

    @property
    def gaps(self) -> list[Gap]:
        return self._blackout.gaps

    def look(self, samples: Sequence[Sample]) -> None:
        """Look at the next samples, and between those that differ."""
        if not samples:
            return
        try:
            seen = self._ask([item.frame for item in samples])
        except DetectorError as error:
            self._blackout.failed(error.__cause__ or error, samples[0].since)
            self._before = None
            return
        unseen_since = self._blackout.worked(samples[0].frame.time)
        for item, sightings in zip(samples, seen, strict=True):
            self._take_in(item, sightings, unseen_since)
            self._before, unseen_since = sightings, None

    def finish(self, end: Fraction) -> list[Detection]:
        """What was seen, once there is no more to see."""
        self._blackout.worked(end)
        return self._tracker.finish(end)

    def _ask(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        """One list a frame; whatever a detector raises becomes a `DetectorError`."""
        name = self._detector.name
        try:
            seen = self._detector.look(frames)
            if len(seen) != len(frames):
                raise ValueError(f"{len(seen)} answers for {len(frames)} frames")
        except Exception as error:
            raise DetectorError(f"detector {name!r} failed: {error!r}", detector=name) from error
        return seen

    def _take_in(
        self, item: Sample, sightings: Sequence[Sighting], unseen_since: Fraction | None
    ) -> None:
        """Hand the sample to the tracker, after the looks at what was passed over before it."""
        moments = (*item.passed, item.moment)
        last = len(item.passed)
        looks: dict[int, Sequence[Sighting]] = {}
        if self._before is not None:
            looks = self._look_between(item.passed, self._before, sightings)
        looks[last] = sightings
        previous = -1
        for position in sorted(looks):
            look = Look(
                time=moments[position].frame.time,
                since=moments[previous + 1].since if unseen_since is None else unseen_since,
                sightings=looks[position],
                regular=position == last,
                starts_shot=item.starts_shot,
            )
            self._tracker.see(look)
            previous = position

    def _look_between(
        self, passed: Sequence[Moment], before: Sequence[Sighting], after: Sequence[Sighting]
    ) -> dict[int, Sequence[Sighting]]:
        """Looks at moments in `passed`, by position: halving every stretch whose ends differ."""
        seen: dict[int, Sequence[Sighting]] = {-1: before, len(passed): after}
        stretches = deque([(-1, len(passed))])
        while stretches and len(seen) - 2 < _MOST_EXTRA_LOOKS:
            low, high = stretches.popleft()
            middle = (low + high) // 2
            if middle == low or same_scene(seen[low], seen[high]):
                continue
            try:
                seen[middle] = self._ask([passed[middle].frame])[0]
            except DetectorError as error:
                # The spans stay as wide as the samples made them: nothing is missed.
                _log.warning("%s (at a look in between)", error)
                break
            stretches += [(low, middle), (middle, high)]
        return {position: seen[position] for position in seen if 0 <= position < len(passed)}


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
