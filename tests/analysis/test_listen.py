"""One decoding of the sound for every detector that listens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from video_censor_personal.analysis.listen import Listened, listen
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Detection, Gap
from video_censor_personal.media.base import SAMPLE_RATE_HZ, AudioBlock, Cue
from video_censor_personal.progress import Progress
from video_censor_personal.timeline import Span


def block(start: int, level: int = 0) -> AudioBlock:
    return AudioBlock(Fraction(start), np.full(SAMPLE_RATE_HZ, level, np.int16))


def cue(start: float, text: str) -> Cue:
    return Cue(Span.of(start, start + 1), text)


def heard(span: Span, label: str, name: str) -> Detection:
    return Detection("profanity", label, span, 0.9, "", name, "audio")


def said(listened: Listened) -> list[Detection]:
    """What all detectors heard, in order of time."""
    found = [detection for heard_ in listened.heard for detection in heard_]
    return sorted(found, key=lambda d: (d.span, d.detector))


class Loud:
    """Hears loud blocks, reads the cue `hell`, and says at the end what it holds."""

    categories = frozenset({"profanity"})

    def __init__(self, name: str = "loud", fails: Iterable[int | str] = ()) -> None:
        self.name = name
        self._fails = set(fails)
        self._pending: list[Detection] = []

    def begin(self, cues: Sequence[Cue]) -> None:
        self._fail("begin")
        assert list(cues) == sorted(cues, key=lambda c: c.span)
        self._pending = [heard(c.span, c.text, self.name) for c in cues if c.text == "hell"]

    def hear(self, sound: AudioBlock) -> Iterator[Detection | Gap]:
        self._fail(int(sound.time))
        if sound.samples.max() > 10_000:
            yield heard(sound.span, "bang", self.name)
        if sound.samples.max() < -10_000:
            yield Gap(sound.span, "too odd", "profanity")

    def finish(self) -> list[Detection]:
        self._fail("finish")
        return self._pending

    def _fail(self, where: int | str) -> None:
        if where in self._fails:
            raise RuntimeError(f"broken at {where}")


def test_every_detector_hears_all_of_one_decoding() -> None:
    blocks = iter([block(0), block(1, 20_000), block(2)])
    cues = [cue(2, "hell"), cue(0, "hello")]
    heard_ = listen(blocks, cues, [Loud("one"), Loud("two")])
    assert [(d.detector, d.label, float(d.span.start)) for d in said(heard_)] == [
        ("one", "bang", 1),
        ("two", "bang", 1),
        ("one", "hell", 2),
        ("two", "hell", 2),
    ]
    assert heard_.gaps == ()
    assert heard_.end == 3


def test_subtitles_are_read_where_there_is_no_sound() -> None:
    heard_ = listen([], [cue(5, "hell")], [Loud()])
    assert [d.label for d in said(heard_)] == ["hell"]
    assert heard_.end == 6


def test_gaps_of_the_decoder_and_of_detectors_are_handed_on() -> None:
    gap = Gap(Span.of(1, 2), "damaged")
    heard_ = listen([block(0, -20_000), gap, block(2)], [], [Loud()])
    assert heard_.gaps == (gap, Gap(Span.of(0, 1), "too odd", "profanity"))


def test_a_failure_is_a_gap_until_the_detector_works_again() -> None:
    blocks = [block(n, 20_000 if n == 4 else 0) for n in range(6)]
    one, other = Loud("one", fails=[2, 3]), Loud("other")
    heard_ = listen(blocks, [], [one, other])
    (gap,) = heard_.gaps
    assert (gap.span, gap.category) == (Span.of(2, 4), "profanity")
    assert "broken at 3" in gap.reason
    assert {d.detector for d in said(heard_)} == {"one", "other"}


@pytest.mark.parametrize(
    "odd",
    [
        replace(heard(Span.of(1, 2), "bang", "loud"), score=math.nan),
        replace(heard(Span.of(1, 2), "bang", "loud"), confidence=math.inf),
        replace(heard(Span.of(1, 2), "bang", "loud"), category="Profanity"),
        Gap(Span.of(1, 2), "too odd", "Profanity"),
    ],
    ids=["NaN", "infinite", "not assigned", "gap of none"],
)
def test_what_nobody_could_judge_is_a_failure_and_no_silence(odd: Detection | Gap) -> None:
    class Odd(Loud):
        def hear(self, sound: AudioBlock) -> Iterator[Detection | Gap]:
            if sound.time == 1:
                yield odd

    heard_ = listen([block(n) for n in range(4)], [], [Odd()])
    (gap,) = heard_.gaps
    assert (gap.span, gap.category, gap.passing) == (Span.of(1, 2), "profanity", True)
    assert "failed" in gap.reason
    assert said(heard_) == []


def test_a_failure_in_the_last_block_is_a_gap_to_the_end() -> None:
    heard_ = listen([block(n) for n in range(3)], [], [Loud(fails=[2])])
    assert [gap.span for gap in heard_.gaps] == [Span.of(2, 3)]


def test_a_failure_at_the_finish_leaves_everything_in_doubt() -> None:
    heard_ = listen([block(n) for n in range(3)], [cue(1, "hell")], [Loud(fails=["finish"])])
    assert said(heard_) == []
    assert [gap.span for gap in heard_.gaps] == [Span.of(0, 3)]


@pytest.mark.parametrize(("fails", "words"), [(["begin"], "begin"), ([1, 2, 3], "3 times")])
def test_a_detector_that_keeps_failing_stops_the_job(fails: list[int | str], words: str) -> None:
    with pytest.raises(DetectorError, match=words) as error:
        listen([block(n) for n in range(9)], [], [Loud(fails=fails)])
    assert error.value.detector == "loud"
    assert isinstance(error.value.__cause__, RuntimeError)


def test_progress_counts_the_seconds_that_were_heard() -> None:
    told: list[Progress] = []
    blocks = [block(0), Gap(Span.of(1, 4), "damaged"), block(4)]
    listen(blocks, [], [Loud()], duration=Fraction(5), listener=told.append)
    assert [(p.done, p.total, p.finished) for p in told] == [
        (1, 5, False),
        (2, 5, False),
        (2, 5, True),
    ]


def test_an_error_of_the_decoder_reaches_the_caller() -> None:
    def broken() -> Iterator[AudioBlock]:
        yield block(0)
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        listen(broken(), [], [Loud()])
