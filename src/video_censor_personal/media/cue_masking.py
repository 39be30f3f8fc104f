"""Words of a subtitle hidden where they stand; markup, line breaks and other words stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["mask_text"]

# What is not shown: tags of SubRip and WebVTT, override blocks and escapes of ASS, and characters
# that only guide line breaks and the direction of writing.
_MARKUP = re.compile(
    r"<[^<>]*>|\{\\[^{}]*\}|\\[Nnh]|[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_ESCAPED_SPACE = ("\\N", "\\n", "\\h")


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
