"""Which detections a person reviews together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_censor_personal.analysis.segments import merge
from video_censor_personal.config import SegmentMerge
from video_censor_personal.findings import Detection, Segment
from video_censor_personal.timeline import Span, subtract, union


def found(
    start: float, end: float, category: str = "nudity", confidence: float = 0.5, label: str = ""
) -> Detection:
    modality = "audio" if category == "profanity" else "video"
    word = label or ("hell" if category == "profanity" else "BUTTOCKS_EXPOSED")
    return Detection(category, word, Span.of(start, end), confidence, "", "eyes", modality)


def spans(segments: Sequence[Segment]) -> list[tuple[float, float]]:
    return [(float(s.span.start), float(s.span.end)) for s in segments]


def test_a_short_detection_inside_a_long_one_does_not_hide_how_far_it_reaches() -> None:
    """The usual way compares only with the last one and gives 0–10 and, overlapping it, 5–5.1."""
    detections = [found(0, 10), found(1, 1.1), found(5, 5.1)]
    (segment,) = merge(detections, SegmentMerge(merge_threshold=2))
    assert spans([segment]) == [(0, 10)]
    assert len(segment.detections) == 3


@pytest.mark.parametrize(("distance", "count"), [(1.9, 1), (2, 1), (2.001, 2)])
def test_the_threshold_is_the_longest_pause_inside_a_segment(distance: float, count: int) -> None:
    detections = [found(0, 1), found(1 + distance, 4)]
    assert len(merge(detections, SegmentMerge(merge_threshold=2))) == count


def test_categories_apart_in_time_stay_apart_however_near() -> None:
    segments = merge([found(0, 1), found(1.5, 2, "profanity")], SegmentMerge())
    assert [s.labels for s in segments] == [("Nudity",), ("Profanity",)]


def test_categories_that_overlap_are_one_segment_with_all_their_detections() -> None:
    nude, word = found(2, 6, confidence=0.4), found(5, 7, "profanity", 0.9)
    (segment,) = merge([word, nude], SegmentMerge())
    assert segment.span == Span.of(2, 7)
    assert segment.labels == ("Nudity", "Profanity")
    assert segment.detections == (nude, word)
    assert segment.confidence == 0.9


def test_a_category_bridges_what_it_overlaps_on_both_sides() -> None:
    detections = [found(0, 3), found(2, 9, "profanity"), found(8, 12)]
    assert spans(merge(detections, SegmentMerge(merge_threshold=0))) == [(0, 12)]


def test_without_merging_only_what_overlaps_is_together() -> None:
    detections = [found(0, 1), found(1, 2), found(1.5, 3), found(3.5, 4)]
    apart = merge(detections, SegmentMerge(enabled=False, merge_threshold=10))
    assert spans(apart) == [(0, 1), (1, 3), (3.5, 4)]


def test_a_segment_says_what_was_seen_and_heard_in_the_users_words() -> None:
    detections = [
        found(0, 4, "feet", label="FEET_EXPOSED"),
        found(1, 2, "profanity", label="hell"),
        found(2, 3, "profanity", label="damn"),
        found(3, 4, "profanity", label="hell"),
    ]
    (segment,) = merge(detections, SegmentMerge(), {"feet": "Bare Feet"})
    assert segment.labels == ("Bare Feet", "Profanity")
    assert segment.description == "Bare Feet seen: feet exposed; Profanity heard: hell, damn."


def test_a_long_list_of_words_is_cut_short() -> None:
    words = [found(n, n + 1, "profanity", label=f"word{n}") for n in range(9)]
    (segment,) = merge(words, SegmentMerge())
    assert segment.description.endswith("word5, ….")


def test_nothing_gives_nothing() -> None:
    assert merge([], SegmentMerge()) == ()


detections = st.lists(
    st.builds(
        lambda start, length, category, confidence: found(
            start / 10, (start + length) / 10, category, confidence
        ),
        st.integers(0, 300),
        st.integers(0, 60),
        st.sampled_from(["nudity", "profanity", "feet"]),
        st.floats(0, 1),
    ),
    max_size=15,
)
mergings = st.builds(SegmentMerge, st.booleans(), st.sampled_from([0.0, 0.5, 2.0, 30.0]))


@given(detections, mergings)
def test_no_detection_and_no_time_is_lost(given_: list[Detection], merging: SegmentMerge) -> None:
    segments = merge(given_, merging)
    inside = [detection for segment in segments for detection in segment.detections]
    assert sorted(map(repr, inside)) == sorted(map(repr, given_))
    for segment in segments:
        assert segment.span.start == min(d.span.start for d in segment.detections)
        assert segment.span.end == max(d.span.end for d in segment.detections)
        assert segment.confidence == max(d.confidence for d in segment.detections)


@given(detections, mergings)
def test_segments_are_in_order_and_disjoint(given_: list[Detection], merging: SegmentMerge) -> None:
    segments = merge(given_, merging)
    for before, after in pairwise(segments):
        assert before.span.end <= after.span.start


@given(detections, mergings, st.randoms())
def test_merging_again_or_in_another_order_changes_nothing(
    given_: list[Detection], merging: SegmentMerge, random: object
) -> None:
    segments = merge(given_, merging)
    shuffled = list(given_)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [s.span for s in merge(shuffled, merging)] == [s.span for s in segments]
    again = merge([d for s in segments for d in s.detections], merging)
    assert again == segments


@given(detections)
def test_a_larger_threshold_only_joins(given_: list[Detection]) -> None:
    narrow, wide = (merge(given_, SegmentMerge(True, pause)) for pause in (0.5, 5.0))
    assert len(wide) <= len(narrow)
    for segment in narrow:
        covered = union(s.span for s in wide)
        assert subtract(segment.span, covered) == []


def test_the_span_of_a_detection_is_not_changed() -> None:
    one, other = found(0, 1), found(2, 3)
    (segment,) = merge([one, other], SegmentMerge())
    assert segment.detections == (replace(one), replace(other))
