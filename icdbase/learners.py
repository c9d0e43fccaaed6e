"""The learners that classifiers are built of."""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from icdbase.boosters import load_booster
from icdbase.errors import ModelError
from icdbase.features import Features

__all__ = ["BoostedTrees", "ClassTrees", "CodeLogits", "CodeTrees", "Deciders", "TellingColumns"]

MARGIN_LIMIT = 8.0
"""Log-odds beyond this are certainty; more would only drown what else is heard."""

_AT_ONCE = 10_000
"""Records whose sums are taken in one go."""


class BoostedTrees(BaseEstimator):
    """LightGBM on a dense matrix; pickled and saved as LightGBM's text, which runs no code.

    Parameters
    ----------
    n_classes : int
        1 for a yes-no question, else the number of classes.
    n_estimators, num_leaves, min_child_samples : int
    learning_rate, colsample : float
    random_state : int

    Attributes
    ----------
    booster_ : lightgbm.Booster
    """

    def __init__(self, *, n_classes=1, n_estimators=60, learning_rate=0.1, num_leaves=6,
                 min_child_samples=10, colsample=0.3, random_state=0):
        self.n_classes = n_classes
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.colsample = colsample
        self.random_state = random_state

    def _parameters(self) -> dict:
        objective = {"objective": "binary"} if self.n_classes == 1 else {
            "objective": "multiclass", "num_class": self.n_classes
        }
        return objective | {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.colsample,
            "seed": self.random_state,
            # One thread: these models are small, the caller runs several side by side,
            # and the result does not depend on how many.
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "max_bin": 63,
            "min_data_in_bin": 1,
            "verbose": -1,
        }

    def fit(self, X: np.ndarray, y: np.ndarray) -> BoostedTrees:
        """Fit on a dense matrix (n_records, n_columns) and class numbers (n_records,)."""
        data = lightgbm.Dataset(X, np.asarray(y, dtype=np.float32), params=self._parameters())
        # Not the training booster: that one keeps the binned records and their gradients.
        self.booster_ = lightgbm.train(self._parameters(), data, num_boost_round=self.n_estimators)
        return self

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Return log-odds (n_records,), or log-probabilities up to a constant (n_records, n_classes)."""
        if not len(X):
            return np.zeros(0 if self.n_classes == 1 else (0, self.n_classes))
        return self.booster_.predict(X, raw_score=True, num_threads=1)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = state["booster_"].model_to_string()
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "booster_" in state:
            self.booster_ = load_booster(state["booster_"], self.n_classes)


class TellingColumns(BaseEstimator):
    """For each code, the features that go with it most among the training records.

    Small trees on some sixty columns are faster and better than on some
    thousand: most features have nothing to say about most codes.

    Parameters
    ----------
    n_columns : int
        Columns per code.
    min_support : int
        A sparse column that fewer training records have is not considered.

    Attributes
    ----------
    union_ : int array of shape (n_union,)
        Columns that any code uses, of all sparse blocks, then the dense ones.
    of_code_ : list of int array
        Positions in ``union_``, code by code.
    n_sparse_, n_dense_ : int
        Columns of the features that were fitted.
    """

    def __init__(self, *, n_columns=60, min_support=5):
        self.n_columns = n_columns
        self.min_support = min_support

    def fit(self, features: Features, Y: np.ndarray, context: np.ndarray | None = None) -> TellingColumns:
        """Choose by absolute correlation with the 0/1 codes Y (n_records, n_codes)."""
        words, dense = _parts(features, context)
        self.n_sparse_, self.n_dense_ = sum(block.shape[1] for block in words), dense.shape[1]
        strength = [_sparse_correlation(block, Y, self.min_support) for block in words]
        strength = np.vstack([*strength, np.maximum(correlation(dense, Y), correlation_ratio(dense, Y))])
        ranked = np.sort(np.argsort(-strength, axis=0, kind="stable")[: self.n_columns], axis=0)
        self.union_ = np.unique(ranked)
        self.of_code_ = [np.searchsorted(self.union_, columns) for columns in ranked.T]
        return self

    def transform(self, features: Features, context: np.ndarray | None = None) -> np.ndarray:
        """Return the chosen columns as a dense float32 array (n_records, n_union)."""
        words, dense = _parts(features, context)
        if (sum(block.shape[1] for block in words), dense.shape[1]) != (self.n_sparse_, self.n_dense_):
            raise ModelError("it was fitted on another number of features")
        if len(self.union_) and not 0 <= self.union_.min() <= self.union_.max() < self.n_sparse_ + self.n_dense_:
            raise ModelError("it chooses columns that are not there")
        chosen = np.empty((len(features), len(self.union_)), dtype=np.float32)
        first = 0
        for block in (*words, dense):
            here = (first <= self.union_) & (self.union_ < first + block.shape[1])
            columns = block[:, self.union_[here] - first]
            chosen[:, here] = columns.toarray() if sparse.issparse(columns) else columns
            first += block.shape[1]
        return chosen


def _parts(features: Features, context: np.ndarray | None) -> tuple[list[sparse.csr_matrix], np.ndarray]:
    """Return the sparse blocks, one by one (side by side they would be copied), and all dense columns."""
    dense = features.dense()
    sparse_blocks = [block for block in features.blocks.values() if sparse.issparse(block)]
    return sparse_blocks, dense if context is None else np.hstack([dense, context])


def correlation(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Absolute correlation of each column of X with each of Y; missing values count as the mean.

    >>> correlation(np.array([[1.0, 5], [np.nan, 5], [3, 5]]), np.array([[0.0], [0], [1]])).round(2).tolist()
    [[0.87], [0.0]]
    """
    known = ~np.isnan(X)
    mean = np.where(known, X, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, X - mean, 0)
    spread = np.sqrt((centred**2).sum(axis=0))
    return np.abs(centred.T @ (Y - Y.mean(axis=0))) / _scale(spread, Y)


