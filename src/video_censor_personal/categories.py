"""The names of what can be censored.

A category has a *key*, by which it is compared, and a *label*, which people read. Names match
without regard to case, spaces, hyphens and underscores: `Sexual Themes`, `sexual-theme` and
`SEXUAL_THEMES` are one category. Any other name is a custom concept, labelled as its user wrote it.
"""

from __future__ import annotations

import re

__all__ = ["BUILT_IN", "FACES", "NUDITY", "PROFANITY", "SEXUAL_THEMES", "VIOLENCE", "key", "label"]

NUDITY = "nudity"
PROFANITY = "profanity"
VIOLENCE = "violence"
SEXUAL_THEMES = "sexual_themes"
FACES = "faces"

BUILT_IN = {
    NUDITY: "Nudity",
    PROFANITY: "Profanity",
    VIOLENCE: "Violence",
    SEXUAL_THEMES: "Sexual Theme",
    FACES: "Faces",
}

_SEPARATORS = re.compile(r"[\s_\-]+")
_SQUEEZED = {_SEPARATORS.sub("", name): name for name in BUILT_IN} | {
    "sexualtheme": SEXUAL_THEMES,
    "face": FACES,
}


def key(name: str) -> str:
    """The key under which `name` is compared.

    Raises:
        ValueError: the name holds no letter or digit.
    """
    words = _SEPARATORS.sub("_", name.strip().casefold()).strip("_")
    squeezed = words.replace("_", "")
    if not any(character.isalnum() for character in squeezed):
        raise ValueError(f"{name!r} is no category name; it needs a letter or a digit")
    return _SQUEEZED.get(squeezed, squeezed)


def label(name: str) -> str:
    """What people read: the fixed label of a built-in category, else the name as written."""
    return BUILT_IN.get(key(name), name.strip())
