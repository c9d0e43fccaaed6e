"""Any scikit-learn classifiers as a coder: for cross-validation, ablation, learning curve and the table of baselines."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.features.blocks import FeatureBuilder
from icdbase.features.counts import CountingEstimator, Counts
from icdbase.learning.folds import inner_folds
from icdbase.learning.training_labels import training_labels
from icdbase.learning.tuned_estimators import TunedSetModel, TunedSingleModel, seeded
from icdbase.tasks.codes import NO_CODE
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target

__all__ = ["EstimatorCoder"]


class EstimatorCoder(CountingEstimator):
    """Predict codes with classifiers of your own, on the features of icdbase.

    It has the interface of :class:`icdbase.IcdCoder`, so that
    ``cross_validate``, ``ablate``, ``learning_curve`` and ``run_baselines``
    take it.  Records are counted once for all coders with the same task,
    concept tables and tokenizer.

    Parameters
    ----------
    main : scikit-learn classifier
        Fitted for each target of one code.
    others : scikit-learn classifier, optional
        Fitted for each target of a set of codes: as it is if it predicts several
        labels at once, else one-vs-rest.  By default that of ``main``.
    grid : mapping of str to sequence, optional
        Parameters of the classifiers to choose from on the training records, for
        each target by itself, such as ``{"C": (0.1, 1, 10)}``.
    thresholds : sequence of float, optional
        Scores that the threshold of a set is chosen from; by default 33 quantiles.
    task : Task
    fields, min_df, concept_tables, tokenizer
        As for :class:`icdbase.IcdCoder`.
    blocks : sequence of str or None
        Feature blocks: ``("words",)`` is TF-IDF of the whole record; None is all
        of the task, with measurements imputed by their median and scaled.
    n_folds : int
        Folds on which parameters and threshold are chosen.
    n_jobs : int or None
        Processes for counting.
    random_state : int
        Seed of the folds, and of each classifier that has none of its own.

    Attributes
    ----------
    models_ : dict of target name to TunedSingleModel or TunedSetModel
        With ``parameters_`` and, for a set, ``threshold_``: what was chosen.

    Examples
    --------
    Gradient boosting for the main code, logistic regression for the others:

    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from icdbase.experiments.cross_validation import cross_validate
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(60, random_state=0)
    >>> coder = EstimatorCoder(
    ...     main=HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=4),
    ...     others=LogisticRegression(C=10), fields=("入院诊断", "诊疗经过"),
    ... )
    >>> result = cross_validate(coder, records, n_folds=2, n_jobs=1)
    >>> 0 < result.scores.acc < 1
    True
    """

    def __init__(
        self, main=None, others=None, *, grid: Mapping | None = None, thresholds=None, task=CCL25, fields=None,
        blocks=("words",), min_df=2, concept_tables=(), tokenizer=None, n_folds=3, n_jobs=-1, random_state=0,
    ):
        self.main = main
        self.others = others
        self.grid = grid
        self.thresholds = thresholds
        self.task = task
        self.fields = fields
        self.blocks = blocks
        self.min_df = min_df
        self.concept_tables = concept_tables
        self.tokenizer = tokenizer
        self.n_folds = n_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, records, y=None, *, groups=None) -> EstimatorCoder:
        """Learn from labelled records.

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
            Without a classifier, or on counts of another task, tokenizer or concept table.
        DataError
            On records without labels.
        """
        counts = self._counted(records)
        labels = training_labels(counts, self.task)
        folds = inner_folds(labels, self.task, self.n_folds, self.random_state, groups)
        with threadpool_limits(1):
            X = self._fit_features(counts)
            models = {target.name: self._new_model(target) for target in self.task.targets}
            self.models_ = {name: model.fit(X, labels[name], folds) for name, model in models.items()}
        return self

    def predict(self, records) -> pd.DataFrame:
        """Return the codes of each record, a column a target.

        A single target has a code or None ("no code"), a multi target a tuple of
        codes without those of the single targets, the one of largest score first.
        """
        check_is_fitted(self)
        counts, single, columns = self._counted(records), [], {}
        with threadpool_limits(1):
            X = self._features(counts)
            for target in sorted(self.task.targets, key=lambda target: not target.is_single):
                model = self.models_[target.name]
                if target.is_single:
                    single.append(model.predict(X))
                    codes = [code if code != NO_CODE else None for code in single[-1].tolist()]
                else:
                    codes = model.predict(X, forbidden=single)
                columns[target.name] = pd.Series(codes, counts.labels.index, dtype=object)
        return pd.DataFrame({target.name: columns[target.name] for target in self.task.targets})

    def _new_model(self, target: Target) -> TunedSingleModel | TunedSetModel:
        first, second = (self.main, self.others) if target.is_single else (self.others, self.main)
        estimator = second if first is None else first
        if estimator is None:
            raise UsageError(_("no classifier: EstimatorCoder(main=LogisticRegression()), for instance"))
        estimator = seeded(estimator, self.random_state)
        if target.is_single:
            return TunedSingleModel(target=target, estimator=estimator, grid=self.grid)
        return TunedSetModel(target=target, estimator=estimator, grid=self.grid, thresholds=self.thresholds)

    def _fit_features(self, counts: Counts) -> sparse.csr_matrix:
        self.features_ = FeatureBuilder(fields=self.fields, blocks=self.blocks, min_df=self.min_df).fit(counts)
        self.imputer_ = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), MaxAbsScaler(),
        )
        dense = self.features_.transform(counts).dense()
        if dense.shape[1]:
            self.imputer_.fit(dense)
        return self._features(counts)

    def _features(self, counts: Counts) -> sparse.csr_matrix:
        """Return all features side by side (n_records, n_columns), nothing missing."""
        features = self.features_.transform(counts)
        dense = features.dense()
        if not dense.shape[1]:
            return features.sparse()
        return sparse.hstack([features.sparse(), sparse.csr_matrix(self.imputer_.transform(dense))], format="csr")
