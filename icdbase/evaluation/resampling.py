"""Intervals of a score over records, and paired tests of two systems.

All functions take one value a record and know nothing of codes.  Resampling is
done on the distinct values, not on the records: drawing ``n`` records with
replacement and counting how often each value comes up *is* a multinomial draw,
and flipping ``m`` equal differences *is* a binomial draw.  The distribution is
the same, 100,000 records cost hardly more than 500, and the result does not
depend on the order of the records.

With groups (patients), whole groups are drawn or swapped.  The statistic stays
the mean over records: the sum of the values of the drawn groups divided by the
number of their records, so the size of a group is no variance of its own.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from icdbase.core.errors import UsageError

__all__ = [
    "PairedDifference", "approximate_randomisation", "bootstrap_interval", "holm", "paired_bootstrap",
    "standard_error",
]

# Numbers held at once while resampling (8 bytes each).
_CHUNK = 2**20
# Differences closer than this are equal: 0.5 - 0.3 and 0.2 differ by rounding only.
_DECIMALS = 12

N_PERMUTATIONS = 9999
"""Default number of random swaps of a paired test."""


class PairedDifference(NamedTuple):
    """Mean difference ``a - b`` with its bootstrap interval."""

    difference: float
    low: float
    high: float


def bootstrap_interval(
    values, *, groups=None, confidence: float = 0.95, n_bootstrap: int = 1000, random_state=0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over records.

    Parameters
    ----------
    values : array-like of float, shape (n_records,)
        One value a record, for example the column ``acc`` of
        :func:`icdbase.evaluation.scoring.record_scores`.
    groups : array-like of shape (n_records,), optional
        Whole groups are drawn; the statistic is the ratio of the drawn groups'
        sum to their number of records.
    confidence : float
        Between 0 and 1, both excluded.
    n_bootstrap : int
        Number of resamples.
    random_state : int, numpy.random.Generator or None
        Seed; the same seed gives the same interval, whatever the order of the
        records.

    Returns
    -------
    low, high : float

    Raises
    ------
    UsageError
        If ``values`` is empty, not one-dimensional or not finite, there is not
        one group a record, or a parameter is out of range.

    Notes
    -----
    The percentile method of Efron, "Bootstrap methods: another look at the
    jackknife", Annals of Statistics 7 (1979), 1-26; with groups Field and Welsh,
    "Bootstrapping clustered data", JRSS B 69 (2007), 369-390.  With fewer than
    some 30 records or groups it is too narrow.

    Examples
    --------
    甲科二十份病历, 每份得一分或零分:

    >>> low, high = bootstrap_interval([1] * 14 + [0] * 6, random_state=0)
    >>> 0.45 <= low < 0.7 < high <= 0.95
    True
    """
    values = _finite_vector(values, "values")
    _check_confidence(confidence)
    _check_count(n_bootstrap, "n_bootstrap")
    units, counts = np.unique(_sums_and_sizes(values, groups), axis=0, return_counts=True)
    sums, sizes = units.T
    n_units = counts.sum()
    rng = np.random.default_rng(random_state)
    means = []
    for rows in _chunks(n_bootstrap, len(units)):
        drawn = rng.multinomial(n_units, counts / n_units, size=rows)
        means.append(drawn @ sums / (drawn @ sizes))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    smallest, largest = (sums / sizes).min(), (sums / sizes).max()  # only rounding goes beyond the groups' means
    return float(np.clip(low, smallest, largest)), float(np.clip(high, smallest, largest))


def paired_bootstrap(
    a, b, *, groups=None, confidence: float = 0.95, n_bootstrap: int = 1000, random_state=0
) -> PairedDifference:
    """Difference of two systems' means on the same records, with its bootstrap interval.

    Records are resampled as pairs, so that what makes a record hard for both
    systems cancels (Efron 1979; for system comparison Koehn, "Statistical
    significance tests for machine translation evaluation", EMNLP 2004).

    Parameters
    ----------
    a, b : array-like of float, shape (n_records,)
        One value a record.  Two Series are paired by their index, anything
        else by position.
    groups : array-like of shape (n_records,), optional
        Group of each record of ``a``; whole groups are drawn.
    confidence, n_bootstrap, random_state
        As for :func:`bootstrap_interval`.

    Returns
    -------
    PairedDifference
        ``difference`` is mean(a) - mean(b); then ``low`` and ``high``.

    Raises
    ------
    UsageError
        If ``a`` and ``b`` do not hold the same records, or as for
        :func:`bootstrap_interval`.

    Examples
    --------
    全部字段与去掉一个字段, 同样四份病历:

    >>> paired_bootstrap([1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5])
    PairedDifference(difference=0.5, low=0.5, high=0.5)
    """
    differences = _paired_differences(a, b)
    interval = bootstrap_interval(
        differences, groups=groups, confidence=confidence, n_bootstrap=n_bootstrap, random_state=random_state
    )
    return PairedDifference(float(differences.mean()), *interval)


