"""Coalitions of players: which ones to value.

Knows nothing of records and codes: players are numbered, a coalition is a
sorted tuple of players, and a *pair* is a coalition with its complement.  The
Shapley values depend only on the differences of pairs, v(S) - v(all others)
(Zhang et al., "Efficient sampling approaches to Shapley value approximation",
SIGMOD 2023), so that coalitions are drawn in pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import comb

import numpy as np

__all__ = ["Coalition", "all_coalitions", "complement", "end_coalitions", "sampled_rounds", "smaller_halves"]

Coalition = tuple[int, ...]


def all_coalitions(n_players: int) -> list[Coalition]:
    """Return all coalitions, small ones first.

    >>> all_coalitions(2)
    [(), (0,), (1,), (0, 1)]
    """
    return [each for size in range(n_players + 1) for each in combinations(range(n_players), size)]


def end_coalitions(n_players: int) -> list[Coalition]:
    """Return all and none, each player alone, and each player left out.

    >>> end_coalitions(3)
    [(0, 1, 2), (), (0,), (1,), (2,), (1, 2), (0, 2), (0, 1)]
    """
    alone = [(player,) for player in range(n_players)]
    both = [complement((), n_players), (), *alone, *(complement(each, n_players) for each in alone)]
    return list(dict.fromkeys(both))


def complement(coalition: Coalition, n_players: int) -> Coalition:
    """Return the other players.

    >>> complement((0, 2), 4)
    (1, 3)
    """
    return tuple(player for player in range(n_players) if player not in coalition)


def smaller_halves(coalitions: Iterable[Coalition], n_players: int) -> list[Coalition]:
    """Return, of each pair that is there as a whole, the smaller coalition; of equal ones, that of player 0.

    >>> smaller_halves([(), (0,), (1, 2), (0, 1, 2)], 3)
    [(), (0,)]
    """
    known = set(coalitions)
    halves = (each for each in known if complement(each, n_players) in known)
    return sorted(each for each in halves if (len(each), 0 not in each) < (n_players - len(each), 0 in each))


def sampled_rounds(n_players: int, random_state: int = 0) -> Iterator[list[Coalition]]:
    """Yield rounds of pairs, each with one pair of every size that is not used up.

    Sizes 0 and 1 belong to :func:`end_coalitions`.  The players of one size
    are dealt from shuffled packs, so that each comes up about equally often.

    Yields
    ------
    list of Coalition
        Coalition, complement, coalition, complement, ...

    Examples
    --------
    >>> rounds = list(sampled_rounds(4))
    >>> sorted(each for each in sum(rounds, []) if 0 in each)
    [(0, 1), (0, 2), (0, 3)]
    """
    rng = np.random.default_rng(random_state)
    drawn = {size: _dealt(n_players, size, rng) for size in range(2, n_players // 2 + 1)}
    while drawn:
        this_round = []
        for size, pairs in list(drawn.items()):
            smaller = next(pairs, None)
            if smaller is None:
                del drawn[size]
            else:
                this_round += [smaller, complement(smaller, n_players)]
        if this_round:
            yield this_round


def _dealt(n_players: int, size: int, rng: np.random.Generator) -> Iterator[Coalition]:
    """Yield the smaller coalition of every pair of a size once, in random order."""
    seen, pack = set(), []
    while len(seen) < _n_pairs(n_players, size):
        if len(pack) < size:
            pack = rng.permutation(n_players).tolist()
        hand, pack = tuple(sorted(pack[:size])), pack[size:]
        if 2 * size == n_players and 0 not in hand:
            hand = complement(hand, n_players)
        if hand not in seen:
            seen.add(hand)
            yield hand


def _n_pairs(n_players: int, size: int) -> int:
    return comb(n_players, size) // (2 if 2 * size == n_players else 1)
