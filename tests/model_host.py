"""A plain file server on loopback that counts what it is asked, and models that lie there.

with ModelHost() as host:
    source = model("a", host.serve("a.bin", content))
    host.refuse("a.bin", 503, times=2)
"""

import hashlib
import re
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from video_censor_personal.config import ModelSource


class Request(NamedTuple):
    method: str
    path: str
    headers: Message


class ModelHost:
    """Serves bytes by path, with ranges; anything else is 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.sent_bytes = 0
        self._files: dict[str, bytes] = {}
        self._refusals: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> "ModelHost":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def serve(self, path: str, content: bytes) -> str:
        """The address under which `content` lies from now on."""
        self._files[f"/{path}"] = content
        _contents[self.url(path)] = content
        return self.url(path)

    def refuse(self, path: str, status: int, *, times: int) -> None:
        """Answer the next `times` requests for `path` with `status`."""
        self._refusals[f"/{path}"] = [status] * times

    def answer(self, request: Request) -> tuple[int, bytes, int, int]:
        """status, content, first byte and end of what is sent."""
        with self._lock:
            self.requests.append(request)
            if refusals := self._refusals.get(request.path):
                return refusals.pop(), b"", 0, 0
        content = self._files.get(request.path)
        if content is None:
            return 404, b"", 0, 0
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if asked is None:
            return 200, content, 0, len(content)
        end = int(asked[2]) + 1 if asked[2] else len(content)
        return 206, content, int(asked[1]), min(end, len(content))

    def count(self, sent: int) -> None:
        with self._lock:
            self.sent_bytes += sent


def _handler(host: ModelHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, content, start, end = host.answer(
                Request(self.command, self.path, self.headers)
            )
            self.send_response(status)
            self.send_header("Content-Length", str(end - start))
            if content:
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
            self.end_headers()
            for at in range(start, end, 1 << 16) if self.command == "GET" else ():
                try:
                    self.wfile.write(content[at : min(at + (1 << 16), end)])
                except OSError:  # the client has hung up
                    self.close_connection = True
                    return
                host.count(min(1 << 16, end - at))

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


_contents: dict[str, bytes] = {}


def model(name: str, url: str, content: bytes | None = None, **fields: object) -> ModelSource:
    """A source that declares `content` (default: what is served at `url`), unless `fields` say
    otherwise."""
    declared = _contents[url] if content is None else content
    values = {
        "checksum": hashlib.sha256(declared).hexdigest(),
        "size_bytes": len(declared),
        **fields,
    }
    return ModelSource(name=name, url=url, **values)
