"""Units of AV1, and what a sequence and a frame say of themselves."""

import pytest

from video_censor_personal.remediation.bitstreams.av1_units import (
    Colour,
    Sequence,
    Unit,
    is_plain_size,
    shows_key_frame,
    split_units,
)


def test_units_are_split_and_written_again() -> None:
    long = Unit(b"\x36\x08", bytes(300))  # with the byte that layers need
    packet = bytes(Unit(b"\x0a", b"ab")) + bytes(long)
    assert packet == b"\x0a\x02ab" + b"\x36\x08\xac\x02" + bytes(300)
    assert list(split_units(packet)) == [Unit(b"\x0a", b"ab"), long]
    assert list(split_units(b"\x12\x00\x30abc")) == [Unit(b"\x12", b""), Unit(b"\x32", b"abc")]
    assert [unit.kind for unit in split_units(packet)] == [1, 6]


@pytest.mark.parametrize("packet", [b"\x0a\x05ab", b"\x0a", b"\x0a" + b"\xff" * 9])
def test_sizes_that_do_not_fit_are_an_error(packet: bytes) -> None:
    with pytest.raises(ValueError, match="within a packet"):
        list(split_units(packet))


def header(*, modelled: bool = False, numbered: bool = False, superres: bool = False) -> bytes:
    """A sequence's header (5.5.1), with what SVT-AV1 never writes."""
    timing = "1" + f"{1:032b}{24:032b}" + "0"
    model = "1" + f"{9:05b}{1:032b}{9:05b}{9:05b}"
    point = f"{0:012b}" + f"{9:05b}" + "0" + ("1" + f"{5:010b}{5:010b}" + "0" if modelled else "")
    bits = [
        "000" + "0" + "0",
        timing + model if modelled else "0",
        "0" + f"{0:05b}" + point,
        f"{6:04b}{6:04b}{127:07b}{95:07b}",
        "1" + f"{3:04b}{2:03b}" if numbered else "0",
        "111" + "1111" + "1" + "11" + "1" + "1" + f"{6:03b}",  # tools
        f"{superres:b}" + "11",
        "0" + "0" + "1" + f"{9:08b}{16:08b}{9:08b}" + "1" + "10" + "0" + "0" + "1",
    ]
    return to_bytes("".join(bits))


def to_bytes(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def test_a_sequence_says_what_stands_in_the_way() -> None:
    for more, obstacle in (
        ({}, ""),
        ({"modelled": True}, "its buffers are modelled"),
        ({"numbered": True}, "its frames are numbered"),
    ):
        sequence = Sequence.parse(header(**more))
        assert (sequence.level, sequence.size, sequence.obstacle) == (9, (127, 95), obstacle)
        assert sequence.colour == Colour(0, 9, 16, 9, full_range=1, chroma_position=2)
    with pytest.raises(ValueError, match="bits"):
        Sequence.parse(b"\x20" + header()[1:])  # profile 1


@pytest.mark.parametrize(
    ("bits", "plain_size"),
    [
        ("0 00 1 0 0 0 0000000 0 0", True),
        ("0 00 1 0 1 1 0 0000001 0 0", True),
        ("0 00 1 0 0 0 0000000 1 101 0", True),  # coded narrower
        ("0 00 1 0 0 1", False),  # another size
        ("0 00 1 0 0 0 0000000 0 1", False),  # to be shown in another
    ],
)
def test_the_size_of_a_key_frame(bits: str, plain_size: bool) -> None:
    frame = to_bytes(bits.replace(" ", ""))
    assert shows_key_frame(frame)
    assert is_plain_size(frame, Sequence.parse(header(superres=True)).tools) == plain_size


@pytest.mark.parametrize("bits", ["1 000", "0 00 0", "0 01 1", "0 10 1", "0 11 1"])
def test_other_frames_than_shown_key_frames_are_no_entries(bits: str) -> None:
    """One that is there already, a hidden key frame, inter, intra only, a switch."""
    assert not shows_key_frame(to_bytes(bits.replace(" ", "")))
