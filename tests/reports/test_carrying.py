"""A person's decisions survive another configuration, as far as they are about the same things."""

from __future__ import annotations

from dataclasses import replace

import pytest

from video_censor_personal.findings import Box, Detection, Report, Segment, TrackPoint
from video_censor_personal.reports.carrying import carry_decisions
from video_censor_personal.timeline import Span, seconds

LEFT, RIGHT = Box(0.1, 0.1, 0.2, 0.3), Box(0.6, 0.4, 0.2, 0.3)


def face(start: float, end: float, label: str = "FACE_MALE", box: Box = LEFT) -> Detection:
    track = tuple(TrackPoint(seconds(time), box, 0.5) for time in (start + 0.25, end - 0.25))
    return Detection("faces", label, Span.of(start, end), 0.5, "", "nudenet", "video", track)


def word(text: str, start: float) -> Detection:
    span = Span.of(start, start + 0.5)
    return Detection("profanity", text, span, 0.5, "", "speech-profanity", "audio")


def segment(*detections: Detection, **decided: object) -> Segment:
    span = Span(min(d.span.start for d in detections), max(d.span.end for d in detections))
    made = Segment(span, tuple(dict.fromkeys(d.category for d in detections)), detections)
    return replace(made, **decided)  # type: ignore[arg-type]


def carry(
    report: Report, old: list[Segment], new: list[Segment]
) -> tuple[tuple[Segment, ...], list[str]]:
    carried, lost = carry_decisions(
        replace(report, segments=tuple(old)), replace(report, segments=tuple(new))
    )
    return carried.segments, lost


def test_what_nobody_decided_about_changes_nothing(report):
    assert carry_decisions(report, report) == (report, [])


def test_an_allowed_segment_stays_allowed_if_found_again_and_a_little_wider(report):
    old = [segment(face(1, 2), word("hell", 1.5), allow=True), segment(face(8, 9))]
    new = [segment(face(0.75, 2.25, "FACE_FEMALE"), word("Hell", 1.5)), segment(face(8, 9))]
    (first, second), lost = carry(report, old, new)
    assert (first.allow, second.allow, lost) == (True, False, [])
    old, new = old[:1], new[:1]
    (apart, also), lost = carry(report, old, [segment(face(1, 2)), segment(word("hell", 1.5))])
    assert (apart.allow, also.allow, lost) == (True, True, [])


@pytest.mark.parametrize(
    "found",
    [
        [face(1, 2), replace(face(1, 2), category="nudity")],
        [face(1, 2), word("hell", 1.5)],
        [face(1, 5)],
        [face(0, 2)],
        [face(1, 2), face(1, 2, "FACE_FEMALE", RIGHT)],
        [face(1, 2), face(1, 2, box=RIGHT)],
        [replace(face(1, 2), track=(*face(1, 2).track, TrackPoint(seconds(1.5), RIGHT, 0.5)))],
    ],
    ids=[
        "another category",
        "a word",
        "longer after",
        "longer before",
        "another person",
        "another person of one label",
        "now here, now there",
    ],
)
def test_what_holds_more_than_was_allowed_is_not_allowed_and_that_is_said(report, found):
    (carried,), lost = carry(report, [segment(face(1, 2), allow=True)], [segment(*found)])
    assert not carried.allow
    assert len(lost) == 1
    assert lost[0].startswith("00:00:01.000 – 00:00:02.000 faces: it was allowed, but")
    assert f"{found[-1].label} at " in lost[0], "it says what joined"


def test_what_is_seen_without_a_place_is_told_apart_by_its_name(report):
    old, new = (replace(face(1, 2, name), track=()) for name in ("buttocks", "genitals"))
    again, lost = carry(report, [segment(old, allow=True)], [segment(old, new)])
    assert [s.allow for s in again] == [False]
    assert lost


