"""scikit-learn classifiers for one target each, with parameters and threshold tuned out of fold."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import ParameterGrid, PredefinedSplit, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from icdbase.learning.target_models import MIN_RECORDS
from icdbase.tasks.codes import NO_CODE
from icdbase.tasks.task import Target

__all__ = [
    "TunedSetModel", "TunedSingleModel", "above_threshold", "best_threshold", "label_scores", "score_method", "seeded",
    "several_labels",
]

_SIZES = np.geomspace(0.25, 4, 33)
"""Default thresholds: those that choose from a quarter to four times as many codes as the records have."""


class _TunedModel(BaseEstimator):
    """What both kinds of target share.

    Parameters
    ----------
    target : Target
    estimator : scikit-learn classifier
    grid : mapping of str to sequence, optional
        Parameters of the estimator to choose from.

    Attributes
    ----------
    model_ : fitted classifier
    codes_ : array of str, shape (n_codes,)
    parameters_ : dict
        What was chosen from the grid.
    dense_ : bool
        Whether the estimator takes no sparse matrix.
    """

    def fit(self, X: sparse.csr_matrix, labels: pd.Series, folds: np.ndarray):
        """Choose the parameters by out-of-fold predictions, then fit on all records.

        Parameters
        ----------
        X : CSR matrix of shape (n_records, n_columns)
        labels : Series of length n_records
        folds : int array of shape (n_records,)
        """
        for dense in (False, True):
            self.dense_ = dense
            try:
                return self._fit(self._accepted(X), labels, folds)
            except TypeError as error:  # scikit-learn: "Sparse data was passed, but dense data is required"
                if dense or "dense" not in str(error):
                    raise
        raise AssertionError

    def _accepted(self, X: sparse.csr_matrix):
        return X.toarray() if self.dense_ else X

    def _candidates(self, estimator) -> list[tuple[dict, BaseEstimator]]:
        """Return each choice of parameters with an unfitted estimator that has them."""
        return [(chosen, clone(estimator).set_params(**chosen)) for chosen in ParameterGrid(dict(self.grid or {}))]


class TunedSingleModel(_TunedModel):
    """One code a record: the parameters of largest out-of-fold accuracy."""

    def __init__(self, *, target: Target, estimator, grid: Mapping[str, Sequence] | None = None):
        self.target = target
        self.estimator = estimator
        self.grid = grid

    def _fit(self, X, labels: pd.Series, folds: np.ndarray) -> TunedSingleModel:
        codes = labels.where(labels.notna(), NO_CODE).to_numpy(dtype=str)  # missing only where the target may be empty
        if self.target.codes:  # a record whose code is no candidate is not learned from
            usable = np.flatnonzero(np.isin(codes, (*self.target.codes, NO_CODE)))
            X, codes, folds = X[usable], codes[usable], folds[usable]
        self.codes_ = np.unique(codes)
        if len(self.codes_) == 1:
            self.parameters_, self.model_ = {}, DummyClassifier().fit(X, codes)
            return self
        candidates = self._candidates(self.estimator)
        self.parameters_, best = candidates[0]
        if len(candidates) > 1:
            right = [(cross_val_predict(each, X, codes, cv=PredefinedSplit(folds)) == codes).sum() for _, each in candidates]
            self.parameters_, best = candidates[int(np.argmax(right))]
        self.model_ = best.fit(X, codes)
        return self

    def predict(self, X: sparse.csr_matrix) -> np.ndarray:
        """Return the code of each record; ``NO_CODE`` for "no code"."""
        return np.asarray(self.model_.predict(self._accepted(X)), dtype=str)

    def predict_proba(self, X: sparse.csr_matrix) -> np.ndarray:
        """Return probabilities (n_records, n_codes)."""
        return self.model_.predict_proba(self._accepted(X))


class TunedSetModel(_TunedModel):
    """A set of codes a record: the parameters and the one threshold of largest mean F1, out of fold.

    A classifier that cannot predict several labels at once is fitted for each
    code (one-vs-rest).  One without scores (``decision_function`` or
    ``predict_proba``) gets no threshold.

    Parameters
    ----------
    thresholds : sequence of float, optional
        Scores to choose the threshold from; by default 33 quantiles of the scores.

    Attributes
    ----------
    threshold_ : float
    """

    def __init__(self, *, target: Target, estimator, grid: Mapping[str, Sequence] | None = None, thresholds=None):
        self.target = target
        self.estimator = estimator
        self.grid = grid
        self.thresholds = thresholds

    def _fit(self, X, labels: pd.Series, folds: np.ndarray) -> TunedSetModel:
        counts = labels.explode().value_counts()
        wanted = counts.index.isin(self.target.codes) if self.target.codes else counts.to_numpy() >= MIN_RECORDS
        self.codes_ = np.array(sorted(counts.index[wanted]), dtype=str)
        self.parameters_, self.model_, self.threshold_ = {}, None, 0.5
        if not len(self.codes_):
            return self
        learned = [[code for code in codes if code in set(self.codes_)] for codes in labels]
        Y = MultiLabelBinarizer(classes=self.codes_.tolist()).fit_transform(learned)
        candidates = self._candidates(several_labels(self.estimator))
        tuned = [self._tuned(each, X, Y, folds) for _, each in candidates]
        best = int(np.argmax([mean_f1 for mean_f1, _ in tuned]))
        (self.parameters_, estimator), (_, self.threshold_) = candidates[best], tuned[best]
        self.model_ = _fit_labels(estimator, X, Y)
        return self

    def _candidates(self, estimator) -> list[tuple[dict, BaseEstimator]]:
        inside = "estimator__" if estimator is not self.estimator else ""
        grid = {f"{inside}{name}": values for name, values in (self.grid or {}).items()}
        return [(chosen, clone(estimator).set_params(**chosen)) for chosen in ParameterGrid(grid)]

    def _tuned(self, estimator, X, Y: np.ndarray, folds: np.ndarray) -> tuple[float, float]:
        """Return the largest mean F1 out of fold, and its threshold."""
        scores, method = np.zeros(Y.shape), score_method(estimator)
        for fold in np.unique(folds):
            held_out = folds == fold
            fitted = _fit_labels(clone(estimator), X[~held_out], Y[~held_out])
            scores[held_out] = label_scores(fitted, method, X[held_out], Y.shape[1])
        thresholds = self.thresholds
        if method == "predict":
            thresholds = [0.5]
        elif thresholds is None:
            thresholds = np.quantile(scores, np.clip(1 - Y.mean() * _SIZES, 0, 1))
        return best_threshold(scores, Y == 1, thresholds, self.target.min_codes)

    def scores(self, X: sparse.csr_matrix) -> np.ndarray:
        """Return the scores (n_records, n_codes)."""
        if self.model_ is None:
            return np.zeros((X.shape[0], 0))
        return label_scores(self.model_, score_method(clone(self.model_)), self._accepted(X), len(self.codes_))

    def predict(self, X: sparse.csr_matrix, forbidden: Sequence[np.ndarray] = ()) -> list[tuple[str, ...]]:
        """Return the codes of each record, the one of largest score first; never those of ``forbidden``."""
        scores = self.scores(X)
        for codes in forbidden:
            scores[codes[:, None] == self.codes_] = -np.inf
        chosen = above_threshold(scores, self.threshold_, self.target.min_codes) & np.isfinite(scores)
        order = np.argsort(-scores, axis=1, kind="stable")
        return [tuple(self.codes_[row[taken[row]]].tolist()) for row, taken in zip(order, chosen, strict=True)]


def several_labels(estimator) -> BaseEstimator:
    """Return the estimator if it predicts several labels at once, else one-vs-rest of it."""
    if isinstance(estimator, OneVsRestClassifier | MultiOutputClassifier | ClassifierChain):
        several = True
    elif hasattr(estimator, "__sklearn_tags__"):
        tags = estimator.__sklearn_tags__().classifier_tags
        several = tags is not None and tags.multi_label
    else:  # scikit-learn before 1.6
        several = hasattr(estimator, "_get_tags") and estimator._get_tags()["multilabel"]
    return estimator if several else OneVsRestClassifier(estimator)


def seeded(estimator, random_state: int):
    """Return an unfitted copy in which each ``random_state`` that is None has the seed."""
    free = [name for name, value in estimator.get_params().items() if name.endswith("random_state") and value is None]
    return clone(estimator).set_params(**dict.fromkeys(free, random_state))


def _fit_labels(estimator, X, Y: np.ndarray):
    with warnings.catch_warnings():  # one-vs-rest: a code that all or none of the records of a fold carry
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")
        return estimator.fit(X, Y)


def score_method(estimator) -> str:
    """Return the method that gives scores; ask the unfitted estimator: one-vs-rest answers for its first code."""
    return next(name for name in ("decision_function", "predict_proba", "predict") if hasattr(estimator, name))


def label_scores(model, method: str, X, n_codes: int) -> np.ndarray:
    """Return what a fitted classifier of several labels gives each of them.

    Parameters
    ----------
    model : fitted classifier
    method : str
        Of :func:`score_method`.
    X : array or sparse matrix of shape (n_records, n_columns)
    n_codes : int

    Returns
    -------
    array of shape (n_records, n_codes)
    """
    scores = getattr(model, method)(X)
    if isinstance(scores, list):  # one table a label, with a column for each of its values
        columns = [table @ (np.asarray(values) == 1) for table, values in zip(scores, model.classes_, strict=True)]
        return np.column_stack(columns)
    scores = scores.toarray() if sparse.issparse(scores) else np.asarray(scores, dtype=float)
    return scores.reshape(X.shape[0], -1)[:, -n_codes:]  # one code alone has a column for "not" before it


def above_threshold(scores: np.ndarray, threshold: float, min_codes: int = 0) -> np.ndarray:
    """Return which codes score at least the threshold; where they are fewer than ``min_codes``, the best ones.

    >>> above_threshold(np.array([[0.9, 0.6, 0.1], [0.2, 0.3, 0.1]]), 0.5, min_codes=1).astype(int).tolist()
    [[1, 1, 0], [0, 1, 0]]
    """
    rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return (scores >= threshold) | (rank < min_codes)


def best_threshold(scores: np.ndarray, truth: np.ndarray, thresholds: Sequence[float], min_codes: int = 0) -> tuple[float, float]:
    """Return the largest mean F1 over records, and the first of the thresholds that reaches it.

    Parameters
    ----------
    scores : array of shape (n_records, n_codes)
    truth : bool array of shape (n_records, n_codes)
    thresholds : sequence of float
    min_codes : int

    Examples
    --------
    >>> best_threshold(np.array([[0.9, 0.6], [0.7, 0.2]]), np.array([[True, True], [True, False]]), [0.1, 0.5, 0.8])
    (1.0, 0.5)
    """
    values = [_mean_f1(above_threshold(scores, threshold, min_codes), truth) for threshold in thresholds]
    best = int(np.argmax(values))
    return values[best], float(thresholds[best])


def _mean_f1(chosen: np.ndarray, truth: np.ndarray) -> float:
    """Mean over records of F1; 1 where both sets are empty."""
    sizes = chosen.sum(axis=1) + truth.sum(axis=1)
    return float(np.where(sizes, 2 * (chosen & truth).sum(axis=1) / np.maximum(sizes, 1), 1.0).mean())
