"""Names of languages: the two- and three-letter codes and English names for one are the same."""

from __future__ import annotations

__all__ = ["is_language", "same_language"]

# ISO 639-1, 639-2/T, 639-2/B where it differs, English name.
_NAMES = """
ar ara arabic
bg bul bulgarian
ca cat catalan
cs ces cze czech
da dan danish
de deu ger german
el ell gre greek
en eng english
es spa spanish
et est estonian
eu eus baq basque
fa fas per persian
fi fin finnish
fr fra fre french
gl glg galician
he heb hebrew
hi hin hindi
hr hrv croatian
hu hun hungarian
id ind indonesian
is isl ice icelandic
it ita italian
ja jpn japanese
ko kor korean
lt lit lithuanian
lv lav latvian
mk mkd mac macedonian
ms msa may malay
nb nob bokmal
nl nld dut dutch
nn nno nynorsk
no nor norwegian
pl pol polish
pt por portuguese
ro ron rum romanian
ru rus russian
sk slk slo slovak
sl slv slovenian
sq sqi alb albanian
sr srp serbian
sv swe swedish
th tha thai
tr tur turkish
uk ukr ukrainian
vi vie vietnamese
zh zho chi chinese
"""
_TWO_LETTERS = {
    name: names[0] for line in _NAMES.split("\n") if (names := line.split()) for name in names
}


def is_language(name: str) -> bool:
    """Whether `name` is the code (`en`, `eng`, `pt-BR`) or English name of a known language."""
    return _base(name) in _TWO_LETTERS


def same_language(one: str, other: str) -> bool:
    """Whether two names mean one language, whatever its region."""
    one, other = _base(one), _base(other)
    return _TWO_LETTERS.get(one, one) == _TWO_LETTERS.get(other, other)


def _base(name: str) -> str:
    return name.lower().replace("_", "-").split("-")[0]
