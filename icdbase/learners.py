"""The learners that classifiers are built of."""

from __future__ import annotations

import lightgbm
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

__all__ = ["BoostedTrees", "CodeLogits", "CodeTrees", "Deciders", "telling_columns"]

MARGIN_LIMIT = 8.0
"""Log-odds beyond this are certainty; more would only drown what else is heard."""


class BoostedTrees(BaseEstimator):
    """LightGBM on a dense matrix, kept as its text so that it loads without running code.

    Parameters
    ----------
    n_classes : int
        1 for a yes-no question, else the number of classes.
    n_estimators, num_leaves, min_child_samples : int
    learning_rate, colsample : float
    random_state : int

    Attributes
    ----------
    model_text_ : str
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
        self._booster = lightgbm.train(self._parameters(), data, num_boost_round=self.n_estimators)
        self.model_text_ = self._booster.model_to_string()
        return self

    @property
    def booster(self) -> lightgbm.Booster:
        """The LightGBM model itself."""
        check_is_fitted(self)
        if getattr(self, "_booster", None) is None:
            self._booster = lightgbm.Booster(model_str=self.model_text_)
        return self._booster

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Return log-odds (n_records,), or log-probabilities up to a constant (n_records, n_classes)."""
        if not len(X):
            return np.zeros(0 if self.n_classes == 1 else (0, self.n_classes))
        return self.booster.predict(X, raw_score=True, num_threads=1)

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "_booster"}


class CodeTrees(BaseEstimator):
    """A small LightGBM model per code, on the columns that go with the code.

    Parameters
    ----------
    n_estimators, num_leaves, min_child_samples, n_columns : int
    learning_rate, colsample : float
    random_state : int

    Attributes
    ----------
    columns_ : list of int array
        The columns that each code's trees see: those of largest correlation
        with the code among the training records.
    trees_ : list of BoostedTrees
    """

    def __init__(self, *, n_estimators=40, learning_rate=0.1, num_leaves=4, min_child_samples=10,
                 n_columns=60, colsample=0.8, random_state=0):
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.n_columns = n_columns
        self.colsample = colsample
        self.random_state = random_state

    def fit(self, X: np.ndarray, Y: np.ndarray) -> CodeTrees:
        """Fit on a dense matrix (n_records, n_columns) and 0/1 codes (n_records, n_codes)."""
        self.columns_ = telling_columns(X, Y, self.n_columns)
        self.trees_ = [
            BoostedTrees(
                n_estimators=self.n_estimators,
                learning_rate=self.learning_rate,
                num_leaves=self.num_leaves,
                min_child_samples=self.min_child_samples,
                colsample=self.colsample,
                random_state=self.random_state,
            ).fit(X[:, columns], Y[:, code])
            for code, columns in enumerate(self.columns_)
        ]
        return self

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        listed = [trees.margins(X[:, columns]) for columns, trees in zip(self.columns_, self.trees_, strict=True)]
        return np.clip(np.column_stack(listed), -MARGIN_LIMIT, MARGIN_LIMIT)


def telling_columns(X: np.ndarray, Y: np.ndarray, n_columns: int) -> list[np.ndarray]:
    """Return, for each column of Y, the columns of X that go with it most, in order."""
    ranked = np.argsort(-correlation(X, Y), axis=0, kind="stable")[:n_columns]
    return list(np.sort(ranked, axis=0).T)


def correlation(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Absolute correlation of each column of X with each of Y; missing values count as the mean.

    >>> correlation(np.array([[1.0, 5], [np.nan, 5], [3, 5]]), np.array([[0.0], [0], [1]])).round(2).tolist()
    [[0.87], [0.0]]
    """
    known = ~np.isnan(X)
    mean = np.where(known, X, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, X - mean, 0)
    scale = np.sqrt((centred**2).sum(axis=0))[:, None] * np.sqrt(((Y - Y.mean(axis=0)) ** 2).sum(axis=0))
    return np.abs(centred.T @ (Y - Y.mean(axis=0))) / np.maximum(scale, 1e-9)


class CodeLogits(BaseEstimator):
    """One L2-penalised logistic regression per code on a sparse matrix.

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

    def fit(self, X: sparse.csr_matrix, Y: np.ndarray) -> CodeLogits:
        """Fit on 0/1 codes (n_records, n_codes); a code of one class gets its prior."""
        n_records, n_codes = Y.shape
        self.coef_ = np.zeros((n_codes, X.shape[1]))
        self.intercept_ = np.zeros(n_codes)
        X = X.astype(np.float64)
        for code in range(n_codes):
            positives = Y[:, code].sum()
            if 0 < positives < n_records:
                # The dual is the smaller problem: some hundred records, some thousand columns.
                model = LogisticRegression(C=self.C, solver="liblinear", dual=True, tol=1e-2, random_state=0)
                model.fit(X, Y[:, code])
                self.coef_[code], self.intercept_[code] = model.coef_[0], model.intercept_[0]
            else:
                self.intercept_[code] = np.log((positives + 0.5) / (n_records - positives + 0.5))
        return self

    def margins(self, X: sparse.csr_matrix) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        return np.clip(X @ self.coef_.T + self.intercept_, -MARGIN_LIMIT, MARGIN_LIMIT)


class Deciders(BaseEstimator):
    """One logistic regression per code on what first-level models say of it.

    Attributes
    ----------
    coef_ : array of shape (n_codes, n_models + n_context)
    intercept_ : array of shape (n_codes,)
    """

    def __init__(self, *, C=0.1):
        self.C = C

    def fit(self, heard: np.ndarray, context: np.ndarray | None, Y: np.ndarray) -> Deciders:
        """Fit on out-of-fold log-odds (n_records, n_codes, n_models) and shared context."""
        listed = [
            CodeLogits(C=self.C).fit(sparse.csr_matrix(_beside(heard[:, code], context)), Y[:, [code]])
            for code in range(Y.shape[1])
        ]
        self.coef_ = np.vstack([model.coef_ for model in listed])
        self.intercept_ = np.concatenate([model.intercept_ for model in listed])
        return self

    def margins(self, heard: np.ndarray, context: np.ndarray | None) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        listed = [_beside(heard[:, code], context) @ self.coef_[code] for code in range(heard.shape[1])]
        return np.column_stack(listed) + self.intercept_


def _beside(heard: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    return heard if context is None else np.hstack([heard, context])
