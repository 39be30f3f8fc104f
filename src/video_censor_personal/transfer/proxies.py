"""Which proxy an address is reached through, as the environment says it for curl."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping

from video_censor_personal.errors import ConfigError
from video_censor_personal.transfer.address import Address, parse_url, redact

__all__ = ["proxy_for"]


def proxy_for(address: Address, environment: Mapping[str, str] = os.environ) -> Address | None:
    """The proxy to ask, or None.

    `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` are read in either case, the lower case
    first; `HTTP_PROXY` only in lower case, because a CGI server sets the other from a request
    header (https://httpoxy.org).

    Raises:
        ConfigError: the proxy is of a kind that is not supported.
    """
    names = [f"{address.scheme}_proxy", "HTTPS_PROXY" if address.scheme == "https" else ""]
    names += ["all_proxy", "ALL_PROXY"]
    if "REQUEST_METHOD" not in environment and address.scheme == "http":
        names.insert(1, "HTTP_PROXY")
    name = next((n for n in names if environment.get(n)), None)
    if name is None or _bypassed(address, environment):
        return None
    value = environment[name]
    url = value if "://" in value else f"http://{value}"
    if not url.lower().startswith("http://"):
        raise ConfigError(
            f"{name} is {redact(url)}: only http:// proxies are supported. "
            "Set it to one, or except the host in NO_PROXY.",
            key=name,
        )
    return parse_url(url)


def _bypassed(address: Address, environment: Mapping[str, str]) -> bool:
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return any(_covers(entry.strip().lower(), address) for entry in listed.split(","))


def _covers(entry: str, address: Address) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return ipaddress.ip_address(address.host) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, port = entry.partition(":")
    if colon and port.isdigit() and ":" not in port:
        if int(port) != address.port:
            return False
        entry = name
    entry = entry.strip("[]").lstrip(".")
    host = address.host.lower()
    return bool(entry) and (host == entry or host.endswith("." + entry))
