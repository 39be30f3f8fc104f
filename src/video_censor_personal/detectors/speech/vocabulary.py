"""What counts as profanity for one user: languages, lists, own words, and how mild is too mild."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from video_censor_personal.categories import PROFANITY
from video_censor_personal.config.document import nearest
from video_censor_personal.detectors.base import CategorySettings, DetectorSettings
from video_censor_personal.detectors.speech.lexicon import Lexicon, Match
from video_censor_personal.detectors.speech.word_list import (
    ALWAYS,
    LANGUAGES,
    WordList,
    built_in_list,
    parse_lines,
    read_word_list,
)
from video_censor_personal.errors import ConfigError
from video_censor_personal.media.base import Cue

__all__ = ["SPOKEN_LANGUAGE", "Vocabulary", "WordOptions", "language_code"]

SPOKEN_LANGUAGE = "en"
"""The language of the speech model that comes along."""

_UNKNOWN = frozenset({"", "und", "mis", "mul", "zxx", "unknown"})
_THREE_LETTERS = {
    "eng": "en", "spa": "es", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr",
    "english": "en", "spanish": "es", "german": "de", "french": "fr",
}  # fmt: skip


@dataclass
class WordOptions:
    """The options that say which words are meant; `docs/lexicons.md` explains them."""

    languages: Annotated[list[str], Field(min_length=1)] = field(
        default_factory=lambda: [SPOKEN_LANGUAGE]
    )
    lexicons: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    allow: list[str] = field(default_factory=list)
    min_severity: Annotated[int, Field(ge=1, le=4)] | None = None


def language_code(name: str) -> str:
    """`en` for `en`, `eng`, `en-US` or `English`; empty where no language is said."""
    plain = re.split(r"[-_]", name.strip().casefold())[0]
    return "" if plain in _UNKNOWN else _THREE_LETTERS.get(plain, plain)


def severity_from(sensitivity: float) -> int:
    """The mildest severity that is flagged: 4 below 0.25, 3 below 0.5, 2 below 0.75, else 1."""
    return 4 - min(3, int(sensitivity * 4))


class Vocabulary:
    """The words to find, by the language of the text.

    `sensitivity` is only asked for what a cleaned subtitle may say instead: whatever it is, all
    listed words are found.

    Raises:
        ConfigError: an unknown language, or a word or list that cannot be used.
    """

    def __init__(self, options: WordOptions, sensitivity: float, base_dir: Path) -> None:
        self.languages = frozenset(_known_language(name) for name in options.languages)
        self._min_severity = options.min_severity
        self._mild_below = options.min_severity or severity_from(sensitivity)
        own = _parsed("words", options.words)
        for name in options.lexicons:
            own += read_word_list(base_dir / Path(name).expanduser())
        allowed = _parsed("allow", options.allow)
        self._own = own + WordList(allowed=allowed.entries)
        self._lexicons: dict[str, Lexicon] = {}

    @cached_property
    def spoken(self) -> bool:
        """Whether the speech model's language is among those looked for."""
        return SPOKEN_LANGUAGE in self.languages

    @classmethod
    def asked_for(cls, settings: DetectorSettings, options: WordOptions) -> Vocabulary:
        """That of a detector with these options."""
        asked = settings.categories.get(PROFANITY, CategorySettings(PROFANITY, ""))
        return cls(options, asked.sensitivity, settings.base_dir)

    def selected(self, cues: Iterable[Cue]) -> list[Cue]:
        """Those whose text is looked at."""
        return [cue for cue in cues if self.selects(language_code(cue.language))]

    def selects(self, language: str) -> bool:
        """Whether text of this language (a code, or empty for unknown) is looked at."""
        return not language or language in self.languages

    def find(self, text: str, language: str) -> list[Match]:
        """The listed words in text of a selected language; see `strength`."""
        if language not in self._lexicons:
            words = self._own
            for code in sorted({language} if language else self.languages):
                words += built_in_list(code)
            self._lexicons[language] = Lexicon(words, self._min_severity or 1, self._mild_below)
        return self._lexicons[language].find(text)

    @cached_property
    def digest(self) -> str:
        """Eight digits that tell lists of words apart."""
        words = self._own
        for code in sorted(self.languages):
            words += built_in_list(code)
        return hashlib.blake2b(repr(words).encode(), digest_size=4).hexdigest()

    def strength(self, match: Match) -> float:
        """0–1: what has the strength `x` is flagged from a sensitivity of `1 - x` on.

        That is its severity, see `severity_from`; with the option `min_severity` whatever is found
        is flagged.
        """
        return 1.0 if self._min_severity else match.entry.severity / ALWAYS


def _known_language(name: str) -> str:
    code = language_code(name)
    if code not in LANGUAGES:
        names: Mapping[str, str] = {english: code for code, english in LANGUAGES.items()}
        guess = nearest(name, [*LANGUAGES, *names])
        raise ConfigError(
            f"there is no word list for the language {name!r}"
            + (f"; did you mean {guess!r}?" if guess else "")
            + f" (there is: {', '.join(sorted(LANGUAGES))}; for others give your own under "
            "'lexicons' or 'words')",
            key="languages",
        )
    return code


def _parsed(key: str, lines: Sequence[str]) -> WordList:
    """A list that is written in the configuration itself; its `line` is a position in the list."""
    try:
        return parse_lines(lines)
    except ConfigError as error:
        raise ConfigError(f"{key}[{(error.line or 1) - 1}]: {error}", key=key) from error
