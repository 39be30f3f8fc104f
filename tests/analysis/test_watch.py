"""Frames in, detections out: exact edges, failures that are recorded, nothing left running."""

from __future__ import annotations

import _thread
import gc
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from movies import cut_off, make_movie
from pictures import FACE, clip, frame, meadow, scaled, with_portrait

from video_censor_personal.analysis.coverage import Search
from video_censor_personal.analysis.evidence import Evidence, Witness
from video_censor_personal.analysis.judgement import judge
from video_censor_personal.analysis.watch import Watched, watch
from video_censor_personal.config import FrameSampling
from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorSettings,
    FrameDetector,
    scales_of,
)
from video_censor_personal.detectors.nudenet import plugin
from video_censor_personal.errors import DetectorError
from video_censor_personal.findings import Box, Detection, Gap, Sighting
from video_censor_personal.media.base import Frame
from video_censor_personal.media.frames import decode_frames
from video_censor_personal.media.probe import probe
from video_censor_personal.progress import Progress
from video_censor_personal.timeline import Span

FPS = 20
HALF_SECOND = FrameSampling("uniform", 0.5)
SMALL = np.zeros((16, 16, 3), np.uint8)


class Scripted:
    """A detector that sees a thing at the times it is told to, and counts its looks."""

    name = "scripted"
    categories = frozenset({"things"})

    def __init__(
        self, *spans: tuple[float, float], fails: Callable[[Fraction], bool] = lambda _: False
    ) -> None:
        self._spans = [Span.of(*span) for span in spans]
        self._fails = fails
        self.looked: list[Fraction] = []

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        self.looked += [picture.time for picture in frames]
        if any(self._fails(picture.time) for picture in frames):
            raise RuntimeError("out of memory")
        box = Box(0.2, 0.2, 0.4, 0.4)
        return [
            [Sighting("things", "THING", 0.8, box)]
            * any(s.contains(picture.time) for s in self._spans)
            for picture in frames
        ]


def film(seconds: float) -> Iterator[Frame]:
    return clip(seconds, FPS, lambda _: SMALL)


class Judged(NamedTuple):
    """What was watched, and what of it counts."""

    detections: tuple[Detection, ...]
    gaps: tuple[Gap, ...]
    samples: int


def judged(
    detectors: Sequence[FrameDetector],
    watched: Watched,
    padding: float = 0,
    sensitivity: float = 0.5,
) -> Judged:
    witnesses = tuple(
        Witness(Search(d.name, "video", d.categories), scales_of(d), looks=looks)
        for d, looks in zip(detectors, watched.looks, strict=True)
    )
    asked = {category: sensitivity for d in detectors for category in d.categories}
    found = judge(Evidence(witnesses, end=watched.end), asked, padding=padding)
    return Judged(found, watched.gaps, watched.samples)


def look_at(
    detector: FrameDetector,
    seconds: float = 5,
    sampling: FrameSampling = HALF_SECOND,
    padding: float = 0,
    **options: object,
) -> Judged:
    watched = watch(film(seconds), [detector], sampling, **options)  # type: ignore[arg-type]
    return judged([detector], watched, padding)


def spans(watched: Judged) -> list[tuple[float, float]]:
    return [(float(d.span.start), float(d.span.end)) for d in watched.detections]


others: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _note_others() -> None:
    """What earlier tests left running in this process (servers, say) is none of ours."""
    others.clear()
    others.update(threading.enumerate())


def threads() -> set[str]:
    """Those that were started in this test and still run."""
    return {thread.name for thread in threading.enumerate() if thread not in others}


# -- what is found


def test_edges_are_exact_to_the_frame_although_only_every_tenth_is_sampled() -> None:
    detector = Scripted((1.15, 2.3), (3.75, 3.95))
    watched = look_at(detector, 5)
    assert spans(watched) == [(1.15, 2.3)], "what lies between two samples is not seen"
    assert watched.samples == 11
    assert len(detector.looked) <= 11 + 2 * 4


def test_scene_changes_hidden_between_alike_samples_cost_no_looks() -> None:
    detector = Scripted()
    look_at(detector, 5)
    assert len(detector.looked) == 11


