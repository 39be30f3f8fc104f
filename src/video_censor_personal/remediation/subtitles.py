"""Masking words inside the packets of text subtitles, everything else byte for byte as it was."""

from __future__ import annotations

from collections.abc import Sequence

from video_censor_personal.media.cue_masking import mask_text

__all__ = ["TEXT_CODECS", "mask_packet"]

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "text", "webvtt", "ass", "ssa"})

_ASS_FIELDS = 8  # fields before the text: read order, layer, style, name, margins, effect
_LENGTH = 2  # bytes of the length before the text of mov_text


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
