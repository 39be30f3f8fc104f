"""Finds the words of word lists in text, however they are spelled.

A word is found as a whole word in any case, with stretched letters (`shiiit`), with digits and
signs for letters (`sh1t`, `a$$`), masked (`f***`, `s--t`, `b*tch`) and spelled out (`F.U.C.K`).
A phrase is found across line breaks and punctuation. Edges are safe: `Scunthorpe` and `he'll`
hold no listed word, `hell's` does. Text of asterisks alone is never found, so a cleaned subtitle
stays clean.

All plain forms become one regular expression in the shape of a trie, which takes a few
microseconds a line; which form a hit is, is worked out only for hits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

from video_censor_personal.detectors.speech.word_list import Entry, WordList

__all__ = ["Lexicon", "Match"]

_LOOKALIKES = {
    "a": "a@4", "b": "b8", "e": "e3", "g": "g9", "i": "i1", "l": "l1", "o": "o0", "s": "s$5",
    "t": "t7", "u": "uv", "z": "z2",
}  # fmt: skip
_PUNCTUATION_LOOKALIKES = {"i": "!", "c": "("}
"""These stand for letters only before another letter: `sh!t`, but not `fickerei!`."""
_STRETCHED_FROM_TWO = frozenset("aiu")
"""Other letters make another word when doubled (`god` and `good`, `asses` and `assess`): they
count as stretched from three on."""

_LEFT = r"(?<![^\W_])(?<![^\W_]\*)"
_RIGHT = r"(?![^\W_])"
_GAP = r"[\s\-–—,.…!?\"“”'’]{1,4}"
_POSSESSIVE = r"(?:['’]s)?"

_MASK = "*#_•█"
_STRIKES = frozenset(_MASK + "-")
_MASKED = re.compile(
    rf"[^\W_{_MASK}]+[{_MASK}][^\W_]*(?:[{_MASK}]*[^\W_]*)*|[^\W\d_]+-{{1,6}}[^\W\d_]+"
)
_SPELLED = re.compile(
    rf"{_LEFT}[^\W\d_](?:([.\-])[^\W\d_](?:\1[^\W\d_])+|(?: [^\W\d_]){{3,}}){_RIGHT}"
)


@dataclass(frozen=True, slots=True)
class Match:
    """A listed word in a text: `text[start:end]`.

    `spoken` is the word as it is said, in plain letters: `fuck` for `f**k`.
    """

    start: int
    end: int
    text: str
    entry: Entry
    spoken: str

    @property
    def replacement(self) -> str:
        """The entry's replacement in the case of the text."""
        instead = self.entry.replacement
        if len(self.text) > 1 and self.text.isupper():
            return instead.upper()
        return instead[:1].upper() + instead[1:] if self.text[:1].isupper() else instead


class Lexicon:
    """The words of one or more lists, of at least a severity.

    `mild_below`: words of a lesser severity may stand in a cleaned text.
    """

    def __init__(self, words: WordList, min_severity: int = 1, mild_below: int = 1) -> None:
        self.entries = tuple(e for e in words.entries if e.severity >= min_severity)
        self._mild_below = mild_below
        self._plain: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.kind == "words":
                first = self._plain.setdefault(entry.form, entry)
                if entry.severity > first.severity:
                    self._plain[entry.form] = replace(first, severity=entry.severity)
        self._patterns = [(_pattern(e), e) for e in self.entries if e.kind != "words"]
        self._plain_pattern = _trie(self._plain)
        self._allowed = [_pattern(entry) for entry in words.allowed]
        self._mild: dict[str, str] = {"": ""}

    def find(self, text: str) -> list[Match]:
        """The listed words in `text`, in order, none overlapping another.

        The longest word at a place counts, and its severity is that of the strongest word in it.
        The replacement of each is no listed word itself (of a severity of `mild_below` or more), so
        a text cleaned with them is clean.
        """
        return [
            replace(
                match,
                entry=replace(
                    match.entry,
                    severity=self._severity(match),
                    replacement=self._milder(match.entry),
                ),
            )
            for match in self._listed(text)
        ]

    def _severity(self, match: Match) -> int:
        words = match.text.split()
        parts = (" ".join(words[:-1]), " ".join(words[1:])) if len(words) > 1 else ()
        inside = (self._severity(other) for part in parts for other in self._listed(part))
        return max(match.entry.severity, *inside, 0)

    def _milder(self, entry: Entry) -> str:
        """The entry's replacement, or that one's own where it is listed too, and so on."""
        word = entry.replacement
        if word not in self._mild:
            self._mild[word] = ""  # asterisks, where two words would replace each other for ever
            listed = [m for m in self._listed(word) if m.entry.severity >= self._mild_below]
            whole = len(listed) == 1 and listed[0].text == word
            self._mild[word] = (
                word if not listed else self._milder(listed[0].entry) if whole else ""
            )
        return self._mild[word]

    def _listed(self, text: str) -> list[Match]:
        found = list(self._whole_words(text))
        if not _STRIKES.isdisjoint(text):
            found += _masked(text, self._plain)
        found += self._spelled_out(text)
        if not found:
            return found
        innocent = [hit.span() for pattern in self._allowed for hit in pattern.finditer(text)]
        found.sort(key=lambda match: (match.start, -match.end))
        kept: list[Match] = []
        for match in found:
            inside = any(start <= match.start and match.end <= end for start, end in innocent)
            if not inside and not (kept and match.start < kept[-1].end):
                kept.append(match)
        return kept

    def _whole_words(self, text: str) -> Iterator[Match]:
        for hit in self._plain_pattern.finditer(text) if self._plain_pattern else ():
            if any(character.isalpha() for character in hit[0]):  # 455 is a number, not a word
                form = self._form(hit[0])
                yield Match(hit.start(), hit.end(), hit[0], self._plain[form], form)
        for pattern, entry in self._patterns:
            for hit in pattern.finditer(text):
                if hit[0]:
                    yield Match(hit.start(), hit.end(), hit[0], entry, hit[0].lower())

    def _form(self, written: str) -> str:
        """The form that `written`, which is a hit, is a spelling of."""
        exact = written.lower()
        if exact in self._plain:
            return exact
        return next(form for form in self._plain if _form_pattern(form).fullmatch(written))

    def _spelled_out(self, text: str) -> Iterator[Match]:
        for run in _spelled_runs(text):
            signs = [match.start() for match in re.finditer(r"[^\W_]", run[0])]
            letters = "".join(run[0][sign] for sign in signs).lower()
            for first, last in combinations(range(len(signs)), 2):
                entry = self._plain.get(letters[first : last + 1])
                if entry:
                    start, end = run.start() + signs[first], run.start() + signs[last] + 1
                    yield Match(start, end, text[start:end], entry, letters[first : last + 1])