def test_every_frame_can_be_looked_at() -> None:
    detector = Scripted((1.15, 1.2))
    assert spans(look_at(detector, 2, FrameSampling("all"))) == [(1.15, 1.2)]
    assert len(detector.looked) == 40


def test_padding_is_added_at_both_ends() -> None:
    watched = look_at(Scripted((1.15, 2.3)), padding=0.1)
    assert spans(watched) == [(1.05, 2.4)]


def test_what_is_there_in_the_last_frame_stays_until_the_video_ends() -> None:
    assert spans(look_at(Scripted((4, 9)), duration=Fraction(6))) == [(4, 6)]
    ((_, end),) = spans(look_at(Scripted((4, 9))))
    assert 4.95 < end <= 5.05


def test_two_detectors_look_at_the_same_frames() -> None:
    one, other = Scripted((1, 2)), Scripted((3, 4))
    other.name = "other"
    watched = judged([one, other], watch(film(5), [one, other], HALF_SECOND))
    assert [(d.detector, float(d.span.start)) for d in watched.detections] == [
        ("scripted", 1),
        ("other", 3),
    ]


@pytest.mark.parametrize("strategy", ["uniform", "scene_based", "all"])
def test_a_face_is_followed_through_moving_pictures(strategy: str) -> None:
    """The real detector: a portrait glides from left to right between 0.85 s and 2.35 s."""
    appears, goes = Fraction(17, 20), Fraction(47, 20)

    def left(time: Fraction) -> int:
        return round(float(time - appears) * 180)

    def paint(time: Fraction) -> np.ndarray:
        there = appears <= time < goes
        return with_portrait(left(time), 40) if there else meadow(640, 360)

    eyes = plugin.build(
        DetectorSettings("eyes", {"faces": CategorySettings("faces", "Faces", 0.5)})
    )
    sampling = FrameSampling(strategy, 0.5)  # type: ignore[arg-type]
    watched = judged([eyes], watch(clip(3, FPS, paint), [eyes], sampling))
    (found,) = watched.detections
    assert found.span == Span(appears, goes)
    assert found.score is not None
    assert found.score > 0.6
    for point in found.track:
        x = (left(point.time) + FACE.x * 256) / 640
        face = Box(x, (40 + FACE.y * 300) / 360, FACE.width * 0.4, FACE.height * 300 / 360)
        assert point.box.overlap(face) > 0.6


# -- what cannot be looked at


def test_a_failing_detector_leaves_a_gap_of_its_categories_and_goes_on() -> None:
    detector = Scripted((3.5, 4), fails=lambda time: time == Fraction(3, 2))
    watched = look_at(detector, 5, batch=1)
    assert watched.gaps == (
        Gap(
            Span.of(1.05, 2),
            "detector 'scripted' failed: RuntimeError('out of memory')",
            "things",
            passing=True,
        ),
    )
    assert spans(watched) == [(3.5, 4)]


def test_what_is_seen_after_a_failure_may_have_been_there_since() -> None:
    detector = Scripted((1.5, 3), fails=lambda time: time == Fraction(3, 2))
    assert spans(look_at(detector, 5, batch=1)) == [(1.05, 3)]


def test_a_failure_at_the_end_is_a_gap_to_the_end() -> None:
    watched = look_at(Scripted(fails=lambda time: time > 4.5), 5, batch=1, duration=Fraction(5))
    assert [gap.span for gap in watched.gaps] == [Span.of(4.55, 5)]


