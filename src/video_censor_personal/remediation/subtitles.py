"""Masking words inside the packets of text subtitles, everything else byte for byte as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["TEXT_CODECS", "mask_packet", "mask_text"]

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "text", "webvtt", "ass", "ssa"})

_ASS_FIELDS = 8  # fields before the text: read order, layer, style, name, margins, effect
_LENGTH = 2  # bytes of the length before the text of mov_text

# What is not shown: tags of SubRip and WebVTT, override blocks and escapes of ASS.
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}|\\[Nnh]")
_ESCAPED_SPACE = ("\\N", "\\n", "\\h")


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


def mask_text(text: str, words: Sequence[tuple[str, str]]) -> str:
    """`text` with every occurrence of each of `words` (word, replacement) masked.

    Words match without regard to case, whatever markup or line break lies between or within them,
    and not as a part of longer words. An empty replacement is an asterisk for every letter.
    """
    for word, replacement in words:
        if word.strip():
            text = _mask_word(text, word, replacement)
    return text


def _mask_word(text: str, word: str, replacement: str) -> str:
    shown, places = _shown(text)
    parts = [re.escape(part) for part in word.split()]
    pattern = re.compile(r"(?<!\w)" + r"[\W_]+".join(parts) + r"(?!\w)", re.IGNORECASE)
    characters = list(text)
    for match in pattern.finditer(shown):
        inside = [(shown[at], places[at]) for at in range(*match.span())]
        for number, (letter, place) in enumerate(inside):
            if replacement and number == 0:
                characters[place] = replacement
            elif replacement and text[place] != "\\":  # line breaks stay
                characters[place] = ""
            elif not letter.isspace():
                characters[place] = "*"
    return "".join(characters)


def _shown(text: str) -> tuple[str, list[int]]:
    """What a viewer reads of `text`, and where in `text` each of its characters stands."""
    letters: list[str] = []
    places: list[int] = []
    position = 0
    for match in _MARKUP.finditer(text):
        letters += text[position : match.start()]
        places += range(position, match.start())
        if match.group() in _ESCAPED_SPACE:
            letters.append(" ")
            places.append(match.start())
        position = match.end()
    return "".join([*letters, *text[position:]]), [*places, *range(position, len(text))]
