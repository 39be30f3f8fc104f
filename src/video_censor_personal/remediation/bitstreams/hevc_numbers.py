"""Giving the parameter sets of an HEVC encoder other numbers, as x265 has no option for it.

H.265, 7.3.2: a VPS begins with its number; an SPS names its VPS and has its own number after the
profile; a PPS has its own number and then that of its SPS; a slice names its PPS.
"""

from __future__ import annotations

from video_censor_personal.media.bits import BitReader, unescaped
from video_censor_personal.remediation.bitstreams.nal import escaped, exp_golomb
from video_censor_personal.remediation.bitstreams.parameter_sets import HEVC_SPS, HEVC_VPS

__all__ = [
    "has_our_number",
    "hevc_type",
    "renumbered",
    "renumbered_slice",
    "sps_layers",
]

VPS_NUMBER = 1
SPS_NUMBER = 1
PPS_NUMBER = 16
"""Eight bits longer than 0 in a slice, so that what follows stays on whole bytes."""

_HEADER = 2
_PROFILE_BITS = 88
_SLICE_START = 32  # bytes in which the number of the PPS is found, and some
_FIRST_KEY, _LAST_KEY = 16, 23  # types of pictures that can be entered at


def hevc_type(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def has_our_number(unit: bytes) -> bool:
    """Whether `unit`, one of the three sets, has the number that we would give it."""
    kind = hevc_type(unit)
    if kind == HEVC_VPS:
        return BitReader(unescaped(unit[_HEADER:])).number(4) == VPS_NUMBER
    if kind == HEVC_SPS:
        return _at_sps_number(unit).exp_golomb() == SPS_NUMBER
    return BitReader(unescaped(unit[_HEADER:])).exp_golomb() == PPS_NUMBER


def sps_layers(unit: bytes) -> int:
    """How many temporal sub-layers there may be."""
    bits = BitReader(unescaped(unit[_HEADER:]))
    bits.number(4)
    return bits.number(3) + 1


def renumbered(vps: bytes, sps: bytes, pps: bytes) -> tuple[bytes, bytes, bytes]:
    """The three sets under our numbers."""
    number = f"{VPS_NUMBER:04b}"
    new_vps = vps[:_HEADER] + escaped(_packed(number + _payload(vps)[4:]))
    bits = _at_sps_number(sps)
    start = bits.position
    bits.exp_golomb()
    payload = _payload(sps)
    content = number + payload[4:start] + exp_golomb(SPS_NUMBER) + payload[bits.position :]
    new_sps = sps[:_HEADER] + escaped(_packed(content))
    bits = BitReader(unescaped(pps[_HEADER:]))
    bits.exp_golomb(), bits.exp_golomb()
    content = exp_golomb(PPS_NUMBER) + exp_golomb(SPS_NUMBER) + _payload(pps)[bits.position :]
    return new_vps, new_sps, pps[:_HEADER] + escaped(_packed(content))


def renumbered_slice(unit: bytes) -> bytes:
    """`unit`, a slice that names PPS 0, naming ours: one byte longer, all else as it was.

    Raises:
        ValueError: it names another.
    """
    before = 2 if _FIRST_KEY <= hevc_type(unit) <= _LAST_KEY else 1
    body = unit[_HEADER:]
    size = min(len(body), _SLICE_START)
    while size < len(body) and (body[size - 1] == 0 or body[size] <= 3):
        size += 1  # an escape must not be torn apart
    bits = BitReader(unescaped(body[:size])).bits
    if bits[before] != "1":
        raise ValueError("a slice names a parameter set that was not expected")
    new = bits[:before] + exp_golomb(PPS_NUMBER) + bits[before + 1 :]
    return unit[:_HEADER] + escaped(_bytes(new)) + body[size:]


def _at_sps_number(unit: bytes) -> BitReader:
    """Past `profile_tier_level` (7.3.3)."""
    bits = BitReader(unescaped(unit[_HEADER:]))
    bits.number(4)
    layers = bits.number(3)
    bits.number(1)
    bits.position += _PROFILE_BITS + 8
    present = [(bits.number(1), bits.number(1)) for _ in range(layers)]
    if layers:
        bits.position += 2 * (8 - layers)
    for profile, level in present:
        bits.position += _PROFILE_BITS * profile + 8 * level
    return bits


def _payload(unit: bytes) -> str:
    """The bits of a set without the 1 and the zeros that end it."""
    return BitReader(unescaped(unit[_HEADER:])).bits.rstrip("0")[:-1]


def _packed(payload: str) -> bytes:
    ended = payload + "1"
    return _bytes(ended + "0" * (-len(ended) % 8))


def _bytes(bits: str) -> bytes:
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
