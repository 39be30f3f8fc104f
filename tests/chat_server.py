"""A chat server on loopback, as vLLM, Ollama and llama.cpp have one, that misbehaves on demand.

    with ChatServer(lambda picture, category: (True, 0.9)) as server:
        server.replies.append(Reply(429, headers={"Retry-After": "0"}))

What has no reply of its own in `replies` is answered well: `sees` gets the picture that was sent,
`(H, W, 3) uint8 RGB`, and a category, and says (present, confidence).
"""

from __future__ import annotations

import base64
import io
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
from loopback import CERTIFICATE

__all__ = ["ChatServer", "Reply", "completion", "is_red"]

Sees = Callable[[np.ndarray, str], tuple[bool, float]]


@dataclass(frozen=True)
class Reply:
    """`silent`: nothing is answered until the server ends; `trickles`: a byte of the body every
    tenth of a second until then; `length`: what Content-Length says."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    trickles: bool = False
    length: int | None = None


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, Any]
    picture: np.ndarray | None = None


def completion(text: str | None, **message: object) -> bytes:
    """The body of a chat completion in which the model says `text`."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def is_red(picture: np.ndarray, _: str) -> tuple[bool, float]:
    red, green, _ = picture.mean(axis=(0, 1))
    return bool(red > green + 60), 0.9


class ChatServer:
    """`questions` are the chat requests it got, in order, `others` the rest; `was_asked` is set
    with the first question.

    With `gather` a question is answered when so many are being asked, or after a second.
    """

    def __init__(
        self, sees: Sees = is_red, *, models: tuple[str, ...] = ("llava:7b",), tls: bool = False
    ) -> None:
        self.sees, self.models, self._tls = sees, models, tls
        self.replies: list[Reply | None] = []
        self.every: Reply | None = None
        self.listing: Reply | None = None
        self.questions: list[Request] = []
        self.others: list[Request] = []
        self.gather = 1
        self.asked = self.most_at_once = 0
        self._changed = threading.Condition()
        self.closing, self.was_asked = threading.Event(), threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: Request) -> Reply:
        if request.path == "/v1/models" and self.listing is None:
            return Reply(body=json.dumps({"data": [{"id": name} for name in self.models]}).encode())
        if request.path != "/v1/chat/completions":
            return self.listing or Reply(404, b"no such page")
        with self._changed:
            self.questions.append(request)
            self.was_asked.set()
            own = self.replies[len(self.questions) - 1 :][:1]
            self.asked += 1
            self.most_at_once = max(self.most_at_once, self.asked)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.asked >= self.gather, 1)
        try:
            return (own and own[0]) or self.every or self._good(request)
        finally:
            with self._changed:
                self.asked -= 1

    def _good(self, request: Request) -> Reply:
        assert request.picture is not None
        schema = request.fields["response_format"]["json_schema"]["schema"]
        said = {}
        for category in schema["required"]:
            present, confidence = self.sees(request.picture, category)
            said[category] = {"present": present, "confidence": confidence}
        return Reply(body=completion(json.dumps(said)))


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone: that is what some tests are about."""


def _picture(fields: Mapping[str, Any]) -> np.ndarray:
    (part,) = (p for p in fields["messages"][-1]["content"] if p["type"] == "image_url")
    head, _, data = part["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    with av.open(io.BytesIO(base64.b64decode(data)), format="jpeg_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            request = Request(urlsplit(self.path).path, dict(self.headers), {})
            server.others.append(request)
            self._send(server.reply(request))

        def do_POST(self) -> None:
            fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = urlsplit(self.path).path  # that of a proxy is a whole address
            self._send(server.reply(Request(path, dict(self.headers), fields, _picture(fields))))

        def _send(self, reply: Reply) -> None:
            if reply.silent:
                server.closing.wait()
                self.close_connection = True
                return
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                length = len(reply.body) if reply.length is None else reply.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(reply.body)
                while reply.trickles and not server.closing.wait(0.1):
                    self.wfile.write(b" ")
                self.close_connection = reply.length is not None
            except OSError:  # whoever asked has gone
                self.close_connection = True

    return Handler
