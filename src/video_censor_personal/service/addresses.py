"""Where connections may go: to the configured hubs, and to what is public.

A hub's answers send a download on to other hosts. None of them may lead into the network that
this machine stands in (https://owasp.org/www-community/attacks/Server_Side_Request_Forgery).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection

__all__ = ["public_or"]


def public_or(origins: Collection[str]) -> Callable[[str, str], bool]:
    """A rule for `Engine`: whether a connection to an origin may use an IP address.

    Origins in `origins` may lie anywhere; all others must be public.
    """

    def is_permitted(origin: str, address: str) -> bool:
        return origin in origins or _is_public(address)

    return is_permitted


def _is_public(address: str) -> bool:
    try:
        # An IPv6 address may carry a zone; one that carries an IPv4 address is judged by that.
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if inner is not None:
        ip = inner
    return ip.is_global and not ip.is_multicast
