"""Large files are written around the system's cache, where the system and the disk can do that."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

import pytest
from fetching import Fetch
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Loopback, Reply, Request, content_of

from video_censor_personal.errors import DiskSpaceError, ModelCacheError
from video_censor_personal.store import Store
from video_censor_personal.transfer import Limits, Status, assembly, flusher, partial
from video_censor_personal.transfer.partial import Partial

CONTENT = content_of(9_000_001)
PAGE = 4096


@pytest.fixture(autouse=True)
def _all_files_count_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "_FLUSHED_BYTES", 1)


def share_in_cache(path: Path) -> float:
    """How much of a file the system has in its memory."""
    pages = range(0, path.stat().st_size, PAGE)
    cached = 0
    fd = os.open(path, os.O_RDONLY)
    try:
        for offset in pages:
            try:
                os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT)
                cached += 1
            except BlockingIOError:
                pass
    finally:
        os.close(fd)
    return cached / len(pages)


def writes_directly(folder: Path) -> bool:
    if not hasattr(os, "O_DIRECT") or not hasattr(os, "RWF_NOWAIT"):
        return False
    probe = folder / "probe"
    try:
        fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
    except OSError:
        return False
    try:
        os.pwrite(fd, mmap.mmap(-1, PAGE), 0)
    except OSError:
        return False
    finally:
        os.close(fd)
    return share_in_cache(probe) == 0


def test_a_large_file_does_not_push_others_out_of_memory(
    server: Loopback, fetch: Fetch, store: Store, tmp_path: Path
) -> None:
    if not writes_directly(tmp_path):
        pytest.skip("this file system writes through the cache only")
    shares = []
    url = server.host("/model", CONTENT)
    while len(shares) < 3:  # on a busy machine bytes come in small parts, which are cached
        outcome = fetch(url, content=CONTENT, limits=Limits(connections=1, stall_s=5.0))
        shares.append(share_in_cache(outcome.path))
        if shares[-1] < 0.7:
            break
        outcome.path.unlink()
        store.forget("model")
    assert shares[-1] < 0.7, shares
    assert outcome.path.read_bytes() == CONTENT


@pytest.mark.parametrize("connections", [1, 8])
def test_every_byte_lands_however_the_connections_break(
    server: Loopback, fetch: Fetch, connections: int
) -> None:
    def breaks(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 30_000_000
        if request.number <= 6:
            reply.cut_after = 300_001 + 7 * request.number  # in the middle of a page

    limits = Limits(connections=connections, stall_s=5.0)
    outcome = fetch(server.host("/model", CONTENT, tweak=breaks), content=CONTENT, limits=limits)
    assert outcome.status is Status.FETCHED
    assert outcome.path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("number", "told"), [(errno.EIO, "disk may be failing"), (errno.EDQUOT, "is there a quota")]
)
def test_bytes_that_the_disk_lost_under_way_are_neither_published_nor_kept(
    server: Loopback,
    store: Store,
    fetch: Fetch,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    told: str,
) -> None:
    """As Linux does it: only the first sync after the loss says so."""
    losses = [OSError(number, os.strerror(number))]

    def sync(fd: int) -> None:
        if losses:
            raise losses.pop()

    monkeypatch.setattr(partial, "_sync", sync)
    monkeypatch.setattr(partial, "_DIRECT", 0)
    monkeypatch.setattr(flusher, "_STEP_BYTES", 1 << 20)
    url = server.host("/model", CONTENT, tweak=lambda q, r: setattr(r, "bytes_per_s", 30_000_000))
    outcome = fetch(url, content=CONTENT)
    assert isinstance(outcome.error, (ModelCacheError, DiskSpaceError))
    assert told in str(outcome.error)
    assert not outcome.path.exists()
    assert not store.leftovers()


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 5 * PAGE), st.integers(1, 3 * PAGE), st.booleans()), max_size=12
    )
)
@settings(max_examples=60, deadline=None)
def test_any_part_may_be_written_either_way(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int, bool]]
) -> None:
    memory = memoryview(mmap.mmap(-1, 4 * PAGE))
    expected = bytearray(8 * PAGE)
    partial = Partial.open(tmp_path_factory.mktemp("partial") / "p", None)
    partial.prepare_direct()
    try:
        partial.write(memoryview(bytes(expected)), 0)
        for number, (offset, count, whole) in enumerate(parts, 1):
            if whole:  # pages, from the beginning of a page of memory
                offset, count = offset // PAGE * PAGE, -(-count // PAGE) * PAGE
            shift = 0 if whole else 1
            part = memory[shift : shift + count]
            part[:] = bytes([number]) * count
            partial.write(part, offset, direct=True)
            expected[offset : offset + count] = part
        found = memoryview(bytearray(len(expected)))
        assert partial.readinto(found, 0) == len(expected)
        assert found == expected
    finally:
        partial.release()


def test_a_disk_that_refuses_is_written_the_usual_way(tmp_path: Path) -> None:
    partial = Partial.open(tmp_path / "p", None)
    partial.prepare_direct()
    odd = memoryview(bytearray(PAGE + 1))[1:]  # no disk takes this from there
    odd[:] = b"x" * PAGE
    try:
        partial.write(odd, 0, direct=True)
        partial.write(odd, PAGE, direct=True)
        found = memoryview(bytearray(2 * PAGE))
        assert partial.readinto(found, 0) == 2 * PAGE
        assert bytes(found) == b"x" * 2 * PAGE
    finally:
        partial.release()
