"""What of a subtitle's text is said, and what it hides."""

from __future__ import annotations

import re
from collections.abc import Sequence

from video_censor_personal.detectors.speech.lexicon import Match

__all__ = ["says_something", "spoken_text", "struck_out_words"]

_UNSPOKEN = re.compile(
    r"\[[^\]]*\]|\([^)]*\)|[♪♫#]+|^[ \-–]*[^\W\d_a-z][^\W_a-z.' 0-9]{1,30}:", re.MULTILINE
)

_STRUCK_OUT = re.compile(r"[*#•█]{2,}|_{2,}|(?=[@#$%&!*]*[@#$%&])[@#$%&!*]{3,}")
"""A run of signs that hides a word or a part of one: `****`, `f**`, `__`, `@#$%!`."""


def spoken_text(text: str, matches: Sequence[Match] = ()) -> str:
    """`text` with what nobody says blanked out: sounds in brackets, names of speakers, notes.

    Its length stays; a bracket that holds one of `matches` stays too.
    """

    def blank(part: re.Match[str]) -> str:
        holds = any(part.start() <= match.start < part.end() for match in matches)
        return part[0] if holds else " " * len(part[0])

    return _UNSPOKEN.sub(blank, text)


def says_something(text: str) -> bool:
    """Whether somebody says it, or a word that it strikes out."""
    return any(map(str.isalpha, spoken_text(text))) or bool(_STRUCK_OUT.search(text))


def struck_out_words(text: str, matches: Sequence[Match]) -> int:
    """How many words of `text` that are not among `matches` signs stand for."""
    return sum(
        not any(match.start < hit.end() and hit.start() < match.end for match in matches)
        for hit in _STRUCK_OUT.finditer(text)
    )
