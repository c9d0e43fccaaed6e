"""The classical systems that a new one is compared with, each by its name.

All but ``majority`` read the same counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier

from icdbase.coder import SETTINGS, IcdCoder
from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.evaluation.baselines import majority_predictions
from icdbase.learning.estimator_coder import EstimatorCoder
from icdbase.learning.user_system import SystemCoder
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["BASELINES", "build_systems"]


class MajoritySystem(BaseEstimator):
    """The same codes for every record: see :func:`icdbase.evaluation.baselines.majority_predictions`."""

    def __init__(self, task: Task = CCL25):
        self.task = task

    def fit(self, records: pd.DataFrame) -> MajoritySystem:
        self.answer_ = majority_predictions(records, records.iloc[:1], self.task).iloc[0]
        return self

    def predict(self, records: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame([self.answer_] * len(records), index=records.index)


class NearestRecords(KNeighborsClassifier):
    """Neighbours by cosine, the nearer the heavier; where there are fewer records than neighbours, all of them."""

    def __init__(self, n_neighbors=10, *, weights="distance", metric="cosine"):
        super().__init__(n_neighbors, weights=weights, metric=metric)

    def fit(self, X, y):
        self.n_neighbors = min(self.n_neighbors, X.shape[0])
        return super().fit(X, y)


def _majority(**common) -> SystemCoder:
    names = ("task", "random_state", "n_jobs")
    return SystemCoder(MajoritySystem(common["task"]), **{name: common[name] for name in names})


def _knn(**common) -> EstimatorCoder:
    return EstimatorCoder(NearestRecords(), grid={"n_neighbors": (5, 10, 20, 40)}, **common)


def _naive_bayes(**common) -> EstimatorCoder:
    from sklearn.naive_bayes import ComplementNB

    return EstimatorCoder(ComplementNB(), grid={"alpha": (0.01, 0.03, 0.1, 0.3, 1.0)}, **common)


def _logistic(**common) -> EstimatorCoder:
    from sklearn.linear_model import LogisticRegression

    each = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    return EstimatorCoder(each, grid={"estimator__C": (3.0, 30.0, 300.0)}, **common)


def _linear_svm(**common) -> EstimatorCoder:
    from sklearn.svm import LinearSVC

    cuts = tuple(np.arange(-0.8, 0.41, 0.05).tolist())
    return EstimatorCoder(LinearSVC(), grid={"C": (0.3, 1.0, 3.0, 10.0)}, thresholds=cuts, **common)


def _trees(**common) -> EstimatorCoder:
    """The tenth of the words that chi-squared puts first for a code, and fewer bins: on all words 800 records take minutes."""
    from lightgbm import LGBMClassifier
    from sklearn.feature_selection import SelectPercentile, chi2
    from sklearn.pipeline import make_pipeline

    trees = LGBMClassifier(max_bin=31, n_jobs=1, force_col_wise=True, verbose=-1)
    return EstimatorCoder(make_pipeline(SelectPercentile(chi2, percentile=10), trees), **common)


def _plain(**common) -> IcdCoder:
    return IcdCoder(**SETTINGS["plain"], **common)


BASELINES: Mapping[str, Callable] = {
    "majority": _majority,
    "knn": _knn,
    "nb": _naive_bayes,
    "lr": _logistic,
    "svm": _linear_svm,
    "lightgbm": _trees,
    "plain": _plain,
    "icdbase": IcdCoder,
}
"""Name of a system to the function that builds it, the simplest first."""

DEAREST_FIRST = ("lightgbm", "lr", "svm", "plain", "icdbase", "nb", "knn", "majority")
"""Order in which systems start, so that the longest fit is not the last one."""


def build_systems(systems: Iterable[str] | Mapping[str, object] | None = None, **common) -> dict[str, BaseEstimator]:
    """Return unfitted coders by name.

    Parameters
    ----------
    systems : iterable of str, or mapping of str to object, optional
        Names of :data:`BASELINES`, by default all; or names of your own with a
        coder, a scikit-learn classifier (for main code and sets), an object with
        ``fit(records)`` and ``predict(records)``, or a name of :data:`BASELINES`.
    **common
        ``task``, ``concept_tables``, ``tokenizer``, ``random_state``, for all
        systems that are no coders yet.

    Raises
    ------
    UsageError
        On an unknown name, an object that is none of these, or a coder of another task.

    Examples
    --------
    >>> list(build_systems(("svm", "icdbase")))
    ['svm', 'icdbase']
    >>> build_systems(("smv",))
    Traceback (most recent call last):
    icdbase.core.errors.UsageError: unknown system 'smv'; did you mean 'svm'?
    """
    common = {"task": CCL25, "random_state": 0, "n_jobs": 1} | common
    named = dict(systems) if isinstance(systems, Mapping) else {name: name for name in (BASELINES if systems is None else systems)}
    if not named:
        raise UsageError(_("no system named; known: {}", ", ".join(BASELINES)))
    return {str(name): _coder(str(name), system, common) for name, system in named.items()}


def _coder(name: str, system, common: Mapping):
    if isinstance(system, str):
        if system not in BASELINES:
            raise UsageError(_("unknown system {!r}{}", system, did_you_mean(system, BASELINES)))
        return BASELINES[system](**common)
    if hasattr(system, "count") and hasattr(system, "task"):
        if system.task != common["task"]:
            raise UsageError(_("system {!r} is of the task {}, the others are of {}", name, system.task.name, common["task"].name))
        return system
    if isinstance(system, BaseEstimator) and is_classifier(system):
        return EstimatorCoder(system, **common)
    if hasattr(system, "fit") and hasattr(system, "predict"):
        return SystemCoder(system, **{each: common[each] for each in ("task", "random_state", "n_jobs")})
    raise UsageError(_("system {!r}: {} has no fit(records) and predict(records)", name, type(system).__name__))
