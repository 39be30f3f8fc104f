"""A web server on loopback that misbehaves on demand.

    with Loopback() as server:
        url = server.host("/model.bin", content, tweak=lambda request, reply: ...)

A hosted file is answered as a good server would (ranges, ETag, keep-alive). `tweak` gets every
request with the reply that would be sent, and may change it in any way that real servers have been
seen to: cut it, reset it, stall, lie about its length, flip bytes, send it slowly.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CERTIFICATE", "Loopback", "Reply", "Request", "content_of", "sha256"]

# Self-signed for localhost and 127.0.0.1, until 2125; made for these tests only.
CERTIFICATE = Path(__file__).parent / "loopback.pem"
_REASONS = {200: "OK", 206: "Partial Content", 302: "Found", 404: "Not Found", 416: "No Such Range"}


def content_of(size: int, seed: str = "") -> bytes:
    """`size` bytes that no compression shortens, the same for the same seed."""
    return hashlib.shake_128(f"{seed}{size}".encode()).digest(size)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Request:
    """`number` counts the requests for this path from 1; `connection` numbers the connections."""

    line: str
    path: str
    query: str
    headers: dict[str, str]
    number: int
    connection: int

    @property
    def range(self) -> tuple[int, int | None] | None:
        """`(first, end)`, end exclusive or None; None if the whole file is asked for."""
        value = self.headers.get("range")
        if not value:
            return None
        first, _, last = value.removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1 if last else None


@dataclass
class Reply:
    """What goes over the wire, and how."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0  # before the first byte
    bytes_per_s: float | None = None  # on this connection
    cut_after: int | None = None  # bytes of the body, then the connection ends
    reset: bool = False  # it ends with RST instead of FIN
    stall_after: int | None = None  # bytes of the body, then silence until the server closes
    hold: threading.Event | None = None  # the rest of a stalled body comes when this is set
    length: int | None = -1  # what Content-Length says; -1: the truth, None: nothing
    chunked: bool = False
    silent: bool = False  # close without any answer


Tweak = Callable[[Request, Reply], None]


@dataclass
class _Hosted:
    content: bytes
    etag: str | None
    ranges: bool
    tweak: Tweak | None
    requests: int = 0


