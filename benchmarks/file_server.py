"""A plain file server for the benchmarks: sendfile, ranges, keep-alive; slow or far if asked for.

    python benchmarks/file_server.py FOLDER [--bytes-per-s N] [--delay-s S]

Prints its port. `--bytes-per-s` holds every connection to that rate, whatever is asked on it;
`--delay-s` is the time from a request to the first byte of its answer. It also answers as a model
hub does (`/api/models/...`, `/<org>/<repo>/resolve/<revision>/<file>`), as far as downloading from
one needs it: the folder is the one repository, `bench/files`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import socket
import threading
import time
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Server:
    def __init__(self, folder: Path, bytes_per_s: float | None, delay_s: float) -> None:
        self.folder, self.bytes_per_s, self.delay_s = folder, bytes_per_s, delay_s
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def run(self) -> None:
        print(self.listener.getsockname()[1], flush=True)
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pace = Pace(self.bytes_per_s)
        rest = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in rest:
                    try:
                        more = connection.recv(65536)
                    except OSError:
                        return
                    if not more:
                        return
                    rest += more
                head, _, rest = rest.partition(b"\r\n\r\n")
                try:
                    self.answer(connection, head.decode("latin-1"), pace)
                except OSError:
                    return

    def answer(self, connection: socket.socket, head: str, pace: Pace) -> None:
        line, *fields = head.split("\r\n")
        method, target, _ = line.split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
        if self.delay_s:
            time.sleep(self.delay_s)
        path, _, _ = target.partition("?")
        if path.startswith("/api/models/"):
            send_json(connection, self.describe(path))
            return
        file = self.folder / path.rpartition("/")[2]
        if not file.is_file():
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        size = file.stat().st_size
        first, end = parse_range(headers.get("range", ""), size)
        lines = ["HTTP/1.1 206 Partial Content" if "range" in headers else "HTTP/1.1 200 OK"]
        if "range" in headers:
            lines.append(f"Content-Range: bytes {first}-{end - 1}/{size}")
        lines += [f"Content-Length: {end - first}", "Accept-Ranges: bytes"]
        lines += [f'ETag: "{fake_etag(file)}"', f"X-Repo-Commit: {COMMIT}"]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        if method == "GET":
            with file.open("rb") as source:
                pace.send(connection, source.fileno(), first, end)

    def describe(self, path: str) -> object:
        files = [f for f in sorted(self.folder.iterdir()) if f.is_file()]
        if "/tree/" in path:
            return [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": fake_etag(f)}
                for f in files
            ]
        siblings = [{"rfilename": f.name} for f in files]
        return {"id": "bench/files", "sha": COMMIT, "siblings": siblings, "private": False}


class Pace:
    """Sends at most `bytes_per_s` over one connection."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self.rate = bytes_per_s
        self.due = time.monotonic()

    def send(self, connection: socket.socket, file: int, at: int, end: int) -> None:
        step = int(self.rate / 50) if self.rate else 1 << 30
        while at < end:
            sent = os.sendfile(connection.fileno(), file, at, min(step, end - at))
            if not sent:
                return
            at += sent
            if self.rate:
                now = time.monotonic()
                self.due = max(self.due, now - 0.02) + sent / self.rate
                time.sleep(max(0.0, self.due - now))


def parse_range(value: str, size: int) -> tuple[int, int]:
    first, _, last = value.removeprefix("bytes=").partition("-")
    return int(first or 0), min(int(last) + 1, size) if last else size


def fake_etag(file: Path) -> str:
    """What a hub calls a small file; 40 hex digits, from its name."""
    return hashlib.sha1(file.name.encode()).hexdigest()


def send_json(connection: socket.socket, value: object) -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    connection.sendall(f"{head}\r\n\r\n".encode() + body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bytes-per-s", type=float)
    parser.add_argument("--delay-s", type=float, default=0.0)
    said = parser.parse_args()
    Server(said.folder, said.bytes_per_s, said.delay_s).run()


if __name__ == "__main__":
    main()
