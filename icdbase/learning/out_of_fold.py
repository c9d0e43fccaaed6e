"""One model per target: trees or a linear model for the main code, logistic regressions for the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed

from icdbase.core import progress

__all__ = ["out_of_fold"]


def out_of_fold(fit_predict: Callable, folds: np.ndarray, n_jobs: int | None, stage: str = "",
                whole: np.ndarray | None = None) -> tuple:
    """Run ``fit_predict(train_rows, test_rows)`` for each fold and once for all rows.

    Parameters
    ----------
    fit_predict : callable
        Returns ``(model, margins of the test rows)``.
    folds : int array of shape (n_records,)
    n_jobs : int or None
        Threads; the result does not depend on it.
    stage : str
        What is said to who watches the progress.
    whole : bool array of shape (n_records,), optional
        False for thinned copies: only every other one is learned from, and by the last model only.

    Returns
    -------
    model
        Fitted on all records.
    array of shape (n_records, ...)
        Margins of each record by the model that had not seen it.
    """
    whole = np.ones(len(folds), dtype=bool) if whole is None else whole
    learned = np.flatnonzero(whole | (np.arange(len(folds)) % 2 == 0))
    splits = [(learned, learned[:0])]
    splits += [(np.flatnonzero((folds != fold) & whole), np.flatnonzero((folds == fold) & whole)) for fold in np.unique(folds)]
    run = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    results = progress.track(run(delayed(fit_predict)(*split) for split in splits), stage, len(splits))
    model, predicted = next(results)
    margins = np.zeros((len(folds), *predicted.shape[1:]))
    for (_, test), (_, predicted) in zip(splits[1:], results, strict=True):  # a fold's model is let go at once
        margins[test] = predicted
    return model, margins
