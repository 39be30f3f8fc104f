"""Which bytes are there, which are missing, and who fetches what."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_censor_personal.transfer.pieces import (
    Identity,
    PieceMap,
    crc_mark,
    piece_size_for,
    prefix_mark,
    read_piece_map,
)
from video_censor_personal.transfer.segments import Kind, Ledger, Segment

IDENTITY = Identity(1050, 100, "sha256", "ab" * 32)


@pytest.mark.parametrize(
    ("size", "piece"),
    [(300_000, 256 << 10), (20 << 20, 256 << 10), (512 << 20, 2 << 20), (13 << 30, 4 << 20)],
)
def test_pieces_are_small_where_the_file_is(size: int, piece: int) -> None:
    assert piece_size_for(size) == piece


@given(st.sets(st.integers(0, 10)))
def test_what_is_there_and_what_is_missing_is_the_file(have: set[int]) -> None:
    pieces = PieceMap(IDENTITY, have=have)
    missing = pieces.missing()
    assert pieces.have_bytes + sum(end - start for start, end in missing) == 1050
    assert all(a[1] < b[0] for a, b in itertools.pairwise(missing))
    assert pieces.complete is (missing == [])


def test_a_map_survives_being_written_and_read(tmp_path: Path) -> None:
    marks = {0: prefix_mark("0123456789abcdef99"), 10: crc_mark(7)}
    PieceMap(IDENTITY, marks).write(tmp_path / "map")
    assert read_piece_map(tmp_path / "map") == PieceMap(IDENTITY, marks, {0, 10})


@pytest.mark.parametrize(
    "line", [b"1 c0000000", b"1", b"x c00000000", b"11 c00000000", b"-1 c00000000", b"1 q00000000"]
)
def test_lines_that_mean_nothing_are_left_out(tmp_path: Path, line: bytes) -> None:
    PieceMap(IDENTITY, {2: crc_mark(1)}).write(tmp_path / "map")
    with (tmp_path / "map").open("ab") as file:
        file.write(line + b"\n3 c000000")  # the last was torn
    found = read_piece_map(tmp_path / "map")
    assert found is not None
    assert found.have == {2}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', "\x00", '{"version": 1}'])
def test_a_head_that_means_nothing_is_no_map(tmp_path: Path, text: str) -> None:
    (tmp_path / "map").write_text(text)
    assert read_piece_map(tmp_path / "map") is None


@given(st.lists(st.sampled_from(["claim", "one", "share", "steal", "done", "fail"]), max_size=60))
def test_every_byte_is_fetched_by_exactly_one(steps: list[str]) -> None:
    ledger = Ledger([Segment(0, 1050)])
    fetched: list[tuple[int, int]] = []
    for step in steps:
        if step in ("claim", "one"):
            ledger.claim(0.0, None if step == "claim" else 100, 100)
        elif step == "share":
            ledger.share(100, 100)
        elif step == "steal" and not ledger.free:
            ledger.steal(0.0, 100)
        elif ledger.active:
            segment = min(ledger.active)
            ledger.active.discard(segment)
            if step == "done":
                assert segment.end is not None
                fetched.append((segment.position, segment.end))
            else:
                ledger.add(segment)
    parts = fetched + [(s.position, s.end or 0) for s in (*ledger.free, *ledger.active)]
    covered = sorted(parts)
    assert covered[0][0] == 0
    assert covered[-1][1] == 1050
    assert all(a[1] == b[0] for a, b in itertools.pairwise(covered))


def test_a_segment_that_waits_is_not_handed_out_before_its_time() -> None:
    ledger = Ledger([Segment(0, 100, ready_at=5.0), Segment(100, 200)])
    first = ledger.claim(1.0, None, 100)
    assert first is not None
    assert first.position == 100
    assert ledger.claim(1.0, None, 100) is None
    assert ledger.claim(5.0, None, 100) is not None


def test_a_comparison_is_handed_out_a_piece_at_a_time() -> None:
    ledger = Ledger([Segment(0, 1050, Kind.COMPARE)])
    segment = ledger.claim(0.0, None, 100)
    assert segment is not None
    assert segment.end == 100


def test_a_connection_that_crawls_is_relieved_but_not_for_ever() -> None:
    ledger = Ledger([Segment(0, 100_000)])
    slow = ledger.claim(0.0, None, 100_000)
    assert slow is not None
    slow.position = 5000
    assert ledger.rescue(0.5, usual_bytes_per_s=50_000) is None  # it may only have begun
    assert ledger.rescue(2.0, usual_bytes_per_s=5_000) is None  # they are all like this
    rest = ledger.rescue(2.0, usual_bytes_per_s=50_000)
    assert rest is not None
    assert (slow.end, rest.position, rest.end) == (5000, 5000, 100_000)
    again = ledger.rescue(10.0, usual_bytes_per_s=50_000)
    assert again is not None
    assert ledger.rescue(20.0, usual_bytes_per_s=50_000) is None
