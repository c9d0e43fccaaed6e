"""The classifiers of a target: base models, stacking and calibration, fitted with out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import N_, _
from icdbase.features.blocks import Features
from icdbase.learning.calibration import CodeCalibrator, TemperatureScaler
from icdbase.learning.logistic import MARGIN_LIMIT, PerCodeLogistic, StackingLogistic
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.out_of_fold import THINNED, out_of_fold
from icdbase.learning.statement_rule import StatementRule
from icdbase.learning.trees import MulticlassTrees, PerCodeTrees

__all__ = ["LEARNERS", "CodeSetClassifier", "SingleCodeClassifier", "parse_learner"]

LEARNERS = ("trees", "linear", "both")
"""What can predict single codes."""

N_ESTIMATORS = 60
"""Trees per class, where the learner does not name another number."""


def parse_learner(learner: str) -> tuple[str, int]:
    """Return the name of a learner of single codes and its number of trees per class.

    >>> parse_learner("both"), parse_learner("trees:30")
    (('both', 60), ('trees', 30))

    Raises
    ------
    UsageError
        On an unknown learner, or a number that is none, below one, or where no trees are fitted.
    """
    name, colon, number = str(learner).partition(":")
    if name not in LEARNERS:
        raise UsageError(_("unknown main_learner {!r}{}", learner, did_you_mean(name, LEARNERS)))
    if colon and (name == "linear" or not (number.isascii() and number.isdigit() and int(number))):
        raise UsageError(_("main_learner {!r}: write trees:30 or both:30 for 30 trees per class", learner))
    return name, int(number) if colon else N_ESTIMATORS


class SingleCodeClassifier(BaseEstimator):
    """LightGBM on the features that go with each class, linear models of all words, or both.

    Trees are better with few classes, measurements and long records; the linear
    models, a logistic regression and a ridge regression, with many classes of few
    records each.  Two base models are combined by the mean of their margins, each
    scaled by its own temperature, fitted out of fold.  ``both`` is trees and
    logistic regression: with the ridge as a third the trees are outvoted where
    they are right.

    Parameters
    ----------
    learner : {"trees", "linear", "both"}
        :class:`icdbase.learning.trees.MulticlassTrees`; :class:`icdbase.learning.multiclass_linear.MulticlassLogistic`
        and :class:`icdbase.learning.multiclass_linear.MulticlassRidge`; trees and MulticlassLogistic.
    n_estimators : int
        Trees per class.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    classes_ : array of str, shape (n_classes,)
    base_models_ : list of MulticlassTrees, MulticlassLogistic and MulticlassRidge
        Empty if there is one class only.
    weights_ : list of float
        Weight of each base model's margins.
    scaler_ : TemperatureScaler
    """

    def __init__(self, *, learner="trees", n_estimators=N_ESTIMATORS, n_jobs=None, random_state=0):
        self.learner = learner
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, features: Features, y: Sequence[str], folds: np.ndarray) -> SingleCodeClassifier:
        """Fit on the training records."""
        self.fit_out_of_fold(features, y, folds)
        return self

    def fit_out_of_fold(self, features: Features, y: Sequence[str], folds: np.ndarray) -> np.ndarray:
        """Fit, and return the out-of-fold probabilities of the training records.

        Parameters
        ----------
        features : Features
        y : sequence of str, length n_records
        folds : int array of shape (n_records,)
            ``THINNED`` for thinned copies: the temperature does not depend on them.

        Returns
        -------
        array of shape (n_records, n_classes)
        """
        makers, whole = self._makers(), folds != THINNED
        self.classes_, labels = np.unique(np.asarray(y, dtype=str), return_inverse=True)
        if len(self.classes_) == 1:
            self.base_models_, self.weights_ = [], []
            return np.ones((len(labels), 1))

        def fit_predict(train, test):
            seen, unseen = features.take(train), features.take(test)
            models = [make().fit(seen, labels[train], self.classes_) for make in makers]
            return models, np.stack([model.margins(unseen) for model in models], axis=1)

        self.base_models_, margins = out_of_fold(fit_predict, folds, self.n_jobs, N_("main code"))
        self.weights_ = [1.0] if len(makers) == 1 else [
            1 / (len(makers) * TemperatureScaler().fit(margins[whole, model], labels[whole]).temperature_)
            for model in range(len(makers))
        ]
        margins = sum(weight * margins[:, model] for model, weight in enumerate(self.weights_))
        self.scaler_ = TemperatureScaler().fit(margins[whole], labels[whole])
        return self.scaler_.transform(margins)

    def _makers(self) -> list[Callable]:
        trees = partial(MulticlassTrees, n_estimators=self.n_estimators, random_state=self.random_state)
        linear = [MulticlassLogistic, MulticlassRidge]
        return {"trees": [trees], "linear": linear, "both": [trees, MulticlassLogistic]}[self.learner]

    def margins(self, features: Features) -> np.ndarray:
        """Return log-probabilities up to a constant (n_records, n_classes), before the temperature."""
        check_is_fitted(self)
        return sum(
            weight * model.margins(features) for weight, model in zip(self.weights_, self.base_models_, strict=True)
        )

    def predict_proba(self, features: Features) -> np.ndarray:
        """Return probabilities (n_records, n_classes)."""
        check_is_fitted(self)
        if not self.base_models_:
            return np.ones((len(features), 1))
        return self.scaler_.transform(self.margins(features))


class CodeSetClassifier(BaseEstimator):
    """One-vs-rest logistic regressions, with ``boosted_features`` on the margins of small trees.

    Without ``boosted_features`` the base model is a logistic regression per code on
    words and concepts.  With it, the base model is a small LightGBM model per code,
    and a logistic regression per code is fitted on its log-odds and the context,
    such as the probabilities of the main code (trees as features: He et al. 2014,
    "Practical lessons from predicting clicks on ads at Facebook", ADKDD).  That
    regression is fitted on out-of-fold log-odds (stacking, Wolpert 1992).

    Parameters
    ----------
    boosted_features : bool
    groups : sequence of str or None, length n_codes
        Exclusive group of each code, for :class:`icdbase.learning.calibration.CodeCalibrator`.
    n_jobs : int or None
    random_state : int

    Attributes
    ----------
    seen_ : int array
        Columns of the codes with a training record.
    base_model_ : PerCodeTrees or PerCodeLogistic
        The first level.
    stacker_ : StackingLogistic or None
        The second level, on the base model's margins and the context; None if there is none.
    rule_ : StatementRule or None
        The third level, on the margins and what the records state; None without statements.
    calibrator_ : CodeCalibrator
        Of the codes with a training record; with a rule, of all codes.
    """

    def __init__(self, *, boosted_features=True, groups=None, n_jobs=None, random_state=0):
        self.boosted_features = boosted_features
        self.groups = groups
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, features: Features, Y: np.ndarray, folds: np.ndarray, context=None, stated=None) -> CodeSetClassifier:
        """Fit on features, a bool array (n_records, n_codes), out-of-fold context, and what is stated."""
        self.fit_out_of_fold(features, Y, folds, context, stated)
        return self

    def fit_out_of_fold(
        self, features: Features, Y: np.ndarray, folds: np.ndarray, context=None, stated: np.ndarray | None = None
    ) -> np.ndarray:
        """Fit, and return the out-of-fold probabilities of the training records, thinned copies left out.

        ``context`` (n_records, n_context) holds the output of other models, such as
        the probabilities of the main code.  ``stated`` (n_whole_records, n_codes, n_kinds) says which codes
        the records state; see :class:`icdbase.learning.statement_rule.StatementRule`.  Stacking, rule and
        calibration are fitted without the thinned copies.
        """
        self.n_codes_ = Y.shape[1]
        self.seen_ = np.flatnonzero(Y.any(axis=0))
        truth = Y[:, self.seen_].astype(float)

        def fit_predict(train, test):
            model = self._new_base_model().fit(features.take(train), truth[train], _rows(context, train))
            return model, model.margins(features.take(test), _rows(context, test))

        self.base_model_, margins = out_of_fold(fit_predict, folds, self.n_jobs, N_("other codes"))
        whole = folds != THINNED
        margins, truth, context = margins[whole], truth[whole], _rows(context, whole)
        self.stacker_ = None
        if self.boosted_features or context is not None:
            self.stacker_ = StackingLogistic().fit(margins, truth, context)
            margins = self.stacker_.margins(margins, context)
        self.rule_ = None
        if stated is not None:
            margins, truth = self._all_codes(margins), self._all_codes(truth)
            self.rule_ = StatementRule(random_state=self.random_state).fit(margins, truth, stated, folds[whole])
            margins = self.rule_.margins(margins, stated)
        self._calibrate(margins, truth)
        return self._probabilities(margins)

    def _calibrate(self, margins: np.ndarray, truth: np.ndarray):
        codes = self.seen_ if self.rule_ is None else np.arange(self.n_codes_)
        self.calibrator_ = CodeCalibrator(groups=None if self.groups is None else [self.groups[column] for column in codes])
        self.calibrator_.fit(np.maximum(margins, -MARGIN_LIMIT), truth)
        self.calibrator_.offsets_[~np.isin(codes, self.seen_)] = 0.0  # of codes without a record nothing is known

    def _new_base_model(self) -> PerCodeTrees | PerCodeLogistic:
        if not self.boosted_features:
            return PerCodeLogistic()
        return PerCodeTrees(random_state=self.random_state)

    def predict_proba(self, features: Features, context=None, stated=None) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero for codes without a training record that are not stated."""
        return self._probabilities(self.margins(features, context, stated))

    def margins(self, features: Features, context=None, stated=None) -> np.ndarray:
        """Return log-odds before calibration, of the codes with a training record; with a rule, of all codes."""
        check_is_fitted(self)
        margins = self.base_model_.margins(features, context)
        if self.stacker_ is not None:
            margins = self.stacker_.margins(margins, context)
        return margins if self.rule_ is None else self.rule_.margins(self._all_codes(margins), stated)

    def _probabilities(self, margins: np.ndarray) -> np.ndarray:
        p = self.calibrator_.transform(margins)
        return self._all_codes(p) if self.rule_ is None else p

    def _all_codes(self, seen: np.ndarray) -> np.ndarray:
        """Put a column for each code with a training record among columns of zeros for the others."""
        every = np.zeros((len(seen), self.n_codes_))
        every[:, self.seen_] = seen
        return every


def _rows(context: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if context is None else context[rows]
