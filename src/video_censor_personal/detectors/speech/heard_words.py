"""Words that a speech model heard, and the listed words among them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from video_censor_personal.detectors.speech.lexicon import Match
from video_censor_personal.detectors.speech.vocabulary import Vocabulary

__all__ = ["HeardWord", "ListedWord", "is_same_word", "listed_words"]

_AROUND = 25


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word in a stretch of sound: seconds from its start, and how sure the model is (0–1)."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class ListedWord:
    """An entry of a word list among words that were heard.

    Attributes:
        words: the indices of the heard words it consists of.
        probability: of the least certain of them: a phrase was said only if all of it was.
        around: the words around it, about 60 characters.
    """

    match: Match
    words: range
    start_s: float
    end_s: float
    probability: float
    around: str


def listed_words(
    words: Sequence[HeardWord], vocabulary: Vocabulary, language: str
) -> list[ListedWord]:
    """The listed words and phrases among `words`, which are of `language`, in order."""
    text = " ".join(word.text for word in words)
    ends, position = [], -1
    for word in words:
        position += len(word.text) + 1
        ends.append(position)
    found = []
    for match in vocabulary.find(text, language):
        said = range(bisect_right(ends, match.start), bisect_left(ends, match.end) + 1)
        parts = words[said.start : said.stop]
        found.append(
            ListedWord(
                match,
                said,
                parts[0].start_s,
                parts[-1].end_s,
                min(part.probability for part in parts),
                _surroundings(text, match.start),
            )
        )
    return found


def _surroundings(text: str, position: int) -> str:
    start = text.rfind(" ", 0, max(0, position - _AROUND)) + 1
    end = text.find(" ", position + _AROUND + 5)
    return text[start : end if end > 0 else None]


def is_same_word(written: Match, heard: Match) -> bool:
    """`goddamn` and `god damn` are the same, and so are `damn` and `damned`; a masked word may be
    any that begins and ends like it."""
    one, other = (_letters(match.spoken) for match in (written, heard))
    if one in other or other in one:
        return True
    masked = not written.text.isalpha() and len(written.text.split()) == 1
    shown = [sign for sign in written.text.lower() if sign.isalpha()]
    return masked and bool(shown) and other.startswith(shown[0])


def _letters(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalpha())
