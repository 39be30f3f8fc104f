"""A Hugging Face hub on loopback: its API, its files, a second origin as CDN, and its bad days.

    with LoopbackHub() as hub:
        hub.add("org/model", {"config.json": b"{}", "model.bin": big}, lfs=["model.bin"])
        hub.play("/api/models/org/model", 503)          # the next matching request fails
        hub.rewrite("/tree/", lambda answer: ...)       # lies in its JSON

Small files are answered directly with git's checksum as ETag, LFS files with a redirect to the
CDN, which is another origin; errors carry the headers that the real hub sends with them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

PAGE = 200
DISABLED = "Access to this resource is disabled."


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@dataclass
class HubFile:
    content: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        return self.sha256 if self.is_lfs else git_sha1(self.content)

    def entry(self, path: str) -> dict[str, Any]:
        size = len(self.content)
        entry: dict[str, Any] = {
            "type": "file",
            "oid": git_sha1(self.content),
            "size": size,
            "path": path,
        }
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": size, "pointerSize": 134}
        return entry


@dataclass
class Repository:
    """Commits by hash, and what the hub says about the whole."""

    commits: dict[str, dict[str, HubFile]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    gated: str | bool = False
    private: bool = False
    disabled: bool = False
    downloads: int = 10
    card: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    task: str | None = "image-classification"

    def commit_of(self, revision: str) -> str | None:
        if revision in self.commits:
            return revision
        return self.branches.get(revision) or self.tags.get(revision)


@dataclass(frozen=True)
class Seen:
    """A request as it came in; `host` tells the hub (`hub`) from its CDN (`cdn`)."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Played:
    pattern: str
    status: int
    headers: dict[str, str]
    body: bytes
    times: int


class LoopbackHub:
    """Use as a context manager; `endpoint` is what HF_ENDPOINT has to be."""

    def __init__(self, *, token: str | None = None, prefix: str = "") -> None:
        self.token, self.prefix = token, prefix
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.requests: list[Seen] = []
        self._played: list[Played] = []
        self._rewrites: list[tuple[str, Callable[[Any], Any]]] = []
        self._lock = threading.Lock()
        self._servers = [_server(self, "hub"), _server(self, "cdn")]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_port}{self.prefix}"

    @property
    def cdn(self) -> str:
        # Another host name as well: the libraries follow redirects inside one host by themselves.
        return f"http://localhost:{self._servers[1].server_port}"

    def add(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        lfs: Iterable[str] = (),
        branch: str = "main",
        tag: str | None = None,
        **facts: Any,
    ) -> str:
        """Commit `files` (all of them) to a repository's branch; the commit."""
        repository = self.repositories.setdefault(name, Repository())
        large = set(lfs)
        tree = {path: HubFile(content, path in large) for path, content in files.items()}
        listing = json.dumps([name, branch, {p: f.blob for p, f in sorted(tree.items())}])
        commit = hashlib.sha1(listing.encode()).hexdigest()
        repository.commits[commit] = tree
        repository.branches[branch] = commit
        if tag:
            repository.tags[tag] = commit
        for fact, value in facts.items():
            setattr(repository, fact, value)
        return commit

    def play(
        self,
        pattern: str,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"{}",
        times: int = 1,
    ) -> None:
        """Answer the next `times` requests whose path matches `pattern` this way."""
        self._played.append(Played(pattern, status, dict(headers or {}), body, times))

    def rewrite(self, pattern: str, change: Callable[[Any], Any]) -> None:
        """Pass JSON answers of matching paths through `change`."""
        self._rewrites.append((pattern, change))

    def asked(self, pattern: str = "", host: str | None = None) -> list[Seen]:
        """The requests so far whose path matches."""
        return [
            seen
            for seen in self.requests
            if re.search(pattern, seen.path) and host in (None, seen.host)
        ]

    def played(self, path: str) -> Played | None:
        with self._lock:
            for answer in self._played:
                if answer.times and re.search(answer.pattern, path):
                    answer.times -= 1
                    return answer
        return None

    def rewritten(self, path: str, data: Any) -> Any:
        for pattern, change in self._rewrites:
            if re.search(pattern, path):
                data = change(data)
        return data

    def __enter__(self) -> LoopbackHub:
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


