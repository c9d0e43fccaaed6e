"""Normalise clinical text and cut it into tokens.

For Chinese the tokens are jieba's, with its hidden Markov model off and the
words of the code names in its dictionary.  When rjieba (the same algorithm in
Rust) is installed it does the cutting, some twenty times faster and token for
token the same; a test holds the two together.  Other tasks may name another
tokenizer: characters, character n-grams within words, pairs of words, layout,
a regular expression.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

from icdbase.tasks.task import Task
from icdbase.tasks.tokenizer_spec import check_tokenizer
from icdbase.text.normalization import normalize

__all__ = ["Token", "Tokenizer", "user_words"]


USER_WORD_FREQUENCY = 20_000
"""Above any competing split: jieba's dictionary counts some 60 million words."""
_WORD = re.compile(r"[^\W_]+")
_WORD_OR_MARK = re.compile(r"[^\W_]+|[^\w\s]")
_OPENING = 4  # words and marks that a text is recognised by at its beginning


def user_words(task: Task) -> tuple[str, ...]:
    """Return the words that the code names of a task add to the dictionary.

    >>> from icdbase.tasks.editions import CCL25
    >>> user_words(CCL25)[:3]
    ('2型糖尿病', 'killip2级', 'killip3级')
    """
    words = set()
    for name in task.code_names.values():
        words.update(re.findall(r"[\u4e00-\u9fd5a-z0-9]{2,}", normalize(name)))
    return tuple(sorted(word for word in words if not word.isascii()))


class Token(NamedTuple):
    """A token and the characters of the normalised text that it stands for."""

    text: str
    start: int
    end: int


class Tokenizer:
    """Split normalised text into tokens.

    Parameters
    ----------
    words : iterable of str
        Words added to jieba's dictionary, in normalised spelling.
    kind : str
        ``jieba``: Chinese words, every character in one of them.
        ``characters`` or ``characters:1-2``: runs of that many characters,
        none over a blank or a punctuation mark.
        ``ngrams`` or ``ngrams:3-5``: each word whole, and its runs of that many
        characters, with ``<`` and ``>`` for where it begins and ends (the
        subwords of Bojanowski et al. 2017, "Enriching word vectors with
        subword information", TACL); for inflected languages and misspellings.
        ``pairs`` or ``pairs:5-4``: each word cut to its first five characters,
        and any two of these at most four words apart, in alphabetical order;
        for what goes together in an inflected language ("боль ... спине").
        ``layout``: how it is written: words and punctuation marks two by two,
        one to three of them with ``a`` for a word and ``0`` for a number, and
        the first one to four; ``^`` and ``$`` are the text's ends.  Each
        department has its templates, which show what it treats.
        ``regex`` or ``regex:PATTERN``: what the pattern finds, one after the
        other; by default words and numbers.  The text is in lower case.
        Several with ``+`` between them, such as ``ngrams:2-5+pairs``: the tokens of
        one after those of the other.

    Raises
    ------
    UsageError
        On an unknown kind, or lengths or a pattern that cannot be.

    Examples
    --------
    >>> Tokenizer(["高血压病"]).cut("否认高血压病、糖尿病史")
    ['否认', '高血压病', '、', '糖尿病', '史']
    >>> Tokenizer(kind="characters:1-2").cut("胸闷3天,气促")
    ['胸', '胸闷', '闷', '闷3', '3', '3天', '天', '气', '气促', '促']
    >>> Tokenizer(kind="ngrams:4-4").cut("боли в")
    ['<боли>', '<бол', 'боли', 'оли>', '<в>']
    >>> Tokenizer(kind="pairs:4-2").cut("боли в спине")
    ['боли', 'в', 'спин', 'боли в', 'боли спин', 'в спин']
    >>> Tokenizer(kind="layout").cut("- боли")
    ['‹-›', '‹a›', '‹^ -›', '‹- a›', '‹a $›', '‹^ - a›', '‹- a $›', '‹^ -', '‹- боли', '‹боли $', '‹^ - боли…']
    >>> Tokenizer(kind="regex").cut("well-known asthma, 38.5 c")
    ['well-known', 'asthma', '38.5', 'c']
    """

    def __init__(self, words: Iterable[str] = (), *, kind: str = "jieba"):
        self.words = tuple(words)
        self.kind = kind
        self._finders = [_finder(name, argument) for name, argument in check_tokenizer(kind)]

    def cut(self, text: str) -> list[str]:
        """Return the tokens of a normalised text; jieba's, joined, are the text."""
        if self._finders == [None]:
            return self._words(text)
        return [token.text for token in self.places(text)]

    def places(self, text: str) -> list[Token]:
        """Return the tokens with their places in the text."""
        found = []
        for find in self._finders:
            found += _one_after_the_other(self._words(text)) if find is None else find(text)
        return found

    @cached_property
    def _words(self):
        return _cutter(self.words)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_words"}


