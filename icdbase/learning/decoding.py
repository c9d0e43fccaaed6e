"""From probabilities to a set of codes.

For a fixed number k of predicted codes the expected F1 is a sum over the codes
predicted, so the best k are found by sorting, and the best k by trying all:
the exact maximiser of Dembczyński et al. (2011, "An exact algorithm for
F-measure maximization", NeurIPS) and Ye et al. (2012, "Optimizing F-measure:
a tale of two approaches", ICML).  It holds for exclusive groups as well: a
group is one variable that takes at most one of its codes.

With Y the number of true codes besides code j, and q_u the probability that
unit u (a code or an exclusive group) is true at all,

    E[2 / (k + 1 + Y)] = 2 ∫₀¹ tᵏ ∏_u (1 - q_u + q_u t) dt,

a polynomial in t, which Gauss-Legendre quadrature integrates without error;
all factors are positive, so nothing cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _

__all__ = ["RULES", "decode", "expected_f1", "parse_rule"]

RULES = ("expected_f1", "threshold", "top_k")

_DEFAULTS = {"expected_f1": 0.05, "threshold": 0.5, "top_k": 5}

MANY_CODES = 64
"""Of a larger set only this number of a record's most probable codes are considered."""

FIRST_SIZES = 20
"""Larger sets are tried only where one of them can be better than the best of these sizes."""

_AT_ONCE = 32
"""Records at a time, so that the gains of each code and size fit into the processor's cache."""


def decode(
    probabilities,
    *,
    rule: str = "expected_f1",
    min_codes: int = 1,
    min_probability: float | np.ndarray = 0.0,
    groups: Sequence[str | None] | None = None,
    forbidden=None,
) -> np.ndarray:
    """Choose a set of codes for each record.

    Parameters
    ----------
    probabilities : array of shape (n_records, n_codes)
        Probability that a code belongs to the record, each in [0, 1].
    rule : str
        ``"expected_f1"`` maximises the expected per-record F1; ``"threshold:0.4"``
        takes every code of probability 0.4 or more (0.5 without a number);
        ``"top_k:3"`` takes the three most probable (5 without a number).  The number of
        ``"expected_f1:0.05"`` is a quantile, from which a fitted coder derives
        ``min_probability``; 0 is the exact maximum.
    min_codes : int
        The fewest codes of a set, if that number is allowed.
    min_probability : float, or array of shape (n_codes,)
        Of ``expected_f1``: a less probable code is chosen only if it is the most
        probable one.  Where a record holds little information, every set has a low
        expected F1, and the best one may hold improbable codes.
    groups : sequence of str or None, length n_codes
        Exclusive group of each code; a set holds at most one code of a group.
    forbidden : bool array of shape (n_records, n_codes)
        Codes that a record must not get, such as its main code.

    Returns
    -------
    bool array of shape (n_records, n_codes)

    Raises
    ------
    UsageError
        On an unknown rule or probabilities outside [0, 1].

    Examples
    --------
    No code reaches one half, and yet predicting all three is best:

    >>> decode([[0.4, 0.35, 0.3]]).astype(int).tolist()
    [[1, 1, 1]]
    >>> decode([[0.9, 0.4, 0.2]]).astype(int).tolist()
    [[1, 0, 0]]
    >>> decode([[0.9, 0.6, 0.5]], groups=[None, "grade", "grade"]).astype(int).tolist()
    [[1, 1, 0]]
    >>> decode([[0.4, 0.35, 0.3]], min_probability=0.35).astype(int).tolist()
    [[1, 1, 0]]
    >>> decode([[0.3, 0.2]], rule="threshold").astype(int).tolist()
    [[1, 0]]
    """
    rule, number = parse_rule(rule)
    p = _checked(probabilities)
    if forbidden is not None:
        p = np.where(forbidden, 0.0, p)
    if rule == "expected_f1" and p.shape[1] > MANY_CODES:
        return _decode_likely(p, groups, min_codes, min_probability)
    allowed = _best_of_each_group(p, groups) & (p > 0)
    if rule == "expected_f1":
        allowed &= (p >= min_probability) | (p == p.max(axis=1, keepdims=True, initial=0.0))
        parts = range(0, len(p), _AT_ONCE)
        chosen = [_best_sets(p[at : at + _AT_ONCE], allowed[at : at + _AT_ONCE], groups, min_codes) for at in parts]
        return np.concatenate([np.zeros((0, p.shape[1]), dtype=bool), *chosen])
    ranked = np.where(allowed, p, -1.0)
    chosen = ranked >= number if rule == "threshold" else _first(ranked, number)
    return chosen | _first(ranked, min_codes)


