"""Listen to a video: blocks of one track in, all that is heard out, from a single decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from video_censor_personal.analysis.blackout import Blackout
from video_censor_personal.analysis.evidence import check_scored, kept_detection
from video_censor_personal.detectors.base import SoundDetector
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import AudioBlock, Cue
from video_censor_personal.progress import Listener, Progress, ignore

__all__ = ["Listened", "listen"]

_STAGE = "listening"

Finding = Detection | Gap


@dataclass(frozen=True, slots=True)
class Listened:
    """What was heard.

    Attributes:
        heard: what each detector reported, in order of time, with raw scores.
        gaps: what could not be decoded (`category` None), and what a detector could not judge.
        end: when the sound ends.
    """

    heard: tuple[tuple[Detection, ...], ...]
    gaps: tuple[Gap, ...]
    end: Fraction


def listen(
    blocks: Iterable[AudioBlock | Gap],
    cues: Sequence[Cue],
    detectors: Sequence[SoundDetector],
    *,
    duration: Fraction | None = None,
    listener: Listener = ignore,
) -> Listened:
    """Play one track to every detector, with the subtitles in order of time.

    `duration` is that of the video, if known. `blocks` may be empty: subtitles alone can tell.
    The listener is told the seconds of sound listened to so far.

    Raises:
        DetectorError: a detector could not begin, or failed on several blocks in a row. Single
            failures are gaps.
        Exception: whatever `blocks` raised.
    """
    ears = [_Ear(detector) for detector in detectors]
    in_order = sorted(cues, key=lambda cue: cue.span)
    for ear in ears:
        ear.begin(in_order)
    total = None if duration is None else float(duration)
    gaps: list[Gap] = []
    end = heard_s = Fraction(0)
    for item in blocks:
        end = max(end, item.span.end)
        if isinstance(item, Gap):
            gaps.append(item)
            continue
        for ear in ears:
            ear.hear(item)
        heard_s += item.span.duration
        listener(Progress(_STAGE, float(heard_s), total))
    end = max([end, *(cue.span.end for cue in in_order)])
    for ear in ears:
        ear.finish(end)
    listener(Progress(_STAGE, float(heard_s), total, finished=True))
    return Listened(
        heard=tuple(
            tuple(sorted(ear.heard, key=lambda d: (d.span, d.category, d.label))) for ear in ears
        ),
        gaps=(*gaps, *(gap for ear in ears for gap in ear.gaps)),
        end=end,
    )


class _Ear:
    """One detector at work: what it says, and where it failed."""

    def __init__(self, detector: SoundDetector) -> None:
        self._detector = detector
        self._blackout = Blackout(detector)
        self._said: list[Gap] = []
        self.heard: list[Detection] = []

    @property
    def gaps(self) -> list[Gap]:
        return [*self._said, *self._blackout.gaps]

    def begin(self, cues: Sequence[Cue]) -> None:
        name = self._detector.name
        try:
            self._detector.begin(cues)
        except Exception as error:
            raise DetectorError(
                f"detector {name!r} could not begin: {error!r}", detector=name
            ) from error

    def hear(self, block: AudioBlock) -> None:
        if self._collect(lambda: self._detector.hear(block), block.time):
            self._blackout.worked(block.time)

    def finish(self, end: Fraction) -> None:
        """A detector that fails here takes what it still held with it; nobody knows how much."""
        self._blackout.worked(end)
        if not self._collect(self._detector.finish, Fraction(0)):
            self._blackout.worked(end)

    def _collect(self, ask: Callable[[], Iterable[Finding]], since: Fraction) -> bool:
        """Take in what the detector says; False where it failed on what begins at `since`."""
        name, assigned = self._detector.name, self._detector.categories
        try:
            for finding in ask():
                if not isinstance(finding, Gap):
                    self.heard.append(kept_detection(finding, name, assigned))
                    continue
                if finding.category is not None:
                    check_scored(finding.category, assigned)
                self._said.append(finding)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; it becomes a gap
            self._blackout.failed(error, since)
            return False
        return True