def _server(hub: LoopbackHub, host: str) -> ThreadingHTTPServer:
    kind = type("Handler", (_Handler,), {"hub": hub, "host": host})
    return _Quiet(("127.0.0.1", 0), kind)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    hub: LoopbackHub
    host: str

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._answer()

    do_HEAD = do_GET

    def _answer(self) -> None:
        hub = self.hub
        hub.requests.append(Seen(self.host, self.command, self.path, dict(self.headers)))
        if played := hub.played(self.path):
            self._send(played.status, played.body, played.headers)
        elif self.host == "cdn":
            self._cdn()
        else:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(hub.prefix)
            if path.startswith("/api/models"):
                self._api(path.removeprefix("/api/models"), parse_qs(parts.query))
            else:
                self._resolve(path)

    # -- the API

    def _api(self, path: str, query: dict[str, list[str]]) -> None:
        if path == "":
            self._json(self._found(query))
            return
        match = re.fullmatch(
            r"/([^/]+/[^/]+|[^/]+)(?:/(revision|tree|refs|auth-check)(?:/(.+))?)?", path
        )
        assert match, path
        name, what, rest = match.groups()
        if new := self.hub.renamed.get(name):
            self._redirect(307, self.path.replace(f"/{name}", f"/{new}", 1))
            return
        repository = self._open(name, for_files=what == "auth-check")
        if repository is None:
            return
        if what == "refs":
            self._json(
                {
                    kind: [{"name": n, "ref": n, "targetCommit": c} for n, c in refs.items()]
                    for kind, refs in (
                        ("branches", repository.branches),
                        ("tags", repository.tags),
                        ("converts", {}),
                    )
                }
            )
        elif what == "auth-check":
            self._send(200, b"OK", {"Content-Type": "text/plain"})
        else:
            revision = unquote(rest) if rest else "main"
            commit = repository.commit_of(revision)
            if commit is None:
                self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            elif what == "tree":
                self._tree(repository, commit, query)
            else:
                self._json(self._info(name, repository, commit))

    def _open(self, name: str, *, for_files: bool) -> Repository | None:
        """The repository, or None after the answer that refuses it."""
        hub = self.hub
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        repository = hub.repositories.get(name)
        if sent and sent != hub.token:
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repository is None or (repository.private and not sent):
            # The real hub tells strangers 401 for both, and those who logged in 404.
            self._refuse(404 if sent else 401, "RepoNotFound", "Repository not found")
        elif repository.disabled and for_files:
            self._refuse(403, "", DISABLED)
        elif repository.gated and for_files and not sent:
            self._refuse(401, "GatedRepo", "Access to model is restricted")
        elif repository.gated == "manual" and for_files:
            self._refuse(403, "GatedRepo", "Your request is awaiting a review")
        else:
            return repository
        return None

    def _info(self, name: str, repository: Repository, commit: str) -> dict[str, Any]:
        tree = repository.commits[commit]
        return {
            "id": name,
            "modelId": name,
            "sha": commit,
            "private": repository.private,
            "gated": repository.gated,
            "disabled": repository.disabled,
            "downloads": repository.downloads,
            "lastModified": "2026-03-01T10:00:00.000Z",
            "tags": repository.labels,
            "pipeline_tag": repository.task,
            "cardData": repository.card,
            "siblings": [{"rfilename": path} for path in tree],
        }

    def _tree(self, repository: Repository, commit: str, query: dict[str, list[str]]) -> None:
        tree = repository.commits[commit]
        start = int(query.get("cursor", ["0"])[0])
        names = sorted(tree)
        headers = {}
        if start + PAGE < len(names):
            base = self.path.partition("?")[0]
            url = f"{self.hub.endpoint.removesuffix(self.hub.prefix)}{base}?recursive=true"
            headers["Link"] = f'<{url}&cursor={start + PAGE}>; rel="next"'
        folders = {p.rpartition("/")[0] for p in names if "/" in p} if start == 0 else set()
        entries = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": f} for f in folders]
        entries += [tree[path].entry(path) for path in names[start : start + PAGE]]
        self._json(entries, headers)

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        words = query.get("search", [""])[0].casefold()
        hits = [
            {"id": name, "downloads": r.downloads, "pipeline_tag": r.task, "tags": []}
            for name, r in self.hub.repositories.items()
            if words in name.casefold() and not r.private
        ]
        hits.sort(key=lambda hit: -hit["downloads"])
        return hits[: int(query.get("limit", ["20"])[0])]

    # -- files

    def _resolve(self, path: str) -> None:
        match = re.fullmatch(r"/([^/]+/[^/]+|[^/]+)/resolve/([^/]+)/(.+)", path)
        if match is None:
            self._refuse(404, "", "Not found")
            return
        name, revision, file_path = match[1], unquote(match[2]), unquote(match[3])
        if new := self.hub.renamed.get(name):
            self._redirect(307, path.replace(f"/{name}/", f"/{new}/", 1))
            return
        repository = self._open(name, for_files=True)
        if repository is None:
            return
        commit = repository.commit_of(revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
            return
        file = repository.commits[commit].get(file_path)
        if file is None:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_sha1(file.content)}"'}
        if file.is_lfs:
            headers["X-Linked-Etag"] = f'"{file.sha256}"'
            headers["X-Linked-Size"] = str(len(file.content))
            target = f"{self.hub.cdn}/{quote(name)}/{commit}/{quote(file_path)}?signature=secret"
            self._redirect(302, target, headers)
        else:
            self._content(file.content, headers)

    def _cdn(self) -> None:
        org, name, commit, path = unquote(urlsplit(self.path).path)[1:].split("/", 3)
        file = self.hub.repositories[f"{org}/{name}"].commits[commit][path]
        # A CDN's ETag is its own business.
        self._content(file.content, {"ETag": f'"cdn-{len(file.content)}"'})

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        status = 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers["Accept-Ranges"] = "bytes"
        if match:
            start = int(match[1])
            end = min(int(match[2] or len(content) - 1), len(content) - 1)
            if start >= len(content):
                self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            status, content = 206, content[start : end + 1]
        self._send(status, content, headers)

    # -- answers

    def _json(self, data: Any, headers: Mapping[str, str] | None = None) -> None:
        data = self.hub.rewritten(self.path, data)
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self._send(200, body, {"Content-Type": "application/json", **(headers or {})})

    def _refuse(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        said = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self._send(status, json.dumps({"error": message}).encode(), said | dict(headers or {}))

    def _redirect(
        self, status: int, location: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._send(status, b"", {"Location": location, **(headers or {})})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
