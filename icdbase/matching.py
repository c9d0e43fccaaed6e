"""Find many phrases in a text at once.

One automaton (Aho and Corasick 1975, by pyahocorasick) over the text's UTF-8
bytes: a node then has few children, which makes the scan three times faster on
Chinese than over characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import product

__all__ = ["PhraseMatcher", "expand"]

_CHOICE = re.compile(r"\{([^{}]*)\}")
_EDGES = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 1) | dict.fromkeys("0123456789", 2)


def expand(form: str) -> list[str]:
    """Write out the choices in braces, also choices inside choices.

    >>> expand("{房性/室性}早搏{/二联律}")
    ['房性早搏', '房性早搏二联律', '室性早搏', '室性早搏二联律']
    >>> expand("心{衰/力衰竭{/病}}")
    ['心衰', '心力衰竭', '心力衰竭病']
    """
    choice = _CHOICE.search(form)
    if not choice:
        return [form]
    if not _has_nested(form):
        pieces = _CHOICE.split(form)
        return ["".join(chosen) for chosen in product(*(
            piece.split("/") if position % 2 else [piece] for position, piece in enumerate(pieces)
        ))]
    # An option that holds a choice becomes several options of the choice around it.
    start, stop = choice.span()
    outer = form.rfind("{", 0, start)
    if outer < 0 or form.find("}", outer, start) >= 0:
        return [text for option in choice[1].split("/") for text in expand(form[:start] + option + form[stop:])]
    left = max(outer, form.rfind("/", outer, start)) + 1
    ends = [at for at in (form.find("/", stop), form.find("}", stop)) if at >= 0]
    if not ends:
        return [form]
    right = min(ends)
    options = "/".join(form[left:start] + option + form[stop:right] for option in choice[1].split("/"))
    return expand(form[:left] + options + form[right:])


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

    def __getstate__(self):
        return {"phrases": self.phrases}

    @cached_property
    def _automaton(self):
        """Automaton; a payload is the phrase and those of its prefixes that are phrases, longest first.

        The prefixes stand in when a longer phrase fails at its edge.
        """
        import ahocorasick

        automaton = ahocorasick.Automaton()
        for phrase in self.phrases:
            payload = tuple(
                (len(prefix.encode()), len(prefix), self.phrases[prefix], _edge(prefix[0]), _edge(prefix[-1]))
                for prefix in _prefixes(phrase)
                if prefix in self.phrases
            )
            automaton.add_word(_as_bytes(phrase), payload)
        automaton.make_automaton()
        return automaton

    def find(self, text: str) -> list[tuple[int, int, object]]:
        """Return (start, end, value) of the matches, in text order, without overlaps.

        >>> PhraseMatcher({"nyha": 1, "nyha分级": 2}).find("nyha分类")
        [(0, 4, 1)]
        """
        if not self.phrases or not text:
            return []
        raw = text.encode("utf-8", "surrogatepass")
        found, done, position = [], 0, 0
        for start, stop, length, value in self._byte_spans(raw.decode("latin-1")):
            position += len(raw[done:start].decode("utf-8", "surrogatepass"))
            found.append((position, position + length, value))
            position, done = position + length, stop
        return found

    def _byte_spans(self, data: str) -> Iterable[tuple[int, int, int, object]]:
        """Yield (start, stop, characters, value) in bytes."""
        start_at, count, automaton = 0, len(data), self._automaton
        while start_at < count:
            for last, payload in automaton.iter_long(data, start_at):
                begin = last + 1 - payload[0][0]
                for size, length, value, left, right in payload:
                    stop = begin + size
                    if (left and begin and _edge(data[begin - 1]) == left) or (
                        right and stop < count and _edge(data[stop]) == right
                    ):
                        continue
                    yield begin, stop, length, value
                    break
                else:
                    stop = begin + 1
                if stop <= last:
                    # The longest phrase failed at an edge: go on right behind what was taken.
                    start_at = stop
                    break
            else:
                return


def _prefixes(phrase: str) -> Iterable[str]:
    return (phrase[:length] for length in range(len(phrase), 0, -1))


def _as_bytes(text: str) -> str:
    """UTF-8 as one character a byte."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _edge(char: str) -> int:
    """1 for a Latin letter, 2 for a digit, 0 for all else: what must not touch its like."""
    return _EDGES.get(char, 0)
