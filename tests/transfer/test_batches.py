"""Many small files: they are fetched in batches, and what goes wrong with one concerns it alone."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fetching import IMPATIENT
from loopback import Loopback, Reply, Request, content_of, sha256

from video_censor_personal.store import Store, piece_map_path
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileProgress,
    FileState,
    Limits,
    Outcome,
    Phase,
    Source,
    Status,
    make_plan,
)
from video_censor_personal.transfer.faults import StatusFault
from video_censor_personal.transfer.run import Run

Tweak = Callable[[Request, Reply], None]

NAMES = [f"f{number:03}" for number in range(150)]
CONTENTS = {name: content_of(1000 + 37 * at, name) for at, name in enumerate(NAMES)}


def hosted(server: Loopback, **tweaks: object) -> list[Source]:
    """All files, some with a tweak."""
    return [
        Source(n, (server.host(f"/{n}", c, tweak=tweaks.get(n)),), n, len(c), sha256(c))  # type: ignore[arg-type]
        for n, c in CONTENTS.items()
    ]


def run(store: Store, sources: list[Source], engine: Engine | None = None) -> dict[str, Outcome]:
    engine = engine or Engine(Limits(stall_s=3.0), IMPATIENT)
    return {o.source.name: o for o in engine.fetch(make_plan(sources, store))}


def nothing_is_left_over(store: Store) -> bool:
    return list((store.private / "partial").iterdir()) == []


@pytest.mark.parametrize("durable", [True, False], ids=["synced", "unsynced"])
def test_every_file_is_asked_for_once_and_remembered(
    server: Loopback, store: Store, durable: bool
) -> None:
    sources = hosted(server)
    outcomes = run(store, sources, Engine(durable=durable))

    assert {n: o.path.read_bytes() for n, o in outcomes.items()} == CONTENTS
    assert all(o.status is Status.FETCHED for o in outcomes.values())
    assert [o.digest for o in outcomes.values()] == [s.checksum for s in sources]
    assert [o.fetched_bytes for o in outcomes.values()] == [s.size_bytes for s in sources]
    assert [o.url for o in outcomes.values()] == [s.urls[0] for s in sources]
    assert Counter(r.path for r in server.requests) == {f"/{name}": 1 for name in NAMES}
    fresh = Store(store.root)
    assert set(fresh.recorded()) == set(NAMES)
    assert nothing_is_left_over(store)


def test_files_of_unknown_checksum_report_theirs(server: Loopback, store: Store) -> None:
    sources = [Source(s.name, s.urls, s.target, s.size_bytes) for s in hosted(server)]
    outcomes = run(store, sources)
    assert {n: o.digest for n, o in outcomes.items()} == {n: sha256(c) for n, c in CONTENTS.items()}


@pytest.mark.parametrize("algorithm", ["md5", "sha512", "git-blob-sha1"])
def test_every_file_has_its_own_algorithm(server: Loopback, store: Store, algorithm: str) -> None:
    def checksum(content: bytes) -> str:
        if algorithm == "git-blob-sha1":
            return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return hashlib.new(algorithm, content).hexdigest()

    sources = [
        Source(s.name, s.urls, s.target, s.size_bytes, checksum(CONTENTS[s.name]), algorithm)
        for s in hosted(server)
    ]
    assert all(o.status is Status.FETCHED for o in run(store, sources).values())
    assert len(server.requests) == len(NAMES)


def flipped(request: Request, reply: Reply) -> None:
    reply.body = bytes(len(reply.body))


def flipped_once(request: Request, reply: Reply) -> None:
    if request.number == 1:
        flipped(request, reply)


def gone(request: Request, reply: Reply) -> None:
    reply.status, reply.body = 404, b"no"


def longer(request: Request, reply: Reply) -> None:
    reply.body += b"more"


def cut_once(request: Request, reply: Reply) -> None:
    if request.number == 1:
        reply.cut_after = 500


def busy_once(request: Request, reply: Reply) -> None:
    if request.number == 1:
        reply.status, reply.headers, reply.body = 503, {"Retry-After": "0"}, b""


def silent_once(request: Request, reply: Reply) -> None:
    reply.silent = request.number == 1


def chunked(request: Request, reply: Reply) -> None:
    reply.chunked, reply.length = True, None


def test_what_goes_wrong_with_one_file_concerns_it_alone(server: Loopback, store: Store) -> None:
    sources = hosted(
        server, f001=flipped, f020=flipped_once, f021=gone, f040=longer, f060=cut_once,
        f080=busy_once, f100=silent_once, f120=chunked,
    )  # fmt: skip
    outcomes = run(store, sources)

    errors = {n: type(o.error).__name__ for n, o in outcomes.items() if not o.ok}
    assert errors == {
        "f001": "ModelChecksumError",
        "f021": "ModelDownloadError",
        "f040": "ModelChecksumError",
    }
    for name, content in CONTENTS.items():
        assert store.path(name).exists() is (name not in errors), name
        assert name in errors or store.path(name).read_bytes() == content
    assert len(server.requests) < len(NAMES) + 40
    assert nothing_is_left_over(store)


def test_redirects_are_followed_and_credentials_stay_where_they_belong(
    server: Loopback, store: Store
) -> None:
    with Loopback() as other:
        sources = []
        for name, content in CONTENTS.items():
            url = server.redirect(f"/{name}", other.host(f"/{name}", content))
            headers = {server.origin: {"Authorization": "Bearer secret"}}
            sources.append(
                Source(name, (url,), name, len(content), sha256(content), headers=headers)
            )
        assert all(o.ok for o in run(store, sources).values())
        assert all(r.headers["authorization"] == "Bearer secret" for r in server.requests)
        assert not any("authorization" in r.headers for r in other.requests)
        assert len(other.requests) == len(NAMES)


def test_mirrors_are_tried_where_the_first_address_fails(server: Loopback, store: Store) -> None:
    sources = [
        Source(s.name, (f"{server.origin}/not-here/{s.name}", *s.urls), s.name, s.size_bytes,
               s.checksum)
        for s in hosted(server)
    ]  # fmt: skip
    assert all(o.ok for o in run(store, sources).values())


def test_two_runs_at_once_fetch_every_file_once(server: Loopback, store: Store) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.delay_s = 0.005

    sources = hosted(server, **dict.fromkeys(NAMES, slowly))
    plans = [make_plan(sources, Store(store.root)) for _ in range(2)]
    results: list[tuple[Outcome, ...]] = []
    threads = [
        threading.Thread(target=lambda plan=plan: results.append(Engine().fetch(plan)))
        for plan in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(o.ok for outcomes in results for o in outcomes)
    assert Counter(r.path for r in server.requests) == {f"/{name}": 1 for name in NAMES}
    statuses = Counter(o.status for outcomes in results for o in outcomes)
    assert statuses == {Status.FETCHED: len(NAMES), Status.PRESENT: len(NAMES)}


def test_a_cancelled_run_keeps_what_was_published_and_nothing_else(
    server: Loopback, store: Store
) -> None:
    cancel = CancelToken()

    def last(request: Request, reply: Reply) -> None:
        reply.stall_after = 100
        cancel.cancel()

    sources = hosted(server, f090=last)
    ended: dict[str, Phase] = {}

    def listen(progress: FileProgress) -> None:
        if progress.phase in (Phase.DONE, Phase.CANCELLED):
            assert progress.name not in ended
            ended[progress.name] = progress.phase

    began = time.monotonic()
    outcomes = Engine().fetch(make_plan(sources, store), listen, cancel)

    assert time.monotonic() - began < 10
    by_status = Counter(o.status for o in outcomes)
    assert by_status.keys() == {Status.FETCHED, Status.CANCELLED}
    for outcome in outcomes:
        fetched = outcome.status is Status.FETCHED
        assert ended[outcome.source.name] is (Phase.DONE if fetched else Phase.CANCELLED)
        assert outcome.path.exists() is fetched
        assert not fetched or outcome.path.read_bytes() == CONTENTS[outcome.source.name]
    assert nothing_is_left_over(store)
    with store.lock("f090") as lock:
        assert lock.acquire()


def test_a_slow_file_shows_how_far_it_is(server: Loopback, store: Store) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 15_000

    content = content_of(8000)
    sources = [*hosted(server), Source("slow", (server.host("/slow", content, tweak=slowly),),
                                       "slow", len(content), sha256(content))]  # fmt: skip
    seen: list[int] = []

    def listen(progress: FileProgress) -> None:
        if progress.name == "slow" and progress.phase is Phase.FETCHING:
            seen.append(progress.done_bytes)

    outcomes = Engine().fetch(make_plan(sources, store), listen)
    assert all(o.ok for o in outcomes)
    assert seen == sorted(seen)
    assert len({count for count in seen if 0 < count < len(content)}) >= 2


@pytest.mark.parametrize("limit", ["bytes_per_s", "bytes_per_s_per_file"])
def test_a_rate_is_kept(server: Loopback, store: Store, limit: str) -> None:
    sources = hosted(server)
    total = sum(map(len, CONTENTS.values()))
    limits = Limits(connections=1, **{limit: total})  # a second for all, over one connection
    began = time.monotonic()
    outcomes = run(store, sources, Engine(limits))
    assert all(o.ok for o in outcomes.values())
    assert time.monotonic() - began > 0.8


def test_a_file_is_synced_before_it_gets_its_name(
    server: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    sync, rename = os.fsync, os.replace

    def note_sync(fd: int) -> None:
        sync(fd)
        synced.add(os.readlink(f"/proc/self/fd/{fd}"))

    def check_rename(old: Path, new: Path) -> None:
        assert Path(new).name not in CONTENTS or os.fspath(old) in synced
        rename(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", check_rename)
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    assert all(o.ok for o in run(store, hosted(server)).values())
    assert os.fspath(store.root) in synced


def test_a_full_disk_is_said_and_leaves_nothing(
    server: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    left = 20

    def fills_up(fd: int, data: bytes) -> int:
        nonlocal left
        if len(data) >= 1000 and isinstance(data, memoryview):
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", fills_up)
    outcomes = run(store, hosted(server))
    kept = {n for n, o in outcomes.items() if o.ok}

    assert len(kept) == 20
    assert {type(o.error).__name__ for o in outcomes.values() if not o.ok} == {"DiskSpaceError"}
    assert {p.name for p in store.root.iterdir() if p.is_file()} == kept
    assert nothing_is_left_over(store)


def test_names_that_share_a_lock_are_both_fetched(
    server: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("video_censor_personal.store.locks._SLOTS", 7)
    assert all(o.ok for o in run(store, hosted(server)).values())


# -- a first try in a batch counts as one


def test_a_server_that_asks_to_wait_is_not_asked_before(server: Loopback, store: Store) -> None:
    def busy(request: Request, reply: Reply) -> None:
        reply.status, reply.headers, reply.body = 503, {"Retry-After": "1"}, b""
        times.append(time.monotonic())

    times: list[float] = []
    outcomes = run(store, hosted(server, f010=busy))
    assert [n for n, o in outcomes.items() if not o.ok] == ["f010"]
    assert len(times) == 1 + len(IMPATIENT.waits_s)
    assert all(later - earlier > 0.9 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize(("tweak", "asked"), [(gone, 1), (flipped, 2)], ids=["gone", "wrong"])
def test_what_cannot_be_had_is_asked_for_as_often_as_alone(
    server: Loopback, store: Store, tweak: Tweak, asked: int
) -> None:
    run(store, hosted(server, f010=tweak))
    assert len(server.asked("/f010")) == asked


def test_a_server_that_answers_again_is_not_given_up(server: Loopback, store: Store) -> None:
    plan = make_plan(hosted(server), store)
    store.prepare()
    fetching = Run(plan.files, store, Limits(), IMPATIENT, durable=False)
    hopeless = fetching._shared.hopeless
    hopeless.add(server.origin, StatusFault(500, "Whatever"))
    assert hopeless.covers([server.origin])
    fetching.work(lambda _: None, CancelToken())
    assert not hopeless.covers([server.origin])


def test_of_a_server_that_never_answers_not_every_file_is_tried(
    server: Loopback, store: Store
) -> None:
    def never(request: Request, reply: Reply) -> None:
        reply.stall_after, reply.delay_s = 0, 60.0

    sources = hosted(server, **dict.fromkeys(NAMES, never))
    began = time.monotonic()
    outcomes = run(store, sources, Engine(Limits(stall_s=0.5), IMPATIENT))
    assert {o.status for o in outcomes.values()} == {Status.FAILED}
    assert "nothing came for 0.5 s" in str(outcomes["f149"].error)
    assert time.monotonic() - began < 20
    assert len(server.requests) < len(NAMES)


# -- beside large files, and when all becomes slow


def test_small_and_large_files_are_fetched_side_by_side(server: Loopback, store: Store) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 2_000_000

    def late(request: Request, reply: Reply) -> None:
        reply.delay_s = 0.02

    large = [content_of(2_000_000, name) for name in ("a", "b", "c")]
    sources = [
        Source(f"large{i}", (server.host(f"/large{i}", c, tweak=slowly),), f"large{i}", len(c),
               sha256(c))
        for i, c in enumerate(large)
    ]  # fmt: skip
    outcomes = run(store, [*hosted(server, **dict.fromkeys(NAMES, late)), *sources])

    assert all(o.ok for o in outcomes.values())
    order = ["large" if r.path.startswith("/large") else "small" for r in server.requests]
    assert order.index("large") < 10
    assert order.index("small") < 10
    assert len(server.asked("/large0")) > 1  # its connections grew in number


def test_what_has_come_is_published_soon_when_a_server_becomes_slow(
    server: Loopback, store: Store
) -> None:
    asked: dict[str, float] = {}
    done: dict[str, float] = {}

    def slower(request: Request, reply: Reply) -> None:
        asked[request.path[1:]] = time.monotonic()
        reply.delay_s = 0.2 if len(asked) > 110 else 0.0

    def listen(progress: FileProgress) -> None:
        if progress.phase is Phase.DONE:
            done[progress.name] = time.monotonic()

    sources = hosted(server, **dict.fromkeys(NAMES, slower))
    outcomes = Engine(Limits(connections=2), IMPATIENT).fetch(make_plan(sources, store), listen)
    assert all(o.ok for o in outcomes)
    assert max(done[name] - asked[name] for name in NAMES) < 1.5


def test_cancelling_does_not_wait_for_a_slow_disk(
    server: Loopback, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, sync = CancelToken(), os.fsync
    after: list[int] = []

    def slow_sync(fd: int) -> None:
        if cancel.cancelled:
            after.append(fd)
        if len(server.requests) > 90:
            time.sleep(0.1)
            cancel.cancel()
        sync(fd)

    monkeypatch.setattr(os, "fsync", slow_sync)
    Engine(Limits(connections=4)).fetch(make_plan(hosted(server), store), cancel=cancel)
    assert len(after) <= 5  # one that each thread has begun, and the folder
    assert nothing_is_left_over(store)


def test_locks_that_are_taken_away_are_said_for_each_file(server: Loopback, store: Store) -> None:
    def remove(request: Request, reply: Reply) -> None:
        shutil.rmtree(store.locks, ignore_errors=True)

    outcomes = run(store, hosted(server, f040=remove))
    failed = [o for o in outcomes.values() if not o.ok]
    assert failed
    assert {type(o.error).__name__ for o in failed} == {"ModelCacheError"}


def test_the_piece_map_of_a_run_that_knew_no_size_goes(server: Loopback, store: Store) -> None:
    store.prepare()
    piece_map_path(store.partial_path("f010")).write_text("{}")
    assert all(o.ok for o in run(store, hosted(server)).values())
    assert nothing_is_left_over(store)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_at_any_moment_no_wrong_file_lies_under_a_name(
    server: Loopback, store: Store
) -> None:
    script = Path(__file__).with_name("killed_runs.py")
    said = {
        "root": os.fspath(store.root),
        "files": {s.name: [s.urls[0], s.size_bytes, s.checksum] for s in hosted(server)},
        "kills": 30,
        "most_s": 0.25,
        "all_large": False,
    }
    answer = subprocess.run(
        [sys.executable, script, json.dumps(said)], capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["wrong"] == []
    assert found["finished"] > 0
    assert all(o.ok for o in run(store, hosted(server)).values())
    assert {f.state for f in make_plan(hosted(server), store).files} == {FileState.VERIFIED}