def test_a_failing_look_in_between_only_leaves_the_edge_wide() -> None:
    detector = Scripted((1.15, 2), fails=lambda time: time * 2 != time * 2 // 1)
    assert spans(look_at(detector, 4)) == [(1.05, 2)]


def test_a_detector_that_keeps_failing_stops_the_job() -> None:
    detector = Scripted(fails=lambda _: True)
    with pytest.raises(DetectorError, match="3 times in a row") as error:
        look_at(detector, 60, batch=1)
    assert error.value.detector == "scripted"
    assert isinstance(error.value.__cause__, RuntimeError)
    assert len(detector.looked) == 3


def test_an_answer_short_of_one_frame_is_a_failure() -> None:
    class Short(Scripted):
        def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
            return super().look(frames)[1:]

    watched = look_at(Short(), 0.5, duration=Fraction(1), batch=1)
    assert [gap.span for gap in watched.gaps] == [Span.of(0, 1)]
    assert "0 answers for 1 frames" in watched.gaps[0].reason


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (Sighting("things", "THING", math.nan), "'things' a score or box that is no number"),
        (Sighting("things", "THING", math.inf), "no number"),
        (Sighting("things", "THING", 0.8, Box(0.1, math.nan, 0.1, 0.1)), "no number"),
        (Sighting("Things", "THING", 0.8), "answered for 'Things', and was asked for things"),
    ],
)
def test_what_nobody_could_judge_is_a_failure_and_no_clean_picture(
    odd: Sighting, said: str
) -> None:
    class Odd(Scripted):
        def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
            return [[odd] if picture.time == Fraction(3, 2) else [] for picture in frames]

    watched = look_at(Odd(), 5, batch=1)
    (gap,) = watched.gaps
    assert (gap.span, gap.category, gap.passing) == (Span.of(1.05, 2), "things", True)
    assert said in gap.reason
    assert spans(watched) == []


def test_gaps_of_the_decoder_are_handed_on_and_not_counted_as_seen() -> None:
    told: list[Progress] = []
    gap = Gap(Span.of(1, 3), "damaged")

    def frames() -> Iterator[Frame | Gap]:
        yield from film(1)
        yield gap
        yield from clip(2, FPS, lambda _: SMALL, Fraction(3))

    watched = watch(frames(), [Scripted()], HALF_SECOND, listener=told.append, duration=Fraction(5))
    assert watched.gaps == (gap,)
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert told[-1].finished
    assert told[-1].total == 5
    assert 2.9 <= told[-1].done <= 3.0


def test_a_hit_before_a_gap_lasts_through_it() -> None:
    """A player shows the last picture until the next one comes."""

    def frames() -> Iterator[Frame | Gap]:
        yield from film(1)
        yield Gap(Span.of(1, 3), "damaged")
        yield from clip(2, FPS, lambda _: SMALL, Fraction(3))

    detector = Scripted((0.9, 1))
    assert spans(judged([detector], watch(frames(), [detector], HALF_SECOND))) == [(0.9, 3)]


def test_no_picture_at_all_is_a_gap_not_a_clean_video() -> None:
    watched = watch(iter(()), [Scripted()], HALF_SECOND, duration=Fraction(5))
    assert [gap.span for gap in watched.gaps] == [Span.of(0, 5)]
    assert watched.samples == 0


# -- how it stops


def endless(closed: threading.Event) -> Iterator[Frame]:
    try:
        number = 0
        while True:
            yield frame(SMALL, Fraction(number, FPS))
            number += 1
    finally:
        closed.set()


def test_an_error_of_the_decoder_reaches_the_caller() -> None:
    def broken() -> Iterator[Frame]:
        yield from film(1)
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        watch(broken(), [Scripted()], HALF_SECOND)
    assert threads() == set()


def test_an_interrupt_while_looking_stops_the_decoder_too() -> None:
    closed = threading.Event()

    class Interrupted(Scripted):
        def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(endless(closed), [Interrupted()], HALF_SECOND)
    assert closed.is_set()
    assert threads() == set()


def test_an_interrupt_while_waiting_for_the_decoder_stops_it() -> None:
    closed = threading.Event()

    def interrupting() -> Iterator[Frame]:
        try:
            yield from film(1)
            _thread.interrupt_main()
            # Frames that are never sampled: the main thread waits for the next sample.
            while not closed.is_set():
                yield frame(SMALL, 1)
        finally:
            closed.set()

    with pytest.raises(KeyboardInterrupt):
        watch(interrupting(), [Scripted()], FrameSampling("uniform", 60))
    assert closed.is_set()
    assert threads() == set()


