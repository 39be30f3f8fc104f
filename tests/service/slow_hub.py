"""A loopback hub whose big files come as slowly as a test wants."""

from __future__ import annotations

from hub_server import LoopbackHub
from loopback import Loopback, Reply, Request, content_of


class SlowHub(LoopbackHub):
    """A hub whose large files come from another server, `pace` bytes a second a connection.

    `pace` may change at any time; None: as fast as it goes. Only files with `paced` in their path
    are slow.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files = Loopback()
        self.pace: float | None = None
        self.paced = ""

    @property
    def cdn(self) -> str:
        return self.files.origin

    def add_model(self, name: str, *, size: int = 1 << 20, files: int = 1, **more: bytes) -> str:
        """A repository with weights of `size` bytes each; the commit."""
        weights = {f"model-{n}.safetensors": content_of(size, f"{name}{n}") for n in range(files)}
        commit = self.add(name, {"config.json": b"{}", **weights, **more}, lfs=weights)
        for path, content in weights.items():
            self.files.host(f"/{name}/{commit}/{path}", content, tweak=self._pace)
        return commit

    def _pace(self, request: Request, reply: Reply) -> None:
        reply.bytes_per_s = self.pace if self.paced in request.path else None

    def __enter__(self) -> SlowHub:
        self.files.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        super().__exit__(*args)
        self.files.__exit__(*args)
