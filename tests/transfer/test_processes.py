"""What the disk looks like when processes die, meet, or find no room."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fetching import IMPATIENT, Fetch
from loopback import Loopback, Reply, Request, Tweak, content_of, sha256

from video_censor_personal.errors import DiskSpaceError, ModelCacheError
from video_censor_personal.store import Store
from video_censor_personal.transfer import Engine, FileState, Limits, Source, make_plan

BIG = content_of(3_000_001)
HERE = Path(__file__).parent
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs fork, SIGKILL and file limits")


def start(script: str, said: dict[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / script), json.dumps(said)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(out)


def slowly(request: Request, reply: Reply) -> None:
    reply.bytes_per_s = 3_000_000


def the_model(server: Loopback, store: Store, tweak: Tweak = slowly) -> dict[str, Any]:
    url = server.host("/model", BIG, tweak=tweak)
    return {"root": str(store.root), "url": url, "size": len(BIG), "checksum": sha256(BIG)}


@posix_only
@pytest.mark.parametrize(("kills", "all_large"), [(100, False), (40, True)])
def test_killed_at_random_moments_there_is_never_a_wrong_file(
    server: Loopback, store: Store, kills: int, all_large: bool
) -> None:
    contents = {"big": BIG, "small": content_of(50_000), "tiny": content_of(10)}
    files = {
        n: [server.host(f"/{n}", c, tweak=slowly), len(c), sha256(c)] for n, c in contents.items()
    }
    said = {"root": str(store.root), "files": files, "kills": kills, "most_s": 0.25}
    result = result_of(start("killed_runs.py", said | {"all_large": all_large}))

    assert result["wrong"] == []
    assert result["went_back"] == []  # what had arrived was never fetched again
    assert result["finished"] > kills // 20  # on a busy machine; on a quiet one most are
    outcomes = Engine(retry=IMPATIENT).fetch(
        make_plan([Source(n, (f[0],), n, f[1], f[2]) for n, f in files.items()], store)
    )
    assert all(o.path.read_bytes() == contents[o.source.name] for o in outcomes)


@posix_only
def test_a_run_killed_at_half_fetches_the_other_half_only(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    content = content_of(16_000_000)
    half = len(content) // 2

    def hold_at_half(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.stall_after = half

    url = server.host("/model", content, tweak=hold_at_half)
    process = start(
        "one_run.py",
        {"root": str(store.root), "url": url, "size": len(content), "checksum": sha256(content)},
    )
    source = Source("model", (url,), "model", len(content), sha256(content))
    while make_plan([source], Store(store.root)).files[0].have_bytes < half - 300_000:
        assert process.poll() is None
    process.kill()
    process.communicate()

    outcome = fetch(url, content=content)
    assert outcome.path.read_bytes() == content
    assert outcome.fetched_bytes < half + 0.02 * len(content)


def test_four_processes_wanting_one_model_fetch_it_once(server: Loopback, store: Store) -> None:
    def long(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 500_000  # the four begin at different times on a busy machine

    said = the_model(server, store, long)
    processes = [start("one_run.py", said) for _ in range(4)]
    results = [result_of(p) for p in processes]

    assert sorted(r["status"] for r in results) == ["fetched", "present", "present", "present"]
    assert store.path("model").read_bytes() == BIG
    assert server.sent_bytes < 1.2 * len(BIG)
    waited = [r for r in results if "waiting" in r["phases"]]
    assert waited  # those that came while it was fetched
    assert any(max(r["waited_for"]) > 0 for r in waited)  # saw how far the owner was


@posix_only
def test_the_lock_of_a_killed_process_holds_nobody_up(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    url = server.host("/model", BIG, tweak=lambda q, r: setattr(r, "stall_after", 500_000))
    said = {"root": str(store.root), "url": url, "size": len(BIG), "checksum": sha256(BIG)}
    process = start("one_run.py", said)
    lock = store.lock("model")
    while lock.owner() is None:
        assert process.poll() is None
    process.kill()
    process.communicate()

    server.host("/model", BIG)
    assert fetch(url, content=BIG).path.read_bytes() == BIG


# -- no room


def test_too_little_room_is_said_before_a_byte_moves(
    server: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "free_bytes", lambda self: 2 * len(BIG) - 1)
    source = Source("model", (server.host("/model", BIG),), "model", len(BIG), sha256(BIG))
    with pytest.raises(DiskSpaceError) as caught:
        Engine().fetch(make_plan([source], store))

    assert (caught.value.expected, caught.value.actual) == (2 * len(BIG), 2 * len(BIG) - 1)
    assert f"{2 * len(BIG):,}" in str(caught.value)
    assert server.requests == []
    assert not store.root.exists()


@posix_only
def test_a_disk_that_fills_up_under_way_keeps_what_arrived(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    said = the_model(server, store)
    result = result_of(start("one_run.py", {**said, "file_limit": 2_000_000}))

    assert result["status"] == "failed"
    assert result["error"].startswith("DiskSpaceError: the disk is full")
    assert 0 < result["expected"] < len(BIG)
    (file,) = make_plan(
        [Source("model", (said["url"],), "model", len(BIG), sha256(BIG))], store
    ).files
    assert file.state is FileState.PARTIAL
    assert file.have_bytes > len(BIG) // 3

    outcome = fetch(said["url"], content=BIG)
    assert outcome.path.read_bytes() == BIG
    assert outcome.fetched_bytes < 0.7 * len(BIG)


@posix_only
def test_a_full_disk_does_not_make_up_what_a_file_of_unknown_size_needs(
    server: Loopback, store: Store
) -> None:
    def without_length(request: Request, reply: Reply) -> None:
        reply.bytes_per_s, reply.chunked, reply.length = 3_000_000, True, None

    url = server.host("/model", BIG, ranges=False, tweak=without_length)
    said = {"root": str(store.root), "url": url, "size": len(BIG), "checksum": sha256(BIG)}
    result = result_of(start("one_run.py", {**said, "unknown": True, "file_limit": 2_000_000}))

    assert result["error"].startswith("DiskSpaceError: the disk is full: model needs more room")
    assert result["expected"] is None


@posix_only
def test_no_room_for_all_of_it_shows_at_once(server: Loopback, store: Store) -> None:
    said = {**the_model(server, store), "file_limit": 1_000_000}
    code = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))\n"
        f"sys.argv = ['one_run.py', {json.dumps(said)!r}]\n"
        f"runpy.run_path({str(HERE / 'one_run.py')!r}, run_name='__main__')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    result = result_of(process)

    assert result["error"].startswith("DiskSpaceError")
    assert server.sent_bytes == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc cannot be written")
def test_a_cache_that_cannot_be_written_is_said_before_a_byte_moves(server: Loopback) -> None:
    source = Source("model", (server.host("/model", BIG),), "model", len(BIG), sha256(BIG))
    plan = make_plan([source], Store("/proc/cache"))
    with pytest.raises((ModelCacheError, DiskSpaceError), match="/proc/cache"):
        Engine().fetch(plan)
    assert server.requests == []


def test_a_cache_that_is_a_file(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    source = Source("model", (server.host("/model", BIG),), "model", len(BIG), sha256(BIG))
    with pytest.raises(ModelCacheError, match="cache"):
        Engine().fetch(make_plan([source], Store(tmp_path / "cache")))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_with_everything_in_it_is_used(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    url = server.host("/model", BIG)
    fetch(url, content=BIG)
    for folder in (store.root, store.private):
        folder.chmod(0o555)
    assert fetch(url, content=BIG).ok
    with pytest.raises(ModelCacheError):
        fetch(url, content=BIG[:-1])


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EXDEV, "lies on another file system than {private}"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENFILE, "ulimit -n"),
        (errno.EACCES, "Make it writable, or set models.cache_dir"),
    ],
)
def test_what_the_disk_refuses_is_said_with_what_to_do(
    server: Loopback,
    store: Store,
    fetch: Fetch,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    says: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    url = server.host("/model", BIG)
    monkeypatch.setattr(store, "publish", refuse)
    error = fetch(url, content=BIG).error
    assert isinstance(error, ModelCacheError)
    assert says.format(private=store.private) in str(error)
    assert ("Make it writable" in str(error)) == (number == errno.EACCES)


# -- damage


def damage(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def test_a_damaged_piece_of_a_partial_file_is_fetched_again_alone(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    content = content_of(8_000_000)
    at_last = server.host(
        "/model", content, tweak=lambda q, r: setattr(r, "cut_after", len(content) - 100_000)
    )
    fetch(at_last, content=content, limits=Limits(connections=1), retry=type(IMPATIENT)(()))
    damage(store.partial_path("model"), 3_000_000)

    outcome = fetch(server.host("/model", content), content=content)
    assert outcome.path.read_bytes() == content
    assert outcome.fetched_bytes < 1_000_000


def test_a_model_that_rotted_is_repaired_by_fetching_the_rotten_piece(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    content = content_of(8_000_000)
    url = server.host("/model", content)
    fetch(url, content=content)
    damage(store.path("model"), 3_000_000)
    damage(store.path("model"), 7_000_000)

    plan = make_plan(
        [Source("model", (url,), "model", len(content), sha256(content))], store, deep=True
    )
    assert plan.files[0].state is FileState.DAMAGED
    (outcome,) = Engine(retry=IMPATIENT).fetch(plan)

    assert outcome.path.read_bytes() == content
    assert outcome.fetched_bytes == 2 * 256 * 1024


def test_a_map_that_a_crash_tore_costs_only_the_torn_line(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    url = server.host("/model", BIG, tweak=lambda q, r: setattr(r, "cut_after", 2_000_000))
    fetch(url, content=BIG, limits=Limits(connections=1), retry=type(IMPATIENT)(()))
    (pieces,) = (store.private / "partial").glob("*.pieces")
    pieces.write_bytes(pieces.read_bytes()[:-5])

    outcome = fetch(server.host("/model", BIG), content=BIG)
    assert outcome.path.read_bytes() == BIG
    assert outcome.fetched_bytes < len(BIG) - 2_000_000 + 3 * 262_144


@pytest.mark.parametrize("what", ["rubbish", "empty", "other", "gone"])
def test_a_partial_that_is_of_no_use_is_begun_again(
    server: Loopback, store: Store, fetch: Fetch, what: str
) -> None:
    other = content_of(len(BIG), "other")
    cut = server.host("/model", other, tweak=lambda q, r: setattr(r, "cut_after", 2_000_000))
    fetch(cut, content=other, limits=Limits(connections=1), retry=type(IMPATIENT)(()))
    (pieces,) = (store.private / "partial").glob("*.pieces")
    if what != "other":
        pieces.write_bytes(b"\xff\x00rubbish\n1 2\n" if what == "rubbish" else b"")
    if what == "gone":
        pieces.unlink()

    assert fetch(server.host("/model", BIG), content=BIG).path.read_bytes() == BIG
