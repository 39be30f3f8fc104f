"""Model sources whose files lie on a loopback server.

with ModelHost() as host:
    source = model("a", host.serve("a.bin", content))
    host.refuse("a.bin", 503, times=2)
"""

import hashlib

from loopback import Loopback, Reply, Request

from video_censor_personal.config import ModelSource

_contents: dict[str, bytes] = {}


class ModelHost(Loopback):
    """Serves bytes by path; anything else is 404."""

    def url(self, path: str) -> str:
        return f"{self.origin}/{path}"

    def serve(self, path: str, content: bytes, *, bytes_per_s: float | None = None) -> str:
        """The address under which `content` lies from now on, so fast on each connection."""

        def pace(_: Request, reply: Reply) -> None:
            reply.bytes_per_s = bytes_per_s

        _contents[self.url(path)] = content
        return self.host(f"/{path}", content, tweak=pace)

    def refuse(self, path: str, status: int, *, times: int) -> None:
        """Answer the first `times` requests for `path` with `status`."""

        def refuse_first(request: Request, reply: Reply) -> None:
            if request.number <= times:
                reply.status, reply.body, reply.headers = status, b"", {}

        self.host(f"/{path}", _contents[self.url(path)], tweak=refuse_first)


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
