"""The service as a process: listens, says where, and stops quickly when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from video_censor_personal.errors import VideoCensorError
from video_censor_personal.service.app import create_app
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.settings import ServiceSettings

__all__ = ["serve"]

_GRACE_S = 1  # for answers under way; streams are told to end before that
_BACKLOG = 1024
_LARGEST_HEAD_BYTES = 32 << 10


def serve(
    settings: ServiceSettings,
    token: str,
    host: str,
    port: int,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C. `announce` is told the address once it answers.

    Raises:
        VideoCensorError: the address cannot be listened on, or the service cannot start.
    """
    app = create_app(settings, token=token)
    with _listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # addresses may hold what belongs in no log
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            ws="none",
            lifespan="off",
            http="h11",
            h11_max_incomplete_event_size=_LARGEST_HEAD_BYTES,
        )
        server = _Server(config, app.state.manager, lambda: announce(address))

        async def run() -> None:
            # Not left to uvicorn: it logs why a start failed, and we tell it.
            async with app.router.lifespan_context(app):
                await server.serve([listening])

        asyncio.run(run())


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, manager: Manager, on_start: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._manager, self._on_start = manager, on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits for answers to end, and event streams never do by themselves.
        self._manager.listeners.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but what was caught is not raised again: being told to stop is no error."""
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns off the delay that costs every answer 40 ms otherwise.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as exc:
        listening.close()
        raise VideoCensorError(
            f"{host}:{port} cannot be listened on ({exc.strerror}); choose another --port"
        ) from exc
    return listening