def parse_rule(rule: str) -> tuple[str, float | None]:
    """Return the name of a decoding rule and its number.

    >>> parse_rule("threshold:0.4"), parse_rule("top_k"), parse_rule("expected_f1")
    (('threshold', 0.4), ('top_k', 5), ('expected_f1', 0.05))

    Raises
    ------
    UsageError
        On an unknown rule, a threshold or quantile outside [0, 1] or a ``top_k`` below one.
    """
    name, colon, text = str(rule).partition(":")
    if name not in RULES:
        raise UsageError(_("unknown decoding rule {!r}{}", rule, did_you_mean(name, RULES)))
    try:
        number = type(_DEFAULTS[name])(text) if colon else _DEFAULTS[name]
    except ValueError:
        raise UsageError(_("decoding {!r}: {!r} is no number; write threshold:0.4 or top_k:5", rule, text)) from None
    if name != "top_k" and not 0 <= number <= 1:
        raise UsageError(_("{} must lie in [0, 1], got {}", name, number))
    if name == "top_k" and number < 1:
        raise UsageError(_("top_k must be at least 1, got {}", number))
    return name, number


def _decode_likely(p: np.ndarray, groups, min_codes: int, min_probability) -> np.ndarray:
    """Choose among the most probable codes of each record: the cost grows with the square of the number of codes."""
    chosen = np.zeros(p.shape, dtype=bool)
    likely = np.sort(np.argsort(-p, axis=1, kind="stable")[:, :MANY_CODES], axis=1)
    lowest = np.broadcast_to(min_probability, p.shape[1])
    for row, columns in enumerate(likely):
        columns = columns[p[row, columns] > 0]
        their_groups = None if groups is None else [groups[column] for column in columns]
        if len(columns):
            chosen[row, columns] = decode(
                p[[row]][:, columns], groups=their_groups, min_codes=min_codes, min_probability=lowest[columns]
            )[0]
    return chosen


def expected_f1(probabilities, chosen, *, groups: Sequence[str | None] | None = None) -> np.ndarray:
    """Expected F1 of given sets, under independence between units.

    Parameters
    ----------
    probabilities : array of shape (n_records, n_codes)
    chosen : bool array of shape (n_records, n_codes)
    groups : sequence of str or None, length n_codes

    Returns
    -------
    array of shape (n_records,)

    Examples
    --------
    >>> float(expected_f1([[0.5]], [[True]])[0]), float(expected_f1([[0.25]], [[False]])[0])
    (0.5, 0.75)
    """
    p, chosen = _checked(probabilities), np.asarray(chosen, dtype=bool)
    sizes = chosen.sum(axis=1)
    gains = _gains(p, groups, p.shape[1])
    at_size = gains[np.arange(len(p)), np.maximum(sizes - 1, 0)]
    return np.where(sizes > 0, (at_size * chosen).sum(axis=1), _empty_value(p, groups))


def _checked(probabilities) -> np.ndarray:
    p = np.asarray(probabilities, dtype=float)
    if p.ndim != 2:
        raise UsageError(_("probabilities must have shape (n_records, n_codes), got {}", p.shape))
    if not ((p >= 0) & (p <= 1)).all():
        raise UsageError(_("probabilities must lie in [0, 1] without NaN; calibrate margins first"))
    return p


def _group_members(groups: Sequence[str | None] | None) -> list[np.ndarray]:
    """Column indices of each exclusive group of two codes or more."""
    columns: dict[str, list[int]] = {}
    for column, group in enumerate(groups or ()):
        if group:
            columns.setdefault(group, []).append(column)
    return [np.array(listed) for listed in columns.values() if len(listed) > 1]


def _units(p: np.ndarray, groups) -> tuple[np.ndarray, np.ndarray]:
    """Probability that each unit is true (n, n_units), and each code's unit."""
    unit_of = np.arange(p.shape[1])
    for members in _group_members(groups):
        unit_of[members] = members[0]
    starts, unit_of = np.unique(unit_of, return_inverse=True)
    q = np.zeros((len(p), len(starts)))
    np.add.at(q.T, unit_of, p.T)
    return np.minimum(q, 1.0), unit_of


