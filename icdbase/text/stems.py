"""Words of inflected languages as light stems, clause by clause.

A light stemmer takes the endings of number and gender away and leaves the rest
(J. Savoy 2006, "Light stemming approaches for the French, Portuguese, German
and Hungarian languages", SAC).  The endings here are those of the Romance
languages; words of other scripts stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["CLAUSE_END", "fold_accents", "light_stem", "stem_tokens"]

CLAUSE_END = ""
"""Stands between the clauses of a text, and at its end."""

_TOKEN = re.compile(r"[^\W_]+(?:[.,][0-9]{1,9}){0,9}|[.;:\n。；：]")
_LONG_ENDINGS = ("ciones", "cion", "mente")
_SHORT_ENDINGS = ("os", "as", "es", "s", "o", "a", "e")
_SHORTEST_STEM = 3


def fold_accents(text: str) -> str:
    """Return the text without accents.

    >>> fold_accents("hipertensión")
    'hipertension'
    """
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))


@lru_cache(maxsize=100_000)
def light_stem(word: str) -> str:
    """Return the word in small letters without accents, and without its ending.

    >>> [light_stem(word) for word in ("Pulmonares", "pulmonar", "infección", "infecciones", "mg")]
    ['pulmonar', 'pulmonar', 'infec', 'infec', 'mg']
    """
    word = fold_accents(word.lower())
    for endings, shortest in ((_LONG_ENDINGS, _SHORTEST_STEM + 1), (_SHORT_ENDINGS, _SHORTEST_STEM)):
        for ending in endings:
            if word.endswith(ending) and len(word) - len(ending) >= shortest:
                return word[: -len(ending)]
    return word


def stem_tokens(text: str) -> list[str]:
    """Return the light stems of a text; ``CLAUSE_END`` closes each clause.

    >>> stem_tokens("Dolores abdominales; fiebre de 38,5.")
    ['dolor', 'abdominal', '', 'fiebr', 'de', '38,5', '']
    """
    tokens = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFC", text)):
        if match[0][0].isalnum():
            tokens.append(light_stem(match[0]))
        elif tokens and tokens[-1] != CLAUSE_END:
            tokens.append(CLAUSE_END)
    return tokens if tokens[-1:] == [CLAUSE_END] else [*tokens, CLAUSE_END]
