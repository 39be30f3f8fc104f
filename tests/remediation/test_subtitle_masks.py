"""Words are masked inside subtitle packets, and nothing else in them changes."""

import pytest

from video_censor_personal.remediation.subtitles import convert_packet, mask_packet, mask_text


@pytest.mark.parametrize(
    ("text", "word", "replacement", "masked"),
    [
        ("What the hell is that", "hell", "", "What the **** is that"),
        ("HELL, no!", "hell", "", "****, no!"),
        ("Hello, shellfish", "hell", "", "Hello, shellfish"),
        ("son of a\nbitch", "son of a bitch", "", "*** ** *\n*****"),
        ("you son of a bitch!", "son of a bitch", "rascal", "you rascal!"),
        ("h<i>el</i>l yes", "hell", "", "*<i>**</i>* yes"),
        ("h<i>el</i>l yes", "hell", "heck", "heck<i></i> yes"),
        ("{\\i1}bloody\\Nhell{\\i0}", "bloody hell", "", "{\\i1}******\\N****{\\i0}"),
        ("mot-clé MÉRDE là", "mérde", "", "mot-clé ***** là"),
        ("hell hell", "hell", "heck", "heck heck"),
        ("what the f***", "f***", "", "what the ****"),
        ("he\u00adll", "hell", "", "**\u00ad**"),
    ],
)
def test_words_in_text(text: str, word: str, replacement: str, masked: str) -> None:
    assert mask_text(text, [(word, replacement)]) == masked


@pytest.mark.parametrize(
    ("data", "codec", "target", "new"),
    [
        (b"\x00\x02Hi\x00\x00\x00\x08abcd", "mov_text", "subrip", b"Hi"),
        (b"<i>Hi</i> <font color='red'>you</font>", "subrip", "mov_text", b"\x00\x06Hi you"),
        (b"<i>Hi</i> <font color='red'>you</font>", "subrip", "webvtt", b"<i>Hi</i> you"),
        (b"1,0,D,,0,0,0,,{\\i1}Hi{\\i0}\\Nyou, too", "ass", "subrip", b"Hi\nyou, too"),
    ],
)
def test_text_moves_from_one_kind_of_subtitles_to_another(
    data: bytes, codec: str, target: str, new: bytes
) -> None:
    assert convert_packet(data, codec, target) == new


def test_a_packet_without_the_word_is_the_very_same_bytes() -> None:
    data = b"\xff\xfe broken \x80 utf-8"
    assert mask_packet(data, "subrip", [("hell", "")]) is data


def test_broken_characters_around_a_word_survive() -> None:
    assert mask_packet(b"\x80 hell \xff", "subrip", [("hell", "")]) == b"\x80 **** \xff"


def test_ass_masks_the_text_and_not_the_fields() -> None:
    event = b"3,0,hell,hell,0,0,0,,oh {\\b1}hell{\\b0}, comma"
    masked = mask_packet(event, "ass", [("hell", "heck")])
    assert masked == b"3,0,hell,hell,0,0,0,,oh {\\b1}heck{\\b0}, comma"


def test_mov_text_keeps_its_length_field_right() -> None:
    text = "mérde, oh hell".encode()
    packet = len(text).to_bytes(2, "big") + text
    masked = mask_packet(packet, "mov_text", [("mérde", ""), ("hell", "heavens")])
    new = b"*****, oh heavens"
    assert masked == len(new).to_bytes(2, "big") + new


def test_styled_mov_text_keeps_its_number_of_characters() -> None:
    boxes = bytes.fromhex("000000167374796c0001000300070001010c00ff00ff")
    packet = (7).to_bytes(2, "big") + b"oh hell" + boxes
    masked = mask_packet(packet, "mov_text", [("hell", "goodness")])
    assert masked == (7).to_bytes(2, "big") + b"oh ****" + boxes
