"""What a sequence parameter set says, however it was written."""

from __future__ import annotations

import pytest

from video_censor_personal.media.h264_sequences import SequenceSet


def ue(number: int) -> str:
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def se(number: int) -> str:
    return ue(2 * number - 1 if number > 0 else -2 * number)


def a_set(
    profile: int = 100, chroma: int = 1, lists: list[list[int] | None] | None = None, kind: int = 0
) -> bytes:
    """A set of 10 bits of `frame_num` and 7 of the order, fields allowed; `lists` are entries'
    differences."""
    bits = f"{profile:08b}" + "0" * 8 + f"{40:08b}" + ue(0)
    if profile >= 100:
        bits += ue(chroma) + ("1" if chroma == 3 else "") + ue(0) + ue(0) + "0"
        bits += "0" if lists is None else "1"
        for each in lists or ():
            bits += "0" if each is None else "1" + "".join(map(se, each))
    bits += ue(6) + ue(kind)
    if kind == 0:
        bits += ue(3)
    elif kind == 1:
        bits += "0" + se(-3) + se(2) + ue(2) + se(5) + se(-5)
    bits += ue(2) + "0" + ue(119) + ue(67) + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    return bytes([0x67]) + int(bits, 2).to_bytes(len(bits) // 8, "big")


FLAT = [8] + [0] * 15
CURVED = [8] + [1] * 63
ENDS_EARLY = [4, -12]  # an entry of 0: the rest repeats


@pytest.mark.parametrize(
    "lists",
    [
        None,
        [None] * 8,
        [FLAT, None, ENDS_EARLY, None, None, None, CURVED, ENDS_EARLY],
        [FLAT] * 6 + [CURVED] * 2,
    ],
    ids=["none", "defaults", "mixed", "all"],
)
def test_scaling_lists_are_passed_over(lists: list[list[int] | None] | None) -> None:
    assert SequenceSet.parse(a_set(lists=lists)) == SequenceSet(False, 10, 7, False)


def test_separate_planes_have_twelve_lists() -> None:
    unit = a_set(profile=244, chroma=3, lists=[FLAT] + [None] * 10 + [CURVED])
    assert SequenceSet.parse(unit) == SequenceSet(True, 10, 7, False)


@pytest.mark.parametrize("kind", [1, 2])
def test_orders_that_slices_do_not_say(kind: int) -> None:
    assert SequenceSet.parse(a_set(profile=77, kind=kind)).order_bits == 0


def test_what_is_cut_off_is_refused() -> None:
    unit = a_set(lists=[FLAT] * 6 + [CURVED] * 2)
    for length in range(1, len(unit) - 2):
        with pytest.raises(ValueError, match=r"cut off|not found"):
            SequenceSet.parse(unit[:length])