def _spelled_runs(text: str) -> Iterator[re.Match[str]]:
    """Letters one by one; the last of one run may be the first of the next: `f u c k s.h.i.t`."""
    run = _SPELLED.search(text)
    while run:
        yield run
        run = _SPELLED.search(text, run.end() - 1)


def _masked(text: str, plain: dict[str, Entry]) -> Iterator[Match]:
    """Words with letters struck out by one kind of sign; the strongest listed form that fits."""
    for hit in _MASKED.finditer(text):
        signs = {character for character in hit[0] if not character.isalnum()}
        before = text[hit.start() - 1 : hit.start()]
        after = text[hit.end() : hit.end() + 1]
        if len(signs) != 1 or before.isalnum() or before in signs or after in signs:
            continue
        form = _fitting_form(hit[0].lower(), signs.pop(), plain)
        if form:
            yield Match(hit.start(), hit.end(), hit[0], plain[form], form)


def _fitting_form(masked: str, sign: str, plain: dict[str, Entry]) -> str | None:
    """A sign stands for a letter; a lone one between letters may stand for up to three."""
    exact = re.compile(re.escape(masked).replace(re.escape(sign), r"[^\W\d_]"))
    lone = masked.count(sign) == 1 and sign != "-" and not masked.endswith(sign)
    loose = (
        re.compile(re.escape(masked).replace(re.escape(sign), r"[^\W\d_]{2,3}")) if lone else None
    )
    for pattern in (exact, loose):
        fits = [form for form in plain if pattern.fullmatch(form)] if pattern else []
        if fits:
            return max(fits, key=lambda form: plain[form].severity)  # of equal ones the first
    return None


_Trie = dict[str, "_Trie"]


def _trie(forms: Iterable[str]) -> re.Pattern[str] | None:
    """One expression for all; longer forms win over shorter ones with the same beginning."""
    root: _Trie = {}
    for form in forms:
        node = root
        for unit in _units(form):
            node = node.setdefault(unit, {})
        node[""] = {}
    if not root:
        return None
    return re.compile(f"{_LEFT}{_trie_pattern(root)}{_POSSESSIVE}{_RIGHT}", re.IGNORECASE)


def _trie_pattern(node: _Trie) -> str:
    branches = [_unit_pattern(unit) + _trie_pattern(below) for unit, below in node.items() if unit]
    if not branches:
        return ""
    body = branches[0] if len(branches) == 1 and "" not in node else f"(?:{'|'.join(branches)})"
    return f"{body}?" if "" in node else body


def _units(form: str) -> list[str]:
    """The form cut into gaps between words and runs of one letter."""
    return [m[0] for m in re.finditer(r"[^\w']+|'|(\w)\1*", form)]


@cache
def _unit_pattern(unit: str) -> str:
    if unit == "'":
        return "['’]?"
    if not unit[0].isalnum():
        return _GAP
    letter, count = unit[0], len(unit)
    if letter == "ß":
        return "(?:ß|ss)"
    base = unicodedata.normalize("NFD", letter)[0]
    accent = "[\u0300-\u036f]?" if base != letter else ""
    looks = "".join(dict.fromkeys(letter + _LOOKALIKES.get(base, base)))
    sign = _PUNCTUATION_LOOKALIKES.get(base)
    other = rf"|{re.escape(sign)}(?=[^\W_])" if sign else ""
    one = f"(?:[{re.escape(looks)}]{accent}{other})" if other else f"[{re.escape(looks)}]{accent}"
    if accent:
        return one * count
    if count > 1 or letter in _STRETCHED_FROM_TWO:
        return f"{one}{{{count},}}"
    return f"{one}(?:{one}{{2,}})?"


@cache
def _form_pattern(form: str) -> re.Pattern[str]:
    body = "".join(_unit_pattern(unit) for unit in _units(form))
    return re.compile(body + _POSSESSIVE, re.IGNORECASE)


@cache
def _pattern(entry: Entry) -> re.Pattern[str]:
    """What finds one entry of any kind."""
    if entry.kind == "regex":
        return re.compile(entry.form, re.IGNORECASE)
    if entry.kind == "wildcard":
        words = [re.escape(word).replace(r"\*", r"[^\W_]*") for word in entry.form.split()]
        body = _GAP.join(words)
    else:
        body = _form_pattern(entry.form).pattern
    return re.compile(f"{_LEFT}{body}{_RIGHT}", re.IGNORECASE)
