"""What the engine does when servers, and what lies between, do not behave."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest
from fetching import IMPATIENT, Fetch
from loopback import Loopback, Reply, Request, content_of, sha256

from video_censor_personal.errors import ModelChecksumError, ModelDownloadError
from video_censor_personal.store import Store
from video_censor_personal.transfer import (
    Engine,
    FileProgress,
    Limits,
    Phase,
    RetryPolicy,
    Source,
    Status,
    make_plan,
)

BIG = content_of(3_000_001)
SMALL = content_of(70_001)
BOTH = pytest.mark.parametrize("content", [BIG, SMALL], ids=["big", "small"])
NO_RETRY = RetryPolicy(waits_s=())


def first(*numbers: int, **changes: object) -> Callable[[Request, Reply], None]:
    """Misbehave at the requests with these numbers only."""

    def tweak(request: Request, reply: Reply) -> None:
        if request.number in numbers:
            for name, value in changes.items():
                setattr(reply, name, value)

    return tweak


# -- connections that break


@BOTH
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "end"])
def test_a_broken_connection_costs_only_what_was_lost(
    server: Loopback, fetch: Fetch, content: bytes, reset: bool
) -> None:
    half = len(content) // 2
    tweak = first(1, 2, cut_after=half, reset=reset)
    outcome = fetch(server.host("/model", content, tweak=tweak), content=content)

    assert outcome.path.read_bytes() == content
    # A reset takes with it what had not been read yet: at worst all of both tries.
    assert server.sent_bytes <= 3 * len(content)


def test_a_server_that_breaks_every_answer_still_gets_the_file_across(
    server: Loopback, fetch: Fetch
) -> None:
    def cut_all(request: Request, reply: Reply) -> None:
        reply.cut_after = 400_000

    outcome = fetch(server.host("/model", BIG, tweak=cut_all), content=BIG)

    assert outcome.path.read_bytes() == BIG
    assert outcome.fetched_bytes < 1.2 * len(BIG)


@BOTH
def test_three_retries_with_growing_waits_then_an_error(
    server: Loopback, fetch: Fetch, events: list[FileProgress], content: bytes
) -> None:
    asked_at: list[float] = []

    def never(request: Request, reply: Reply) -> None:
        asked_at.append(time.monotonic())
        reply.status, reply.body = 503, b""

    url = server.host("/model", content, tweak=never)
    retry = RetryPolicy(waits_s=(0.1, 0.2, 0.4))
    outcome = fetch(url, content=content, retry=retry, limits=Limits(connections=1))

    waits = [later - sooner for sooner, later in itertools.pairwise(asked_at)]
    assert len(waits) == 3
    assert all(w <= took < 1.1 * w + 1 for w, took in zip(retry.waits_s, waits, strict=True))
    assert outcome.status is Status.FAILED
    assert isinstance(outcome.error, ModelDownloadError)
    assert "503" in str(outcome.error)
    assert (outcome.error.model, outcome.error.url) == ("model", url)
    assert Phase.RETRYING in {e.phase for e in events}
    assert events[-1].phase is Phase.FAILED
    assert not outcome.path.exists()


def test_the_usual_waits_are_two_four_and_eight_seconds() -> None:
    retry = RetryPolicy()
    waits = [retry.wait_s(n) or 0 for n in (1, 2, 3)]

    assert [int(w) for w in waits] == [2, 4, 8]
    assert all(w <= 1.1 * base for w, base in zip(waits, (2, 4, 8), strict=True))
    assert retry.wait_s(4) is None


def test_a_server_that_is_not_there(fetch: Fetch) -> None:
    with Loopback() as gone:
        url = gone.origin + "/model"
    outcome = fetch(url, content=BIG)

    assert "refused" in str(outcome.error)
    assert url in str(outcome.error)


@BOTH
def test_a_connection_that_falls_silent_is_given_up(
    server: Loopback, fetch: Fetch, content: bytes
) -> None:
    tweak = first(1, stall_after=20_000)
    began = time.monotonic()
    outcome = fetch(
        server.host("/model", content, tweak=tweak), content=content, limits=Limits(stall_s=0.3)
    )
    assert outcome.path.read_bytes() == content
    assert time.monotonic() - began < 10


def test_a_connection_that_only_drips_is_given_up_too(server: Loopback, fetch: Fetch) -> None:
    tweak = first(1, bytes_per_s=10)
    outcome = fetch(
        server.host("/model", SMALL, tweak=tweak), content=SMALL, limits=Limits(stall_s=0.6)
    )
    assert outcome.path.read_bytes() == SMALL


def test_one_slow_connection_does_not_hold_up_the_others(server: Loopback, fetch: Fetch) -> None:
    slow = threading.Event()

    def one_slow(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 4_000_000
        if request.range and request.range[0] == 0:
            return
        if not slow.is_set():
            slow.set()
            reply.bytes_per_s = 20_000  # 13 s for one piece

    content = content_of(8_000_000)
    began = time.monotonic()
    outcome = fetch(server.host("/model", content, tweak=one_slow), content=content)

    assert outcome.path.read_bytes() == content
    assert time.monotonic() - began < 9


def test_a_server_that_answers_nothing(server: Loopback, fetch: Fetch) -> None:
    tweak = first(1, 2, silent=True)
    assert fetch(server.host("/model", BIG, tweak=tweak), content=BIG).ok


# -- statuses


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_trouble_that_can_pass_is_tried_again(server: Loopback, fetch: Fetch, status: int) -> None:
    tweak = first(1, 2, status=status, body=b"later")
    assert fetch(server.host("/model", BIG, tweak=tweak), content=BIG).path.read_bytes() == BIG


def test_a_refusal_leaves_no_room_taken(server: Loopback, fetch: Fetch, store: Store) -> None:
    server.host("/f", BIG, tweak=lambda q, r: setattr(r, "status", 404))
    assert not fetch(server.origin + "/f", content=BIG).ok
    left = [path for path in store.root.rglob("*") if path.is_file()]
    assert sum(path.stat().st_blocks * 512 for path in left) < 100_000, left


@pytest.mark.parametrize(
    ("name", "value"),
    [("Content-Length", "\u00b2"), ("Content-Length", "9" * 5000), ("Retry-After", "\u00b2")],
)
def test_a_header_that_is_no_number_ends_one_file_and_not_the_run(
    server: Loopback, fetch: Fetch, name: str, value: str
) -> None:
    def spoil(request: Request, reply: Reply) -> None:
        reply.headers[name] = value
        reply.status = 503 if name == "Retry-After" else reply.status

    server.host("/f", BIG, tweak=spoil)
    outcome = fetch(server.origin + "/f", content=BIG)
    assert outcome.ok or outcome.error is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_what_cannot_pass_is_asked_once(server: Loopback, fetch: Fetch, status: int) -> None:
    url = server.host("/model", BIG, tweak=lambda q, r: setattr(r, "status", status))
    outcome = fetch(url, content=BIG)

    assert len(server.requests) == 1
    assert str(status) in str(outcome.error)


@BOTH
def test_retry_after_is_honoured(server: Loopback, fetch: Fetch, content: bytes) -> None:
    asked_at: list[float] = []

    def busy(request: Request, reply: Reply) -> None:
        asked_at.append(time.monotonic())
        if request.number == 1:
            reply.status, reply.headers, reply.body = 429, {"Retry-After": "1"}, b""

    assert fetch(server.host("/model", content, tweak=busy), content=content).ok
    assert 1 <= asked_at[1] - asked_at[0] < 4


def test_a_retry_after_of_hours_is_an_error(server: Loopback, fetch: Fetch) -> None:
    tweak = first(1, status=503, headers={"Retry-After": "7200"}, body=b"")
    outcome = fetch(server.host("/model", BIG, tweak=tweak), content=BIG)

    assert not outcome.ok
    assert len(server.requests) == 1


def test_a_retry_after_that_no_calendar_has_is_none(server: Loopback, fetch: Fetch) -> None:
    when = {"Retry-After": "Mon, 01 Jan 99999999999 00:00:00 GMT"}
    tweak = first(1, status=503, headers=when, body=b"")

    assert fetch(server.host("/model", BIG, tweak=tweak), content=BIG).ok


# -- mirrors


@BOTH
def test_mirrors_are_tried_in_turn(server: Loopback, fetch: Fetch, content: bytes) -> None:
    dead = server.origin + "/gone"
    broken = server.host("/broken", content, tweak=lambda q, r: setattr(r, "status", 500))
    good = server.host("/good", content)
    began = time.monotonic()
    outcome = fetch(dead, broken, good, content=content, retry=RetryPolicy(waits_s=(5.0,)))

    assert outcome.path.read_bytes() == content
    assert outcome.url == good
    assert time.monotonic() - began < 4.5  # a mirror needs no wait


def test_no_connection_waits_because_another_met_a_dead_mirror(
    server: Loopback, fetch: Fetch
) -> None:
    def slowly(request: Request, reply: Reply) -> None:
        reply.bytes_per_s = 1_000_000

    broken = server.host("/broken", BIG, tweak=lambda q, r: setattr(r, "status", 500))
    good = server.host("/good", BIG, tweak=slowly)
    began = time.monotonic()
    outcome = fetch(broken, good, content=BIG, retry=RetryPolicy(waits_s=(9.0,)))

    assert outcome.path.read_bytes() == BIG
    assert server.most_at_once > 4
    assert time.monotonic() - began < 8


def test_a_mirror_takes_over_in_the_middle(server: Loopback, fetch: Fetch) -> None:
    def dies(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.cut_after = 2_000_000
        else:
            reply.status, reply.body = 503, b""

    outcome = fetch(
        server.host("/model", BIG, tweak=dies), server.host("/mirror", BIG), content=BIG
    )
    assert outcome.path.read_bytes() == BIG
    assert outcome.fetched_bytes < 1.2 * len(BIG)
    assert outcome.url == server.origin + "/mirror"


def test_without_a_checksum_versions_of_two_mirrors_are_not_mixed(
    server: Loopback, fetch: Fetch
) -> None:
    other = content_of(len(BIG), "other")

    def dies(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.cut_after = 2_000_000
        else:
            reply.status, reply.body = 404, b""

    outcome = fetch(server.host("/model", BIG, tweak=dies), server.host("/mirror", other))
    assert outcome.path.read_bytes() == other


# -- lies


@BOTH
def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    server: Loopback, fetch: Fetch, content: bytes
) -> None:
    longer = content + b"and more"
    outcome = fetch(server.host("/model", longer), content=content)

    assert isinstance(outcome.error, ModelChecksumError)
    assert (outcome.error.expected, outcome.error.actual) == (len(content), len(longer))
    assert outcome.fetched_bytes == 0


@BOTH
@pytest.mark.parametrize("lie", [-1000, 1000])
def test_a_wrong_content_length_is_no_file(
    server: Loopback, fetch: Fetch, content: bytes, lie: int
) -> None:
    def wrong(request: Request, reply: Reply) -> None:
        reply.length = len(reply.body) + lie

    outcome = fetch(server.host("/model", content, ranges=False, tweak=wrong), content=content)
    assert not outcome.ok
    assert not outcome.path.exists()


@BOTH
def test_more_than_the_declared_size_is_not_read(
    server: Loopback, fetch: Fetch, content: bytes
) -> None:
    def endless(request: Request, reply: Reply) -> None:
        reply.chunked = True
        reply.body = content + bytes(30_000_000)

    outcome = fetch(server.host("/model", content, ranges=False, tweak=endless), content=content)
    assert outcome.path.read_bytes() == content
    assert server.sent_bytes < 20_000_000


def flip(at: int, *numbers: int) -> Callable[[Request, Reply], None]:
    """Turn a bit of the file's byte `at`, in the answers to these requests (none: in all)."""

    def tweak(request: Request, reply: Reply) -> None:
        start = request.range[0] if request.range else 0
        if (not numbers or request.number in numbers) and start <= at < start + len(reply.body):
            body = bytearray(reply.body)
            body[at - start] ^= 1
            reply.body = bytes(body)

    return tweak


