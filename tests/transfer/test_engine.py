"""What the engine does when servers behave."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time

import pytest
from fetching import IMPATIENT, Fetch
from loopback import Loopback, Reply, Request, content_of, sha256

from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    CancelToken,
    Engine,
    FileProgress,
    FileState,
    Limits,
    Phase,
    Plan,
    PlannedFile,
    Source,
    Status,
    make_plan,
)

BIG = content_of(3_000_001)
SMALL = content_of(70_001)


@pytest.mark.parametrize("content", [BIG, SMALL], ids=["big", "small"])
def test_a_folder_in_its_place_is_told_before_a_byte_is_fetched(
    server: Loopback, store: Store, fetch: Fetch, content: bytes
) -> None:
    kept = store.path("model") / "mine.txt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    outcome = fetch(server.host("/model", content), content=content)

    assert outcome.status is Status.FAILED
    assert "a folder lies there). Move that folder elsewhere" in str(outcome.error)
    assert server.requests == []
    assert kept.exists()
    assert list((store.private / "partial").iterdir()) == []


@pytest.mark.parametrize("content", [BIG, SMALL, b"x", b""], ids=["big", "small", "1", "0"])
def test_a_file_arrives_whole_and_under_its_name(
    server: Loopback, store: Store, fetch: Fetch, content: bytes
) -> None:
    outcome = fetch(server.host("/model", content), content=content)

    assert outcome.status is Status.FETCHED
    assert outcome.error is None
    assert outcome.path.read_bytes() == content
    assert outcome.digest == sha256(content)
    assert outcome.fetched_bytes == len(content)
    left = list((store.private / "partial").iterdir())
    assert left == []
    assert store.remove("model") > 0 or not content  # nobody holds its lock any more


def test_the_second_run_asks_no_server(server: Loopback, fetch: Fetch) -> None:
    url = server.host("/model", BIG)
    fetch(url, content=BIG)
    asked = len(server.requests)

    outcome = fetch(url, content=BIG)

    assert (outcome.status, outcome.fetched_bytes) == (Status.PRESENT, 0)
    assert len(server.requests) == asked


def test_many_connections_share_a_file_and_bring_every_byte_once(
    server: Loopback, fetch: Fetch
) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 1_000_000

    outcome = fetch(server.host("/model", BIG, tweak=slowly), content=BIG)

    assert outcome.path.read_bytes() == BIG
    assert outcome.fetched_bytes == len(BIG)
    assert server.most_at_once >= 6
    assert server.sent_bytes < 1.3 * len(BIG)


def test_connections_stay_within_the_limits(
    server: Loopback, fetch: Fetch, events: list[FileProgress]
) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 4_000_000

    limits = Limits(connections=8, connections_per_file=3)
    fetch(server.host("/model", BIG, tweak=slowly), content=BIG, limits=limits)

    assert max(e.connections for e in events) == 3
    assert server.most_at_once <= 4  # the server may not have seen the end of one that was closed


def test_small_files_reuse_their_connections(server: Loopback, store: Store) -> None:
    contents = {f"f{i}": content_of(2000 + i) for i in range(60)}
    sources = [
        Source(n, (server.host(f"/{n}", c),), f"many/{n}", len(c), sha256(c))
        for n, c in contents.items()
    ]
    outcomes = Engine().fetch(make_plan(sources, store))

    assert all(o.status is Status.FETCHED for o in outcomes)
    assert [o.source.name for o in outcomes] == list(contents)
    assert {n: store.path(f"many/{n}").read_bytes() for n in contents} == contents
    assert len({r.connection for r in server.requests}) <= 8


def test_a_thousand_files_in_one_run(server: Loopback, store: Store) -> None:
    contents = {f"file-{i:04}": content_of(200 + i) for i in range(1000)}
    sources = [
        Source(n, (server.host(f"/{n}", c),), f"{n[:6]}/{n}", len(c), sha256(c))
        for n, c in contents.items()
    ]
    finished: list[str] = []

    def listen(progress: FileProgress) -> None:
        if progress.phase is Phase.DONE:
            finished.append(progress.name)

    outcomes = Engine(durable=False).fetch(make_plan(sources, store), listen)

    assert sum(o.ok for o in outcomes) == 1000
    assert sorted(finished) == sorted(contents)
    assert all(store.path(s.target).read_bytes() == contents[s.name] for s in sources)
    assert {f.state for f in make_plan(sources, store).files} == {FileState.VERIFIED}


def test_a_file_of_unknown_size_and_checksum_reports_both(server: Loopback, fetch: Fetch) -> None:
    outcome = fetch(server.host("/model", BIG))

    assert outcome.path.read_bytes() == BIG
    assert (outcome.size_bytes, outcome.digest) == (len(BIG), sha256(BIG))
    assert fetch(server.origin + "/model").status is Status.PRESENT


@pytest.mark.parametrize("known", [True, False], ids=["pinned", "unknown"])
@pytest.mark.parametrize("framing", ["chunked", "until-close"])
def test_an_answer_without_a_length_is_taken_to_its_end(
    server: Loopback, fetch: Fetch, framing: str, known: bool
) -> None:
    def without_length(request: Request, reply: Reply) -> None:
        reply.chunked, reply.length = framing == "chunked", None

    url = server.host("/model", BIG, ranges=False, tweak=without_length)
    outcome = fetch(url, content=BIG if known else None)

    assert outcome.path.read_bytes() == BIG
    assert outcome.digest == sha256(BIG)


@pytest.mark.parametrize("size", [SMALL, BIG], ids=["small", "big"])
@pytest.mark.parametrize(
    "algorithm", ["md5", "sha1", "sha256", "sha512", "blake2b", "git-blob-sha1"]
)
def test_every_algorithm(server: Loopback, fetch: Fetch, algorithm: str, size: bytes) -> None:
    if algorithm == "git-blob-sha1":
        checksum = hashlib.sha1(b"blob %d\0" % len(size) + size).hexdigest()
    else:
        checksum = hashlib.new(algorithm, size).hexdigest()
    fields = {"algorithm": algorithm, "checksum": checksum, "size_bytes": len(size)}

    assert fetch(server.host("/model", size), **fields).digest == checksum
    assert fetch(server.host("/model", size), **fields).status is Status.PRESENT


def test_progress_counts_true_bytes_often(
    server: Loopback, fetch: Fetch, events: list[FileProgress]
) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 1_000_000

    limits = Limits(connections=1)
    fetch(server.host("/model", content_of(1_200_000), tweak=slowly), limits=limits)

    counts = [e.done_bytes for e in events if e.phase is Phase.FETCHING]
    assert counts == sorted(counts)
    # Nothing is made up, nothing jumps: it takes 1.2 s, and is told 10 times a second if the
    # machine has time for it.
    assert len(counts) >= 5
    assert max(later - sooner for sooner, later in itertools.pairwise(counts)) < 600_000
    assert events[-1].phase is Phase.DONE
    assert events[-1].done_bytes == events[-1].total_bytes == 1_200_000


@pytest.mark.parametrize("which", ["bytes_per_s", "bytes_per_s_per_file"])
def test_the_rate_limit_holds_over_all_connections(
    server: Loopback, fetch: Fetch, which: str
) -> None:
    began = time.monotonic()
    outcome = fetch(server.host("/model", BIG), content=BIG, limits=Limits(**{which: 6_000_000}))
    took = time.monotonic() - began

    assert outcome.ok
    assert 0.4 < took < 4  # 0.5 s at the limit


def test_cancel_takes_effect_at_once_and_keeps_what_arrived(server: Loopback, store: Store) -> None:

    def half(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.stall_after = len(BIG) // 2

    url = server.host("/model", BIG, tweak=half)
    source = Source("model", (url,), "model", len(BIG), sha256(BIG))
    cancel = CancelToken()
    cancelled_at = 0.0

    def listen(progress: FileProgress) -> None:
        nonlocal cancelled_at
        if progress.done_bytes >= len(BIG) // 2 and not cancel.cancelled:
            cancelled_at = time.monotonic()
            cancel.cancel()

    engine = Engine(Limits(connections=1), IMPATIENT)
    (outcome,) = engine.fetch(make_plan([source], store), listen, cancel)

    assert time.monotonic() - cancelled_at < 3  # the server would be waited for much longer
    assert (outcome.status, outcome.ok, outcome.path.exists()) == (Status.CANCELLED, False, False)
    plan = make_plan([source], store)
    assert plan.files[0].state is FileState.PARTIAL
    assert plan.files[0].have_bytes > len(BIG) * 0.4
    assert not [t for t in threading.enumerate() if t.name.startswith(("fetch", "follower"))]

    (outcome,) = engine.fetch(plan)
    assert outcome.path.read_bytes() == BIG
    assert outcome.fetched_bytes < len(BIG) * 0.6


def test_a_run_that_was_cancelled_before_it_began_leaves_the_models_where_they_are(
    server: Loopback, store: Store
) -> None:
    source = Source("model", (server.host("/model", BIG),), "model", len(BIG), sha256(BIG))
    (fetched,) = Engine().fetch(make_plan([source], store))
    asked = len(server.requests)
    store.forget("model")
    cancel = CancelToken()
    cancel.cancel()
    # A look that was cut short: what it did not come to is not known to be right.
    unread = PlannedFile(source, fetched.path, FileState.DAMAGED, reason="it was not looked at")
    (outcome,) = Engine().fetch(Plan(store, (unread,), store.free_bytes()), cancel=cancel)
    assert outcome.status is Status.CANCELLED
    assert fetched.path.read_bytes() == BIG
    assert len(server.requests) == asked


def test_what_another_program_puts_in_place_of_the_partial_gets_no_name(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    reached = threading.Event()

    def wait(request: Request, reply: Reply) -> None:
        reply.stall_after, reply.hold = 1_000_000, reached

    url = server.host("/model", BIG, tweak=wait)
    source = Source("model", (url,), "model", len(BIG), sha256(BIG))

    def clear(progress: FileProgress) -> None:
        if progress.done_bytes >= 500_000 and not reached.is_set():
            store.partial_path("model").unlink()
            store.partial_path("model").write_bytes(BIG[:1000])
            reached.set()

    engine = Engine(Limits(connections=1), IMPATIENT)
    (outcome,) = engine.fetch(make_plan([source], store), clear)
    assert "was removed meanwhile" in str(outcome.error)
    assert not outcome.path.exists()
    assert fetch(url, content=BIG).path.read_bytes() == BIG


def test_an_error_in_the_listener_stops_everything(server: Loopback, store: Store) -> None:
    def interrupt(progress: FileProgress) -> None:
        raise KeyboardInterrupt

    url = server.host("/model", BIG, tweak=lambda q, r: setattr(r, "stall_after", 1000))
    source = Source("model", (url,), "model", len(BIG), sha256(BIG))
    with pytest.raises(KeyboardInterrupt):
        Engine().fetch(make_plan([source], store), interrupt)

    assert not [t for t in threading.enumerate() if t.name.startswith(("fetch", "follower"))]
    assert not store.path("model").exists()


def test_requests_ask_for_the_bytes_as_they_are(server: Loopback, fetch: Fetch) -> None:
    # The server would compress if it were allowed to.
    assert fetch(server.host("/model", BIG), content=BIG).ok
    assert {r.headers["accept-encoding"] for r in server.requests} == {"identity"}


def test_a_file_begun_without_its_size_leaves_nothing_once_it_is_known(
    server: Loopback, store: Store, fetch: Fetch
) -> None:
    def stop(_: Request, reply: Reply) -> None:
        reply.cut_after = 30_000

    cut = server.host("/cut", SMALL, tweak=stop)
    fetch(cut, content=SMALL, size_bytes=None, retry=type(IMPATIENT)(()))
    assert len(list((store.private / "partial").iterdir())) == 2  # with the map of its pieces

    assert fetch(server.host("/model", SMALL), content=SMALL).status is Status.FETCHED
    assert list((store.private / "partial").iterdir()) == []
    assert store.leftovers() == []
