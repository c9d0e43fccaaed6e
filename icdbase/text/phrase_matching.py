"""Find many phrases in a text at once.

One automaton (Aho and Corasick 1975, in Rust by Andrew Gallant) a table.  That
letters must not touch letters, nor digits digits, is written into the text
before the search, once for all tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

import numpy as np

__all__ = ["PhraseMatcher", "expand_phrases", "iter_phrases", "mark_edges"]

_CHOICE = re.compile(r"\{([^{}]*)\}")
_BLOCK = 1 << 16
_SMALL = 10_000  # phrases whose DFA the processor's cache still holds
_FEW = 100_000
"""Characters after which the automaton of a large table is worth building: that takes as long as looking them up."""

_LETTERS, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
_MARKS = 0x0700
"""First of the letters that mark edges: Syriac, Thaana and N'Ko, two bytes each, in no Chinese record."""

_KINDS = np.array([(chr(code) in _LETTERS) + 2 * (chr(code) in _DIGITS) for code in range(128)], dtype=np.uint8)
_MARKED = np.zeros((3, 128), dtype=np.uint32)
for _rank, _char in enumerate(_LETTERS + _DIGITS):
    # First of a run, last of a run, alone.
    _MARKED[:, ord(_char)] = _MARKS + 3 * _rank + np.arange(3)
_REFUSED = ((0xD800, 0x800), (_MARKS, 3 * len(_LETTERS + _DIGITS)))
"""Halves of surrogate pairs, which no automaton takes, and marks that are none: (first, how many)."""


def expand_phrases(form: str) -> list[str]:
    """Write out the choices in braces, also choices inside choices.

    >>> expand_phrases("{房性/室性}早搏{/二联律}")
    ['房性早搏', '房性早搏二联律', '室性早搏', '室性早搏二联律']
    >>> expand_phrases("心{衰/力衰竭{/病}}")
    ['心衰', '心力衰竭', '心力衰竭病']
    """
    return list(iter_phrases(form))


def iter_phrases(form: str) -> Iterator[str]:
    """Yield what :func:`expand_phrases` returns, one by one: a few braces may stand for millions of phrases."""
    choice = _CHOICE.search(form)
    if not choice:
        yield form
        return
    if not _has_nested(form):
        pieces = _CHOICE.split(form)
        options = (piece.split("/") if position % 2 else [piece] for position, piece in enumerate(pieces))
        yield from map("".join, product(*options))
        return
    # An option that holds a choice becomes several options of the choice around it.
    start, stop = choice.span()
    outer = form.rfind("{", 0, start)
    if outer < 0 or form.find("}", outer, start) >= 0:
        for option in choice[1].split("/"):
            yield from iter_phrases(form[:start] + option + form[stop:])
        return
    left = max(outer, form.rfind("/", outer, start)) + 1
    ends = [at for at in (form.find("/", stop), form.find("}", stop)) if at >= 0]
    if not ends:
        yield form
        return
    right = min(ends)
    options = "/".join(form[left:start] + option + form[stop:right] for option in choice[1].split("/"))
    yield from iter_phrases(form[:left] + options + form[right:])


def _has_nested(form: str) -> bool:
    depth = 0
    for char in form:
        depth += (char == "{") - (char == "}")
        if depth > 1:
            return True
    return False


