"""LightGBM models: one for the classes of a single target, one small model per code of a set."""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.features.blocks import Features
from icdbase.learning.booster_text import load_booster
from icdbase.learning.column_selection import FEW_PER_LEAF, ColumnSelector
from icdbase.learning.logistic import clip_margins

__all__ = ["BoostedTrees", "MulticlassTrees", "PerCodeTrees"]


class BoostedTrees(BaseEstimator):
    """LightGBM on a dense matrix; pickled and saved as LightGBM's model text.

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

    def _parameters(self, n_records: int) -> dict:
        objective = {"objective": "binary"} if self.n_classes == 1 else {
            "objective": "multiclass", "num_class": self.n_classes
        }
        return objective | {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            # With few records a tree with leaves of ten would not split at all.
            "min_data_in_leaf": min(self.min_child_samples, max(n_records // FEW_PER_LEAF, 1)),
            "feature_fraction": self.colsample,
            "seed": self.random_state,
            # One thread: the models are small, the caller fits several at a time, and
            # the result does not depend on the number of threads.
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "max_bin": 63,
            "min_data_in_bin": 1,
            "verbose": -1,
        }

    def fit(self, X: np.ndarray, y: np.ndarray) -> BoostedTrees:
        """Fit on a dense matrix (n_records, n_columns) and class numbers (n_records,)."""
        parameters = self._parameters(len(X))
        data = lightgbm.Dataset(X, np.asarray(y, dtype=np.float32), params=parameters)
        self.booster_ = lightgbm.train(parameters, data, num_boost_round=self.n_estimators)
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


class MulticlassTrees(BaseEstimator):
    """One multiclass LightGBM model on the columns selected for any of the classes.

    Parameters
    ----------
    n_columns, min_support : int
        See :class:`icdbase.learning.column_selection.ColumnSelector`.
    n_estimators : int
        Trees per class.
    random_state : int

    Attributes
    ----------
    columns_ : ColumnSelector
    trees_ : BoostedTrees
    """

    def __init__(self, *, n_columns=60, min_support=5, n_estimators=60, random_state=0):
        self.n_columns = n_columns
        self.min_support = min_support
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, features: Features, labels: np.ndarray, classes: Sequence[str]) -> MulticlassTrees:
        """Fit on features and the class number of each record (n_records,)."""
        of_class = (labels[:, None] == np.arange(len(classes))).astype(float)
        self.columns_ = ColumnSelector(n_columns=self.n_columns, min_support=self.min_support).fit(features, of_class)
        self.trees_ = BoostedTrees(
            n_classes=len(classes), n_estimators=self.n_estimators, random_state=self.random_state
        ).fit(self.columns_.transform(features), labels)
        return self

    def margins(self, features: Features) -> np.ndarray:
        """Return log-probabilities up to a constant (n_records, n_classes)."""
        check_is_fitted(self)
        return self.trees_.margins(self.columns_.transform(features))


class PerCodeTrees(BaseEstimator):
    """A small LightGBM model per code on the columns selected for the code.

    Parameters
    ----------
    n_columns, min_support : int
        See :class:`icdbase.learning.column_selection.ColumnSelector`.
    n_estimators, num_leaves, min_child_samples : int
    learning_rate, colsample : float
    random_state : int

    Attributes
    ----------
    columns_ : ColumnSelector
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

    def fit(self, features: Features, Y: np.ndarray, context: np.ndarray | None = None) -> PerCodeTrees:
        """Fit on features and 0/1 codes (n_records, n_codes)."""
        self.columns_ = ColumnSelector(n_columns=self.n_columns, min_support=self.min_support)
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
        return clip_margins(np.column_stack(listed))
