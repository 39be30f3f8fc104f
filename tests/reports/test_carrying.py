"""A person's decisions survive another configuration, as far as they are about the same things."""

from __future__ import annotations

from dataclasses import replace

import pytest

from video_censor_personal.findings import Detection, Report, Segment
from video_censor_personal.reports.carrying import carry_decisions
from video_censor_personal.timeline import Span


def face(start: float, end: float, label: str = "FACE_MALE") -> Detection:
    return Detection("faces", label, Span.of(start, end), 0.5, "", "nudenet", "video")


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
    (apart, also), lost = carry(report, old, [segment(face(1, 2)), segment(word("hell", 1.5))])
    assert (apart.allow, also.allow, lost) == (True, True, [])


@pytest.mark.parametrize(
    "found",
    [
        [face(1, 2), replace(face(1, 2), category="nudity")],
        [face(1, 2), word("hell", 1.5)],
        [face(1, 5)],
        [face(0, 2)],
    ],
    ids=["another category", "a word", "longer after", "longer before"],
)
def test_what_holds_more_than_was_allowed_is_not_allowed_and_that_is_said(report, found):
    (carried,), lost = carry(report, [segment(face(1, 2), allow=True)], [segment(*found)])
    assert not carried.allow
    assert len(lost) == 1
    assert lost[0].startswith("00:00:01.000 – 00:00:02.000 faces: it was allowed, but")


def test_another_word_at_the_same_time_was_never_allowed(report):
    (carried,), lost = carry(
        report, [segment(word("hell", 1), allow=True)], [segment(word("damn", 1.1))]
    )
    assert not carried.allow
    assert lost == [], "nothing of what was allowed is found any more"


def test_actions_and_edited_times_are_carried_or_named(report):
    old = [
        segment(face(1, 2), video_action="cut", span=Span.of(0, 3)),
        segment(word("hell", 8), audio_action="bleep"),
    ]
    same = [segment(face(1, 2)), segment(word("hell", 8))]
    (first, second), lost = carry(report, old, same)
    assert (first.video_action, first.span, second.audio_action) == ("cut", Span.of(0, 3), "bleep")
    assert lost == []
    (merged,), lost = carry(report, old, [segment(face(1, 2), word("hell", 8))])
    assert (merged.video_action, merged.audio_action) == (None, None)
    assert [sentence.split(": ")[1].split(",")[0] for sentence in lost] == [
        "its picture had the action 'cut'",
        "its times were edited",
        "its sound had the action 'bleep'",
    ]


def test_what_a_person_wrote_by_hand_is_taken_over(report):
    own = Segment(Span.of(2, 3), ("Blood",), (), "my own")
    carried, lost = carry_decisions(
        replace(report, segments=(own,), labels={"blood": "Blood"}),
        replace(report, segments=(segment(face(1, 2)), segment(face(8, 9)))),
    )
    assert [s.description for s in carried.segments] == ["", "my own", ""]
    assert carried.labels["blood"] == "Blood"
    assert lost == []


def test_that_an_option_allowed_everything_is_nobodys_decision(report):
    old = replace(report, segments=(segment(face(1, 2), allow=True),), all_allowed=True)
    carried, lost = carry_decisions(old, replace(report, segments=(segment(face(1, 2)),)))
    assert (carried.segments[0].allow, carried.all_allowed, lost) == (False, False, [])