def test_the_decoder_waits_for_the_detectors() -> None:
    """However slow they are, only a bounded number of frames is in memory."""
    alive = 0
    most = 0

    class Counted(Frame):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def frames() -> Iterator[Frame]:
        nonlocal alive, most
        picture = np.zeros((720, 1280, 3), np.uint8)
        for number in range(400):
            alive += 1
            made = frame(picture, Fraction(number, FPS))
            yield Counted(made.time, made.video_frame)
            most = max(most, alive)

    watch(frames(), [Scripted()], HALF_SECOND)
    gc.collect()
    assert alive <= 1
    # 64 MiB waiting or being looked at, and half a second being sampled, at 2.6 MiB a frame.
    assert most <= 50


# -- from files


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"vfr": True, "seconds": 6},
        {"rotation": 90},
        {"start": Fraction(7)},
        {"fps": 24, "suffix": ".mkv"},
    ],
    ids=["plain", "variable rate", "turned", "late start", "mkv"],
)
def test_a_face_in_a_file_is_found_from_its_first_frame_to_its_last(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    def paint(number: int, width: int, height: int) -> np.ndarray:
        picture = with_portrait(150 + number, 40) if 13 <= number < 27 else meadow(640, 360)
        return scaled(picture, width, height)

    suffix = options.pop("suffix", ".mp4")
    movie = make_movie(tmp_path / f"a{suffix}", size=(320, 180), paint=paint, **options)
    info = probe(movie.path)
    eyes = plugin.build(DetectorSettings("eyes", {"faces": CategorySettings("faces", "Faces")}))
    watched = judged(
        [eyes], watch(decode_frames(info), [eyes], HALF_SECOND, duration=info.duration)
    )
    (found,) = watched.detections
    assert found.span.start == pytest.approx(movie.times[13], abs=0.002)
    assert found.span.end == pytest.approx(movie.times[27], abs=0.002)
    assert watched.gaps == ()


def test_a_file_that_ends_too_early_leaves_a_gap(tmp_path: Path) -> None:
    movie = make_movie(tmp_path / "a.mkv", seconds=4)
    cut_off(movie.path, 0.5)
    info = probe(movie.path)
    watched = watch(decode_frames(info), [Scripted()], HALF_SECOND, duration=info.duration)
    assert 0 < watched.samples < 9
    assert watched.gaps
    assert watched.gaps[-1].span.end == pytest.approx(4, abs=0.2)


# -- several detectors for one category


class Unsure(Scripted):
    """Gives little for what it sees: alone it does not count, together with another it does."""

    def __init__(self, name: str, *spans: tuple[float, float], score: float = 0.3) -> None:
        super().__init__(*spans)
        self.name, self._score = name, score

    def look(self, frames: Sequence[Frame]) -> list[list[Sighting]]:
        seen = super().look(frames)
        return [[replace(sighting, score=self._score) for sighting in found] for found in seen]


def test_the_edges_of_what_counts_only_together_are_looked_for() -> None:
    one, other = Unsure("one", (1.15, 3.3)), Unsure("other", (0.6, 4.2))
    watched = judged([one, other], watch(film(5), [one, other], HALF_SECOND))
    mine = [d for d in watched.detections if d.detector == "one"]
    assert [(float(d.span.start), float(d.span.end)) for d in mine] == [(1.15, 3.3)]
    assert mine[0].confidence == pytest.approx(0.51)
    assert {d.detector for d in watched.detections} == {"one", "other"}


def test_what_does_not_count_costs_no_looks_in_between() -> None:
    detector = Unsure("one", (1.15, 2.3))
    watched = look_at(detector, 5)
    assert watched.detections == ()
    assert len(detector.looked) == 11


def test_everything_seen_is_kept_whatever_counts() -> None:
    detector = Unsure("one", (1.15, 2.3), score=0.123456)
    (looks,) = watch(film(5), [detector], HALF_SECOND).looks
    assert [float(look.time) for look in looks if look.sightings] == [1.5, 2.0]
    assert {s.score for look in looks for s in look.sightings} == {0.1235}
