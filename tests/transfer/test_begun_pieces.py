"""Pieces that a killed run had under way: what landed of them need not come again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fetching import Fetch
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, Reply, Request, content_of, sha256

from video_censor_personal.store import Store
from video_censor_personal.transfer import Limits, Source, Status, make_plan
from video_censor_personal.transfer.pieces import (
    Identity,
    PieceMap,
    begun_line,
    crc_mark,
    read_piece_map,
)

IDENTITY = Identity(1050, 100, "sha256", "ab" * 32)
CONTENT = content_of(600_000)  # pieces of 256 KiB
CAME = 200_000
KEPT = CAME - 2 * (16 << 10)


def die_in_mid_piece(server: Loopback, store: Store) -> str:
    """Have a run killed that got the first 200,000 bytes, slowly; the address of the file."""

    def stop_early(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.bytes_per_s, reply.stall_after = 1_500_000, CAME

    url = server.host("/model", CONTENT, tweak=stop_early)
    facts = {"root": str(store.root), "url": url, "size": len(CONTENT), "checksum": sha256(CONTENT)}
    script = Path(__file__).with_name("one_run.py")
    process = subprocess.Popen([sys.executable, script, json.dumps(facts)])
    try:
        deadline = time.monotonic() + 20
        while have_bytes(url, store) < KEPT:
            assert process.poll() is None
            assert time.monotonic() < deadline
    finally:
        process.kill()
        process.wait()
    return url


def have_bytes(url: str, store: Store) -> int:
    source = Source("model", (url,), "model", len(CONTENT), sha256(CONTENT))
    return make_plan([source], Store(store.root)).files[0].have_bytes


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("is_damaged", [False, True])
def test_what_landed_of_a_piece_is_kept_if_it_is_still_right(
    server: Loopback, store: Store, fetch: Fetch, is_damaged: bool
) -> None:
    url = die_in_mid_piece(server, store)
    if is_damaged:
        with store.partial_path("model").open("r+b") as file:
            file.write(bytes([CONTENT[0] ^ 1]))
    outcome = fetch(url, content=CONTENT)
    assert outcome.path.read_bytes() == CONTENT
    if is_damaged:
        assert 256 << 10 <= outcome.fetched_bytes <= len(CONTENT)  # the whole piece, and no other
    else:
        assert outcome.fetched_bytes <= len(CONTENT) - KEPT


def test_what_landed_of_a_piece_is_kept_when_the_server_gives_up(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    def breaks(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.bytes_per_s, reply.cut_after = 1_500_000, CAME
        else:
            reply.status, reply.body = 404, b""

    url = server.host("/model", CONTENT, tweak=breaks)
    outcome = fetch(url, content=CONTENT, limits=Limits(connections=1))
    assert outcome.status is Status.FAILED
    outcome = fetch(server.host("/model", CONTENT), content=CONTENT)
    assert outcome.path.read_bytes() == CONTENT
    assert outcome.fetched_bytes <= len(CONTENT) - KEPT


@given(st.sets(st.integers(0, 10)), st.dictionaries(st.integers(0, 9), st.integers(1, 99)))
def test_what_has_begun_is_there_and_the_rest_of_it_is_missing(
    have: set[int], counts: dict[int, int]
) -> None:
    begun = {index: (count, 0) for index, count in counts.items() if index not in have}
    pieces = PieceMap(IDENTITY, have=have, begun=begun)
    missing = pieces.missing()
    assert pieces.have_bytes + sum(end - start for start, end in missing) == 1050
    for index, (count, _) in begun.items():
        landed = range(pieces.start(index), pieces.start(index) + count)
        assert not any(start in landed or start < landed.start < end for start, end in missing)


def test_the_latest_note_of_a_piece_counts_and_that_it_is_whole_most(tmp_path: Path) -> None:
    PieceMap(IDENTITY, {2: crc_mark(1)}, begun={3: (10, 5)}).write(tmp_path / "map")
    lines = [
        begun_line(3, 40, 6),
        begun_line(2, 50, 7),  # it was whole before
        begun_line(4, 20, 8),
        f"4 {crc_mark(9)}",  # it became whole after
        begun_line(5, 100, 1),  # that is all of it, and no note
        begun_line(11, 1, 1),  # there is none
        begun_line(10, 50, 1),  # the last one is short
        "6+x c00000000",
        "7+5 c000000",  # torn
    ]
    with (tmp_path / "map").open("a") as file:
        file.write("\n".join(lines))
    found = read_piece_map(tmp_path / "map")
    assert found is not None
    assert found.begun == {3: (40, 6)}
    assert found.have == {2, 4}
