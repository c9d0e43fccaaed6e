"""Tokens in their order, all runs of tokens within a clause, and words that stand near each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from icdbase.text.stems import CLAUSE_END

__all__ = ["Runs", "TokenSequences", "Vocabulary", "common_short_words", "hash_of_run"]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_WORD, _PAIR = np.uint64(0x5DEECE66D), np.uint64(0xB5297A4D)
_NO_TOKEN = -1
_BEGINNING = 5
_COMMON_SHARE = 0.3
_LONGEST_STOP_WORD = 3


class Runs(NamedTuple):
    """Runs of tokens, one row each: a 64-bit hash of the tokens, the position of the first one, the length.

    The length of words that only stand near each other is 0.
    """

    hashes: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


class Vocabulary:
    """Numbers of tokens; a token that training did not have gets a number from ``len(vocabulary)`` on, by its beginning.

    Parameters
    ----------
    tokens : iterable of str
    stop_words : collection of str
        Tokens that are left out everywhere.

    Attributes
    ----------
    beginnings : int array of shape (n_tokens + n_beginnings + 1,)
        Number of the first five letters of each token, then of the unknown tokens
        with each beginning; the last one is that of all other tokens.
    """

    def __init__(self, tokens: Iterable[str], stop_words: Collection[str] = ()):
        self.tokens = sorted(set(tokens) - {CLAUSE_END, *stop_words})
        self.stop_words = frozenset(stop_words)
        self._number = {token: number for number, token in enumerate(self.tokens)} | {CLAUSE_END: _NO_TOKEN}
        self._beginning: dict[str, int] = {}
        beginnings = [self._beginning.setdefault(token[:_BEGINNING], len(self._beginning)) for token in self.tokens]
        self.beginnings = np.array([*beginnings, *range(len(self._beginning) + 1)])

    def __len__(self) -> int:
        return len(self.tokens)

    def numbers(self, tokens: Iterable[str]) -> np.ndarray:
        """Return the number of each token but the stop words; -1 for the end of a clause."""
        kept = (token for token in tokens if token not in self.stop_words)
        return np.fromiter((self._number[token] if token in self._number else self._unknown(token) for token in kept), dtype=np.int64)

    def _unknown(self, token: str) -> int:
        return len(self.tokens) + self._beginning.get(token[:_BEGINNING], len(self._beginning))


@dataclass(frozen=True, eq=False)
class TokenSequences:
    """The tokens of some texts, one after the other.

    Parameters
    ----------
    ids : int array of shape (n_tokens,)
        Numbers of the tokens; -1 ends a clause.
    ends : int array of shape (n_texts + 1,)
        Tokens ``ends[i]`` to ``ends[i + 1]`` are those of text i.
    """

    ids: np.ndarray
    ends: np.ndarray

    @classmethod
    def of_texts(cls, texts: Sequence[Sequence[str]], vocabulary: Vocabulary) -> TokenSequences:
        """Number the tokens of some texts."""
        ids = [vocabulary.numbers(tokens) for tokens in texts]
        return cls(np.concatenate([np.zeros(0, dtype=np.int64), *ids]), np.cumsum([0, *map(len, ids)]))

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def texts(self) -> np.ndarray:
        """The text of each token (n_tokens,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.ends))

    def take(self, rows: Sequence[int]) -> TokenSequences:
        """Return some texts, by position, in that order."""
        ids = [self.ids[self.ends[row] : self.ends[row + 1]] for row in rows]
        return TokenSequences(np.concatenate([self.ids[:0], *ids]), np.cumsum([0, *map(len, ids)]))

    def runs(self, longest: int) -> Runs:
        """Return all runs of up to ``longest`` tokens that no end of a clause or text interrupts.

        >>> words = Vocabulary(["dolor", "de", "cabeza"])
        >>> texts = TokenSequences.of_texts([["dolor", "de", "cabeza", ""], ["dolor", ""]], words)
        >>> runs = texts.runs(2)
        >>> runs.starts.tolist(), runs.lengths.tolist()
        ([0, 1, 2, 4, 0, 1], [1, 1, 1, 1, 2, 2])
        >>> bool(runs.hashes[0] == runs.hashes[3])
        True
        """
        ids, texts, n = self.ids, self.texts, len(self.ids)
        hashes, whole, parts = np.zeros(n, dtype=np.uint64), np.ones(n, dtype=bool), []
        for length in range(1, min(longest, n) + 1):
            last, text = np.full(n, _NO_TOKEN), np.full(n, _NO_TOKEN)
            last[: n - length + 1], text[: n - length + 1] = ids[length - 1 :], texts[length - 1 :]
            whole &= (last >= 0) & (text == texts)
            hashes = _extended(hashes, last)
            at = np.flatnonzero(whole)
            parts.append((hashes[at], at, np.full(len(at), length)))
        if not parts:
            return Runs(hashes, np.zeros(0, dtype=int), np.zeros(0, dtype=int))
        return Runs(*map(np.concatenate, zip(*parts, strict=True)))

    def near_words(self, beginnings: np.ndarray, reach: int) -> Runs:
        """Return the beginning of each word, and each two beginnings within ``reach`` tokens of a clause, in any order.

        >>> words = Vocabulary(["abdomen", "doloroso", "muy"])
        >>> texts = TokenSequences.of_texts([["abdomen", "doloroso", ""], ["doloroso", "muy", "abdomen"]], words)
        >>> pairs = texts.near_words(words.beginnings, 2)
        >>> pairs.starts.tolist(), bool(pairs.hashes[5] == pairs.hashes[-1])
        ([0, 1, 3, 4, 5, 0, 3, 4, 3], True)
        """
        words = np.where(self.ids >= 0, beginnings[np.minimum(self.ids, len(beginnings) - 1)], _NO_TOKEN)
        clause = np.cumsum(self.ids < 0) * len(self) + self.texts
        at = np.flatnonzero(words >= 0)
        parts = [(_extended(np.full(len(at), _WORD), words[at]), at)]
        for distance in range(1, reach + 1):
            one, other = words[:-distance], words[distance:]
            at = np.flatnonzero((one >= 0) & (other >= 0) & (clause[:-distance] == clause[distance:]) & (one != other))
            low, high = np.minimum(one[at], other[at]), np.maximum(one[at], other[at])
            parts.append((_extended(_extended(np.full(len(at), _PAIR), low), high), at))
        hashes, starts = map(np.concatenate, zip(*parts, strict=True))
        return Runs(hashes, starts, np.zeros(len(starts), dtype=int))


def common_short_words(texts: Sequence[Iterable[str]]) -> frozenset[str]:
    """Return the tokens of at most three letters in more than 30 % of the texts: articles, prepositions.

    >>> sorted(common_short_words([["dolor", "de", "pie"], ["dolor", "de", "espalda"], ["fiebre"], ["tos"]]))
    ['de']
    """
    records = Counter(token for tokens in texts for token in set(tokens) if 0 < len(token) <= _LONGEST_STOP_WORD)
    return frozenset(token for token, n in records.items() if n > _COMMON_SHARE * len(texts))


def hash_of_run(ids: Sequence[int]) -> np.uint64:
    """Return the hash that :meth:`TokenSequences.runs` gives to a run of these tokens.

    >>> texts = TokenSequences(np.array([3, 1, 4, -1]), np.array([0, 4]))
    >>> bool(texts.runs(3).hashes[-1] == hash_of_run([3, 1, 4]))
    True
    """
    value = np.zeros(1, dtype=np.uint64)
    for number in ids:
        value = _extended(value, np.array([number]))
    return value[0]


def _extended(hashes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64
        return ((hashes * _FACTOR + (ids + 7).astype(np.uint64)) * _FACTOR) ^ (hashes >> _SHIFT)
