"""The service as a process: listens, says where, and stops quickly when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from video_censor_personal.errors import VideoCensorError
from video_censor_personal.service.app import create_app
from video_censor_personal.service.connections import (
    ExhaustionLog,
    limited_to,
    room_for_connections,
)
from video_censor_personal.service.manager import Manager
from video_censor_personal.service.settings import ServiceSettings

__all__ = ["bracketed", "serve"]

_GRACE_S = 1  # for answers under way; streams are told to end before that
# As many are accepted in one go, before any of them is counted.
_BACKLOG = 128
_KEEP_ALIVE_S = 15  # longer than clients keep a connection (httpx: 5), or they meet closed ones
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
        address = f"http://{bracketed(host)}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="error",  # anyone can make it warn, as often as they like
            access_log=False,  # addresses may hold what belongs in no log
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            ws="none",
            lifespan="off",
            http=limited_to(room_for_connections()),
            h11_max_incomplete_event_size=_LARGEST_HEAD_BYTES,
        )
        server = _Server(config, app.state.manager, lambda: announce(address))

        async def run() -> None:
            asyncio.get_running_loop().set_exception_handler(ExhaustionLog())
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
        self._manager.end_waits()
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


def bracketed(host: str) -> str:
    """A host as addresses and Host headers write it."""
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise VideoCensorError(
            f"--host {host} is no address of this machine ({exc.strerror}); "
            "write one, such as 127.0.0.1 or ::1"
        ) from exc
    # A name may have both kinds of addresses; most clients try this one.
    family, *_, place = min(found, key=lambda each: each[0] is not socket.AF_INET)
    # With the protocol named, asyncio turns off the delay that costs every answer 40 ms otherwise.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError as exc:
        listening.close()
        raise VideoCensorError(_why_deaf(host, port, exc)) from exc
    return listening


def _why_deaf(host: str, port: int, error: OSError) -> str:
    """Why nothing can be heard at an address, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use, perhaps by another video-censor serve; stop that, "
            f"or choose another port: --port {port + 1 if port < 65535 else 0}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than you have; choose one from 1024: --port 8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine; 0.0.0.0 stands for all it has"
    return f"{bracketed(host)}:{port} cannot be listened on ({error.strerror})"