def test_another_word_at_the_same_time_was_never_allowed(report):
    (hell, damn), lost = carry(
        report, [segment(word("hell", 1), allow=True)], [segment(word("damn", 1.1))]
    )
    assert (hell.detections[0].label, hell.allow, hell.found) == ("hell", True, False)
    assert (damn.allow, damn.found) == (False, True)
    assert len(lost) == 1


def test_actions_and_edited_times_are_carried_or_named(report):
    old = [
        segment(face(1, 2), video_action="cut", span=Span.of(0, 3)),
        segment(word("hell", 8), audio_action="bleep"),
    ]
    same = [segment(face(1, 2)), segment(word("hell", 8))]
    (first, second), lost = carry(report, old, same)
    assert (first.video_action, first.span, second.audio_action) == ("cut", Span.of(0, 3), "bleep")
    assert lost == []
    grouped_otherwise = [segment(face(1, 2), word("hell", 8))]
    assert carry(report, old, grouped_otherwise) == (tuple(old), []), "they stay as they were"
    more = segment(face(1, 2), word("hell", 8), word("damn", 5))
    (merged,), lost = carry(report, old, [more])
    assert (merged.video_action, merged.audio_action) == (None, None)
    assert [sentence.split(": ")[1].split(",")[0] for sentence in lost] == [
        "its picture had the action 'cut'",
        "its times were edited",
        "its sound had the action 'bleep'",
    ]


def test_shortened_times_survive_however_much_shorter_they_are(report):
    old = segment(face(5.25, 10.75), span=Span.of(9, 10), video_action="pixelate")
    assert carry(report, [old], [segment(face(5.25, 10.75))]) == ((old,), [])


def test_both_halves_of_a_split_segment_survive(report):
    one = segment(face(5, 11), span=Span.of(5, 7), allow=True)
    other = replace(one, span=Span.of(7, 11), allow=False)
    assert carry(report, [one, other], [segment(face(5, 11))]) == ((one, other), [])
    (merged,), lost = carry(report, [one, other], [segment(face(5, 11), word("hell", 8))])
    assert not merged.allow, "half of it was never allowed"
    assert len(lost) == 3


def test_a_segment_moved_away_from_what_was_found_stays_there(report):
    moved = segment(word("hell", 1), span=Span.of(5, 6))
    assert carry(report, [moved], [segment(word("hell", 1))]) == ((moved,), [])
    again, lost = carry(report, [moved], [segment(word("hell", 1), face(1, 2))])
    assert [(s.span.start, s.found) for s in again] == [(1, True), (5, False)]
    assert len(lost) == 1


def test_what_is_not_found_any_more_keeps_its_decisions_until_it_is_found_again(report):
    old = [segment(word("hell", 1), allow=True), segment(face(4, 5), video_action="cut")]
    kept, said = carry(report, old, [])
    assert kept == tuple(replace(s, found=False) for s in old)
    assert [sentence.split(": ")[1] for sentence in said] == [
        "not found any more; it stays in the report, still allowed",
        "not found any more; it stays in the report, still censored",
    ]
    assert carry(report, list(kept), []) == (kept, []), "and that is said once"
    found_again = [replace(s, allow=False, video_action=None) for s in old]
    assert carry(report, list(kept), found_again) == (tuple(old), [])


def test_of_a_segment_that_is_found_in_part_the_rest_keeps_its_decisions(report):
    old = segment(face(1, 3), word("hell", 2.75), allow=True)
    (face_again, word_left), said = carry(report, [old], [segment(face(1, 3))])
    assert (word_left.detections[0].label, word_left.span) == ("hell", Span.of(2.75, 3.25))
    assert (word_left.allow, word_left.found) == (True, False)
    assert (face_again.allow, face_again.found) == (True, True)
    assert len(said) == 1


