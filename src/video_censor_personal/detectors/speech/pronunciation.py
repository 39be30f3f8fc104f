"""How an English word that no dictionary holds is probably said.

Only listed words need this: a word of a subtitle that the speech model does not know and that
nobody wants censored is simply left out of an alignment. Phones are those of the CMU dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["pronounce"]

Lookup = Callable[[str], str | None]

_ENDINGS = (
    ("in'", "IH N"), ("ing", "IH NG"), ("ers", "ER Z"), ("er", "ER"), ("ed", "D"), ("es", "IH Z"),
    ("'s", "Z"), ("s", "Z"), ("y", "IY"),
)  # fmt: skip
_MIN_PART = 3

_SOUNDS = {
    "tch": "CH", "sch": "SH", "igh": "AY", "ough": "AO", "augh": "AO", "eigh": "EY",
    "sh": "SH", "ch": "CH", "th": "TH", "ph": "F", "ck": "K", "ng": "NG", "qu": "K W", "wh": "W",
    "kn": "N", "wr": "R", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oa": "OW",
    "ai": "EY", "ay": "EY", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ie": "IY", "ey": "IY",
    "er": "ER", "ir": "ER", "ur": "ER", "ar": "AA R", "or": "AO R", "ew": "UW", "ue": "UW",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}
_SPELLING = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_SILENT_E = re.compile(r"([aeiou])([^aeiouy])e\Z")


def pronounce(word: str, lookup: Lookup) -> str | None:
    """The phones of `word` (lower case), or None if it has no Latin letter.

    In this order: the dictionary, its parts (`cluster` + `fuck`), its stem with an ending, the
    rules of spelling.
    """
    known = lookup(word) or _of_parts(word, lookup) or _of_stem(word, lookup)
    return known or _spelled(word)


def _of_parts(word: str, lookup: Lookup) -> str | None:
    pieces = re.split(r"[\s-]+", word)
    if len(pieces) > 1:
        sounds = [pronounce(piece, lookup) for piece in pieces if piece]
        return " ".join(sound for sound in sounds if sound) or None
    for cut in range(len(word) - _MIN_PART, _MIN_PART - 1, -1):
        first, second = lookup(word[:cut]), lookup(word[cut:])
        if first and second:
            return f"{first} {second}"
    return None


def _of_stem(word: str, lookup: Lookup) -> str | None:
    for ending, sound in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _MIN_PART:
            continue
        undoubled = stem[:-1] if stem[-1] == stem[-2] else stem
        for spelling in (stem, stem + "e", undoubled):
            known = lookup(spelling) or _of_parts(spelling, lookup)
            if known:
                return f"{known} {sound}"
    return None


def _spelled(word: str) -> str | None:
    letters = re.sub(r"[^a-z]", "", word.lower())
    letters = re.sub(r"([^aeiou])\1", r"\1", letters)
    letters = re.sub(r"(?<=[^aeiouy])y(?=[^aeiouy])", "i", letters)
    long_vowel = _SILENT_E.search(letters)
    if long_vowel and len(letters) > _MIN_PART:
        head = letters[: long_vowel.start()]
        tail = f"{_LONG[long_vowel[1]]} {_SOUNDS[long_vowel[2]]}"
        return f"{_spelled(head) or ''} {tail}".strip()
    return " ".join(_SOUNDS[match[0]] for match in _SPELLING.finditer(letters)) or None
