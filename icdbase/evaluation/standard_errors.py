"""How precise a mean over records is: with the choice of training sets, and with more records."""

from __future__ import annotations

from math import ceil
from statistics import NormalDist

import numpy as np

__all__ = ["LEVEL", "POWER", "corrected_error", "quantiles_of_test", "records_needed"]

LEVEL = 0.05
"""Level of significance."""

POWER = 0.8


def quantiles_of_test() -> float:
    """Return how many standard errors a difference must have to be found: 1.96 + 0.84.

    For one two-sided test at the 5 % level, with 80 % power.

    >>> round(quantiles_of_test(), 2)
    2.8
    """
    return NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(POWER)


def corrected_error(values: np.ndarray, folds: np.ndarray) -> float:
    """Standard error of a cross-validated mean, with the choice of training sets.

    Parameters
    ----------
    values : array of float, shape (n_repeats, n_records)
        One value a record, such as a difference of two scores.
    folds : array of int, shape (n_repeats, n_records)
        The fold in which each record was tested.

    Returns
    -------
    float
        NaN with one fold.

    Notes
    -----
    Nadeau and Bengio, "Inference for the generalization error", Machine
    Learning 52 (2003): the variance between the means of J folds times
    (1/J + n_test/n_train), because the training sets overlap.

    Examples
    --------
    Two folds with the means 0 and 1: variance 1/2, times 1/2 + 1/1.

    >>> round(corrected_error(np.array([[0, 0, 1, 1]]), np.array([[0, 0, 1, 1]])) ** 2, 4)
    0.75
    """
    values, folds = np.asarray(values, dtype=float), np.asarray(folds)
    means = [run[of_run == fold].mean() for run, of_run in zip(values, folds, strict=True) for fold in np.unique(of_run)]
    n_folds = len(means) / len(values)
    if len(means) < 2 or n_folds < 2:
        return float("nan")
    return float(np.sqrt(np.var(means, ddof=1) * (1 / len(means) + 1 / (n_folds - 1))))


def records_needed(error: float, n_records: int, difference: float) -> float:
    """Return how many records would show a difference: one test at the 5 % level, 80 % power.

    Parameters
    ----------
    error : float
        Standard error of the mean difference over ``n_records`` records; it falls with the root of their number.
    n_records : int
    difference : float

    Returns
    -------
    float
        A whole number; NaN if the error is NaN.

    Examples
    --------
    >>> records_needed(0.005, 800, 0.01)
    1570.0
    """
    needed = n_records * (quantiles_of_test() * error / difference) ** 2
    return float(ceil(needed)) if needed == needed else needed
