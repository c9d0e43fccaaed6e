"""One model per target: trees for the main code, logistic regressions for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.feature_selection import chi2
from sklearn.utils.validation import check_is_fitted

from icdbase.calibration import CodeCalibrator, TemperatureScaler
from icdbase.features import Features
from icdbase.learners import BoostedTrees, CodeLogits, CodeTrees, Deciders, telling_columns

__all__ = ["MainCodeClassifier", "OtherCodesClassifier", "out_of_fold", "stratified_folds"]


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
    """LightGBM on the most telling columns of the clinical blocks and the words.

    Parameters
    ----------
    n_words : int
        Words in the choice, by chi-squared on the training records.
    n_columns : int
        Columns per class that the trees see, by correlation.
    n_estimators : int
        Trees per class.
    calibrate : bool
        Scale by a temperature learned out of fold.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    classes_ : array of str, shape (n_classes,)
    columns_ : list of two int arrays
        Clinical columns and words that the trees see.
    trees_ : BoostedTrees or None
        None where there is one class only.
    """

    def __init__(self, *, n_words=200, n_columns=60, n_estimators=60, calibrate=True, n_jobs=None, random_state=0):
        self.n_words = n_words
        self.n_columns = n_columns
        self.n_estimators = n_estimators
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, features: Features, y: Sequence[str], folds: np.ndarray) -> MainCodeClassifier:
        """Fit on the training records."""
        self.fit_out_of_fold(features, y, folds)
        return self

    def fit_out_of_fold(self, features: Features, y: Sequence[str], folds: np.ndarray) -> np.ndarray:
        """Fit, and return the probabilities of the training records by models that had not seen them.

        Parameters
        ----------
        features : Features
        y : sequence of str, length n_records
        folds : int array of shape (n_records,)

        Returns
        -------
        array of shape (n_records, n_classes)
        """
        self.classes_, labels = np.unique(np.asarray(y, dtype=str), return_inverse=True)
        if len(self.classes_) == 1:
            self.trees_ = None
            return np.ones((len(labels), 1))

        def fit_predict(train, test):
            columns = self._choose_columns(features.take(train), labels[train])
            trees = BoostedTrees(
                n_classes=len(self.classes_), n_estimators=self.n_estimators, random_state=self.random_state
            )
            trees.fit(_dense(features.take(train), columns), labels[train])
            return (columns, trees), trees.margins(_dense(features.take(test), columns))

        (self.columns_, self.trees_), margins = out_of_fold(fit_predict, folds, self.n_jobs)
        self.scaler_ = TemperatureScaler().fit(margins, labels)
        if not self.calibrate:
            self.scaler_.temperature_ = 1.0
        return self.scaler_.transform(margins)

    def _choose_columns(self, features: Features, labels: np.ndarray) -> list[np.ndarray]:
        words = np.empty(0, dtype=int)
        if "words" in features.blocks and self.n_words:
            scores, _ = chi2(features.blocks["words"], labels)
            words = np.sort(np.argsort(-np.nan_to_num(scores), kind="stable")[: self.n_words])
        pool = _dense(features, [np.arange(features.clinical().shape[1]), words])
        of_class = (labels[:, None] == np.arange(len(self.classes_))).astype(float)
        chosen = np.unique(np.concatenate(telling_columns(pool, of_class, self.n_columns)))
        n_clinical = pool.shape[1] - len(words)
        return [chosen[chosen < n_clinical], words[chosen[chosen >= n_clinical] - n_clinical]]

    def predict_proba(self, features: Features) -> np.ndarray:
        """Return probabilities (n_records, n_classes)."""
        check_is_fitted(self)
        if self.trees_ is None:
            return np.ones((len(features), 1))
        return self.scaler_.transform(self.trees_.margins(_dense(features, self.columns_)))


def _dense(features: Features, columns: list[np.ndarray]) -> np.ndarray:
    """Clinical columns and word columns side by side."""
    clinical, words = columns
    dense = features.clinical()[:, clinical]
    if not len(words):
        return dense
    return np.hstack([dense, features.blocks["words"][:, words].toarray()])


class OtherCodesClassifier(BaseEstimator):
    """One-vs-rest logistic regression that hears a linear model, small trees and the main code.

    A first level reads the record: logistic regressions on words and concepts,
    and (``boosted_features``) a small LightGBM model per code on the clinical
    blocks, whose log-odds are features as in He et al. (2014, "Practical
    lessons from predicting clicks on ads at Facebook", ADKDD).  The second
    level, one logistic regression per code on these few numbers, decides; it is
    fitted on out-of-fold log-odds (stacking, Wolpert 1992), so it knows how far
    each of them can be trusted.

    Parameters
    ----------
    C : float
        Inverse strength of the L2 penalty of the first level.  Its linear part
        reads the words, and without trees the other sparse blocks as well.
    boosted_features : bool
    n_estimators, n_columns : int
        Of the small trees: how many, and how many columns each code's see.
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
    logits_ : CodeLogits
    trees_ : CodeTrees or None
    deciders_ : Deciders or None
        None where there is nothing but the linear model to hear.
    calibrator_ : CodeCalibrator
    """

    def __init__(self, *, C=1.0, boosted_features=True, n_estimators=40, n_columns=60, calibrate=True,
                 groups=None, n_jobs=None, random_state=0):
        self.C = C
        self.boosted_features = boosted_features
        self.n_estimators = n_estimators
        self.n_columns = n_columns
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
        linear, dense = self._linear(features), _with_context(features, context)

        def fit_predict(train, test):
            models = [CodeLogits(C=self.C).fit(linear[train], truth[train])]
            heard = [models[0].margins(linear[test])]
            if self.boosted_features:
                trees = CodeTrees(
                    n_estimators=self.n_estimators, n_columns=self.n_columns, random_state=self.random_state
                )
                models.append(trees.fit(dense[train], truth[train]))
                heard.append(trees.margins(dense[test]))
            return models, np.stack(heard, axis=2)

        (self.logits_, *trees), heard = out_of_fold(fit_predict, folds, self.n_jobs)
        self.trees_ = trees[0] if trees else None
        self.deciders_ = None
        if trees or context is not None:
            self.deciders_ = Deciders().fit(heard, context, truth)
        self._fit_calibrator(self._decide(heard, context), truth)
        return self

    def _linear(self, features: Features):
        return features.sparse("words") if self.boosted_features else features.sparse(*features.blocks)

    def _fit_calibrator(self, margins: np.ndarray, truth: np.ndarray):
        groups = None if self.groups is None else [self.groups[column] for column in self.seen_]
        self.calibrator_ = CodeCalibrator(groups=groups)
        if self.calibrate:
            self.calibrator_.fit(margins, truth)
        else:
            self.calibrator_.identity(len(self.seen_))

    def _decide(self, heard: np.ndarray, context: np.ndarray | None) -> np.ndarray:
        return heard[:, :, 0] if self.deciders_ is None else self.deciders_.margins(heard, context)

    def predict_proba(self, features: Features, context=None) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero for codes never seen."""
        check_is_fitted(self)
        heard = [self.logits_.margins(self._linear(features))]
        if self.trees_ is not None:
            heard.append(self.trees_.margins(_with_context(features, context)))
        margins = self._decide(np.stack(heard, axis=2), context)
        p = np.zeros((len(features), self.n_codes_))
        p[:, self.seen_] = self.calibrator_.transform(margins)
        return p


def _with_context(features: Features, context: np.ndarray | None) -> np.ndarray:
    dense = features.clinical()
    return dense if context is None else np.hstack([dense, context.astype(np.float32)])
