"""URLs taken apart for HTTP, and written so that no secret shows."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit

from video_censor_personal.errors import ConfigError

__all__ = ["Address", "parse_url", "redact"]

_PORTS = {"http": 80, "https": 443}
# What may stand in a request line as it is; everything else is percent-encoded.
_PLAIN = "%/:?#[]@!$&'()*+,;=-._~"
_HOST = re.compile(r"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.%]+")


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL. `host` has no brackets; `path` is ready for the request line."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    basic_auth: str | None = field(default=None, repr=False)

    @property
    def netloc(self) -> str:
        """`host[:port]` as the Host header wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`; headers are given per origin."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def shown(self) -> str:
        """The URL for people: without credentials, and without its query (a signature?)."""
        return self.origin + self.path.split("?", 1)[0]

    def follow(self, location: str) -> Address:
        """Where a `Location` header leads.

        Raises:
            ConfigError: not to an http(s) URL.
        """
        try:
            joined = urljoin(self.origin + self.path, location)
        except ValueError as exc:
            raise ConfigError(f"{redact(location)} is not a valid URL", key="url") from exc
        return parse_url(joined)


def parse_url(url: str) -> Address:
    """Take an URL apart.

    Raises:
        ConfigError: it is not http or https, or it is malformed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"{redact(url)} is not a valid URL", key="url") from exc
    if parts.scheme not in _PORTS:
        raise ConfigError(f"{redact(url)}: only http and https URLs can be fetched", key="url")
    host = parts.hostname or ""
    try:
        host = host if ":" in host else host.encode("idna").decode()
    except UnicodeError as exc:
        raise ConfigError(f"{redact(url)} has no valid host", key="url") from exc
    if not _HOST.fullmatch(host):
        raise ConfigError(f"{redact(url)} has no valid host", key="url")
    path = quote(parts.path or "/", safe=_PLAIN)
    if parts.query:
        path += "?" + quote(parts.query, safe=_PLAIN)
    return Address(
        parts.scheme, host, port or _PORTS[parts.scheme], path, _basic_auth(parts.netloc)
    )


def redact(url: str) -> str:
    """`url` without user, password, query and fragment."""
    without_query = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"(?<=//)[^/@]*@", "", without_query)


def _basic_auth(netloc: str) -> str | None:
    user, at, _ = netloc.rpartition("@")
    if not at:
        return None
    name, _, password = user.partition(":")
    pair = f"{unquote(name)}:{unquote(password)}".encode()
    return "Basic " + base64.b64encode(pair).decode()
