"""HTTP to a chat server: bounded, with retries, and such that it can be broken off at any time.

A model may think about one picture for minutes. Whoever waits for it must be able to stop at once,
so the sockets of requests under way are known here and cut off from another thread; `http.client`
shows them, which urllib3 does not. Redirects are not followed: pictures and keys go to the server
that was named and nowhere else.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from video_censor_personal.detectors.questions.chat_answers import complaint, is_complaint
from video_censor_personal.detectors.questions.server_address import Server, proxy_for

__all__ = ["ChatEndpoint", "EndpointError"]

_CONNECT_TIMEOUT_S = 5.0
_MOST_BYTES = 1 << 20
"""Of a reply; an answer has some hundred, a list of models some thousand."""

_MOST_WAIT_S = 30.0
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_HINTS = {
    400: "if its model sees no pictures, name one that does in `model`",
    401: "the server wants a key, or another one: name its environment variable in api_key_env",
    403: "the server refuses this key",
    404: "no OpenAI-compatible server answers at this address, or it does not have this model; "
    "the address usually ends in /v1",
    413: "the pictures are too large for it: lower max_side",
}


class EndpointError(Exception):
    """No reply from the server. `passing`: asked once more, it may well come."""

    def __init__(self, message: str, *, passing: bool = True) -> None:
        self.passing = passing
        self.wait_s: float | None = None
        super().__init__(message)


@dataclass(eq=False)
class _Line:
    """A connection, and until when its present request may take."""

    connection: http.client.HTTPConnection
    deadline: float = 0.0
    cut: bool = False

    def cut_off(self) -> None:
        """Make whoever waits for it fail at once."""
        self.cut = True
        sock = self.connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class ChatEndpoint:
    """Requests to one server, from any number of threads.

    Somebody has to call `cut_overdue` now and then while requests are under way.
    """

    def __init__(self, server: Server, *, key: str = "", timeout_s: float, retries: int) -> None:
        self.server = server
        self._key, self._timeout_s, self._retries = key, timeout_s, retries
        self._proxy = None if server.is_here else proxy_for(server)
        self._tls = ssl.create_default_context() if server.scheme == "https" else None
        self._lock = threading.Lock()
        self._idle: list[_Line] = []
        self._busy: set[_Line] = set()
        self._closed = threading.Event()

    def get(self, path: str) -> bytes:
        """The body of a resource of the API, such as `/models`.

        Raises:
            EndpointError: it did not come.
        """
        return self._patiently("GET", path, None)

    def post(self, path: str, body: bytes) -> bytes:
        """The reply to JSON. Raises as `get`."""
        return self._patiently("POST", path, body)

    def cut_overdue(self) -> None:
        """Break off the requests that take longer than they may."""
        now = time.monotonic()
        with self._lock:
            overdue = [line for line in self._busy if now > line.deadline]
        for line in overdue:
            line.cut_off()

    def release(self) -> None:
        """Close the connections that lie idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.connection.close()

    def break_off(self) -> None:
        """End everything, for good; whoever waits gets an `EndpointError` at once."""
        self._closed.set()
        with self._lock:
            busy = list(self._busy)
        for line in busy:
            line.cut_off()
        self.release()

    def _patiently(self, method: str, path: str, body: bytes | None) -> bytes:
        tries = 0
        while True:
            try:
                return self._once(method, path, body)
            except EndpointError as error:
                tries += 1
                if not error.passing or tries > self._retries:
                    raise
                wait_s = 0.5 * 2**tries if error.wait_s is None else error.wait_s
                if self._closed.wait(min(wait_s, _MOST_WAIT_S)):
                    raise

    def _once(self, method: str, path: str, body: bytes | None) -> bytes:
        line, fresh = self._take_line()
        try:
            reply = self._exchange(line, method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self._drop(line)
            gone = not isinstance(error, TimeoutError) and not line.cut
            if gone and not fresh and not self._closed.is_set():
                # The server closed a connection that lay idle: that is its right.
                return self._once(method, path, body)
            raise EndpointError(self._in_words(line, error)) from error
        except BaseException:
            self._drop(line)
            raise
        return reply

    def _exchange(self, line: _Line, method: str, path: str, body: bytes | None) -> bytes:
        connection = line.connection
        if connection.sock is None:
            self._connect(connection)
        connection.sock.settimeout(self._timeout_s)
        if line.cut or self._closed.is_set():
            raise TimeoutError
        target = self.server.path + path
        if self._proxy and self.server.scheme == "http":
            target = f"http://{self.server.place}{target}"
        connection.request(method, target, body, self._headers(body))
        response = connection.getresponse()
        reply = response.read(_MOST_BYTES + 1)
        if response.status != 200:
            raise self._refusal(response, reply)
        if len(reply) > _MOST_BYTES:
            raise EndpointError("its reply is too long for any answer", passing=False)
        if response.length:
            raise http.client.IncompleteRead(reply, response.length)
        if is_complaint(reply):
            raise EndpointError(f"the server reports an error{self._said(reply)}", passing=False)
        self._put_back(line, keep=response.isclosed() and not response.will_close)
        return reply

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except TimeoutError as error:
            raise EndpointError(f"no connection within {_CONNECT_TIMEOUT_S:g} s") from error

    def _headers(self, body: bytes | None) -> Mapping[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "video-censor"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return headers

    def _said(self, reply: bytes) -> str:
        """The server's own words, without the key."""
        words = complaint(reply, self._key)
        return f" (“{words}”)" if words else ""

    def _refusal(self, response: http.client.HTTPResponse, reply: bytes) -> EndpointError:
        status = response.status
        said = f"HTTP {status} {http.client.responses.get(status, '')}".strip()
        if 300 <= status < 400:
            return EndpointError(
                f"{said}: it redirects, which is not followed; name the address that it leads to",
                passing=False,
            )
        hint = f"; {_HINTS[status]}" if status in _HINTS else ""
        error = EndpointError(f"{said}{self._said(reply)}{hint}", passing=status in _PASSING)
        error.wait_s = _retry_after_s(response.headers.get("Retry-After", ""))
        return error

    def _in_words(self, line: _Line, error: OSError | http.client.HTTPException) -> str:
        if self._closed.is_set():
            return "it was broken off"
        if line.cut or isinstance(error, TimeoutError):
            return (
                f"it took longer than {self._timeout_s:g} s; raise timeout_s, or lower concurrency"
            )
        if isinstance(error, ssl.SSLError):
            return f"no secure connection: {error.reason or 'TLS failed'}"
        if isinstance(error, http.client.HTTPException):
            return "it does not speak HTTP, or ended the connection too early"
        return f"no connection: {error.strerror or type(error).__name__}"

    # -- connections

    def _take_line(self) -> tuple[_Line, bool]:
        """A connection to use, and whether it is a new one."""
        with self._lock:
            line = self._idle.pop() if self._idle else None
            fresh = line is None
            line = line or _Line(self._connection())
            line.deadline = time.monotonic() + self._timeout_s
            self._busy.add(line)
        return line, fresh

    def _put_back(self, line: _Line, *, keep: bool) -> None:
        if not keep or line.cut:
            self._drop(line)
            return
        with self._lock:
            self._busy.discard(line)
            self._idle.append(line)

    def _drop(self, line: _Line) -> None:
        with self._lock:
            self._busy.discard(line)
        line.connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        server = self.server
        host, port = self._proxy or (server.host, server.port)
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=_CONNECT_TIMEOUT_S)
        secure = http.client.HTTPSConnection(
            host, port, timeout=_CONNECT_TIMEOUT_S, context=self._tls
        )
        if self._proxy:
            secure.set_tunnel(server.host, server.port)
        return secure


def _retry_after_s(value: str) -> float | None:
    if value.isascii() and value.isdigit():
        return float(value[:9])
    with contextlib.suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None