class Loopback:
    """The server; `requests` is what it was asked, in order."""

    def __init__(self, *, tls: bool = False, latency_s: float = 0.0) -> None:
        self.requests: list[Request] = []
        self.most_at_once = 0
        self.sent_bytes = 0
        self._latency_s = latency_s
        self._files: dict[str, _Hosted] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self.serving = 0
        self._connections = 0
        self._threads: list[threading.Thread] = []
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(CERTIFICATE)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.scheme = "https" if tls else "http"
        self.origin = f"{self.scheme}://127.0.0.1:{self.port}"

    # -- what tests say

    def host(
        self,
        path: str,
        content: bytes = b"",
        *,
        etag: str | None = "",
        ranges: bool = True,
        tweak: Tweak | None = None,
    ) -> str:
        """Serve `content` under `path` (again: from now on this); the URL. `etag` None: without."""
        if etag == "":
            etag = f'"{sha256(content)[:16]}"'
        with self._lock:
            count = self._files[path].requests if path in self._files else 0
            self._files[path] = _Hosted(content, etag, ranges, tweak, count)
        return self.origin + path

    def redirect(self, path: str, to: Callable[[Request], str] | str) -> str:
        """Answer `path` with a redirect; the URL."""

        def tweak(request: Request, reply: Reply) -> None:
            reply.status, reply.body = 302, b"elsewhere"
            reply.headers = {"Location": to if isinstance(to, str) else to(request)}

        return self.host(path, tweak=tweak)

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`."""
        return [r for r in self.requests if r.path == path]

    # -- life

    def __enter__(self) -> Loopback:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
                number, self._connections = self._connections, self._connections + 1
            thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, raw: socket.socket, number: int) -> None:
        connection = raw
        try:
            if self._context:
                connection = self._context.wrap_socket(raw, server_side=True)
                with self._lock:
                    self._open.add(connection)
            rest = b""
            while not self._closing.is_set():
                while b"\r\n\r\n" not in rest:
                    more = connection.recv(65536)
                    if not more:
                        return
                    rest += more
                head, _, rest = rest.partition(b"\r\n\r\n")
                if not self._answer(connection, head.decode("latin-1"), number):
                    return
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
                self._open.discard(raw)
            connection.close()

    # -- answering

    def _answer(self, connection: socket.socket, head: str, number: int) -> bool:
        if self._latency_s:
            self._closing.wait(self._latency_s)
        line, *fields = head.split("\r\n")
        headers: dict[str, str] = {}
        for name, _, value in (each.partition(":") for each in fields):
            known = headers.get(name.lower())  # said twice is a list (RFC 9110, 5.3)
            headers[name.lower()] = f"{known}, {value.strip()}" if known else value.strip()
        path, _, query = line.split(" ")[1].partition("?")
        with self._lock:
            hosted = self._files.get(path)
            if hosted:
                hosted.requests += 1
            request = Request(line, path, query, headers, hosted.requests if hosted else 1, number)
            self.requests.append(request)
            self.serving += 1
            self.most_at_once = max(self.most_at_once, self.serving)
        try:
            return self._send(connection, self._reply(request, hosted))
        finally:
            with self._lock:
                self.serving -= 1

    def _reply(self, request: Request, hosted: _Hosted | None) -> Reply:
        if hosted is None:
            return Reply(404, body=b"no such file")
        reply = Reply(body=hosted.content)
        if hosted.etag:
            reply.headers["ETag"] = hosted.etag
        condition = request.headers.get("if-range", hosted.etag)
        if hosted.ranges and request.range and condition == hosted.etag:
            size = len(hosted.content)
            first, end = request.range
            end = min(end or size, size)
            if first >= end:
                reply = Reply(416, {"Content-Range": f"bytes */{size}"})
            else:
                reply.status, reply.body = 206, hosted.content[first:end]
                reply.headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        if "gzip" in request.headers.get("accept-encoding", ""):
            reply.body = gzip.compress(reply.body)
            reply.headers["Content-Encoding"] = "gzip"
        if hosted.tweak:
            hosted.tweak(request, reply)
        return reply

    def _send(self, connection: socket.socket, reply: Reply) -> bool:
        if reply.silent:
            return False
        self._closing.wait(reply.delay_s)
        length = len(reply.body) if reply.length == -1 else reply.length
        headers = dict(reply.headers)
        if reply.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif length is not None:
            headers["Content-Length"] = str(length)
        keeps = reply.chunked or length is not None
        if not keeps:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Whatever')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        if not self._send_body(connection, reply):
            if reply.reset:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        return keeps and headers.get("Connection") != "close"

    def _send_body(self, connection: socket.socket, reply: Reply) -> bool:
        body = reply.body if reply.cut_after is None else reply.body[: reply.cut_after]
        if reply.stall_after is not None:
            self._send_bytes(connection, reply, body[: reply.stall_after])
            held = reply.hold or self._closing
            while not held.wait(0.02):
                if self._closing.is_set():
                    return False
            body = body[reply.stall_after :]
        self._send_bytes(connection, reply, body)
        if reply.chunked and reply.cut_after is None:
            connection.sendall(b"0\r\n\r\n")
        return reply.cut_after is None

    def _send_bytes(self, connection: socket.socket, reply: Reply, body: bytes) -> None:
        step = len(body) or 1
        if reply.bytes_per_s:
            step = max(1, int(reply.bytes_per_s / 50))
        elif reply.chunked:
            step = 10_000
        began = time.monotonic()
        for at in range(0, len(body), step):
            part = body[at : at + step]
            if reply.chunked:
                connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            else:
                connection.sendall(part)
            with self._lock:
                self.sent_bytes += len(part)
            if reply.bytes_per_s:
                due = began + (at + len(part)) / reply.bytes_per_s
                self._closing.wait(max(0.0, due - time.monotonic()))
