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


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The last 32 bits of these are an IPv4 address.
_CARRIERS = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "::/96",  # IPv4-compatible (RFC 4291)
            "::ffff:0:0/96",  # IPv4-mapped (RFC 4291)
            "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
            "64:ff9b::/96",  # NAT64 (RFC 6052)
        ),
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = (
    # Of IANA's registries of special addresses, what some versions of Python call global.
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("3fff::/20"),
    # Metadata of clouds, in a range of private networks.
    ipaddress.IPv6Network("fd00:ec2::254/128"),
    ipaddress.IPv6Network("fd20:ce::254/128"),
)
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
    places = _places_of(ip) if isinstance(ip, ipaddress.IPv6Address) else [ip]
    return _worst([_kind_of_place(each) for each in places])


def _kind_of_place(ip: _Address) -> _Kind:
    if ip.is_loopback:
        return _Kind.LOOPBACK
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or any(ip in n for n in _SPECIAL):
        return _Kind.OTHER
    if ip.is_global and (ip.version == 4 or ip in _GLOBAL_UNICAST):
        return _Kind.PUBLIC
    return _Kind.PRIVATE if ip.is_private and not ip.is_reserved else _Kind.OTHER


def _worst(kinds: list[_Kind]) -> _Kind:
    """The one kind of all of them, or none that may be reached."""
    if len(set(kinds)) == 1:
        return kinds[0]
    inner = [kind for kind in kinds if kind is not _Kind.PUBLIC]
    return inner[0] if len(set(inner)) == 1 else _Kind.OTHER


def _places_of(ip: ipaddress.IPv6Address) -> list[_Address]:
    """Where packets for `ip` may end: gateways unwrap the IPv4 address that it may carry."""
    if ip.sixtofour is not None:
        return [ip.sixtofour]
    if ip.teredo is not None:
        return list(ip.teredo)
    last = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if any(ip in network for network in _CARRIERS) and not (ip.is_loopback or ip.is_unspecified):
        return [last]
    # ISATAP (RFC 5214): whatever the prefix.
    return [ip, last] if int(ip) >> 32 & 0xFDFFFFFF == 0x00005EFE else [ip]
