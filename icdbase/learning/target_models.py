"""One model per target: label encoding, classifier, codes by name, and the codes that are not predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from icdbase.features.blocks import Features
from icdbase.features.counts import Counts
from icdbase.features.stated_codes import Statements
from icdbase.learning.classifiers import CodeSetClassifier, SingleCodeClassifier
from icdbase.learning.codes_by_name import CodesByName
from icdbase.learning.decoding import decode
from icdbase.learning.out_of_fold import THINNED
from icdbase.records.checks import codes_outside
from icdbase.tasks.codes import NO_CODE, is_operation_code
from icdbase.tasks.task import Target, Task

__all__ = ["MIN_RECORDS", "SetTargetModel", "SingleTargetModel"]

_RECORDS_FOR_QUANTILE = 300

MIN_RECORDS = 3
"""Codes of an open set that fewer training records carry are not learned."""


class _TargetModel(BaseEstimator):
    """What both kinds of target share.

    Attributes
    ----------
    classifier_ : SingleCodeClassifier or CodeSetClassifier
        None for a set without any code in training.
    codes_ : array of str, shape (n_codes,)
        The codes of the classifier; ``NO_CODE`` stands for "no code".
    unseen_codes_ : tuple of str
        Candidate codes without a training record: predicted only where a record states them.
    outside_codes_ : dict of str to int
        Codes of training records that are no candidates, with the number of records.
    codes_by_name_ : CodesByName or None
        For open sets with known names, and single targets that are operations.
    """

    def fit_names(self, counts: Counts, task: Task | None, fields: Sequence[str]) -> _TargetModel:
        """Learn from training counts how well a name in the text predicts its code; nothing without a task.

        Returns
        -------
        self
        """
        target, self.codes_by_name_ = self.target, None
        if task is None or target.codes:
            return self
        named = [code for code in task.known_codes.get(target.name, ()) if code in task.code_names]
        given = counts.labels[target.name]
        if target.is_single:  # a name does not show which of the listed diagnoses is the main one
            named = [code for code in named if counts.operations and is_operation_code(code)]
            given = given.map(lambda code: (code,) if code else ())
        if named:
            self.codes_by_name_ = CodesByName(codes=tuple(named), fields=fields).fit(counts, given)
        return self

    def _set_codes(self, labels: pd.Series, codes: Sequence[str], seen: Sequence[str]):
        target, known = self.target, set(seen)
        self.codes_ = np.array(codes, dtype=str)
        self.unseen_codes_ = tuple(code for code in target.codes if code not in known)
        self.outside_codes_ = codes_outside(labels.to_frame(target.name), target)

    def add_named_codes(self, p: np.ndarray, counts: Counts) -> pd.DataFrame:
        """Return the classifier's probabilities as a table, with the codes that only their names predict behind them."""
        learned = pd.DataFrame(p, counts.labels.index, self.codes_)
        if self.codes_by_name_ is None:
            return learned
        codes, p = np.array(self.codes_by_name_.codes), self.codes_by_name_.transform(counts)
        new = p.any(axis=0) & ~np.isin(codes, self.codes_)
        if not new.any():
            return learned
        p = p[:, new]
        if self.target.is_single:  # codes exclude each other: what the named ones take, the learned ones lose
            p /= np.maximum(p.sum(axis=1, keepdims=True), 1.0)
            learned = learned * (1.0 - p.sum(axis=1, keepdims=True))
        return learned.join(pd.DataFrame(p, learned.index, codes[new]))


