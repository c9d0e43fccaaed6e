"""One model per target: trees for the main code, logistic regressions for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightgbm
import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_selection import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from icdbase.calibration import CodeCalibrator, TemperatureScaler
from icdbase.features import Features

__all__ = ["BoostedTrees", "MainCodeClassifier", "OtherCodesClassifier", "out_of_fold", "stratified_folds"]


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

    def __init__(self, *, n_classes=1, n_estimators=100, learning_rate=0.1, num_leaves=15,
                 min_child_samples=5, colsample=0.3, random_state=0):
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

    def dataset(self, X: np.ndarray) -> lightgbm.Dataset:
        """Bin a matrix once, for any number of labels."""
        labels = np.zeros(len(X), dtype=np.float32)
        return lightgbm.Dataset(X, labels, params=self._parameters(), free_raw_data=False).construct()

    def fit(self, X, y) -> BoostedTrees:
        """Fit on a dense matrix or a :meth:`dataset`."""
        data = X if isinstance(X, lightgbm.Dataset) else self.dataset(X)
        data.set_label(np.asarray(y, dtype=np.float32))
        booster = lightgbm.train(self._parameters(), data, num_boost_round=self.n_estimators)
        self.model_text_ = booster.model_to_string()
        self._booster = booster
        return self

    @property
    def booster(self) -> lightgbm.Booster:
        """The LightGBM model itself."""
        check_is_fitted(self)
        if getattr(self, "_booster", None) is None:
            self._booster = lightgbm.Booster(model_str=self.model_text_)
        return self._booster

    def margins(self, X: np.ndarray) -> np.ndarray:
        """Return log-odds (n,), or log-probabilities up to a constant (n, n_classes)."""
        return self.booster.predict(X, raw_score=True, num_threads=1)

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "_booster"}


def stratified_folds(labels: Sequence, n_folds: int, random_state: int) -> np.ndarray:
    """Deal records to folds so that each label is spread as evenly as it can be.

    Parameters
    ----------
    labels : sequence of hashable, length n_records
    n_folds : int
    random_state : int

    Returns
    -------
    int array of shape (n_records,)
        The fold of each record; labels rarer than ``n_folds`` are no error.

    >>> stratified_folds(["a"] * 4 + ["b"] * 2, 2, 0).tolist().count(0)
    3
    """
    order = np.random.default_rng(random_state).permutation(len(labels))
    _, classes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    order = order[np.argsort(classes[order], kind="stable")]
    folds = np.empty(len(labels), dtype=int)
    folds[order] = np.arange(len(labels)) % n_folds
    return folds


def out_of_fold(fit_predict: Callable, folds: np.ndarray, n_jobs: int | None) -> list:
    """Run ``fit_predict(train_rows, test_rows)`` for each fold and once for all rows.

    Parameters
    ----------
    fit_predict : callable
        Returns ``(model, margins of the test rows)``.
    folds : int array of shape (n_records,)
    n_jobs : int or None
        Threads; the result does not depend on it.

    Returns
    -------
    model
        Fitted on all records.
    array of shape (n_records, ...)
        Margins of each record by the model that had not seen it.
    """
    everything = np.arange(len(folds))
    splits = [(everything, everything[:0])]
    splits += [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
    results = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(fit_predict)(*split) for split in splits)
    margins = np.empty((len(folds), *results[0][1].shape[1:]))
    for (_, test), (_, predicted) in zip(splits, results, strict=True):
        margins[test] = predicted
    return results[0][0], margins


class MainCodeClassifier(BaseEstimator):
    """LightGBM on the clinical blocks and the most telling words.

    Parameters
    ----------
    n_words : int
        Words kept by chi-squared on the training records.
    n_estimators, num_leaves : int
    learning_rate : float
    calibrate : bool
        Scale by a temperature learned out of fold.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    classes_ : array of str, shape (n_classes,)
    words_ : int array
        Columns of the word block that are used.
    trees_ : BoostedTrees
    out_of_fold_ : array of shape (n_records, n_classes)
        Probabilities of the training records by models that had not seen them;
        not kept in a saved model.
    """

    def __init__(self, *, n_words=200, n_estimators=60, learning_rate=0.1, num_leaves=15,
                 calibrate=True, n_jobs=None, random_state=0):
        self.n_words = n_words
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, features: Features, y: Sequence[str], folds: np.ndarray) -> MainCodeClassifier:
        """Fit on the features of the training records and their main codes."""
        self.classes_, labels = np.unique(np.asarray(y, dtype=str), return_inverse=True)
        if len(self.classes_) == 1:
            return self._fit_constant(len(labels))

        def fit_predict(train, test):
            words = _telling_words(features, train, labels[train], self.n_words)
            trees = BoostedTrees(
                n_classes=len(self.classes_),
                n_estimators=self.n_estimators,
                learning_rate=self.learning_rate,
                num_leaves=self.num_leaves,
                random_state=self.random_state,
            ).fit(_dense(features.take(train), words), labels[train])
            margins = trees.margins(_dense(features.take(test), words)) if len(test) else np.empty((0, len(self.classes_)))
            return (words, trees), margins

        (self.words_, self.trees_), margins = out_of_fold(fit_predict, folds, self.n_jobs)
        self.scaler_ = TemperatureScaler().fit(margins, labels)
        if not self.calibrate:
            self.scaler_.temperature_ = 1.0
        self.out_of_fold_ = self.scaler_.transform(margins)
        return self

    def _fit_constant(self, n_records: int) -> MainCodeClassifier:
        self.trees_ = None
        self.out_of_fold_ = np.ones((n_records, 1))
        return self

    def predict_proba(self, features: Features) -> np.ndarray:
        """Return probabilities (n_records, n_classes)."""
        check_is_fitted(self)
        if self.trees_ is None:
            return np.ones((len(features), 1))
        return self.scaler_.transform(self.trees_.margins(_dense(features, self.words_)))

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "out_of_fold_"}


def _telling_words(features: Features, rows: np.ndarray, labels: np.ndarray, n_words: int) -> np.ndarray:
    if "words" not in features.blocks or n_words == 0:
        return np.empty(0, dtype=int)
    scores, _ = chi2(features.blocks["words"][rows], labels)
    best = np.argsort(-np.nan_to_num(scores), kind="stable")[:n_words]
    return np.sort(best)


def _dense(features: Features, words: np.ndarray) -> np.ndarray:
    clinical = features.clinical()
    if not len(words):
        return clinical
    return np.hstack([clinical, features.blocks["words"][:, words].toarray()])


class OtherCodesClassifier(BaseEstimator):
    """One-vs-rest logistic regression on words, concepts and what small trees say.

    Parameters
    ----------
    C : float
        Inverse strength of the L2 penalty.
    boosted_features : bool
        Add the out-of-fold log-odds of a small LightGBM model per code as
        features (He et al. 2014, "Practical lessons from predicting clicks on
        ads at Facebook", ADKDD): thresholds on numbers and conjunctions of
        findings, which a linear model cannot make by itself.
    n_estimators, num_leaves : int
    learning_rate : float
        Of these trees.
    calibrate : bool
        Slope and offsets learned out of fold; see :class:`CodeCalibrator`.
    groups : sequence of str or None, length n_codes
        Exclusive group of each code.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    seen_ : int array
        Columns of the codes that the training records carry.
    coef_, intercept_ : arrays of shape (n_seen, n_features), (n_seen,)
    trees_ : list of BoostedTrees
    """

    def __init__(self, *, C=1.0, boosted_features=True, n_estimators=30, learning_rate=0.15, num_leaves=8,
                 calibrate=True, groups=None, n_jobs=None, random_state=0):
        self.C = C
        self.boosted_features = boosted_features
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.calibrate = calibrate
        self.groups = groups
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, features: Features, Y: np.ndarray, folds: np.ndarray, context=None) -> OtherCodesClassifier:
        """Fit on features, a bool array (n_records, n_codes), and out-of-fold context.

        ``context`` (n_records, n_context) holds what other models say of the
        record, such as the probabilities of the main code.
        """
        self.n_codes_ = Y.shape[1]
        self.seen_ = np.flatnonzero(Y.any(axis=0))
        truth = Y[:, self.seen_].astype(float)
        context = np.zeros((len(Y), 0)) if context is None else context
        tree_margins = self._fit_trees(features, truth, folds, context)
        X = _stacked(features, context, tree_margins)

        def fit_predict(train, test):
            coef, intercept = _fit_logistic(X[train], truth[train], self.C)
            return (coef, intercept), X[test] @ coef.T + intercept

        (self.coef_, self.intercept_), margins = out_of_fold(fit_predict, folds, self.n_jobs)
        groups = None if self.groups is None else [self.groups[column] for column in self.seen_]
        self.calibrator_ = CodeCalibrator(groups=groups)
        if self.calibrate:
            self.calibrator_.fit(margins, truth)
        else:
            self.calibrator_.identity(len(self.seen_))
        self.out_of_fold_ = self._spread(self.calibrator_.transform(margins))
        return self

    def _fit_trees(self, features, truth, folds, context) -> np.ndarray:
        self.trees_ = []
        if not self.boosted_features:
            return np.zeros((len(truth), 0))
        dense = np.hstack([features.clinical(), context]).astype(np.float32)

        def fit_predict(train, test):
            trees = [self._one_tree_model() for _ in range(truth.shape[1])]
            data = trees[0].dataset(dense[train])
            for column, model in enumerate(trees):
                model.fit(data, truth[train, column])
            return trees, _tree_margins(trees, dense[test])

        self.trees_, margins = out_of_fold(fit_predict, folds, self.n_jobs)
        return margins

    def _one_tree_model(self) -> BoostedTrees:
        return BoostedTrees(
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            num_leaves=self.num_leaves,
            random_state=self.random_state,
        )

    def predict_proba(self, features: Features, context=None) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero for codes never seen."""
        check_is_fitted(self)
        context = np.zeros((len(features), 0)) if context is None else context
        tree_margins = np.zeros((len(features), 0))
        if self.trees_:
            dense = np.hstack([features.clinical(), context]).astype(np.float32)
            tree_margins = _tree_margins(self.trees_, dense)
        margins = _stacked(features, context, tree_margins) @ self.coef_.T + self.intercept_
        return self._spread(self.calibrator_.transform(margins))

    def _spread(self, seen: np.ndarray) -> np.ndarray:
        p = np.zeros((len(seen), self.n_codes_))
        p[:, self.seen_] = seen
        return p

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "out_of_fold_"}


def _tree_margins(trees: list[BoostedTrees], dense: np.ndarray) -> np.ndarray:
    if not len(dense):
        return np.zeros((0, len(trees)))
    # Ten in log-odds is certainty; more would only drown the other features.
    return np.clip(np.column_stack([model.margins(dense) for model in trees]), -10, 10)


def _stacked(features: Features, context: np.ndarray, tree_margins: np.ndarray) -> sparse.csr_matrix:
    return sparse.hstack([features.linear(), context, tree_margins], format="csr", dtype=np.float64)


def _fit_logistic(X: sparse.csr_matrix, truth: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """One L2-penalised logistic regression a column; a column without both classes gets its prior."""
    n_records, n_codes = truth.shape
    coef, intercept = np.zeros((n_codes, X.shape[1])), np.zeros(n_codes)
    for column in range(n_codes):
        positives = truth[:, column].sum()
        if 0 < positives < n_records:
            model = LogisticRegression(C=C, solver="liblinear").fit(X, truth[:, column])
            coef[column], intercept[column] = model.coef_[0], model.intercept_[0]
        else:
            intercept[column] = np.log((positives + 0.5) / (n_records - positives + 0.5))
    return coef, intercept
