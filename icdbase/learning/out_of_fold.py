"""Out-of-fold predictions: each training record is predicted by a model that was not fitted on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed

from icdbase.core import progress

__all__ = ["THINNED", "out_of_fold"]

THINNED = -1
"""The "fold" of a thinned copy, see :mod:`icdbase.learning.thinning`: only the last model learns from it."""


def out_of_fold(fit_predict: Callable, folds: np.ndarray, n_jobs: int | None, stage: str = "") -> tuple:
    """Run ``fit_predict(train_rows, test_rows)`` for each fold and once for all rows.

    Parameters
    ----------
    fit_predict : callable
        Returns ``(model, margins of the test rows)``.
    folds : int array of shape (n_records,)
        ``THINNED`` for thinned copies: the model of all records learns from them,
        the folds' models do not.
    n_jobs : int or None
        Threads; the result does not depend on it.
    stage : str
        Name of the step for the progress bar.

    Returns
    -------
    model
        Fitted on all records.
    array of shape (n_records, ...)
        Margins of each record, by the model of the other folds; 0 for thinned copies.
    """
    whole = folds != THINNED
    rows = np.arange(len(folds))
    splits = [(rows, rows[:0])]
    splits += [(np.flatnonzero((folds != fold) & whole), np.flatnonzero(folds == fold)) for fold in np.unique(folds[whole])]
    run = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    results = progress.track(run(delayed(fit_predict)(*split) for split in splits), stage, len(splits))
    model, predicted = next(results)
    margins = np.zeros((len(folds), *predicted.shape[1:]))
    for (_, test), (_, predicted) in zip(splits[1:], results, strict=True):  # keeps no model of a fold
        margins[test] = predicted
    return model, margins
