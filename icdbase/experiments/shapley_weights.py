"""Shapley values from the values of some coalitions: the weights of the coalitions, and what the missing ones may change.

If all coalitions are valued, the weights are those of Shapley's formula.  Else
the difference of a pair, g(S) = v(S) - v(all others), is predicted by a
Gaussian process on the pairs that were valued (kriging; for Shapley values
Chau, Muandet and Sejdinovic, "Explaining the uncertain", NeurIPS 2023).  Its
parts:

* what each player adds, whoever else is there: a free number each;
* a common curve: fields that repeat each other add less and less.  Players of
  strength b share it as the elementary symmetric polynomials of order 3, 5, 7;
* interactions of three and of five players, each by itself;
* noise of the fits.

Interactions of two, four, ... players cancel in a pair.  The relative sizes of
the parts are those of largest likelihood on a small grid.  The Shapley values
are the process's expectation and the sampling error is its standard deviation.
As g(all) is known without error, the values add up to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import comb
from typing import NamedTuple

import numpy as np

from icdbase.experiments.coalitions import Coalition, complement, smaller_halves

__all__ = ["shapley_weights"]

_ALONE = 0.6
"""Share of what a player adds alone in its strength; the rest is what it adds last."""

_FLOOR = 0.25
"""Least strength in an interaction, in mean strengths."""

_CURVE = (1.0, 0.3, 0.09)
"""Relative variances of the common curve, by order 3, 5, 7."""

_GRID = tuple(product((1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), (0.0, 0.03), (0.0, 1e-3, 1e-2), (1e-5, 1e-4, 1e-3, 1e-2)))
"""Variances beside that of the players' own: interactions of three, those of five relative to them, curve, noise."""

_TINY = 1e-9


