"""Word lists: the files from which a lexicon is made, the ones that come along and a user's own.

`docs/lexicons.md` describes the format for people. It reads the lists of cleanvid and monkeyplug
unchanged: a word a line, `word|replacement`, or a JSON array of such lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from video_censor_personal.errors import ConfigError

__all__ = [
    "ALWAYS",
    "LANGUAGES",
    "Entry",
    "WordList",
    "built_in_list",
    "parse_lines",
    "read_word_list",
]

LANGUAGES = {"de": "German", "en": "English", "es": "Spanish", "fr": "French"}
"""Languages with a list of their own: code -> English name."""

ALWAYS = 4
"""The severity of an entry that names none: flagged whatever the sensitivity."""

EntryKind = Literal["words", "wildcard", "regex"]

_SECTION = re.compile(r"\[\s*([1-4])\s*((?:[\w-]+\s*,?\s*)*)\]\Z")
_BRACES = re.compile(r"\{([^{}]*)\}")
_MIN_WILDCARD_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to find.

    Attributes:
        form: the word or phrase in lower case, the wildcard pattern, or the regular expression.
        severity: 1 mild, 2 moderate, 3 strong, 4 extreme.
        replacement: what a cleaned subtitle says instead; empty: asterisks.
        tags: further words from its section header, such as `slur`.
        language: code of the list it comes from; empty for a user's own.
    """

    form: str
    severity: int = ALWAYS
    replacement: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    kind: EntryKind = "words"


@dataclass(frozen=True, slots=True)
class WordList:
    """What is to be found, and in which surroundings (`allowed`) it is innocent."""

    entries: tuple[Entry, ...] = ()
    allowed: tuple[Entry, ...] = ()

    def __add__(self, other: WordList) -> WordList:
        return WordList(self.entries + other.entries, self.allowed + other.allowed)


@cache
def built_in_list(language: str) -> WordList:
    """The list that comes with this package for `language`, one of `LANGUAGES`."""
    name = f"{language}.txt"
    text = resources.files(__package__).joinpath("lexicons", name).read_text(encoding="utf-8")
    return parse_lines(text.splitlines(), name, language)


def read_word_list(path: Path) -> WordList:
    """A user's list: this package's format, plain lines, or a JSON array of lines.

    Raises:
        ConfigError: it cannot be read, or a line in it cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the word list cannot be read ({error}); write one word or phrase a line, as UTF-8",
            file=path,
        ) from error
    if text.lstrip().startswith("[") and path.suffix.lower() == ".json":
        return parse_lines(_json_lines(text, path), path)
    return parse_lines(text.splitlines(), path)


def _json_lines(text: str, path: Path) -> list[str]:
    try:
        lines = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON: {error.msg}", file=path, line=error.lineno) from error
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise ConfigError(
            'a JSON word list is an array of strings: ["word", "a phrase"]', file=path
        )
    return list(lines)


def parse_lines(
    lines: Iterable[str], source: Path | str | None = None, language: str = ""
) -> WordList:
    """The entries of a word list; blank lines and lines that start with `#` are skipped.

    Raises:
        ConfigError: a line cannot be used; it names `source` and the line.
    """
    entries: list[Entry] = []
    allowed: list[Entry] = []
    severity = ALWAYS
    tags: tuple[str, ...] = ()
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            if line.startswith("["):
                severity, tags = _section(line)
            elif line.startswith("!"):
                allowed += _entries(line[1:].strip(), 0, (), language)
            else:
                entries += _entries(line, severity, tags, language)
        except ValueError as error:
            raise ConfigError(str(error), file=source, line=number, key=line) from error
    return WordList(tuple(entries), tuple(allowed))


def _section(line: str) -> tuple[int, tuple[str, ...]]:
    match = _SECTION.match(line)
    if not match:
        raise ValueError(
            f"{line!r} is no section; write [severity tags], for example [3 sexual], with a "
            "severity of 1 (mild) to 4 (extreme)"
        )
    return int(match[1]), tuple(match[2].replace(",", " ").split())


def _entries(line: str, severity: int, tags: tuple[str, ...], language: str) -> list[Entry]:
    """The entries of one line, its `{…}` inflections written out."""
    if line.startswith("/"):
        pattern, replacement = _regex(line)
        return [Entry(pattern, severity, replacement, tags, language, "regex")]
    written, _, replacement = (part.strip() for part in line.partition("|"))
    forms, replacements = _inflections(written), _inflections(replacement)
    if len(replacements) != len(forms):
        if len(replacements) != 1:
            raise ValueError(
                f"{written!r} has {len(forms)} forms and its replacement {len(replacements)}; "
                "write as many, or one for all"
            )
        replacements *= len(forms)
    return [
        Entry(form, severity, instead, tags, language, _kind(form))
        for form, instead in zip(forms, replacements, strict=True)
    ]


def _inflections(written: str) -> list[str]:
    """`damn{s,ed}` -> damn, damns, damned."""
    text = " ".join(written.lower().replace("’", "'").split())
    match = _BRACES.search(text)
    if not match:
        if "{" in text or "}" in text:
            raise ValueError(f"{written!r} has a brace without its partner; write damn{{s,ed}}")
        return [text]
    before, after = text[: match.start()], text[match.end() :]
    endings = ["", *(ending.strip() for ending in match[1].split(","))]
    return [form for ending in endings for form in _inflections(before + ending + after)]


def _kind(form: str) -> EntryKind:
    letters = sum(character.isalnum() for character in form)
    if not letters:
        raise ValueError(f"{form!r} has no letter; write a word, a phrase or /a regex/")
    if "*" not in form:
        return "words"
    if letters < _MIN_WILDCARD_LETTERS:
        raise ValueError(
            f"{form!r} would match too much, because * stands for any letters; write the whole "
            "word (its masked spellings are found by themselves)"
        )
    return "wildcard"


def _regex(line: str) -> tuple[str, str]:
    end = line.rfind("/")
    pattern, rest = line[1:end], line[end + 1 :].strip()
    if end == 0 or (rest and not rest.startswith("|")):
        raise ValueError(f"{line!r} has no closing /; write /regex/ or /regex/|replacement")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"/{pattern}/ is no regular expression: {error}") from error
    if compiled.match(""):
        raise ValueError(f"/{pattern}/ matches nothing at all, so it would match everywhere")
    return pattern, rest[1:].strip()