def correlation_ratio(X: np.ndarray, Y: np.ndarray, n_bins: int = 8) -> np.ndarray:
    """How far the classes of each column of X tell each of Y apart, whatever their order; 0 is what chance does.

    The correlation ratio (Pearson 1905) over quantile bins, a missing value being
    a bin, less what it has by chance (epsilon squared, Kelley 1935).  A straight
    line sees nothing of hypertension grade 2, which stands between 1 and 3.

    >>> grade = np.array([[1.0], [2], [3]] * 20)
    >>> second = grade == 2.0
    >>> correlation(grade, second).round(2).tolist(), correlation_ratio(grade, second).round(2).tolist()
    ([[0.0]], [[1.0]])
    """
    n_records = len(X)
    spread = ((Y - Y.mean(axis=0)) ** 2).sum(axis=0)
    ratio = np.zeros((X.shape[1], Y.shape[1]))
    for column, values in enumerate(X.T):
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, n_bins + 1)[1:-1])) if np.isfinite(values).any() else []
        _, bins = np.unique(np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="left")), return_inverse=True)
        size = np.bincount(bins)
        if len(size) < 2:
            continue
        inside = sparse.csr_matrix((np.ones(n_records), (bins, np.arange(n_records)))) @ Y
        between = (inside**2 / size[:, None]).sum(axis=0) - Y.sum(axis=0) ** 2 / n_records
        by_chance = (len(size) - 1) * (spread - between) / max(n_records - len(size), 1)
        ratio[column] = np.sqrt(np.clip((between - by_chance) / np.maximum(spread, 1e-6), 0, 1))
    return ratio


def _sparse_correlation(X: sparse.csr_matrix, Y: np.ndarray, min_support: int = 0) -> np.ndarray:
    """Return what :func:`correlation` does, without filling in the zeros; 0 for what fewer records have."""
    (n_records, n_columns), n_codes = X.shape, Y.shape[1]
    support, total, squares = np.zeros(n_columns, dtype=int), np.zeros(n_columns), np.zeros(n_columns)
    products = np.zeros((n_columns, n_codes))
    # Part by part: each of these sums makes a copy of what it sums up, in double precision.
    for begin in range(0, n_records, _AT_ONCE):
        part = X[begin : begin + _AT_ONCE].astype(np.float64)
        support += np.bincount(part.indices, minlength=n_columns)
        total += np.bincount(part.indices, part.data, n_columns)
        squares += np.bincount(part.indices, part.data**2, n_columns)
        products += part.T @ Y[begin : begin + _AT_ONCE]
    mean = total / max(n_records, 1)
    spread = np.sqrt(np.maximum(squares - n_records * mean**2, 0))
    strength = np.abs(products - np.outer(mean, Y.sum(axis=0))) / _scale(spread, Y)
    strength[support < min_support] = 0
    return strength