def shapley_weights(n_players: int, coalitions: Sequence[Coalition], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of coalitions, so that the Shapley values are ``weights @ values``, and the sampling errors.

    Parameters
    ----------
    n_players : int
    coalitions : sequence of Coalition
        At least :func:`icdbase.experiments.coalitions.end_coalitions`.
    values : array of shape (n_coalitions,)

    Returns
    -------
    weights : array of shape (n_players, n_coalitions)
        The same weights share the value of one record, or of a resample.
    errors : array of shape (n_players,)
        Standard deviations; 0 if all coalitions were valued.

    Examples
    --------
    Two players who know the same, and one who knows nothing:

    >>> from icdbase.experiments.coalitions import all_coalitions
    >>> coalitions = all_coalitions(3)
    >>> values = np.array([float(0 in each or 1 in each) for each in coalitions])
    >>> weights, errors = shapley_weights(3, coalitions, values)
    >>> (weights @ values).round(12).tolist(), errors.tolist()
    ([0.5, 0.5, 0.0], [0.0, 0.0, 0.0])
    """
    if len(coalitions) == 2**n_players:
        return _exact_weights(n_players, coalitions), np.zeros(n_players)
    place = {each: number for number, each in enumerate(coalitions)}
    halves = smaller_halves(coalitions, n_players)
    differences = np.zeros((len(halves), len(coalitions)))
    for row, each in enumerate(halves):
        differences[row, place[complement(each, n_players)]] = 1
        differences[row, place[each]] = -1
    members = np.array([[-1.0 if player in each else 1.0 for player in range(n_players)] for each in halves])
    by_pair, errors = _kriged(members, differences @ values, _strengths(n_players, place, values))
    return by_pair @ differences, errors


def _exact_weights(n_players: int, coalitions: Sequence[Coalition]) -> np.ndarray:
    """Return the weights of Shapley's formula."""
    weights = np.zeros((n_players, len(coalitions)))
    for number, each in enumerate(coalitions):
        size = len(each)
        weights[:, number] = -1 / (n_players * comb(n_players - 1, size)) if size < n_players else 0
        weights[list(each), number] = 1 / (n_players * comb(n_players - 1, size - 1)) if size else 0
    return weights


def _strengths(n_players: int, place: dict[Coalition, int], values: np.ndarray) -> np.ndarray:
    """Return between what each player adds alone and what it adds last, scaled to a mean square of 1."""
    everybody, singles = complement((), n_players), [(player,) for player in range(n_players)]
    alone = np.array([values[place[each]] for each in singles]) - values[place[()]]
    last = values[place[everybody]] - np.array([values[place[complement(each, n_players)]] for each in singles])
    return _scaled(_ALONE * alone + (1 - _ALONE) * last)


def _scaled(strengths: np.ndarray) -> np.ndarray:
    return strengths / max(np.sqrt((strengths**2).mean()), _TINY)


class _Part(NamedTuple):
    """A part of the process: covariance of pairs, of Shapley values and pairs, variance of the Shapley values."""

    of_pairs: np.ndarray
    with_pairs: np.ndarray
    of_values: np.ndarray

    def __add__(self, other: _Part) -> _Part:
        return _Part(*(mine + its for mine, its in zip(self, other, strict=True)))

    def __mul__(self, factor: float) -> _Part:
        return _Part(*(factor * each for each in self))


def _kriged(members: np.ndarray, differences: np.ndarray, strengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each pair for each player, and the standard deviations, where the likelihood is largest.

    Parameters
    ----------
    members : array of shape (n_pairs, n_players)
        1 for a player in the larger coalition of a pair, -1 in the smaller.
    differences : array of shape (n_pairs,)
        Larger minus smaller.
    """
    best = max(_processes(members, strengths), key=lambda process: _log_likelihood(process.of_pairs, differences))
    inverse = np.linalg.inv(best.of_pairs)
    weights = best.with_pairs @ inverse
    scale = differences @ inverse @ differences / len(differences)
    left = best.of_values - (weights * best.with_pairs).sum(axis=1)
    return weights, np.sqrt(scale * np.maximum(left, 0))


def _processes(members: np.ndarray, strengths: np.ndarray) -> Iterator[_Part]:
    """Yield the process for each choice of the grid."""
    own = _interactions(members, np.ones_like(strengths), 1)
    weights = _scaled(np.abs(strengths) + _FLOOR * np.abs(strengths).mean()) ** 2
    of_three, of_five = (_interactions(members, weights, order) for order in (3, 5))
    first, *more = (_curve(members, strengths, order) * share for order, share in zip((3, 5, 7), _CURVE, strict=True))
    curve = sum(more, start=first)
    noisy = np.diag((np.abs(members.sum(axis=1)) < members.shape[1]).astype(float))  # not of all against nothing
    for three, five, curved, noise in _GRID:
        process = own + of_three * three + of_five * (three * five) + curve * curved
        yield process._replace(of_pairs=process.of_pairs + noise * noisy + _TINY * np.eye(len(members)))


def _interactions(members: np.ndarray, weights: np.ndarray, order: int) -> _Part:
    """Return independent interactions of some players, each of variance the product of their weights."""
    with_all = members * weights
    return _Part(
        _elementary(members[:, None] * with_all[None], order)[..., order],
        (with_all * _without_each(with_all, order - 1)).T / order,
        weights * _without_each(weights, order - 1) / order**2,
    )


def _curve(members: np.ndarray, strengths: np.ndarray, order: int) -> _Part:
    """Return one common interaction: the product of the players' strengths, times one random number."""
    of_pair = _elementary(members * strengths, order)[..., order]
    of_player = strengths * _without_each(strengths, order - 1) / order
    return _Part(np.outer(of_pair, of_pair), np.outer(of_player, of_pair), of_player**2)


def _log_likelihood(covariance: np.ndarray, differences: np.ndarray) -> float:
    """Return the log-likelihood with the scale that fits best, up to a constant."""
    root = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, differences)
    return -len(differences) / 2 * np.log(max(white @ white, _TINY)) - np.log(np.diag(root)).sum()


def _elementary(numbers: np.ndarray, order: int) -> np.ndarray:
    """Return the elementary symmetric polynomials of order 0, 1, ... along the last axis.

    >>> _elementary(np.array([1, 2, 3]), 3).tolist()
    [1.0, 6.0, 11.0, 6.0]
    """
    found = np.zeros((*numbers.shape[:-1], order + 1))
    found[..., 0] = 1
    for place in range(numbers.shape[-1]):
        found[..., 1:] += numbers[..., place, None] * found[..., :-1].copy()
    return found


def _without_each(numbers: np.ndarray, order: int) -> np.ndarray:
    """Return the elementary symmetric polynomial of one order of all other numbers, for each number.

    >>> _without_each(np.array([1, 2, 3]), 2).tolist()
    [6.0, 3.0, 2.0]
    """
    of_all, found = _elementary(numbers, order), np.ones(numbers.shape)
    for step in range(1, order + 1):
        found = of_all[..., step, None] - numbers * found
    return found
