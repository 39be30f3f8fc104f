"""Where a server is, whether that is this machine, and what lies between."""

from __future__ import annotations

import contextlib
import ipaddress
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Server", "parse_server", "proxy_for"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where a chat server is. `path` is that of its API, such as `/v1`, without a final slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_here(self) -> bool:
        """On this machine: what is sent there does not leave it."""
        if self.host == "localhost":
            return True
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False

    @property
    def place(self) -> str:
        """`host:port`, as the Host header has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"


def parse_server(url: str) -> Server:
    """Where `url` leads; `/v1` is added where it has no path.

    Raises:
        ValueError: it is no http(s) address, or holds a password or a query.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must be an http or https address, such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "it must hold no user, password or query; a key goes into an environment variable, "
            "which api_key_env names"
        )
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Server(parts.scheme, parts.hostname, port, parts.path.rstrip("/") or "/v1")


def proxy_for(server: Server) -> tuple[str, int] | None:
    """Host and port of the proxy that the environment, or the system, names for a server."""
    if urllib.request.proxy_bypass(server.place):
        return None
    named = urllib.request.getproxies().get(server.scheme)
    if not named:
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    return (parts.hostname, parts.port or 80) if parts.hostname else None