@BOTH
def test_a_flipped_bit_is_found_and_fetched_again(
    server: Loopback, fetch: Fetch, content: bytes
) -> None:
    tweak = flip(len(content) // 3, 1)
    outcome = fetch(server.host("/model", content, tweak=tweak), content=content)

    assert outcome.path.read_bytes() == content
    assert outcome.digest == sha256(content)


def test_a_flipped_bit_does_not_cost_the_rest_of_the_file(server: Loopback, fetch: Fetch) -> None:
    content = content_of(12_000_000)
    url = server.host("/model", content, tweak=flip(100_000, 1))
    outcome = fetch(url, content=content, limits=Limits(connections=1, bytes_per_s=40_000_000))

    assert outcome.path.read_bytes() == content
    # One piece is enough: the file is right again long before all of it was compared.
    assert outcome.fetched_bytes < 1.6 * len(content)


@BOTH
def test_a_mirror_that_flips_bits_is_outvoted(
    server: Loopback, fetch: Fetch, content: bytes
) -> None:
    bad = server.host("/bad", content, tweak=flip(7))
    good = server.host("/good", content)
    outcome = fetch(bad, good, content=content)
    assert outcome.error is None
    assert outcome.path.read_bytes() == content


@BOTH
def test_bytes_that_stay_wrong_are_an_error_with_both_checksums(
    server: Loopback, store: Store, fetch: Fetch, content: bytes
) -> None:
    wrong = bytes(len(content))
    outcome = fetch(server.host("/model", wrong), content=content)

    assert isinstance(outcome.error, ModelChecksumError)
    assert (outcome.error.expected, outcome.error.actual) == (sha256(content), sha256(wrong))
    assert sha256(wrong) in str(outcome.error)
    assert not outcome.path.exists()
    assert list((store.private / "partial").iterdir()) == []
    assert outcome.fetched_bytes <= 2 * len(content)


# -- ranges


def test_200_to_a_request_for_a_part(server: Loopback, fetch: Fetch) -> None:
    outcome = fetch(server.host("/model", BIG, ranges=False), content=BIG)

    assert outcome.path.read_bytes() == BIG
    assert len(server.requests) == 1


def test_ranges_that_stop_working_in_the_middle(server: Loopback, fetch: Fetch) -> None:
    def forgets(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.cut_after = 1_500_000
        else:
            reply.status, reply.body = 200, BIG
            reply.headers.pop("Content-Range", None)

    outcome = fetch(server.host("/model", BIG, tweak=forgets), content=BIG)
    assert outcome.path.read_bytes() == BIG


def test_a_stream_that_breaks_begins_again(server: Loopback, fetch: Fetch) -> None:
    tweak = first(1, 2, cut_after=1_500_000)
    outcome = fetch(server.host("/model", BIG, ranges=False, tweak=tweak), content=BIG)
    assert outcome.path.read_bytes() == BIG


def test_another_part_than_was_asked_for(server: Loopback, fetch: Fetch) -> None:
    def shifted(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.headers["Content-Range"] = f"bytes 5-{len(BIG) - 1}/{len(BIG)}"
            reply.body = BIG[5:]

    assert fetch(server.host("/model", BIG, tweak=shifted), content=BIG).path.read_bytes() == BIG


def test_416_says_that_the_file_is_shorter(server: Loopback, fetch: Fetch) -> None:
    def shrinks(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.cut_after = 2_000_000
        else:
            reply.status, reply.body = 416, b""
            reply.headers = {"Content-Range": "bytes */1000"}

    outcome = fetch(server.host("/model", BIG, tweak=shrinks), content=BIG)
    assert isinstance(outcome.error, ModelChecksumError)
    assert (outcome.error.expected, outcome.error.actual) == (len(BIG), 1000)


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "unknown"])
@pytest.mark.parametrize("size", [len(BIG), len(BIG) - 777], ids=["same-size", "shorter"])
def test_a_file_that_changes_under_way_is_begun_again(
    server: Loopback, fetch: Fetch, pinned: bool, size: int
) -> None:
    fresh = content_of(size, "fresh")

    def changes(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.cut_after = 1_500_000
            server.host("/model", fresh)

    url = server.host("/model", content_of(len(BIG), "stale"), tweak=changes)
    fields = {"checksum": sha256(fresh)} if pinned else {}
    outcome = fetch(url, **fields)

    assert outcome.path.read_bytes() == fresh
    assert outcome.size_bytes == size


def test_a_file_that_keeps_changing_is_given_up(server: Loopback, fetch: Fetch) -> None:
    def changes(request: Request, reply: Reply) -> None:
        reply.headers["ETag"] = f'"{request.number}"'
        reply.status, reply.cut_after = 200, 1_500_000

    url = server.host("/model", BIG, tweak=changes)
    assert "changed" in str(fetch(url).error)


# -- redirects and signed URLs


def test_an_expired_signed_url_is_asked_for_again(server: Loopback, fetch: Fetch) -> None:
    valid = [0]

    def signed(request: Request) -> str:
        valid[0] += 1
        return f"/cdn?signature={valid[0]}"

    def cdn(request: Request, reply: Reply) -> None:
        if request.query != f"signature={valid[0]}":
            reply.status, reply.body = 403, b"expired"
            return
        reply.cut_after = 1_000_000
        valid[0] += 1  # whatever comes next with this signature is too late

    server.host("/cdn", BIG, tweak=cdn)
    outcome = fetch(server.redirect("/model", signed), content=BIG, limits=Limits(connections=1))

    assert outcome.path.read_bytes() == BIG
    assert len(server.asked("/model")) == 4
    assert outcome.url == server.origin + "/model"


def test_a_signed_url_is_used_for_every_part(server: Loopback, fetch: Fetch) -> None:
    server.host("/cdn", BIG, tweak=lambda q, r: setattr(r, "bytes_per_s", 3_000_000))
    assert fetch(server.redirect("/model", "/cdn?s=1"), content=BIG).ok
    assert len(server.asked("/cdn")) > 3
    assert len(server.asked("/model")) == 1


def test_redirects_in_a_circle_end(server: Loopback, fetch: Fetch) -> None:
    outcome = fetch(server.redirect("/model", "/model"), content=BIG)
    assert "redirects" in str(outcome.error)
    assert len(server.requests) == 10


# -- many files


def test_one_bad_file_does_not_stop_the_others(server: Loopback, store: Store) -> None:
    sources = []
    for i in range(12):
        content = content_of(1000 * (1 + i % 3) ** 6, str(i))
        served = bytes(len(content)) if i == 3 else content
        url = server.host(f"/{i}", served) if i != 5 else server.origin + "/gone"
        sources.append(Source(str(i), (url,), str(i), len(content), sha256(content)))

    outcomes = Engine(retry=IMPATIENT).fetch(make_plan(sources, store))

    assert [o.source.name for o in outcomes if not o.ok] == ["3", "5"]
    assert all(o.path.read_bytes() for o in outcomes if o.ok)


def test_a_server_that_wants_fewer_connections_gets_fewer(server: Loopback, store: Store) -> None:
    def at_most_two(request: Request, reply: Reply) -> None:
        reply.delay_s = 0.01
        if server.serving > 2:
            reply.status, reply.headers, reply.body = 429, {"Retry-After": "0"}, b""

    contents = {str(i): content_of(500, str(i)) for i in range(80)}
    sources = [
        Source(n, (server.host(f"/{n}", c, tweak=at_most_two),), n, len(c), sha256(c))
        for n, c in contents.items()
    ]
    outcomes = Engine(retry=RetryPolicy((0.05,) * 30)).fetch(make_plan(sources, store))

    assert all(o.ok for o in outcomes)
    assert len(server.requests) < 80 * 1.6


def test_many_files_of_a_server_that_is_gone_end_soon(store: Store) -> None:
    with Loopback() as gone:
        origin = gone.origin
    sources = [
        Source(str(i), (f"{origin}/{i}",), str(i), 100, sha256(str(i).encode())) for i in range(200)
    ]
    began = time.monotonic()
    retry = RetryPolicy(waits_s=(0.2, 0.2, 0.2))
    outcomes = Engine(retry=retry).fetch(make_plan(sources, store))

    assert not any(o.ok for o in outcomes)
    assert time.monotonic() - began < 30  # not 200 times 0.6 s


def test_bytes_that_were_hashed_are_never_written_over(server: Loopback, fetch: Fetch) -> None:
    def breaks_then_lies(request: Request, reply: Reply) -> None:
        if request.number == 1:
            reply.cut_after = 150_000
        else:  # the part that has arrived comes once more, and is wrong now
            reply.body = b"?" * 1000 + reply.body[1000:]

    url = server.host("/model", BIG, ranges=False, tweak=breaks_then_lies)
    outcome = fetch(url, content=BIG)
    assert outcome.path.read_bytes() == BIG


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_two_streams_of_unknown_versions_are_not_mixed(
    server: Loopback, fetch: Fetch, framing: str
) -> None:
    other = content_of(len(BIG), "other")

    def breaks_then_changes(request: Request, reply: Reply) -> None:
        reply.chunked = framing == "chunked"
        reply.headers.pop("ETag", None)
        if request.number == 1:
            reply.cut_after = 1_500_000
        else:
            reply.body = other

    url = server.host("/model", BIG, ranges=False, etag=None, tweak=breaks_then_changes)
    outcome = fetch(url)
    assert outcome.path.read_bytes() == other
    assert outcome.digest == sha256(other)


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "unknown"])
def test_a_stream_that_always_breaks_at_the_same_place_is_given_up(
    server: Loopback, fetch: Fetch, pinned: bool
) -> None:
    def cut(request: Request, reply: Reply) -> None:
        reply.cut_after = 1_500_000

    url = server.host("/model", BIG, ranges=False, etag=None, tweak=cut)
    outcome = fetch(url, content=BIG if pinned else None)
    assert "too early" in str(outcome.error)
    assert len(server.requests) <= 5
