"""How pictures of AV1 are joined."""

from __future__ import annotations

from collections.abc import Sequence as Row
from typing import Literal

from video_censor_personal.remediation.bitstreams.av1_units import (
    FRAME_UNITS,
    METADATA,
    SEQUENCE_HEADER,
    TEMPORAL_DELIMITER,
    Sequence,
    Unit,
    is_plain_size,
    setup_sequence,
    shows_key_frame,
    split_units,
)

__all__ = ["Av1Coding"]

# Left alone, SVT-AV1 makes a copy of 1080p take 490 MB in 8 bits and 640 in 10; with these it is
# 250 and 320.
_LITTLE = "lp=1:lookahead=0:hierarchical-levels=2:enable-tf=0:scd=0"
_LEVELS = (0, 1, 4, 5, 8, 9, *range(12, 20), 31)  # that have a meaning (Annex A)
_CHROMA_POSITIONS = {1: "left", 2: "topleft"}
_REGISTERED_USER = b"\x04"  # ITU-T T.35: country, provider, its own number
_DOLBY_VISION = bytes([0xB5, 0x00, 0x3B])


class Av1Coding:
    """A key frame that is shown at once resets everything, and stands behind the header of its
    sequence. New pictures are a sequence of their own; film grain is in them as picture.

    Args:
        setup: the container's `av1C`.
    """

    def __init__(self, setup: bytes) -> None:
        self._sequence = setup_sequence(setup)
        params = ":".join([_LITTLE, *_same_form(self._sequence)])
        self.encoder_options = {"svtav1-params": params}

    def setup(self, encoder_setup: bytes) -> bytes:
        return b""

    def entry(self, packet: bytes) -> Literal["closed", "none"]:
        sequence = None
        for unit in split_units(packet):
            if unit.kind == SEQUENCE_HEADER:
                sequence = Sequence.parse(unit.payload)
            elif unit.kind in FRAME_UNITS:
                if not shows_key_frame(unit.payload):
                    return "none"
                self._check(sequence, unit.payload)
                return "closed"
        return "none"

    def _check(self, sequence: Sequence | None, frame: bytes) -> None:
        if sequence is None:
            # After a jump from new pictures, a decoder would take theirs.
            raise ValueError("its key frames come without the header of their sequence")
        if sequence.obstacle:
            raise ValueError(sequence.obstacle)
        if sequence.form != self._sequence.form:
            raise ValueError("its pictures change their size or format")
        if not is_plain_size(frame, sequence.tools):
            raise ValueError("its pictures are coded, or to be shown, in another size")

    def is_disposable(self, packet: bytes) -> bool:
        return False

    def obstacle(self, packet: bytes) -> str:
        if any(unit.payload[1:4] == _DOLBY_VISION for unit in _registered(packet)):
            return "it carries data that no encoder here writes (Dolby Vision)"
        return ""

    def dynamic_metadata(self, packet: bytes) -> list[bytes]:
        return [bytes(unit) for unit in _registered(packet)]

    def new(self, packet: bytes, metadata: Row[bytes] = (), *, first: bool) -> bytes:
        units = [unit for unit in split_units(packet) if unit.kind != TEMPORAL_DELIMITER]
        begun = 0
        if units[0].kind == SEQUENCE_HEADER:
            begun = 1
            if Sequence.parse(units[0].payload).form != self._sequence.form:
                raise ValueError("no encoder here writes such pictures")
        elif first:
            raise ValueError("its new pictures come without the header of their sequence")
        parts = [bytes(unit) for unit in units]
        return b"".join([*parts[:begun], *metadata, *parts[begun:]])

    def after_new(self, packet: bytes) -> bytes:
        return packet


def _same_form(sequence: Sequence) -> list[str]:
    """What SVT-AV1 is told, so that its sequence's header says the same."""
    colour = sequence.colour
    position = _CHROMA_POSITIONS.get(colour.chroma_position)
    major, minor = divmod(sequence.level, 4)
    return [
        f"color-primaries={colour.primaries}",
        f"transfer-characteristics={colour.transfer}",
        f"matrix-coefficients={colour.matrix}",
        f"color-range={colour.full_range}",
        *([f"chroma-sample-position={position}"] if position else []),
        *([f"level={major + 2}{minor}"] if sequence.level in _LEVELS else []),
    ]


def _registered(packet: bytes) -> list[Unit]:
    """HDR10+, captions and the like: what is said of one picture."""
    return [
        unit
        for unit in split_units(packet)
        if unit.kind == METADATA and unit.payload[:1] == _REGISTERED_USER
    ]