def approximate_randomisation(a, b, *, groups=None, n_permutations: int = N_PERMUTATIONS, random_state=0) -> float:
    """Two-sided p-value: would swapping the systems' answers at random differ as much?

    Under the null hypothesis the two systems are exchangeable record by record,
    so each difference keeps or changes its sign with probability one half.

    Parameters
    ----------
    a, b, groups
        As for :func:`paired_bootstrap`.  All answers of a group are swapped
        together.  Every swap keeps all records, so the mean over records and
        the sum over groups are equally extreme.
    n_permutations : int
        Number of random swaps; the smallest p-value is 1 / (n_permutations + 1).
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    float
        p = (k + 1) / (n_permutations + 1), with k the number of swaps whose mean
        difference is at least as far from 0 as the observed one.

    Raises
    ------
    UsageError
        If ``a`` and ``b`` do not hold the same records, or a parameter is out
        of range.

    Notes
    -----
    Noreen, Computer-intensive methods for testing hypotheses (1989); Yeh, "More
    accurate tests for the statistical significance of result differences",
    COLING 2000.

    Examples
    --------
    >>> approximate_randomisation([1, 0, 1], [1, 0, 1])
    1.0
    >>> approximate_randomisation([1] * 20, [0] * 20, n_permutations=999)
    0.001
    """
    differences = _paired_differences(a, b)
    _check_count(n_permutations, "n_permutations")
    differences = _sums_and_sizes(differences, groups)[:, 0]
    # Units without a difference stay 0 whatever their sign.
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    observed = abs(differences.sum())
    tolerance = 1e-9 * max(1.0, float(sizes @ counts))
    rng = np.random.default_rng(random_state)
    as_extreme = 0
    for rows in _chunks(n_permutations, len(sizes)):
        positive = rng.binomial(counts, 0.5, size=(rows, len(sizes)))
        swapped = (2 * positive - counts) @ sizes
        as_extreme += int(np.count_nonzero(np.abs(swapped) >= observed - tolerance))
    return (as_extreme + 1) / (n_permutations + 1)


def standard_error(values, groups=None) -> float:
    """Standard error of the mean over records.

    Parameters
    ----------
    values : array-like of float, shape (n_records,)
    groups : array-like of shape (n_records,), optional
        Groups are what is drawn; the mean is then a ratio, and its error that of
        the linearised ratio (Cochran, Sampling techniques, 3rd ed. 1977, 6.3).

    Returns
    -------
    float
        NaN with fewer than two records or groups.

    Examples
    --------
    >>> standard_error([0.0, 1.0])
    0.5
    """
    values = _finite_vector(values, "values")
    sums, sizes = _sums_and_sizes(values, groups).T
    if len(sums) < 2:
        return float("nan")
    residuals = sums - values.mean() * sizes
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (residuals**2).sum()) / len(values))


def holm(p_values) -> np.ndarray:
    """Adjust a family of p-values so that one false alarm in all of them stays rare.

    Parameters
    ----------
    p_values : array-like of float, shape (n_tests,)

    Returns
    -------
    ndarray of float, shape (n_tests,)
        Adjusted p-values in the order given; compare each with the level
        (0.05) of the whole family.

    Raises
    ------
    UsageError
        If a value is not between 0 and 1.

    Notes
    -----
    Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6 (1979), 65-70.  The smallest p-value is
    multiplied by the number of tests, the next by one fewer, and so on; no
    adjusted value falls below the one before it.  Needs no independence.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=float)
    if p_values.ndim != 1:
        raise UsageError(f"p_values must be one-dimensional, got shape {p_values.shape}")
    if not np.all((p_values >= 0) & (p_values <= 1)):
        raise UsageError("p_values must all be between 0 and 1 (NaN is not allowed)")
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def _sums_and_sizes(values: np.ndarray, groups) -> np.ndarray:
    """Sum and number of records of each group; without groups each record is one."""
    if groups is None:
        return np.column_stack([values, np.ones(len(values))])
    if len(groups) != len(values):
        raise UsageError(f"{len(groups)} groups for {len(values)} records; give one a record")
    _, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.bincount(members, weights=values).round(_DECIMALS)
    return np.column_stack([sums, np.bincount(members)])


def _paired_differences(a, b) -> np.ndarray:
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        b = _in_order_of(a.index, b)
    a, b = _finite_vector(a, "a"), _finite_vector(b, "b")
    if len(a) != len(b):
        raise UsageError(f"a has {len(a)} records, b has {len(b)}; a paired test needs the same records")
    return np.round(a - b, _DECIMALS)


def _in_order_of(index: pd.Index, series: pd.Series) -> pd.Series:
    if index.equals(series.index):
        return series
    if not (index.is_unique and series.index.is_unique):
        raise UsageError("a and b repeat record ids in different orders; average the values of an id first")
    if len(index) != len(series) or not index.isin(series.index).all():
        raise UsageError("a and b do not hold the same record ids; a paired test needs the same records")
    return series.reindex(index)


def _finite_vector(values, name: str) -> np.ndarray:
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1 or not len(vector):
        raise UsageError(f"{name} must be a list with one value a record, got shape {vector.shape}")
    if not np.isfinite(vector).all():
        n_bad = np.count_nonzero(~np.isfinite(vector))
        raise UsageError(f"{name} must be finite, got {n_bad} NaN or infinite values")
    return vector


def _check_confidence(confidence) -> None:
    if not (isinstance(confidence, Real) and 0 < confidence < 1):
        raise UsageError(f"confidence must lie between 0 and 1, as 0.95 does; got {confidence!r}")


def _check_count(count, name: str) -> None:
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, got {count!r}")


def _chunks(total: int, width: int):
    """Split ``total`` rows of ``width`` numbers so that a chunk stays within memory."""
    rows = max(1, _CHUNK // max(1, width))
    for start in range(0, total, rows):
        yield min(rows, total - start)
