"""One model per target: trees or a linear model for the main code, logistic regressions for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase import progress
from icdbase.calibration import CodeCalibrator, TemperatureScaler
from icdbase.features import Features
from icdbase.learners import ClassTrees, CodeLogits, CodeTrees, Deciders
from icdbase.linear import ClassLogits, ClassRidge

__all__ = ["LEARNERS", "MainCodeClassifier", "OtherCodesClassifier", "out_of_fold"]

LEARNERS = ("trees", "linear", "both")
"""What can decide on the main code."""


def out_of_fold(fit_predict: Callable, folds: np.ndarray, n_jobs: int | None, stage: str = "") -> tuple:
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
    run = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    results = progress.track(run(delayed(fit_predict)(*split) for split in splits), stage, len(splits))
    model, predicted = next(results)
    margins = np.empty((len(folds), *predicted.shape[1:]))
    for (_, test), (_, predicted) in zip(splits[1:], results, strict=True):  # a fold's model is let go at once
        margins[test] = predicted
    return model, margins


class MainCodeClassifier(BaseEstimator):
    """LightGBM on the features that go with each class, linear models of all words, or both.

    Trees are at home with a few classes, numbers and long records; the linear
    models, a logistic regression and a ridge, with many classes, a few records
    each, and words in many forms.  Of two readers the mean of their margins
    decides, each scaled by a temperature of its own, learned out of fold.
    ``both`` is trees and logistic regression: with the ridge as a third the
    trees are outvoted where they know better.

    Parameters
    ----------
    learner : {"trees", "linear", "both"}
        :class:`icdbase.learners.ClassTrees`; :class:`icdbase.linear.ClassLogits`
        and :class:`icdbase.linear.ClassRidge`; trees and ClassLogits.
    n_columns, min_support : int
        See :class:`icdbase.learners.TellingColumns`.
    n_estimators : int
        Trees per class.
    C : float
        Inverse strength of the logistic regression's penalty.
    calibrate : bool
        Scale by a temperature learned out of fold.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    classes_ : array of str, shape (n_classes,)
    readers_ : list of ClassTrees, ClassLogits and ClassRidge
        Empty where there is one class only.
    weights_ : list of float
        Of each reader's margins.
    scaler_ : TemperatureScaler
    """

    def __init__(self, *, learner="trees", n_columns=60, min_support=5, n_estimators=60, C=8.0, calibrate=True,
                 n_jobs=None, random_state=0):
        self.learner = learner
        self.n_columns = n_columns
        self.min_support = min_support
        self.n_estimators = n_estimators
        self.C = C
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
        makers = self._makers()
        self.classes_, labels = np.unique(np.asarray(y, dtype=str), return_inverse=True)
        if len(self.classes_) == 1:
            self.readers_, self.weights_ = [], []
            return np.ones((len(labels), 1))

        def fit_predict(train, test):
            seen, unseen = features.take(train), features.take(test)
            readers = [make().fit(seen, labels[train], self.classes_) for make in makers]
            return readers, np.stack([reader.margins(unseen) for reader in readers], axis=1)

        self.readers_, margins = out_of_fold(fit_predict, folds, self.n_jobs, "main code")
        self.weights_ = [1.0] if len(makers) == 1 else [
            1 / (len(makers) * TemperatureScaler().fit(margins[:, reader], labels).temperature_)
            for reader in range(len(makers))
        ]
        margins = sum(weight * margins[:, reader] for reader, weight in enumerate(self.weights_))
        self.scaler_ = TemperatureScaler().fit(margins, labels)
        if not self.calibrate:
            self.scaler_.temperature_ = 1.0
        return self.scaler_.transform(margins)

    def _makers(self) -> list[Callable]:
        trees = partial(
            ClassTrees, n_columns=self.n_columns, min_support=self.min_support, n_estimators=self.n_estimators,
            random_state=self.random_state,
        )
        logits = partial(ClassLogits, C=self.C)
        return {"trees": [trees], "linear": [logits, ClassRidge], "both": [trees, logits]}[self.learner]

    def margins(self, features: Features) -> np.ndarray:
        """Return log-probabilities up to a constant (n_records, n_classes), before the temperature."""
        check_is_fitted(self)
        return sum(
            weight * reader.margins(features) for weight, reader in zip(self.weights_, self.readers_, strict=True)
        )

    def predict_proba(self, features: Features) -> np.ndarray:
        """Return probabilities (n_records, n_classes)."""
        check_is_fitted(self)
        if not self.readers_:
            return np.ones((len(features), 1))
        return self.scaler_.transform(self.margins(features))


class OtherCodesClassifier(BaseEstimator):
    """One-vs-rest logistic regression; with ``boosted_features`` on what small trees see.

    Plain, each code's logistic regression reads words and concepts.  With
    ``boosted_features`` a small LightGBM model per code reads the record first,
    and the logistic regression decides on its log-odds and on the context, such
    as the probabilities of the main code (trees as features: He et al. 2014,
    "Practical lessons from predicting clicks on ads at Facebook", ADKDD).  It
    is fitted on out-of-fold log-odds (stacking, Wolpert 1992), so it knows how
    far they can be trusted.

    Parameters
    ----------
    boosted_features : bool
    C : float
        Inverse strength of the L2 penalty of the plain logistic regressions.
    n_columns, min_support, n_estimators : int
        Of the small trees; see :class:`icdbase.learners.CodeTrees`.
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
    reader_ : CodeTrees or CodeLogits
        Reads the record.
    deciders_ : Deciders or None
        Hear the reader and the context; None where the reader decides alone.
    calibrator_ : CodeCalibrator
    """

    def __init__(self, *, boosted_features=True, C=1.0, n_columns=60, min_support=5, n_estimators=40, calibrate=True,
                 groups=None, n_jobs=None, random_state=0):
        self.boosted_features = boosted_features
        self.C = C
        self.n_columns = n_columns
        self.min_support = min_support
        self.n_estimators = n_estimators
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

        def fit_predict(train, test):
            reader = self._new_reader().fit(features.take(train), truth[train], _rows(context, train))
            return reader, reader.margins(features.take(test), _rows(context, test))

        self.reader_, margins = out_of_fold(fit_predict, folds, self.n_jobs, "other codes")
        self.deciders_ = None
        if self.boosted_features or context is not None:
            self.deciders_ = Deciders().fit(margins, truth, context)
            margins = self.deciders_.margins(margins, context)
        groups = None if self.groups is None else [self.groups[column] for column in self.seen_]
        self.calibrator_ = CodeCalibrator(groups=groups)
        if self.calibrate:
            self.calibrator_.fit(margins, truth)
        else:
            self.calibrator_.identity(len(self.seen_))
        return self

    def _new_reader(self) -> CodeTrees | CodeLogits:
        if not self.boosted_features:
            return CodeLogits(C=self.C)
        return CodeTrees(
            n_columns=self.n_columns,
            min_support=self.min_support,
            n_estimators=self.n_estimators,
            random_state=self.random_state,
        )

    def predict_proba(self, features: Features, context=None) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero for codes never seen."""
        check_is_fitted(self)
        margins = self.reader_.margins(features, context)
        if self.deciders_ is not None:
            margins = self.deciders_.margins(margins, context)
        p = np.zeros((len(features), self.n_codes_))
        p[:, self.seen_] = self.calibrator_.transform(margins)
        return p


def _rows(context: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if context is None else context[rows]