def _best_sets(p: np.ndarray, allowed: np.ndarray, groups, min_codes: int, first: int = FIRST_SIZES) -> np.ndarray:
    """Return the best set of each record of size up to ``first``, and of larger ones where one can be better."""
    n_codes = p.shape[1]
    n_sizes = min(n_codes, max(first, min_codes))
    gains = np.where(allowed[:, None, :], _gains(p, groups, n_sizes), -1.0)
    chosen, value = _best_prefix(gains, _empty_value(p, groups), min_codes)
    if n_sizes < n_codes:
        # With T units true, F1 of k codes is at most 2T / (k + T), and so its expectation is below 2 E[T] / k.
        expected = _units(p, groups)[0].sum(axis=1)
        open_ = value < 2 * expected / (n_sizes + 1)
        if open_.any():
            chosen[open_] = _best_sets(p[open_], allowed[open_], groups, min_codes, n_codes)
    return chosen


def _gains(p: np.ndarray, groups, n_sizes: int) -> np.ndarray:
    """Return the part of each code in the expected F1 of a set of size k (n, k=1..n_sizes, n_codes)."""
    n_codes = p.shape[1]
    q, unit_of = _units(p, groups)
    # tᵏ times a polynomial of degree n_units - 1: n nodes are exact up to degree 2n - 1.
    nodes, weights = _quadrature((n_sizes + n_codes) // 2 + 1)
    t, weights = (nodes + 1) / 2, weights / 2
    factors = 1 - (1 - t)[:, None] * q[:, None, :]
    product = np.exp(np.log(factors).sum(axis=2, keepdims=True))
    powers = 2 * weights * t ** np.arange(1, n_sizes + 1)[:, None]
    gains = powers @ (product / factors)
    return p[:, None, :] * (gains if gains.shape[2] == n_codes else gains[:, :, unit_of])


@lru_cache(maxsize=128)
def _quadrature(n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(n_nodes)


def _empty_value(p: np.ndarray, groups) -> np.ndarray:
    """Expected F1 of the empty set: the probability that it is right."""
    q, _ = _units(p, groups)
    return np.prod(1 - q, axis=1)


def _best_of_each_group(p: np.ndarray, groups) -> np.ndarray:
    best = np.ones(p.shape, dtype=bool)
    for members in _group_members(groups):
        best[:, members] = np.arange(len(members)) == p[:, members].argmax(axis=1)[:, None]
    return best


def _best_prefix(gains: np.ndarray, empty_value: np.ndarray, min_codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Try every size k with its k largest gains; ties go to the smaller set and earlier code.

    Returns
    -------
    bool array of shape (n, n_codes), array of shape (n,)
        The best set of each record, and its expected F1.
    """
    n, n_sizes, n_codes = gains.shape
    possible = (gains[:, 0] >= 0).sum(axis=1)
    sizes = np.arange(1, n_sizes + 1)
    largest = np.sort(gains, axis=2)[:, :, : -n_sizes - 1 : -1]
    # The expected F1 of a set of size k is the sum of its k largest gains at that size.
    values = np.einsum("nki,ki->nk", np.maximum(largest, 0), np.tri(n_sizes))
    values[(sizes > possible[:, None]) | (sizes < np.minimum(min_codes, possible)[:, None])] = -1.0
    values = np.concatenate([np.where(min_codes > 0, -1.0, empty_value)[:, None], values], axis=1)
    best = np.where(possible == 0, 0, values.argmax(axis=1))
    order = np.argsort(-gains[np.arange(n), np.maximum(best - 1, 0)], axis=1, kind="stable")
    chosen = np.zeros((n, n_codes), dtype=bool)
    np.put_along_axis(chosen, order, np.arange(n_codes) < best[:, None], axis=1)
    return chosen, values[np.arange(n), best]


def _first(ranked: np.ndarray, k: int) -> np.ndarray:
    """The k largest non-negative entries of each row."""
    order = np.argsort(-ranked, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(ranked.shape[1])[None, :], axis=1)
    return (rank < k) & (ranked >= 0)
