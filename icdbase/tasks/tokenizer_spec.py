"""Specification of a tokenizer: a name, an argument, several joined with ``+``.

What each of them does: :class:`icdbase.text.tokenization.Tokenizer`.
"""

from __future__ import annotations

import re

from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _

__all__ = ["TOKENIZERS", "check_tokenizer"]
TOKENIZERS = ("jieba", "characters", "ngrams", "pairs", "layout", "regex")
_JOIN = re.compile(rf"\+(?=(?:{'|'.join(TOKENIZERS)})(?:[:+]|$))")

WORDS = r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+(?:[.,/]\d+)*"
"""Default pattern of ``regex``: letters with inner hyphens, or a number."""


def check_tokenizer(kind: str) -> list[tuple[str, str]]:
    """Return name and argument of each tokenizer in a specification such as ``ngrams:3-5+pairs``.

    Raises
    ------
    UsageError
        If there is no such tokenizer, or its argument does not fit.

    >>> check_tokenizer("ngrams+regex:[a-z]+")
    [('ngrams', '3-5'), ('regex', '[a-z]+')]
    """
    if not isinstance(kind, str):
        raise UsageError(_("the tokenizer must be a text such as 'jieba' or 'ngrams:3-5', got {!r}", kind))
    return [_checked(part) for part in _JOIN.split(kind)]


def _checked(kind: str) -> tuple[str, str]:
    name, *__, argument = kind.partition(":")
    if name not in TOKENIZERS:
        raise UsageError(_("unknown tokenizer {!r}{}", name, did_you_mean(name, TOKENIZERS)))
    if not argument:
        argument = {"jieba": "", "characters": "1-2", "ngrams": "3-5", "pairs": "5-4", "layout": "", "regex": WORDS}[name]
    elif name in ("jieba", "layout"):
        raise UsageError(_("tokenizer {!r}: {} takes no argument; write {!r}", kind, name, name))
    if name == "regex":
        try:
            re.compile(argument)
        except re.error as error:
            raise UsageError(_("tokenizer {!r}: not a regular expression ({})", kind, error)) from None
    elif argument:
        numbers = re.fullmatch(r"([1-9])-([1-9])", argument)
        if name == "pairs" and not numbers:
            raise UsageError(_("tokenizer {!r}: write characters-distance, 1 to 9 each, such as pairs:5-4", kind))
        if name != "pairs" and (not numbers or numbers[1] > numbers[2]):
            raise UsageError(_("tokenizer {!r}: write the lengths as shortest-longest, 1 to 9, such as {}:2-4", kind, name))
    return name, argument
