"""The names of what can be censored.

A category has a *key*, by which it is compared, and a *label*, which people read. Names match
without regard to case, spaces, hyphens and underscores: `Sexual Themes`, `sexual-theme` and
`SEXUAL_THEMES` are one category. Any other name is a custom concept, labelled as its user wrote it.
"""

from __future__ import annotations

import re

from video_censor_personal.findings import Modality

__all__ = [
    "BUILT_IN",
    "FACES",
    "NUDITY",
    "PROFANITY",
    "SEXUAL_THEMES",
    "VIOLENCE",
    "key",
    "label",
    "senses",
]

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

_SOUNDS = frozenset(
    {PROFANITY, "crying", "explosions", "gunshots", "moans", "screams", "sirens"},
)
"""Categories that are meant as sounds; all others can be there without one."""

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


def senses(key: str, description: str = "") -> frozenset[Modality]:
    """How the category of a key has to be searched before anyone may call a film free of it:
    nobody has looked for violence who only listened. Whatever else is searched as well only helps.

    A `description` says what a concept looks like.
    """
    needed: set[Modality] = set()
    if key in _SOUNDS:
        needed.add("audio")
    if key not in _SOUNDS or description:
        needed.add("video")
    return frozenset(needed)