def _scale(spread: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Product of the spreads; a column that does not vary correlates with nothing."""
    return np.maximum(np.outer(spread, np.sqrt(((Y - Y.mean(axis=0)) ** 2).sum(axis=0))), 1e-6)


class ClassTrees(BaseEstimator):
    """One LightGBM model for one code of several, on the columns that go with any of them.

    Parameters
    ----------
    n_columns, min_support : int
        See :class:`TellingColumns`.
    n_estimators : int
        Trees per class.
    random_state : int

    Attributes
    ----------
    columns_ : TellingColumns
    trees_ : BoostedTrees
    """

    def __init__(self, *, n_columns=60, min_support=5, n_estimators=60, random_state=0):
        self.n_columns = n_columns
        self.min_support = min_support
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, features: Features, labels: np.ndarray, classes: Sequence[str]) -> ClassTrees:
        """Fit on features and the class number of each record (n_records,)."""
        of_class = (labels[:, None] == np.arange(len(classes))).astype(float)
        self.columns_ = TellingColumns(n_columns=self.n_columns, min_support=self.min_support).fit(features, of_class)
        self.trees_ = BoostedTrees(
            n_classes=len(classes), n_estimators=self.n_estimators, random_state=self.random_state
        ).fit(self.columns_.transform(features), labels)
        return self

    def margins(self, features: Features) -> np.ndarray:
        """Return log-probabilities up to a constant (n_records, n_classes)."""
        check_is_fitted(self)
        return self.trees_.margins(self.columns_.transform(features))


class CodeTrees(BaseEstimator):
    """A small LightGBM model per code, on the columns that go with the code.

    Parameters
    ----------
    n_columns, min_support : int
        See :class:`TellingColumns`.
    n_estimators, num_leaves, min_child_samples : int
    learning_rate, colsample : float
    random_state : int

    Attributes
    ----------
    columns_ : TellingColumns
    trees_ : list of BoostedTrees
    """

    def __init__(self, *, n_columns=60, min_support=5, n_estimators=40, learning_rate=0.1, num_leaves=4,
                 min_child_samples=10, colsample=0.8, random_state=0):
        self.n_columns = n_columns
        self.min_support = min_support
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.colsample = colsample
        self.random_state = random_state

    def fit(self, features: Features, Y: np.ndarray, context: np.ndarray | None = None) -> CodeTrees:
        """Fit on features and 0/1 codes (n_records, n_codes)."""
        self.columns_ = TellingColumns(n_columns=self.n_columns, min_support=self.min_support)
        X = self.columns_.fit(features, Y, context).transform(features, context)
        self.trees_ = [
            BoostedTrees(
                n_estimators=self.n_estimators,
                learning_rate=self.learning_rate,
                num_leaves=self.num_leaves,
                min_child_samples=self.min_child_samples,
                colsample=self.colsample,
                random_state=self.random_state,
            ).fit(X[:, columns], Y[:, code])
            for code, columns in enumerate(self.columns_.of_code_)
        ]
        return self

    def margins(self, features: Features, context: np.ndarray | None = None) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        X = self.columns_.transform(features, context)
        listed = [
            trees.margins(X[:, columns]) for columns, trees in zip(self.columns_.of_code_, self.trees_, strict=True)
        ]
        return np.clip(np.column_stack(listed), -MARGIN_LIMIT, MARGIN_LIMIT)


class CodeLogits(BaseEstimator):
    """One L2-penalised logistic regression per code on the sparse blocks.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.

    Attributes
    ----------
    coef_ : array of shape (n_codes, n_columns)
    intercept_ : array of shape (n_codes,)
    """

    def __init__(self, *, C=1.0):
        self.C = C

    def fit(self, features: Features, Y: np.ndarray, context: np.ndarray | None = None) -> CodeLogits:
        """Fit on features and 0/1 codes (n_records, n_codes); the context is not read."""
        self.coef_, self.intercept_ = fit_logistic(features.sparse().astype(np.float64), Y, self.C)
        return self

    def margins(self, features: Features, context: np.ndarray | None = None) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        return np.clip(features.sparse() @ self.coef_.T + self.intercept_, -MARGIN_LIMIT, MARGIN_LIMIT)


def fit_logistic(X, Y: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit one-vs-rest logistic regressions; a code of one class, or without features, gets its prior.

    Returns
    -------
    array of shape (n_codes, n_columns), array of shape (n_codes,)
    """
    n_records, n_codes = Y.shape
    coef, intercept = np.zeros((n_codes, X.shape[1])), np.zeros(n_codes)
    for code in range(n_codes):
        positives = Y[:, code].sum()
        if X.shape[1] and 0 < positives < n_records:
            # liblinear's primal solver draws no random numbers: the result does not depend on threads.
            model = LogisticRegression(C=C, solver="liblinear", tol=1e-2).fit(X, Y[:, code])
            coef[code], intercept[code] = model.coef_[0], model.intercept_[0]
        else:
            intercept[code] = np.log((positives + 0.5) / (n_records - positives + 0.5))
    return coef, intercept


class Deciders(BaseEstimator):
    """One logistic regression per code on what the first level says of it, and the context.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.

    Attributes
    ----------
    coef_ : array of shape (n_codes, 1 + n_context)
    intercept_ : array of shape (n_codes,)
    """

    def __init__(self, *, C=0.1):
        self.C = C

    def fit(self, margins: np.ndarray, Y: np.ndarray, context: np.ndarray | None = None) -> Deciders:
        """Fit on out-of-fold log-odds and 0/1 codes, both (n_records, n_codes), and shared context."""
        fitted = [
            fit_logistic(_beside(margins[:, code], context), Y[:, [code]], self.C) for code in range(Y.shape[1])
        ]
        self.coef_ = np.vstack([coef for coef, _ in fitted])
        self.intercept_ = np.concatenate([intercept for _, intercept in fitted])
        return self

    def margins(self, margins: np.ndarray, context: np.ndarray | None = None) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        decided = margins * self.coef_[:, 0] + self.intercept_
        # Column by column: a matrix product rounds differently for one record and for many.
        for column in range(0 if context is None else context.shape[1]):
            decided += context[:, [column]] * self.coef_[:, 1 + column]
        return decided


def _beside(margins: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    return np.column_stack([margins] if context is None else [margins, context])
