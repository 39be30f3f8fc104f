"""What clients can hold of the server without asking for anything."""

import asyncio
import contextlib
import errno
import json
import logging
import socket
import time

import pytest
from running_service import LocalService
from service_client import TOKEN, Client

from video_censor_personal.service import connections, create_app
from video_censor_personal.service.connections import ExhaustionLog, limited_to

HEAD = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LISTEN = f"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()


@pytest.fixture
def limited(settings):
    """Starts a service that takes so many connections; its address."""
    with contextlib.ExitStack() as running:

        def start(most):
            app = create_app(settings)
            service = running.enter_context(LocalService(app, http=limited_to(most)))
            host, port = service.address.removeprefix("http://").split(":")
            return host, int(port)

        yield start


@pytest.fixture
def connect():
    """Opens connections, which are closed in the end."""
    opened = []

    def open_one(place, *, said=b""):
        sock = socket.create_connection(place, timeout=10)
        opened.append(sock)
        sock.sendall(said)
        return sock

    yield open_one
    for sock in opened:
        sock.close()


def read_head(sock):
    said = b""
    while b"\r\n\r\n" not in said:
        said += sock.recv(1000)
    return said


def read_all(sock):
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(1000):
            said += chunk
    return said


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_head_that_does_not_come_in_time_ends_the_connection(
    limited, connect, monkeypatch, asked_before
):
    """However slowly it trickles."""
    monkeypatch.setattr(connections, "_HEAD_S", 0.5)
    sock = connect(limited(10))
    if asked_before:
        sock.sendall(HEAD + b"\r\n")
        assert b"200 OK" in read_all_of_one(sock)
    began = time.monotonic()
    assert trickle(sock, HEAD) < len(HEAD)
    assert 0.4 < time.monotonic() - began < 10


def trickle(sock, data):
    """Send a byte every now and then; how many were sent when the other side had enough."""
    sock.settimeout(0.1)
    for sent in range(len(data)):
        try:
            sock.sendall(data[sent : sent + 1])
            if not sock.recv(100):
                return sent
        except TimeoutError:
            continue
        except OSError:
            return sent
    return len(data)


def read_all_of_one(sock):
    """One answer of a connection that stays open."""
    said = read_head(sock)
    length = int(said.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(said) < said.index(b"\r\n\r\n") + 4 + length:
        said += sock.recv(1000)
    return said


def test_an_answer_that_takes_longer_than_a_head_may_is_not_cut_off(
    limited, connect, monkeypatch, hub
):
    monkeypatch.setattr(connections, "_HEAD_S", 0.2)
    place = limited(10)
    stream = connect(place, said=LISTEN)
    assert b"200 OK" in read_head(stream)
    silent = connect(place)
    assert read_all(silent) == b""  # by then the stream is older than a head may be
    hub.add_model("org/model", size=1000)
    with Client("http://{}:{}".format(*place)) as client:
        client.create("org/model")
    said = b""
    while b'"state":"done"' not in said:
        said += (chunk := stream.recv(10_000))
        assert chunk


def test_the_longest_silent_connection_makes_place(limited, connect):
    place = limited(3)
    first, second = connect(place), connect(place)
    stream = connect(place, said=LISTEN)
    assert b"200 OK" in read_head(stream)
    fourth = connect(place, said=HEAD + b"\r\n")
    assert b"200 OK" in read_head(fourth)
    assert read_all(first) == b""
    second.sendall(HEAD + b"\r\n")
    assert b"200 OK" in read_head(second)


def test_where_everyone_is_served_the_next_one_is_refused(limited, connect):
    place = limited(2)
    streams = [connect(place, said=LISTEN) for _ in range(2)]
    for stream in streams:
        assert b"200 OK" in read_head(stream)
    refused = read_all(connect(place))
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5" in head
    assert json.loads(body)["code"] == "too_many_connections"


def test_what_is_no_http_is_answered_like_everything_else(limited, connect):
    refused = read_all(connect(limited(2), said=b"\x16\x03\x01 hello\r\n\r\n"))
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    for header in (b"application/problem+json", b"nosniff", b"X-Request-ID", b"no-store"):
        assert header in head
    assert json.loads(body)["code"] == "no_http"


def test_hundreds_of_silent_connections_neither_shut_anyone_out_nor_fill_the_log(
    hub, start_service, connect
):
    """With so few descriptors that they would be gone."""
    service = start_service(descriptors=256)
    host, port = service.address.removeprefix("http://").split(":")
    hub.add_model("org/model", size=300_000)
    for _ in range(400):
        connect((host, int(port)))
    with Client(service.address) as client:
        assert client.until_ended(client.create("org/model")["id"])["state"] == "done"
        assert client.get("/livez").status_code == 200
    assert len(service.log.read_text().splitlines()) < 10, service.log.read_text()


def test_that_descriptors_are_gone_is_said_once_a_minute(caplog):
    now = [0.0]
    tell = ExhaustionLog(lambda: now[0])
    full = {"message": "socket.accept() out of system resource"}
    full["exception"] = OSError(errno.EMFILE, "Too many open files")
    loop = asyncio.new_event_loop()
    with caplog.at_level(logging.ERROR):
        for second in range(120):
            now[0] = float(second)
            tell(loop, full)
        assert [record.name for record in caplog.records] == [connections.__name__] * 2
        assert "ulimit" in caplog.text
        tell(loop, {"message": "something else", "exception": OSError(errno.EIO, "broken")})
    loop.close()
    assert "something else" in caplog.text