class SingleTargetModel(_TargetModel):
    """The model of a target with one code a record.

    Parameters
    ----------
    target : Target
    learner, n_estimators, n_jobs, random_state
        As for :class:`icdbase.learning.classifiers.SingleCodeClassifier`.

    Attributes
    ----------
    classifier_ : SingleCodeClassifier
    codes_, unseen_codes_, outside_codes_, codes_by_name_
        The codes, what is not predicted, and the codes by name.
    """

    def __init__(self, *, target: Target, learner="trees", n_estimators=60, n_jobs=None, random_state=0):
        self.target = target
        self.learner = learner
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit_out_of_fold(self, features: Features, labels: pd.Series, folds: np.ndarray) -> np.ndarray:
        """Fit, and return the probabilities of the training records (n_records, n_codes), out of fold.

        A record whose own code is no candidate is not learned from; its row is
        the mean of the others.  ``folds`` marks thinned copies, see
        :func:`icdbase.learning.out_of_fold.out_of_fold`.
        """
        parameters = self.get_params(deep=False)
        codes = labels.where(labels.notna(), NO_CODE)  # missing only where the target may be empty
        usable = np.flatnonzero(codes.isin((*self.target.codes, NO_CODE)) | (not self.target.codes))
        del parameters["target"]
        self.classifier_ = SingleCodeClassifier(**parameters)
        p = self.classifier_.fit_out_of_fold(features.take(usable), codes.iloc[usable], folds[usable])
        self._set_codes(labels[folds != THINNED], self.classifier_.classes_, self.classifier_.classes_)
        everyone = np.tile(p.mean(axis=0), (len(labels), 1))
        everyone[usable] = p
        return everyone

    def predict_proba(
        self, features: Features, context: np.ndarray | None = None, statements: Statements | None = None
    ) -> np.ndarray:
        """Return the classifier's probabilities (n_records, n_codes); context and statements are not read."""
        return self.classifier_.predict_proba(features)


class SetTargetModel(_TargetModel):
    """The model of a target with a set of codes a record.

    Parameters
    ----------
    target : Target
    exclusive_groups : mapping of code to group
    boosted_features, n_jobs, random_state
        As for :class:`icdbase.learning.classifiers.CodeSetClassifier`.

    Attributes
    ----------
    classifier_ : CodeSetClassifier or None
    lowest_chosen_ : array
        Probability of the least probable code of the sets of some hundred training records, out of fold.
    codes_, unseen_codes_, outside_codes_, codes_by_name_
        The codes, what is not predicted, and the codes by name.
    """

    def __init__(self, *, target: Target, exclusive_groups: Mapping[str, str] | None = None, boosted_features=True,
                 n_jobs=None, random_state=0):
        self.target = target
        self.exclusive_groups = exclusive_groups
        self.boosted_features = boosted_features
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, features: Features, labels: pd.Series, folds: np.ndarray, context: np.ndarray | None, statements: Statements | None = None
    ) -> SetTargetModel:
        """Fit on the sets of codes of the training records, out-of-fold context, and what the whole records state.

        Returns
        -------
        self
        """
        whole = labels[folds != THINNED]
        codes = list(self.target.codes) or _frequent(whole)
        column = {code: position for position, code in enumerate(codes)}
        truth = np.zeros((len(labels), len(codes)), dtype=bool)
        for row, listed in enumerate(labels):
            truth[row, [column[code] for code in listed if code in column]] = True
        self.classifier_, self.lowest_chosen_ = None, np.zeros(0)
        if codes:
            groups = None if self.exclusive_groups is None else [self.exclusive_groups.get(code) for code in codes]
            self.classifier_ = CodeSetClassifier(
                boosted_features=self.boosted_features, groups=groups, n_jobs=self.n_jobs,
                random_state=self.random_state,
            )
            stated = None if statements is None else statements.of(codes)
            p = self.classifier_.fit_out_of_fold(features, truth, folds, context, stated)
            p = p[:: max(len(p) // _RECORDS_FOR_QUANTILE, 1)]
            sets = decode(p, min_codes=self.target.min_codes, groups=groups)
            self.lowest_chosen_ = np.where(sets, p, np.inf).min(axis=1)[sets.any(axis=1)]
        self._set_codes(whole, codes, np.array(codes, dtype=str)[truth.any(axis=0)])
        return self

    def predict_proba(
        self, features: Features, context: np.ndarray | None = None, statements: Statements | None = None
    ) -> np.ndarray:
        """Return the classifier's probabilities (n_records, n_codes)."""
        if self.classifier_ is None:
            return np.zeros((len(features), 0))
        return self.classifier_.predict_proba(features, context, None if statements is None else statements.of(self.codes_))


def _frequent(labels: pd.Series) -> list[str]:
    """Return the codes of an open set with enough records for a model; all of them where none has."""
    records = Counter(code for listed in labels for code in listed)
    return sorted(code for code, n in records.items() if n >= MIN_RECORDS) or sorted(records)
