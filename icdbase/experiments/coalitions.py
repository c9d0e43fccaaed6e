"""Shapley values from few coalitions: which ones to value, and what their values say.

Knows nothing of records and codes: players are numbered, a coalition is a
sorted tuple of players, and a *pair* is a coalition with its complement.

The Shapley value of a player depends only on the differences
g(S) = v(S) - v(all others) of pairs (Zhang et al., "Efficient sampling
approaches to Shapley value approximation", SIGMOD 2023).  Pairs of one size
form a stratum.  A stratum of which every pair is valued is summed; of the
others a sample is drawn without replacement, and an additive game, fitted to
all pairs with the Shapley kernel as weights (Lundberg and Lee 2017, with the
paired sampling of Covert and Lee 2021), takes the place of the pairs that were
not drawn.  Only what is left, the residuals, is estimated from the sample: the
regression estimator of survey sampling (Cochran, Sampling techniques, 1977,
chapter 7), with its standard error.  If all coalitions are valued, the values
are exact; in any case they add up to v(all) - v(nothing).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb

import numpy as np

__all__ = ["Coalition", "PairDesign", "all_coalitions", "complement", "end_coalitions", "sampled_rounds"]

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


class PairDesign:
    """The pairs among the coalitions that were valued, and the estimator that they allow.

    Parameters
    ----------
    n_players : int
    coalitions : sequence of Coalition
        At least :func:`end_coalitions`.  One without its complement is not used.

    Attributes
    ----------
    weights : array of shape (n_players, n_coalitions)
        The Shapley values are ``weights @ values``: linear in the values, so
        the same weights serve every score and every record.
    is_exact : bool
        Whether every pair was valued.

    Examples
    --------
    Two players who know the same, and one who knows nothing:

    >>> coalitions = all_coalitions(3)
    >>> design = PairDesign(3, coalitions)
    >>> values = np.array([float(0 in each or 1 in each) for each in coalitions])
    >>> (design.weights @ values).round(12).tolist(), design.is_exact
    ([0.5, 0.5, 0.0], True)
    """

    def __init__(self, n_players: int, coalitions: Sequence[Coalition]):
        self.n_players = n_players
        place = {coalition: number for number, coalition in enumerate(coalitions)}
        rest = {each: complement(each, n_players) for each in coalitions}
        pairs = [each for each in coalitions if each and rest[each] in place and _is_smaller(each, rest[each])]
        self._sizes = np.array([len(each) for each in pairs], dtype=int)
        self._members = np.array([[1.0 if player in each else -1.0 for player in range(n_players)] for each in pairs])
        self._members = self._members.reshape(-1, n_players)
        self._differences = np.zeros((len(pairs), len(coalitions)))
        for row, each in enumerate(pairs):
            self._differences[row, place[each]] = 1
            self._differences[row, place[rest[each]]] = -1
        self._total = np.zeros(len(coalitions))
        self._total[[place[complement((), n_players)], place[()]]] = 1, -1
        self.weights = self._weights()

    @property
    def is_exact(self) -> bool:
        return not self._sampled_sizes()

    def errors(self, values: np.ndarray) -> np.ndarray:
        """Return the standard error of the Shapley values from not valuing all coalitions.

        Parameters
        ----------
        values : array of shape (n_coalitions,) or (n_coalitions, n_scores)

        Returns
        -------
        array of shape () or (n_scores,)
            Of one player, whichever: the residuals of all players and sizes
            are pooled, each predicted from the other pairs.  NaN with fewer
            than two sampled pairs; 0 if all pairs were valued.
        """
        sampled = np.isin(self._sizes, self._sampled_sizes())
        if not self._sampled_sizes():
            return np.zeros(values.shape[1:])
        if sampled.sum() < 2:
            return np.full(values.shape[1:], np.nan)
        left = 1 - np.minimum(self._leverages[sampled], 0.99)
        residuals = (self._residuals[sampled] @ values).T / left
        return np.sqrt(self._variance_factor() * (residuals**2).mean(axis=-1))

    def _sampled_sizes(self) -> list[int]:
        """Sizes of which not every pair was valued."""
        return [size for size in range(1, self.n_players // 2 + 1) if self._n_valued(size) < _n_pairs(self.n_players, size)]

    def _n_valued(self, size: int) -> int:
        return int((self._sizes == size).sum())

    def _weights(self) -> np.ndarray:
        """Fit the additive game, then add what the residuals of the sample say."""
        additive, self._leverages = self._additive_game()
        residuals = self._differences - self._members @ additive
        for size in self._sampled_sizes():
            if 2 * size != self.n_players:  # a constant of all pairs of one size is worth nothing to any player
                residuals[self._sizes == size] -= residuals[self._sizes == size].mean(axis=0, keepdims=True)
        self._residuals = residuals
        return additive + self._expansion() @ residuals

    def _additive_game(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of the additive game that fits all pairs best and adds up, and the leverage of each pair."""
        n = self.n_players
        even = np.ones((n, 1)) / n * self._total
        if not len(self._sizes) or n == 1:
            return even, np.zeros(len(self._sizes))
        free = np.linalg.svd(np.ones((1, n)))[2][1:].T  # directions in which the sum stays
        root = np.sqrt([self._kernel(size) for size in self._sizes])[:, None]
        columns = root * (self._members @ free)
        solve = np.linalg.pinv(columns)
        found = even + free @ solve @ (root * (self._differences - self._members @ even))
        return found, (columns * solve.T).sum(axis=1)

    def _kernel(self, size: int) -> float:
        """Shapley kernel of all pairs of a size, shared out among those that were valued."""
        return (self.n_players - 1) / (size * (self.n_players - size)) / self._n_valued(size)

    def _expansion(self) -> np.ndarray:
        """Return, for each player and pair, what the pair counts for, together with those not drawn."""
        inside, outside = (np.array([self._counts(size)[k] / self._n_valued(size) for size in self._sizes]) for k in (0, 1))
        return np.where(self._members.T > 0, inside, -outside) if len(self._sizes) else np.zeros((self.n_players, 0))

    def _counts(self, size: int) -> tuple[float, float]:
        """What the mean over a stratum counts for, for players inside and outside the smaller coalition."""
        n = self.n_players
        return (1 / n, 1 / n) if 2 * size == n else (1 / size, 1 / (n - size))

    def _variance_factor(self) -> float:
        n, factor = self.n_players, 0.0
        for size in self._sampled_sizes():
            inside, outside = self._counts(size)
            n_all, n_valued = _n_pairs(n, size), self._n_valued(size)
            mean_square = (size * inside**2 + (n - size) * outside**2) / n
            # Of a size without a pair, the additive game alone answers: its residuals stand in full.
            factor += mean_square * (1 - n_valued / n_all) / max(n_valued, 1)
        return factor


def _is_smaller(coalition: Coalition, rest: Coalition) -> bool:
    return (len(coalition), 0 not in coalition) < (len(rest), 0 not in rest)
