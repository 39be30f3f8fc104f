"""Whether a text is in a language, by the commonest words of that language.

Nobody needs to know which language it is in otherwise: subtitles that name none stand for what is
said only if they read like a language that is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

__all__ = ["reads_like"]

_MIN_SHARE = 0.2
"""Of its words that are among the commonest. Chosen: in a few lines of talk it was about a half for
each of these, and at most 0.12 in related languages (Dutch, Portuguese, Italian, Catalan)."""
_MIN_DIFFERENT = 5
"""A line or two that happen to hold the words of another language prove nothing."""

_WORD = re.compile(r"[^\W\d_]+")

# Pieces of contracted words (`don't`, `c'est`) count as words. Those that neighbouring languages
# have as well are left out (`is` in English, for Dutch; `que` in Spanish, for Portuguese).
_COMMONEST = {
    "en": """
        the you and it that what don this for my your be have not with know are but all just can
        there get if go about how right here out they up want one ll ve she like now come who would
        will him her think good got our his from then when why were did an well let could yeah been
        some see where time""",
    "de": """
        ich sie das ist du nicht und es der wir zu ein mit mich wie den auf eine wenn hat sind für
        sich von haben habe dich dass dir uns aber nur bin an auch noch einen dem kann ihr ihn wo
        oder jetzt warum nein im hast da nichts muss mal meine mein bitte wird aus werden als immer
        wissen um""",
    "es": """
        el y es en lo los qué está las pero yo su eso sí bien aquí del al más esto muy ya cuando
        todo estoy nos ella hay tengo soy eres bueno era ha gracias son porque ahora así quiero
        dónde nada él tiene sé puedo vamos quién""",
    "fr": """
        je de est pas vous que il et à ne les j on ça une ai pour des moi qui nous n mais y en me
        suis dans ce elle du bien qu plus tout avec sur oui va être rien as au fait mon toi comment
        là votre quoi faire sais sont cette""",
}
_SETS = {code: frozenset(words.split()) for code, words in _COMMONEST.items()}


def reads_like(texts: Sequence[str], languages: Collection[str]) -> bool:
    """Whether `texts`, taken together, are in one of `languages` (codes of `LANGUAGES`)."""
    words = [word for text in texts for word in _WORD.findall(text.casefold())]
    for code in languages:
        common = [word for word in words if word in _SETS[code]]
        if len(common) >= _MIN_SHARE * len(words) and len(set(common)) >= _MIN_DIFFERENT:
            return True
    return False
