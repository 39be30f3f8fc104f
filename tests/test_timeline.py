"""Times are exact, spans are half-open, and no time is lost or invented."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_censor_personal.timeline import (
    Span,
    format_timecode,
    parse_timecode,
    seconds,
    subtract,
    union,
)

times = st.fractions(min_value=0, max_value=100, max_denominator=90)
spans = st.tuples(times, times).map(lambda pair: Span(min(pair), max(pair)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00:48:25.000", 2905),
        ("1:02:03.5", Fraction(7447, 2)),
        ("02:03", 123),
        ("83.25", Fraction(333, 4)),
        ("00:00:01,500", Fraction(3, 2)),
        ("100:00:00", 360_000),
        ("3600", 3600),
    ],
)
def test_a_timecode_is_read_exactly(text, value):
    assert parse_timecode(text) == value


@pytest.mark.parametrize("text", ["", "abc", "1:2:3:4", "-1", "00:61:00", "1e3", "::", "12:"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="not a time"):
        parse_timecode(text)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_written_time_reads_back_to_the_millisecond(milliseconds):
    time = Fraction(milliseconds, 1000)
    assert parse_timecode(format_timecode(time)) == time


def test_rounding_carries_into_minutes_and_hours():
    assert format_timecode(59.9996) == "00:01:00.000"
    assert format_timecode(3599.9999) == "01:00:00.000"
    assert format_timecode(Fraction(-3, 2)) == "-00:00:01.500"


def test_a_float_means_the_decimal_that_was_written():
    assert seconds(0.1) == Fraction(1, 10)
    assert seconds(1 / 3) == Fraction(333333, 1_000_000)


def test_a_span_holds_its_start_and_not_its_end():
    span = Span.of(1, 2)
    assert span.contains(1)
    assert not span.contains(2)
    assert not span.overlaps(Span.of(2, 3))
    assert span.gap_to(Span.of(2.5, 3)) == Fraction(1, 2)
    assert span.gap_to(Span.of(0, 1.5)) == 0


def test_a_span_cannot_run_backwards():
    with pytest.raises(ValueError, match="before it starts"):
        Span.of(2, 1)


def test_padding_stops_at_the_beginning():
    assert Span.of(0.05, 1).padded(0.1, 0.2) == Span.of(0, 1.2)


def test_the_running_maximum_of_the_ends_decides():
    spans = [Span.of(0, 10), Span.of(1, 1.1), Span.of(5, 5.1)]
    assert union(spans) == [Span.of(0, 10)]


@given(st.lists(spans))
def test_a_union_covers_the_same_time_in_order(items):
    merged = union(items)
    assert all(a.end < b.start for a, b in itertools.pairwise(merged))
    for probe in {s.start for s in items} | {s.end for s in items}:
        assert any(s.contains(probe) for s in items) == any(s.contains(probe) for s in merged)


@given(spans, st.lists(spans))
def test_what_is_left_and_what_is_taken_make_the_whole(span, holes):
    left = subtract(span, holes)
    taken = [part for hole in union(holes) if (part := hole.clipped(span))]
    assert sum((s.duration for s in [*left, *taken]), Fraction(0)) == span.duration
    assert not any(a.overlaps(b) for a in left for b in taken)