def _one_after_the_other(words: Iterable[str]) -> list[Token]:
    tokens, end = [], 0
    for word in words:
        start, end = end, end + len(word)
        tokens.append(Token(word, start, end))
    return tokens


def _finder(name: str, argument: str):
    """Return what finds the tokens of a text, or None for jieba."""
    if name == "jieba":
        return None
    if name == "regex":
        return partial(_matches, re.compile(argument))
    if name == "layout":
        return _layout
    low, high = map(int, argument.split("-"))
    if name == "pairs":
        return partial(_pairs, low, high)
    return partial(_pieces, _runs if name == "characters" else _subwords, low, high)


def _matches(pattern: re.Pattern, text: str) -> list[Token]:
    return [Token(match[0], *match.span()) for match in pattern.finditer(text) if match[0]]


def _pieces(cut, low: int, high: int, text: str) -> list[Token]:
    return [
        Token(piece, word.start() + start, word.start() + end)
        for word in _WORD.finditer(text)
        for piece, start, end in cut(word[0], low, high)
    ]


def _pairs(length: int, distance: int, text: str) -> list[Token]:
    """Beginnings of words, then each two of them that stand near each other."""
    stems = [Token(word[0][:length], word.start(), word.end()) for word in _WORD.finditer(text)]
    pairs = [
        Token(" ".join(sorted((first.text, second.text))), first.start, second.end)
        for position, first in enumerate(stems)
        for second in stems[position + 1 : position + 1 + distance]
    ]
    return stems + pairs


def _layout(text: str) -> list[Token]:
    """How the text is written; all tokens begin with a mark that no word has."""
    found = [Token(match[0], *match.span()) for match in _WORD_OR_MARK.finditer(text)]
    if not found:
        return []
    begin, end = Token("^", found[0].start, found[0].start), Token("$", found[-1].end, found[-1].end)
    spelt = [begin, *found, end]
    shapes = [begin, *(token._replace(text=_shape(token.text)) for token in found), end]
    return [
        *_in_a_row(shapes[1:-1], 1, "›"),
        *_in_a_row(shapes, 2, "›"),
        *_in_a_row(shapes, 3, "›"),
        *_in_a_row(spelt, 2),
        *(_joined(spelt[:n], "…") for n in range(3, min(len(spelt), _OPENING + 2))),
    ]


def _in_a_row(tokens: Sequence[Token], n: int, mark: str = "") -> list[Token]:
    return [_joined(tokens[at : at + n], mark) for at in range(len(tokens) - n + 1)]


def _joined(tokens: Sequence[Token], mark: str = "") -> Token:
    return Token(f"‹{' '.join(token.text for token in tokens)}{mark}", tokens[0].start, tokens[-1].end)


def _shape(token: str) -> str:
    return "a" if token[0].isalpha() else "0" if token[0].isdigit() else token


@lru_cache(maxsize=50_000)
def _runs(word: str, low: int, high: int) -> tuple[Token, ...]:
    """Runs of ``low`` to ``high`` characters, with their places in the word."""
    return tuple(
        Token(word[start:end], start, end)
        for start in range(len(word))
        for end in range(start + low, min(start + high, len(word)) + 1)
    )


@lru_cache(maxsize=50_000)
def _subwords(word: str, low: int, high: int) -> tuple[Token, ...]:
    """The word between its marks, then the runs of it."""
    whole = Token(f"<{word}>", 0, len(word))
    runs = [run for run in _runs(whole.text, low, high) if run.text != whole.text and run.text.strip("<>")]
    # In the marked word everything stands one place further on, and the marks are no characters.
    return (whole, *(Token(text, max(start - 1, 0), min(end - 1, len(word))) for text, start, end in runs))


@lru_cache(maxsize=8)
def _cutter(words: Sequence[str]):
    """Build jieba's cutting function, in Rust where rjieba is installed; its dictionary is nobody else's.

    The tokens are the same, except where two cuts are exactly equally probable (高高|高).
    """
    return _rjieba_cutter(words) if importlib.util.find_spec("rjieba") else _jieba_cutter(words)


def _rjieba_cutter(words: Sequence[str]):
    import rjieba

    dictionary = rjieba.Jieba()
    for word in words:
        dictionary.add_word(word, USER_WORD_FREQUENCY, "")
    return lambda text: dictionary.cut(text, False)


def _jieba_cutter(words: Sequence[str]):
    with warnings.catch_warnings():
        # jieba 0.42.1 is unmaintained: invalid escapes and pkg_resources on newer Pythons.
        warnings.simplefilter("ignore")
        import jieba

    logging.getLogger("jieba").setLevel(logging.WARNING)
    dictionary = jieba.Tokenizer()
    for word in words:
        dictionary.add_word(word, USER_WORD_FREQUENCY)
    return lambda text: dictionary.lcut(text, HMM=False)
