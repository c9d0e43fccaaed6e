"""Normalise clinical text and cut it into tokens.

For Chinese the tokens are jieba's, with its hidden Markov model off and the
words of the code names in its dictionary.  When rjieba (the same algorithm in
Rust) is installed it does the cutting, some twenty times faster and token for
token the same; a test holds the two together.  Other tasks may name another
tokenizer: characters, character n-grams within words, pairs of words, layout,
a regular expression.
"""

from __future__ import annotations

import re

from icdbase.core.errors import UsageError, did_you_mean

__all__ = ["TOKENIZERS", "check_tokenizer"]
TOKENIZERS = ("jieba", "characters", "ngrams", "pairs", "layout", "regex")
_JOIN = re.compile(rf"\+(?=(?:{'|'.join(TOKENIZERS)})(?:[:+]|$))")

WORDS = r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+(?:[.,/]\d+)*"
"""What ``regex`` takes for a word unless told otherwise: letters, inner hyphens, or a number."""


def check_tokenizer(kind: str) -> list[tuple[str, str]]:
    """Return name and argument of each tokenizer in ``ngrams:3-5+pairs``, say.

    Raises
    ------
    UsageError
        If there is no such tokenizer, or its argument does not fit.

    >>> check_tokenizer("ngrams+regex:[a-z]+")
    [('ngrams', '3-5'), ('regex', '[a-z]+')]
    """
    if not isinstance(kind, str):
        raise UsageError(f"the tokenizer must be a text such as 'jieba' or 'ngrams:3-5', got {kind!r}")
    return [_checked(part) for part in _JOIN.split(kind)]


def _checked(kind: str) -> tuple[str, str]:
    name, _, argument = kind.partition(":")
    if name not in TOKENIZERS:
        raise UsageError(f"unknown tokenizer {name!r}{did_you_mean(name, TOKENIZERS)}")
    if not argument:
        argument = {"jieba": "", "characters": "1-2", "ngrams": "3-5", "pairs": "5-4", "layout": "", "regex": WORDS}[name]
    elif name in ("jieba", "layout"):
        raise UsageError(f"tokenizer {kind!r}: {name} takes no argument; write {name!r}")
    if name == "regex":
        try:
            re.compile(argument)
        except re.error as error:
            raise UsageError(f"tokenizer {kind!r}: not a regular expression ({error})") from None
    elif argument:
        numbers = re.fullmatch(r"([1-9])-([1-9])", argument)
        if name == "pairs" and not numbers:
            raise UsageError(f"tokenizer {kind!r}: write characters-distance, 1 to 9 each, such as pairs:5-4")
        if name != "pairs" and (not numbers or numbers[1] > numbers[2]):
            raise UsageError(f"tokenizer {kind!r}: write the lengths as shortest-longest, 1 to 9, such as {name}:2-4")
    return name, argument
