"""The whole system: records in, codes out.

    records ──count_records──▶ counts ──FeatureBuilder──▶ features
    features ──SingleTargetModel──▶ probabilities of the main code
    features + main, out of fold + what is stated ──SetTargetModel──▶ probabilities of the others
    probabilities ──TaskDecoder──▶ one main code and a set of other codes
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from icdbase.core.errors import DataWarning
from icdbase.features.blocks import FeatureBuilder
from icdbase.features.counts import CountingEstimator, Counts
from icdbase.features.familiarity import Familiarity
from icdbase.learning.classifiers import parse_learner
from icdbase.learning.code_sets import TaskDecoder
from icdbase.learning.decoding import parse_rule
from icdbase.learning.folds import inner_folds
from icdbase.learning.out_of_fold import THINNED
from icdbase.learning.prediction_details import PredictionDetails
from icdbase.learning.target_models import SetTargetModel, SingleTargetModel
from icdbase.learning.thinning import add_thinned
from icdbase.learning.training_labels import too_few_records, training_labels
from icdbase.records.checks import not_learned
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target

__all__ = ["SETTINGS", "IcdCoder"]

SETTINGS = {
    "default": {},
    "plain": {
        "blocks": ("words", "concepts"),
        "boosted_features": False, "main_informs_others": False, "exclusive_groups": False, "thinned_share": 0.0,
        "decoding": "expected_f1:0",
    },
}
"""Named settings: ``plain`` is TF-IDF and keywords, LightGBM, logistic regression, no more."""


class IcdCoder(CountingEstimator):
    """Predict the main diagnosis code and the set of other codes of a record.

    Parameters
    ----------
    task : Task
        Fields, targets and candidate codes.
    fields, blocks : sequence of str, optional
        Text fields and feature blocks; the task's by default.
    codes_by_name : bool
        Predict codes of an open set by their names; see :class:`icdbase.learning.codes_by_name.CodesByName`.
    min_df : int
        Words and concepts in fewer training records are dropped.
    concept_tables : sequence of paths
        The user's own concept tables, added to the package's.
    tokenizer : str, optional
        See :class:`icdbase.text.tokenization.Tokenizer`; the task's by default.
    main_learner : {"trees", "linear", "both"}
        What predicts single codes: LightGBM, linear models of all words (better with
        many codes and little text), or the mean of both.  ``"trees:30"`` and
        ``"both:30"`` fit 30 trees per class instead of 60.
    boosted_features : bool
        Fit the sets' logistic regressions on the scores of small trees, not on words and concepts.
    main_informs_others : bool
        Give the sets' models the probabilities of the single codes.
    thinned_share : float
        Copies per training record that lack fields and measurements at random; see :mod:`icdbase.learning.thinning`.
    exclusive_groups : bool
        Predict at most one code of each of the task's groups, main code included.
    decoding : str
        ``"expected_f1:0.05"``, ``"threshold:0.5"`` or ``"top_k:5"``; see :func:`icdbase.learning.decoding.decode`.
    n_folds : int
        Folds of the out-of-fold predictions inside ``fit``.
    n_jobs : int or None
        Threads, and processes for counting; the result does not depend on it.
    random_state : int

    Attributes
    ----------
    features_ : FeatureBuilder
    familiarity_ : Familiarity
    models_ : dict of target name to SingleTargetModel or SetTargetModel

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(60, random_state=0)
    >>> coder = IcdCoder().fit(records)
    >>> coder.predict(records[:2]).columns.tolist()
    ['主诊断编码', '其他诊断编码']
    >>> coder.details(records[:2]).excluded["其他诊断编码"].shape
    (2, 53)
    """

    def __init__(
        self, *, task=CCL25, fields=None, blocks=None, codes_by_name=True, min_df=2, concept_tables=(), tokenizer=None,
        main_learner="trees", boosted_features=True, main_informs_others=True, thinned_share=0.5,
        exclusive_groups=True, decoding="expected_f1", n_folds=3, n_jobs=-1, random_state=0,
    ):
        self.task = task
        self.fields = fields
        self.blocks = blocks
        self.codes_by_name = codes_by_name
        self.min_df = min_df
        self.concept_tables = concept_tables
        self.tokenizer = tokenizer
        self.main_learner = main_learner
        self.boosted_features = boosted_features
        self.main_informs_others = main_informs_others
        self.thinned_share = thinned_share
        self.exclusive_groups = exclusive_groups
        self.decoding = decoding
        self.n_folds = n_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    @property
    def codes_(self) -> dict[str, np.ndarray]:
        """Target name to the codes that were learned; the empty text is "no code" of a single target."""
        return {name: model.codes_ for name, model in self.models_.items()}

    @property
    def unseen_codes_(self) -> dict[str, tuple[str, ...]]:
        """Target name to the candidate codes without a training record: predicted only where a record states them."""
        return {name: model.unseen_codes_ for name, model in self.models_.items()}

    @property
    def outside_codes_(self) -> dict[str, dict[str, int]]:
        """Target name to the codes that are no candidates and not learned, with their number of training records."""
        return {name: model.outside_codes_ for name, model in self.models_.items()}

    def fit(self, records, y=None, *, groups=None) -> IcdCoder:
        """Learn from labelled records; a DataWarning names codes outside the candidate lists, and too few records.

        Parameters
        ----------
        records : pandas.DataFrame or Counts
            As :func:`icdbase.read_records` returns them, or what :meth:`count` made of them.
        y : ignored
        groups : sequence of hashable, length n_records, optional
            Records of one group (a patient's) share a fold inside ``fit``.

        Raises
        ------
        UsageError
            On a wrong parameter, or counts of another task, tokenizer or concept table.
        DataError
            On records without labels, too few of them, or all of one group.
        """
        parse_rule(self.decoding), parse_learner(self.main_learner)  # errors before the work
        counts = self._counted(records)
        labels = training_labels(counts, self.task)
        messages = not_learned(labels, self.task)
        with threadpool_limits(1):
            self.features_ = FeatureBuilder(fields=self.fields, blocks=self.blocks, min_df=self.min_df)
            features, statements = self.features_.fit_transform(counts), self.features_.statements(counts)
            self.familiarity_ = Familiarity().fit(counts, self.features_)
            folds = inner_folds(labels, self.task, self.n_folds, self.random_state, groups)
            self.models_ = {target.name: self._new_model(target, counts) for target in self._targets_in_order()}
            thinned = add_thinned(counts, self.features_, features, labels, folds, self.thinned_share, self.random_state)
            (features, labels, folds), some = thinned, counts.take(np.arange(min(len(counts), 50)))
            del counts  # of many records half the memory; what follows uses the features only
            single = []
            for name, model in self.models_.items():
                if model.target.is_single:
                    single.append(model.fit_out_of_fold(features, labels[name], folds))
                else:
                    model.fit(features, labels[name], folds, self._context(single), statements)
        messages += too_few_records(some.labels, self.decode(self.predict_proba(some)), (folds != THINNED).sum())
        for message in messages:
            warnings.warn(message, DataWarning, stacklevel=2)
        return self

    def _targets_in_order(self) -> list[Target]:
        """Single targets first: their probabilities are an input of the others."""
        return sorted(self.task.targets, key=lambda target: not target.is_single)

    def _new_model(self, target: Target, counts: Counts) -> SingleTargetModel | SetTargetModel:
        common = {name: getattr(self, name) for name in ("n_jobs", "random_state")}
        if target.is_single:
            learner, n_estimators = parse_learner(self.main_learner)
            model = SingleTargetModel(target=target, learner=learner, n_estimators=n_estimators, **common)
        else:
            groups = self.task.exclusive_groups if self.exclusive_groups else None
            model = SetTargetModel(target=target, exclusive_groups=groups, boosted_features=self.boosted_features, **common)
        return model.fit_names(counts, self.task if self.codes_by_name else None, self.features_.fields_)

    def _context(self, probabilities: list[np.ndarray]) -> np.ndarray | None:
        return np.hstack(probabilities) if self.main_informs_others and probabilities else None

    def details(self, records) -> PredictionDetails:
        """Return all that :meth:`predict` computes before it chooses codes."""
        check_is_fitted(self)
        counts, single, probabilities = self._counted(records), [], {}
        with threadpool_limits(1):
            features, statements = self.features_.transform(counts), self.features_.statements(counts)
            for target in self._targets_in_order():
                model = self.models_[target.name]
                p = model.predict_proba(features, self._context(single), statements)
                if target.is_single:
                    single.append(p)
                probabilities[target.name] = model.add_named_codes(p, counts)
        probabilities = {target.name: probabilities[target.name] for target in self.task.targets}
        excluded = self._decoder().excluded(probabilities)
        return PredictionDetails(counts, features, statements, self._context(single), probabilities, excluded)

    def predict_proba(self, records) -> dict[str, pd.DataFrame]:
        """Return the probability of every code: target name to table, one row per record, one column per code.

        A code without a training record that the record does not state has probability zero; codes by name stand last.
        """
        return self.details(records).probabilities

    def predict(self, records) -> pd.DataFrame:
        """Return the codes of each record, a column per target.

        A single target has a code or None ("no code"), a multi target a tuple of codes, the most probable first.
        """
        return self.decode(self.predict_proba(records))

    def unlike(self, records) -> pd.Series:
        """Return for each record why it is unlike the training records, empty if it is not.

        Its codes are then hardly more than a guess; see :class:`icdbase.features.familiarity.Familiarity`.
        """
        check_is_fitted(self)
        counts = self._counted(records)
        return pd.Series(self.familiarity_.reasons(counts, self.features_), counts.labels.index, dtype=object)

    def predict_top(self, records, k: int = 5) -> pd.DataFrame:
        """Return the ``k`` most probable codes of each target; see :meth:`icdbase.learning.code_sets.TaskDecoder.top`."""
        return self._decoder().top(self.predict_proba(records), k)

    def decode(self, probabilities: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """Choose codes from what :meth:`predict_proba` returned."""
        return self._decoder().decode(probabilities)

    def _decoder(self) -> TaskDecoder:
        lowest = {name: (m.codes_, m.lowest_chosen_) for name, m in self.models_.items() if not m.target.is_single}
        return TaskDecoder(self.task, self.decoding, self.task.exclusive_groups if self.exclusive_groups else {}, lowest)
