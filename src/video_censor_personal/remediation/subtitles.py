"""Masking words inside the packets of text subtitles, everything else byte for byte as it was.

Also re-writing a packet of one kind of text subtitles as another, for a kind of file that cannot
hold the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from video_censor_personal.media.cue_masking import mask_text

__all__ = ["TEXT_CODECS", "convert_packet", "mask_packet"]

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "text", "webvtt", "ass", "ssa"})

_ASS_FIELDS = 8  # fields before the text: read order, layer, style, name, margins, effect
_LENGTH = 2  # bytes of the length before the text of mov_text

_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}|\\[Nnh]")
_SIMPLE_TAG = re.compile(r"</?[ibu]>")


def mask_packet(data: bytes, codec: str, words: Sequence[tuple[str, str]]) -> bytes:
    """`data` of one subtitle with each of `words` (word, replacement) masked; `data` itself if none
    is in it."""
    if codec == "mov_text":
        return _mask_mov_text(data, words)
    text = data.decode("utf-8", "surrogateescape")
    fields = text.split(",", _ASS_FIELDS) if codec in ("ass", "ssa") else [text]
    masked = mask_text(fields[-1], words)
    if masked == fields[-1]:
        return data
    return ",".join([*fields[:-1], masked]).encode("utf-8", "surrogateescape")


def _mask_mov_text(data: bytes, words: Sequence[tuple[str, str]]) -> bytes:
    """3GPP timed text (TS 26.245): a length, the text, boxes that style ranges of characters."""
    size = int.from_bytes(data[:_LENGTH], "big")
    raw, boxes = data[_LENGTH : _LENGTH + size], data[_LENGTH + size :]
    codec = "utf-16" if raw[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8"
    text = raw.decode(codec, "surrogateescape" if codec == "utf-8" else "replace")
    # Styled ranges count characters, so a word in styled text keeps its length.
    masked = mask_text(text, [(word, "" if boxes else new) for word, new in words])
    if masked == text:
        return data
    new = masked.encode(codec, "surrogateescape" if codec == "utf-8" else "replace")
    return len(new).to_bytes(_LENGTH, "big") + new + boxes


def convert_packet(data: bytes, codec: str, target: str) -> bytes:
    """The text of `data`, a packet of `codec`, as a packet of `target`.

    Italics, bold and underlining survive from SubRip to WebVTT and back; other styling and every
    position is lost.
    """
    if codec == "mov_text":
        size = int.from_bytes(data[:_LENGTH], "big")
        data = data[_LENGTH : _LENGTH + size]
    text = data.decode("utf-8", "replace")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1]
    tags = target != "mov_text"
    new = _MARKUP.sub(lambda markup: _plainly(markup.group(), tags), text).encode("utf-8")
    return len(new).to_bytes(_LENGTH, "big") + new if target == "mov_text" else new


def _plainly(markup: str, tags: bool) -> str:
    if markup.startswith("\\"):
        return " " if markup == "\\h" else "\n"
    return markup if tags and _SIMPLE_TAG.fullmatch(markup) else ""
