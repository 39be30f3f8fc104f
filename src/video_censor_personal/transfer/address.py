"""URLs taken apart for HTTP, and written so that no secret shows."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote, urljoin, urlsplit

from video_censor_personal.errors import ConfigError

__all__ = ["Address", "parse_url", "redact"]

_PORTS = {"http": 80, "https": 443}
# What may stand in a request line as it is; everything else is percent-encoded.
_PLAIN_CHARACTERS = "%/:?#[]@!$&'()*+,;=-._~"
_PLAIN = re.compile(rf"[A-Za-z0-9{re.escape(_PLAIN_CHARACTERS)}]*")
_HOST = re.compile(r"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.%]+")


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL, its `path` ready for the request line.

    Attributes:
        host: without brackets.
        netloc: `host[:port]` as the Host header wants it.
        origin: `scheme://host[:port]`; headers are given per origin.
    """

    scheme: str
    host: str
    port: int
    netloc: str
    origin: str
    path: str = field(repr=False)
    basic_auth: str | None = field(default=None, repr=False)

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
    except ValueError as exc:
        raise ConfigError(f"{redact(url)} is not a valid URL", key="url") from exc
    if parts.scheme not in _PORTS:
        raise ConfigError(
            f"{redact(url) or 'no URL'}: only http and https URLs can be fetched", key="url"
        )
    user, at, place = parts.netloc.rpartition("@")
    try:
        host, port, netloc = _parse_place(parts.scheme, place)
    except ValueError as exc:
        raise ConfigError(f"{redact(url)} has no valid host or port", key="url") from exc
    path = parts.path or "/"
    if parts.query:
        path += "?" + parts.query
    if not _PLAIN.fullmatch(path):
        path = quote(path, safe=_PLAIN_CHARACTERS)
    auth = _basic_auth(user) if at else None
    return Address(parts.scheme, host, port, netloc, f"{parts.scheme}://{netloc}", path, auth)


# Thousands of files come from a few hosts.
@lru_cache(maxsize=256)
def _parse_place(scheme: str, place: str) -> tuple[str, int, str]:
    parts = urlsplit(f"//{place}")
    port = parts.port or _PORTS[scheme]
    host = parts.hostname or ""
    host = host if ":" in host else host.encode("idna").decode()
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host name")
    shown = f"[{host}]" if ":" in host else host
    return host, port, shown if port == _PORTS[scheme] else f"{shown}:{port}"


def redact(url: str) -> str:
    """`url` without user, password, query and fragment, and fit for a terminal."""
    without_query = re.split(r"[?#]", url, maxsplit=1)[0]
    shown = re.sub(r"(?<=//)[^/@]*@", "", without_query)
    return "".join(each if each.isprintable() else "?" for each in shown)


def _basic_auth(user: str) -> str:
    name, _, password = user.partition(":")
    pair = f"{unquote(name)}:{unquote(password)}".encode()
    return "Basic " + base64.b64encode(pair).decode()
