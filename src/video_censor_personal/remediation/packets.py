"""Packets that stand in the place of others."""

from __future__ import annotations

from typing import Any

import av

__all__ = ["duplicate", "with_data"]


def duplicate(packet: Any) -> Any:
    """A packet that says the same; the muxer empties what it is given."""
    return with_data(packet, bytes(packet))


def with_data(packet: Any, data: bytes) -> Any:
    """A packet like `packet`, with its times and orders to the decoder, that holds `data`."""
    new = av.Packet(data)
    new.time_base = packet.time_base
    new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
    new.is_keyframe = packet.is_keyframe
    for side_data in packet.iter_sidedata():
        new.set_sidedata(side_data)
    return new
