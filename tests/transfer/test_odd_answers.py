"""Answers that no good server gives: each ends soon, with a message that can be read anywhere."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from fetching import Fetch
from loopback import Loopback, Reply, Request, content_of

from video_censor_personal.transfer import Limits, RetryPolicy, Status
from video_censor_personal.transfer.faults import Halted
from video_censor_personal.transfer.trust import LazyTls
from video_censor_personal.transfer.wire import Dialer, Wire

CONTENT = content_of(300_000)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ONCE = RetryPolicy(waits_s=())

Answer = Callable[[bytes, bytes], str]


@pytest.fixture
def answer() -> Iterator[Answer]:
    """Answers every request with a beginning, and then with more as long as anyone listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as open_ones:
        said = [b"", b""]

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(said[0])
                while said[1]:
                    connection.sendall(said[1])
                connection.recv(1)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    open_ones.enter_context(connection)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def host(beginning: bytes, more: bytes) -> str:
            said[:] = beginning, more
            return f"http://127.0.0.1:{listener.getsockname()[1]}/model"

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        yield host
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)


@pytest.mark.parametrize(
    ("beginning", "more", "told"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "announces an answer"),
        (CHUNKED + b"0\r\n", b"X: y\r\n", "has no end"),
        (CHUNKED + b"-5\r\n" + CONTENT, b"", "chunked body"),
        (CHUNKED + b"1_0\r\n" + CONTENT, b"", "chunked body"),
        (b"HTTP/1.1 000 Zero\r\n\r\n", b"", "does not speak HTTP"),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", b"", "answered 204"),
    ],
)
def test_an_odd_answer_ends_soon(
    answer: Answer, fetch: Fetch, beginning: bytes, more: bytes, told: str
) -> None:
    began = time.monotonic()
    outcome = fetch(
        answer(beginning, more), content=CONTENT, limits=Limits(stall_s=12.0), retry=ONCE
    )
    assert outcome.status is Status.FAILED
    with pytest.raises(type(outcome.error), match=told):
        raise outcome.error
    assert time.monotonic() - began < 9


def test_what_a_server_says_cannot_steer_a_terminal(answer: Answer, fetch: Fetch) -> None:
    outcome = fetch(
        answer(b"HTTP/1.1 404 \x1b[2Jgone\x9b\r\nContent-Length: 0\r\n\r\n", b""), content=CONTENT
    )
    assert "404 ?[2Jgone?" in str(outcome.error)
    location = b"HTTP/1.1 302 F\r\nLocation: gopher://\x1b[2J/\r\nContent-Length: 0\r\n\r\n"
    outcome = fetch(answer(location, b""), content=CONTENT)
    assert "gopher://?[2J/" in str(outcome.error)
    assert str(outcome.error).isprintable()


def test_a_wait_that_is_too_long_is_told(server: Loopback, fetch: Fetch) -> None:
    def later(request: Request, reply: Reply) -> None:
        reply.status, reply.body = 429, b""
        reply.headers = {"Retry-After": "3601"}

    outcome = fetch(server.host("/model", CONTENT, tweak=later), content=CONTENT)
    assert "asks to wait 61 minutes" in str(outcome.error)
    assert len(server.requests) == 1


def test_a_file_that_comes_compressed_is_told_as_that(server: Loopback, fetch: Fetch) -> None:
    def compress(request: Request, reply: Reply) -> None:
        reply.status, reply.body = 200, gzip.compress(CONTENT)
        reply.headers = {"Content-Encoding": "gzip"}

    outcome = fetch(server.host("/model", CONTENT, tweak=compress), content=CONTENT)
    assert "encoded as 'gzip', unasked" in str(outcome.error)


def test_a_head_that_drips_can_be_stopped_although_something_always_comes() -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def drip() -> None:
        with theirs, contextlib.suppress(OSError):
            for number in range(250):
                theirs.send(b"x")
                time.sleep(0.02)
                if number == 10:
                    stop.set()

    dripping = threading.Thread(target=drip)
    dripping.start()
    wire = Wire(ours, Dialer(LazyTls(), 1, 60, stop.is_set), None)
    try:
        with pytest.raises(Halted):
            wire.read_until(b"\r\n\r\n")
    finally:
        wire.close()
        dripping.join()
