"""What is said in a subtitle, without how it is to look: `spoken_text`."""

from __future__ import annotations

import html
import re

__all__ = ["spoken_text"]

_DRAWING = re.compile(r"\{[^}]*\\p[1-9][^}]*\}.*?(?:\{[^}]*\\p0[^}]*\}|\Z)", re.DOTALL)
_OVERRIDE = re.compile(r"(?<!\\)\{[^}]*\}")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>")
# Soft hyphens, joiners and direction marks are not seen, but would split a word for a search.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
# For people who cannot hear: [door slams], (SIGHS), ♪ music ♪, MARY: and >> where speakers change.
_SOUND = re.compile(r"\[[^\]]*\]|\((?![^)]*[^\W\d_A-Z])[^)]*\)|[♩♪♫♬]+")
# A word that is struck out, as [bleep], (expletive) or [ __ ]: no sound, but a hidden word.
_STRUCK_OUT = re.compile(
    r"[\[(]\s*(?:bleep\w*|beep\w*|expletives?(?: deleted)?|censored|profanity|curse word|[_*]{2,})"
    r"\s*[\])]",
    re.IGNORECASE,
)
_SPEAKER = re.compile(r"^\s*(?:[-–—]\s*|>>+\s*)?(?:[A-Z][A-Z0-9 .'&#-]{1,30}:(?=\s))?\s*")


def spoken_text(markup: str) -> str:
    r"""The plain text of a cue written as ASS, SRT or WebVTT; lines are joined by newlines.

    Styling (`{\i1}`, `<i>`), drawings, invisible characters, descriptions of sounds in square
    brackets or capitals in parentheses, and names of speakers in capitals are left out; a word that
    is struck out (`[bleep]`) becomes asterisks.
    """
    text = markup.replace("{}", "")  # FFmpeg's way to escape a brace is `\{{}`
    text = _OVERRIDE.sub("", _DRAWING.sub("", text))
    text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    text = text.replace("\\{", "{").replace("\\}", "}")
    text = _INVISIBLE.sub("", html.unescape(_TAG.sub("", text)))
    text = _STRUCK_OUT.sub("****", text)
    lines = (_SPEAKER.sub("", line) for line in _SOUND.sub(" ", text).splitlines())
    return "\n".join(plain for line in lines if (plain := " ".join(line.split())))
