"""Chance that is the same on every Python and numpy: one stream per key.

Only ``random.Random.random`` is promised to give the same numbers for ever, so
everything else is built from it here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random

__all__ = ["Chance"]


class Chance:
    """A stream of random choices that depends on nothing but its key.

    Parameters
    ----------
    *key : object
        Anything with a stable ``str``, for example a seed, a record number and
        the name of what the stream is for.

    Examples
    --------
    >>> Chance(0, 7, "age").between(20, 90) == Chance(0, 7, "age").between(20, 90)
    True
    >>> Chance(1).one("高血压") in "高血压"
    True
    """

    __slots__ = ("random",)

    def __init__(self, *key):
        digest = hashlib.sha256(":".join(map(str, key)).encode()).digest()
        self.random = Random(int.from_bytes(digest[:8], "big")).random

    def maybe(self, probability: float) -> bool:
        return self.random() < probability

    def one(self, items: Sequence):
        return items[int(self.random() * len(items))]

    def between(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return low + int(self.random() * (high - low + 1))

    def real(self, low: float, high: float) -> float:
        return low + self.random() * (high - low)

    def bell(self, mean: float, spread: float) -> float:
        """Bell-shaped about ``mean``; sum of four uniforms, so no libm and no far tails."""
        four = self.random() + self.random() + self.random() + self.random()
        return mean + (four - 2.0) * 1.732 * spread

    def weighted(self, weights):
        """A key of the mapping ``weights``, in proportion to its value."""
        point = self.random() * sum(weights.values())
        for item, weight in weights.items():
            point -= weight
            if point < 0:
                return item
        return item

    def shuffled(self, items) -> list:
        items = list(items)
        for last in range(len(items) - 1, 0, -1):
            other = int(self.random() * (last + 1))
            items[last], items[other] = items[other], items[last]
        return items

    def some(self, items, count: int) -> list:
        """``count`` different items (or all) in random order."""
        return self.shuffled(items)[:count]
