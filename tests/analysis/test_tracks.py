"""From sightings in single frames to spans of time, boxes that move, and several things at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_censor_personal.analysis.tracks import Look, Tracker, same_scene
from video_censor_personal.findings import Box, Detection, Sighting
from video_censor_personal.timeline import Span, subtract

STEP = Fraction(1, 2)


def face(x: float = 0.4, score: float = 0.8, label: str = "FACE_MALE", y: float = 0.4) -> Sighting:
    return Sighting("faces", label, score, Box(x, y, 0.2, 0.2), "a face")


def whole(label: str = "GORE", score: float = 0.8) -> Sighting:
    return Sighting("violence", label, score)


def follow(
    seen: Sequence[Sequence[Sighting]],
    *,
    padding: Fraction = Fraction(0),
    cuts: Sequence[int] = (),
    end: Fraction | None = None,
) -> list[Detection]:
    """Looks every `STEP`, with a frame in the middle of each step that nobody looked at."""
    tracker = Tracker("eyes", padding)
    for number, sightings in enumerate(seen):
        time = number * STEP
        since = time - STEP / 2 if number else time
        tracker.see(Look(time, since, sightings, starts_shot=number in cuts))
    return tracker.finish(len(seen) * STEP if end is None else end)


def spans(detections: Sequence[Detection]) -> list[tuple[float, float]]:
    return [(float(d.span.start), float(d.span.end)) for d in detections]


def test_a_single_hit_lasts_from_the_look_before_to_the_look_after() -> None:
    (found,) = follow([[], [], [face()], [], []])
    assert spans([found]) == [(0.75, 1.5)]
    assert found.track[0].time == 1


def test_hits_in_a_row_are_one_detection_with_the_best_score() -> None:
    (found,) = follow([[], [face(0.4, 0.5)], [face(0.42, 0.9)], [face(0.44, 0.6)], []])
    assert spans([found]) == [(0.25, 2.0)]
    assert found.confidence == 0.9
    assert [(point.time, point.box.x, point.score) for point in found.track] == [
        (Fraction(1, 2), 0.4, 0.5),
        (1, 0.42, 0.9),
        (Fraction(3, 2), 0.44, 0.6),
    ]


def test_what_is_there_at_the_end_stays_until_the_end() -> None:
    (found,) = follow([[face()], [face()]], end=Fraction(5))
    assert spans([found]) == [(0, 5)]


def test_padding_lengthens_both_ends_but_not_beyond_the_video() -> None:
    pad = Fraction(1, 10)
    assert spans(follow([[], [face()], []], padding=pad)) == [(0.15, 1.1)]
    assert spans(follow([[face()], [face()]], padding=pad)) == [(0, 1)]


def test_one_missed_look_does_not_end_a_track_two_do() -> None:
    assert spans(follow([[face()], [], [face()], []])) == [(0, 1.5)]
    assert spans(follow([[face()], [], [], [face()], []])) == [(0, 0.5), (1.25, 2.0)]


def test_looks_in_between_do_not_count_as_missed() -> None:
    tracker = Tracker("eyes")
    looks = [(0, True, True), (10, True, True), (12, False, False), (15, False, False)]
    looks += [(20, True, False), (30, True, True), (40, True, False)]
    for time, regular, hit in looks:
        now = Fraction(time, 10)
        tracker.see(Look(now, now, [face()] if hit else [], regular=regular))
    assert spans(tracker.finish(Fraction(5))) == [(0, 4)]


def test_several_things_at_once_are_several_tracks() -> None:
    left, right = face(0.1), face(0.7)
    found = follow([[left, right], [right, left], [left], []])
    assert spans(found) == [(0, 1.0), (0, 1.5)]
    assert [{point.box.x for point in d.track} for d in found] == [{0.7}, {0.1}]


def test_boxes_that_pass_each_other_go_to_the_nearest() -> None:
    steps = [[face(0.1 + n / 10, y=0.1), face(0.7 - n / 10, y=0.6)] for n in range(6)]
    found = follow(steps)
    assert len(found) == 2
    assert [{point.box.y for point in d.track} for d in found] in ([{0.1}, {0.6}], [{0.6}, {0.1}])


def test_a_jump_is_another_thing() -> None:
    found = follow([[face(0.0)], [face(0.75)], []])
    assert spans(found) == [(0, 0.5), (0.25, 1.0)]


def test_a_sudden_change_of_size_is_another_thing() -> None:
    large = replace(face(), box=Box(0.0, 0.0, 1.0, 1.0))
    assert len(follow([[face()], [large], [large]])) == 2
    grown = replace(face(), box=Box(0.3, 0.3, 0.4, 0.4))
    assert len(follow([[face()], [grown], [grown]])) == 1


def test_boxes_without_area_are_one_thing_only_in_one_place() -> None:
    dot, elsewhere = (replace(face(), box=Box(x, 0.5, 0, 0)) for x in (0.1, 0.2))
    assert len(follow([[dot], [dot]])) == 1
    assert len(follow([[dot], [elsewhere]])) == 2


def test_a_face_that_changes_its_label_is_still_one_face() -> None:
    seen = [[face(0.4, 0.5)], [face(0.41, 0.8, "FACE_FEMALE")], [face(0.42, 0.6)]]
    (found,) = follow(seen)
    assert found.label == "FACE_FEMALE"
    assert len(found.track) == 3


def test_different_labels_apart_are_different_things() -> None:
    found = follow([[face(0.1, label="A")], [face(0.25, label="B")]])
    assert {d.label for d in found} == {"A", "B"}


def test_categories_never_mix() -> None:
    other = Sighting("nudity", "FACE_MALE", 0.8, face().box)
    found = follow([[face(), other], [other, face()]])
    assert sorted(d.category for d in found) == ["faces", "nudity"]
    assert all(len(d.track) == 2 for d in found)


def test_a_sighting_without_a_box_makes_a_detection_of_the_whole_frame() -> None:
    found = follow([[], [whole()], [whole(score=0.9)], []])
    assert spans(found) == [(0.25, 1.5)]
    assert found[0].track == ()
    assert found[0].confidence == 0.9


def test_a_cut_ends_and_starts_detections_exactly() -> None:
    found = follow([[face()], [face()], [face()], []], cuts=[2])
    assert spans(found) == [(0, 1.0), (1.0, 1.5)]


def test_a_cut_starts_a_detection_at_the_cut_although_frames_before_were_not_looked_at() -> None:
    assert spans(follow([[], [face()], []], cuts=[1])) == [(0.5, 1.0)]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ([], [], True),
        ([face()], [], False),
        ([], [face()], False),
        ([face(0.4)], [face(0.45)], True),
        ([face(0.0)], [face(0.75)], False),
        ([face(0.0), face(0.7)], [face(0.7)], False),
        ([whole()], [whole()], True),
        ([whole()], [face()], False),
    ],
)
def test_two_looks_show_the_same_scene(
    before: list[Sighting], after: list[Sighting], same: bool
) -> None:
    assert same_scene(before, after) is same


sightings = st.lists(
    st.builds(
        face,
        st.floats(0, 0.8),
        st.floats(0.1, 1),
        st.sampled_from(["FACE_MALE", "FACE_FEMALE"]),
        st.floats(0, 0.8),
    )
    | st.builds(whole, st.sampled_from(["GORE", "FIGHT"])),
    max_size=4,
)


@given(st.lists(sightings, max_size=12), st.sets(st.integers(0, 11)))
def test_every_sighting_is_in_a_detection_and_no_time_is_lost(
    seen: list[list[Sighting]], cuts: set[int]
) -> None:
    found = follow(seen, cuts=sorted(cuts))
    for number, now in enumerate(seen):
        # Everybody sees a frame until the next one is shown, here half a step later.
        shown = Span(number * STEP, number * STEP + STEP / 2)
        for sighting in now:
            holding = [
                d.span
                for d in found
                if d.category == sighting.category
                and (
                    d.track == ()
                    if sighting.box is None
                    else any((p.time, p.box) == (shown.start, sighting.box) for p in d.track)
                )
            ]
            assert subtract(shown, holding) == []
    assert sum(len(d.track) for d in found) == sum(s.box is not None for now in seen for s in now)
    assert found == sorted(found, key=lambda d: d.span)
    for detection in found:
        times = [point.time for point in detection.track]
        assert times == sorted(set(times))
        assert all(detection.span.contains(time) for time in times)