class PhraseMatcher:
    """Leftmost-longest matches of phrases, linear in the text.

    A Latin letter at the edge of a phrase must not touch another letter, nor a
    digit another digit: ``af`` is not in ``afp``, ``3级`` not in ``13级``.

    Parameters
    ----------
    phrases : mapping of str to object
        Phrase to what :meth:`find` reports for it.

    Examples
    --------
    >>> PhraseMatcher({"房颤": 1, "阵发性房颤": 2, "af": 1}).find("阵发性房颤(af),afp正常")
    [(0, 5, 2), (6, 8, 1)]
    """

    def __init__(self, phrases: Mapping[str, object]):
        self.phrases = dict(phrases)

    _n_looked_up = 0

    def __getstate__(self):
        return {"phrases": self.phrases}

    def _look_up(self, marked: str) -> list[tuple[int, int, int]]:
        """Return what the automaton finds, without building it: the longest phrase at each place, from left to right."""
        numbers, lengths, beginnings = self._tables
        found, at = [], 0
        while at < len(marked):
            piece = ""
            if marked[at : at + 2] in beginnings or marked[at] in numbers:
                piece = next((piece for length in lengths if (piece := marked[at : at + length]) in numbers), "")
            if piece:
                found.append((numbers[piece], at, at + len(piece)))
            at += len(piece) or 1
        return found

    @cached_property
    def _tables(self) -> tuple[dict[str, int], list[int], set[str]]:
        """The number of each phrase, the lengths from the longest, and the two characters that phrases begin with."""
        numbers = {phrase: number for number, phrase in enumerate(mark_edges(list(self.phrases)))}
        return numbers, sorted({*map(len, numbers)}, reverse=True), {phrase[:2] for phrase in numbers}

    @cached_property
    def _automaton(self):
        import ahocorasick_rs

        kinds = ahocorasick_rs.Implementation
        return ahocorasick_rs.AhoCorasick(
            mark_edges(list(self.phrases)),
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            # What is fastest depends on what of it stays in the processor's cache.
            implementation=kinds.DFA if len(self.phrases) <= _SMALL else kinds.ContiguousNFA,
            store_patterns=False,
        )

    @cached_property
    def values(self) -> list:
        """What is reported for each phrase, by its number."""
        return list(self.phrases.values())

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.phrases))

    def find(self, text: str, marked: str = "") -> list[tuple[int, int, object]]:
        """Return (start, end, value) of the matches, in text order, without overlaps.

        Parameters
        ----------
        text : str
        marked : str
            What :func:`mark_edges` makes of the text, where that is known
            already; several matchers can share it.

        >>> PhraseMatcher({"nyha": 1, "nyha分级": 2, "nyha分级3": 3}).find("nyha分级34")
        [(0, 6, 2)]
        """
        values = self.values
        return [(start, end, values[phrase]) for phrase, start, end in self.search(text, marked)]

    def search(self, text: str, marked: str = "") -> list[tuple[int, int, int]]:
        """Return what :meth:`find` does as (number of the phrase, start, end); see :attr:`values`."""
        if not self.phrases or not text:
            return []
        marked = marked or mark_edges([text])[0]
        if len(self.phrases) > _SMALL and self._n_looked_up + len(marked) <= _FEW:
            self._n_looked_up += len(marked)
            return self._look_up(marked)
        search = self._automaton.find_matches_as_indexes
        if len(marked) <= _BLOCK:
            return search(marked)
        found, begin = [], 0
        while begin < len(marked):
            done = begin + _BLOCK
            # A block reads on as far as a phrase may reach, and leaves what begins behind it to the next.
            for phrase, start, end in search(marked[begin : begin + _BLOCK + self._longest]):
                if start >= _BLOCK:
                    break
                found.append((phrase, begin + start, begin + end))
                done = max(done, begin + end)
            begin = done
        return found


def mark_edges(texts: Sequence[str]) -> list[str]:
    """Put a letter of its own for each first and last letter, and digit, of a run.

    Thus ``af`` of a phrase is found where a text has the word, and not in
    ``afp``: what touches its edges need not be looked at.  Length and offsets
    stay.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> word, longer = mark_edges(["af", "afp,13级"])
    >>> word in longer, len(longer), longer[3], longer[-1]
    (False, 7, ',', '级')
    """
    if not texts:
        return []
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).copy()
    if not len(codes):
        return [""] * len(texts)
    for first, count in _REFUSED:
        codes[codes - np.uint32(first) < count] = 0xFFFD
    kinds = _KINDS[np.minimum(codes, 127)]
    parts = np.ones(len(codes) + 1, dtype=bool)
    np.not_equal(kinds[1:], kinds[:-1], out=parts[1:-1])
    at = np.flatnonzero(kinds.astype(bool) & (parts[:-1] | parts[1:]))
    codes[at] = _MARKED[parts[at] + 2 * parts[at + 1] - 1, codes[at]]
    marked, begin, pieces = codes.tobytes().decode("utf-32-le"), 0, []
    for text in texts:
        pieces.append(marked[begin : begin + len(text)])
        begin += len(text) + 1
    return pieces
