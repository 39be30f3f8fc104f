"""Edit lists as players read them."""

from fractions import Fraction

from video_censor_personal.reports.edl import write_edl
from video_censor_personal.reports.player_spans import PlayerSpans
from video_censor_personal.timeline import Span


def entries(path):
    return [tuple(map(float, line.split("\t"))) for line in path.read_text().splitlines()]


def test_cuts_and_mutes_are_in_order_of_time_with_kodis_numbers(tmp_path):
    path = tmp_path / "movie.edl"
    write_edl(
        path, PlayerSpans.of([Span.of(10, 12)], [Span.of(20, 20.5), Span.of(1, Fraction(4, 3))])
    )
    assert entries(path) == [(1, 1.333, 1), (10, 12, 0), (20, 20.5, 1)]


def test_entries_never_overlap(tmp_path):
    path = tmp_path / "movie.edl"
    skips = [Span.of(5, 7), Span.of(6, 8)]
    mutes = [Span.of(4, 6), Span.of(7, 9), Span.of(8.5, 10), Span.of(5.5, 6.5)]
    write_edl(path, PlayerSpans.of(skips, mutes))
    assert entries(path) == [(4, 5, 1), (5, 8, 0), (8, 10, 1)]


def test_nothing_to_do_is_an_empty_list(tmp_path):
    path = tmp_path / "movie.edl"
    write_edl(path, PlayerSpans.of([], []))
    assert path.read_bytes() == b""