def test_what_nobody_decided_about_and_is_not_found_any_more_is_named(report):
    old = [segment(word("hell", start)) for start in (1, 3, 5, 7)]
    again, (sentence,) = carry(report, old, [])
    assert again == ()
    assert "00:00:05.000 – 00:00:05.500 profanity and 1 more" in sentence


def test_a_segment_copied_to_another_place_stays(report):
    found = segment(face(1, 2))
    copied = replace(found, span=Span.of(7, 8))
    marked = replace(copied, found=False)
    assert carry(report, [found, copied], [found]) == ((found, marked), [])
    allowed = replace(found, allow=True)
    assert carry(report, [allowed, copied], [found]) == ((allowed, marked), [])
    both, said = carry(report, [found, copied], [])
    assert (both, len(said)) == ((marked,), 1)


def test_what_a_person_wrote_by_hand_is_taken_over(report):
    own = Segment(Span.of(2, 3), ("Blood",), (), "my own")
    carried, lost = carry_decisions(
        replace(report, segments=(own,), labels={"blood": "Blood"}),
        replace(report, segments=(segment(face(1, 2)), segment(face(8, 9)))),
    )
    assert [s.description for s in carried.segments] == ["", "my own", ""]
    assert carried.labels["blood"] == "Blood"
    assert lost == []


def test_what_both_have_made_by_hand_is_not_doubled(report):
    found = segment(face(1, 2))
    own = Segment(Span.of(2, 3), ("Blood",), (), "my own", found=False)
    copied = replace(found, span=Span.of(7, 8), found=False)
    longer = replace(own, span=Span.of(2, 4))
    other = replace(own, labels=("Gore",))
    both, lost = carry(report, [found, own, copied], [found, own, copied])
    assert (both, lost) == ((found, own, copied), [])
    all_of_it, lost = carry(report, [own, longer, other], [own])
    assert (set(all_of_it), len(all_of_it), lost) == ({own, longer, other}, 3, [])


def test_what_was_carried_before_gives_way_to_other_decisions_and_that_is_said(report):
    found, own = segment(face(1, 2)), Segment(Span.of(5, 6), ("Blood",), (), "", found=False)
    old = [replace(s, allow=True) for s in (found, own)]
    new = [replace(s, video_action="blank") for s in (found, own)]
    carried, said = carry(report, old, new)
    assert carried == tuple(old)
    assert said == [
        f"{name}: its picture had the action 'blank', it was not allowed in the report that is "
        "replaced; what was decided in the other one counts"
        for name in ("00:00:01.000 – 00:00:02.000 faces", "00:00:05.000 – 00:00:06.000 Blood")
    ]
    assert carry(report, new, old)[0] == tuple(new)


def test_what_was_carried_before_stays_where_nothing_else_was_decided(report):
    found, own = segment(face(1, 2)), Segment(Span.of(5, 6), ("Blood",), (), "", found=False)
    allowed = tuple(replace(s, allow=True) for s in (found, own))
    assert carry(report, [found, own], list(allowed)) == (allowed, [])
    assert carry(report, list(allowed), list(allowed)) == (allowed, [])
    half = replace(found, span=Span.of(1, 1.5), allow=True)
    two = (replace(own, video_action="cut"), replace(own, audio_action="bleep"))
    for had in ([], two[1:], two[::-1]):
        both, said = carry(report, list(two), list(had))
        assert (set(both), len(both), said) == (set(two), 2, []), "made by hand at one place"
    halves = (half, replace(half, span=Span.of(1.5, 2), allow=False))
    assert carry(report, [found], list(halves)) == (halves, [])
    assert carry(report, list(halves), list(halves)) == (halves, [])


def test_that_an_option_allowed_everything_is_nobodys_decision(report):
    old = replace(report, segments=(segment(face(1, 2), allow=True),), all_allowed=True)
    carried, lost = carry_decisions(old, replace(report, segments=(segment(face(1, 2)),)))
    assert (carried.segments[0].allow, carried.all_allowed, lost) == (False, False, [])
