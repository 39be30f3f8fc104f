"""Where the files of a download may come from: its hub, and what the hub may send it on to.

A hub's answers lead to other hosts. Those of a public hub must not lead into the network that this
machine stands in (https://owasp.org/www-community/attacks/Server_Side_Request_Forgery); a hub that
somebody configured in that network may have its files beside it.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable

__all__ = ["reachable_from"]


class _Kind(enum.Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    OTHER = "other"  # link-local (cloud metadata), multicast, reserved, no address at all


_NEIGHBOURS = frozenset({_Kind.PRIVATE, _Kind.LOOPBACK})


def reachable_from(hub: str) -> Callable[[str, str], bool]:
    """The rule for downloads from the hub with the origin `hub`, as `transfer.Engine` takes it.

    The hub itself may lie anywhere: it was configured. What it sends us on to must be public, or
    in the same kind of network as the hub.
    """
    kinds: set[_Kind] = set()

    def is_permitted(origin: str, address: str) -> bool:
        kind = _kind_of(address)
        if origin == hub:
            kinds.add(kind)
            return True
        return kind is _Kind.PUBLIC or kind in kinds & _NEIGHBOURS

    return is_permitted


def _kind_of(address: str) -> _Kind:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return _Kind.OTHER
    # An IPv6 address that carries an IPv4 address is judged by that.
    ip = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if ip.is_loopback:
        return _Kind.LOOPBACK
    if ip.is_global and not ip.is_multicast:
        return _Kind.PUBLIC
    odd = ip.is_link_local or ip.is_multicast or ip.is_reserved or ip.is_unspecified
    return _Kind.PRIVATE if ip.is_private and not odd else _Kind.OTHER
