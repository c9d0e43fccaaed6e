"""One model per target: trees or a linear model for the main code, logistic regressions for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.features.blocks import Features
from icdbase.learning.calibration import CodeCalibrator, TemperatureScaler
from icdbase.learning.logistic import PerCodeLogistic, StackingLogistic
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.out_of_fold import out_of_fold
from icdbase.learning.trees import MulticlassTrees, PerCodeTrees

__all__ = ["LEARNERS", "CodeSetClassifier", "SingleCodeClassifier"]

LEARNERS = ("trees", "linear", "both")
"""What can decide on the main code."""


class SingleCodeClassifier(BaseEstimator):
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
        :class:`icdbase.learning.trees.MulticlassTrees`; :class:`icdbase.learning.multiclass_linear.MulticlassLogistic`
        and :class:`icdbase.learning.multiclass_linear.MulticlassRidge`; trees and MulticlassLogistic.
    n_columns, min_support : int
        See :class:`icdbase.learning.column_selection.ColumnSelector`.
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
    base_models_ : list of MulticlassTrees, MulticlassLogistic and MulticlassRidge
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

    def fit(self, features: Features, y: Sequence[str], folds: np.ndarray) -> SingleCodeClassifier:
        """Fit on the training records."""
        self.fit_out_of_fold(features, y, folds)
        return self

    def fit_out_of_fold(self, features: Features, y: Sequence[str], folds: np.ndarray, whole=None) -> np.ndarray:
        """Fit, and return the probabilities of the training records by models that had not seen them.

        Parameters
        ----------
        features : Features
        y : sequence of str, length n_records
        folds : int array of shape (n_records,)
        whole : bool array of shape (n_records,), optional
            False for thinned copies: trees learn from them, the temperature does not.

        Returns
        -------
        array of shape (n_records, n_classes)
        """
        makers, whole = self._makers(), slice(None) if whole is None else whole
        self.classes_, labels = np.unique(np.asarray(y, dtype=str), return_inverse=True)
        if len(self.classes_) == 1:
            self.base_models_, self.weights_ = [], []
            return np.ones((len(labels), 1))

        def fit_predict(train, test):
            seen, unseen = features.take(train), features.take(test)
            readers = [make().fit(seen, labels[train], self.classes_) for make in makers]
            return readers, np.stack([reader.margins(unseen) for reader in readers], axis=1)

        self.base_models_, margins = out_of_fold(fit_predict, folds, self.n_jobs, "main code")
        self.weights_ = [1.0] if len(makers) == 1 else [
            1 / (len(makers) * TemperatureScaler().fit(margins[whole, reader], labels[whole]).temperature_)
            for reader in range(len(makers))
        ]
        margins = sum(weight * margins[:, reader] for reader, weight in enumerate(self.weights_))
        self.scaler_ = TemperatureScaler().fit(margins[whole], labels[whole])
        if not self.calibrate:
            self.scaler_.temperature_ = 1.0
        return self.scaler_.transform(margins)

    def _makers(self) -> list[Callable]:
        trees = partial(
            MulticlassTrees, n_columns=self.n_columns, min_support=self.min_support, n_estimators=self.n_estimators,
            random_state=self.random_state,
        )
        logits = partial(MulticlassLogistic, C=self.C)
        return {"trees": [trees], "linear": [logits, MulticlassRidge], "both": [trees, logits]}[self.learner]

    def margins(self, features: Features) -> np.ndarray:
        """Return log-probabilities up to a constant (n_records, n_classes), before the temperature."""
        check_is_fitted(self)
        return sum(
            weight * reader.margins(features) for weight, reader in zip(self.weights_, self.base_models_, strict=True)
        )

    def predict_proba(self, features: Features) -> np.ndarray:
        """Return probabilities (n_records, n_classes)."""
        check_is_fitted(self)
        if not self.base_models_:
            return np.ones((len(features), 1))
        return self.scaler_.transform(self.margins(features))


class CodeSetClassifier(BaseEstimator):
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
        Of the small trees; see :class:`icdbase.learning.trees.PerCodeTrees`.
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
    base_model_ : PerCodeTrees or PerCodeLogistic
        Reads the record.
    stacker_ : StackingLogistic or None
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

    def fit(self, features: Features, Y: np.ndarray, folds: np.ndarray, context=None) -> CodeSetClassifier:
        """Fit on features, a bool array (n_records, n_codes), and out-of-fold context."""
        self.fit_out_of_fold(features, Y, folds, context)
        return self

    def fit_out_of_fold(self, features: Features, Y: np.ndarray, folds: np.ndarray, context=None, whole=None) -> np.ndarray:
        """Fit, and return the probabilities of the whole training records by models that had not seen them.

        ``context`` (n_records, n_context) holds what other models say of the
        record, such as the probabilities of the main code.  ``whole``
        (n_records,) is False for thinned copies: the reader learns from half of
        them (all of them cost more than they bring), what comes after it from none.
        """
        self.n_codes_ = Y.shape[1]
        self.seen_ = np.flatnonzero(Y.any(axis=0))
        truth = Y[:, self.seen_].astype(float)


        def fit_predict(train, test):
            reader = self._new_reader().fit(features.take(train), truth[train], _rows(context, train))
            return reader, reader.margins(features.take(test), _rows(context, test))

        self.base_model_, margins = out_of_fold(fit_predict, folds, self.n_jobs, "other codes", whole)
        if whole is not None:
            margins, truth, context = margins[whole], truth[whole], _rows(context, whole)
        self.stacker_ = None
        if self.boosted_features or context is not None:
            self.stacker_ = StackingLogistic().fit(margins, truth, context)
            margins = self.stacker_.margins(margins, context)
        groups = None if self.groups is None else [self.groups[column] for column in self.seen_]
        self.calibrator_ = CodeCalibrator(groups=groups)
        if self.calibrate:
            self.calibrator_.fit(margins, truth)
        else:
            self.calibrator_.identity(len(self.seen_))
        return self._all_codes(self.calibrator_.transform(margins))

    def _new_reader(self) -> PerCodeTrees | PerCodeLogistic:
        if not self.boosted_features:
            return PerCodeLogistic(C=self.C)
        return PerCodeTrees(
            n_columns=self.n_columns,
            min_support=self.min_support,
            n_estimators=self.n_estimators,
            random_state=self.random_state,
        )

    def predict_proba(self, features: Features, context=None) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero for codes never seen."""
        check_is_fitted(self)
        margins = self.base_model_.margins(features, context)
        if self.stacker_ is not None:
            margins = self.stacker_.margins(margins, context)
        return self._all_codes(self.calibrator_.transform(margins))

    def _all_codes(self, seen: np.ndarray) -> np.ndarray:
        p = np.zeros((len(seen), self.n_codes_))
        p[:, self.seen_] = seen
        return p


def _rows(context: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if context is None else context[rows]
