"""Cross-validation: the score of a coder on records that it was not fitted on; the design that all experiments share."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral
from types import MappingProxyType

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.errors import DataWarning, UsageError
from icdbase.core.language import _
from icdbase.evaluation.alignment import align
from icdbase.evaluation.per_code import per_code_table
from icdbase.evaluation.resampling import PairedDifference, bootstrap_interval, paired_bootstrap
from icdbase.evaluation.scoring import Scores, score, score_pairs
from icdbase.experiments.trials import Trial, TrialRunner
from icdbase.learning.folds import check_groups, make_folds
from icdbase.records.checks import not_learned
from icdbase.records.records import check_frame
from icdbase.tasks.task import Task

__all__ = ["Basis", "CvResult", "Design", "cross_validate", "evaluate", "json_rows", "score_row", "target_measures"]

N_BOOTSTRAP = 2000
"""Resamples of every interval."""


class Design:
    """Checked records, the folds of each repeat, and how trials run: what all experiments share.

    All coders that are compared use the same folds.

    Parameters
    ----------
    coder : IcdCoder
        Not changed.
    records : DataFrame
        Labelled records.
    n_folds, n_repeats : int
    random_state : int
        Seed of the folds; the coder's own seed increases by one with each repeat.
    groups : sequence, length n_records, optional
        Records of one group, such as a patient, stay in one fold; intervals and
        tests resample and swap groups, not records.
    n_jobs : int or None
        Processes; the result does not depend on it.
    folder : str or os.PathLike, optional
        Run folder, in which an interrupted run continues; see :mod:`icdbase.experiments.trials`.

    Attributes
    ----------
    folds : int array of shape (n_repeats, n_records)
        The fold in which each record is tested.

    Raises
    ------
    DataError, UsageError
        If records have no labels, or folds or parameters are impossible.
    """

    def __init__(self, coder, records, *, n_folds=5, n_repeats=1, random_state=0, groups=None, n_jobs=-1, folder=None):
        if not isinstance(n_repeats, Integral) or n_repeats < 1:
            raise UsageError(_("n_repeats must be a whole number of at least 1, got {!r}", n_repeats))
        if not isinstance(coder.random_state, Integral):
            raise UsageError(_("the coder's random_state must be a whole number here, got {!r}", coder.random_state))
        self.coder, self.task = coder, coder.task
        self.records = check_frame(records, self.task, require_labels=True)
        self.groups = check_groups(groups, self.records)
        for message in not_learned(self.records, self.task):
            warnings.warn(message, DataWarning, stacklevel=3)
        seeds = [[random_state, repeat] for repeat in range(n_repeats)]
        self.folds = np.array([make_folds(self.records, self.task, n_folds, seed, self.groups) for seed in seeds])
        self.n_folds, self.random_state = n_folds, random_state
        self._how = {"groups": self.groups, "n_jobs": n_jobs, "folder": folder}

    @property
    def basis(self) -> dict[str, int | None]:
        """Numbers of records, folds, repeats and groups, and the seed: fields of every result."""
        return {"n_records": len(self.records), "n_folds": self.n_folds, "n_repeats": len(self.folds),
                "random_state": self.random_state, "n_groups": None if self.groups is None else len(np.unique(self.groups))}

    def trials(self, parameters: Mapping[str, object] = MappingProxyType({})) -> list[Trial]:
        """Return one trial for each repeat and fold; each repeat has its own seed."""
        seed = parameters.get("random_state", self.coder.random_state)
        return [
            Trial({**parameters, "random_state": seed + repeat}, np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
            for repeat, folds in enumerate(self.folds)
            for fold in np.unique(folds)
        ]

    def runner(self, stage: str) -> TrialRunner:
        """Return what runs trials on these records, under a name for reports of progress."""
        return TrialRunner(self.coder, self.records, stage=stage, **self._how)

    def gather(self, predictions: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
        """Join the predictions of :meth:`trials` to one table for each repeat, in the order of the records."""
        remaining = iter(predictions)
        return [pd.concat([next(remaining) for _ in np.unique(folds)]).loc[self.records.index] for folds in self.folds]

    def evaluate(self, predictions: Sequence[pd.DataFrame]) -> tuple[Scores, pd.DataFrame]:
        """Score what :meth:`gather` returned, as :func:`evaluate` does."""
        return evaluate(self.records, predictions, self.task, self.groups)

    def paired(self, a: pd.Series, b: pd.Series) -> PairedDifference:
        """Return the difference a - b of scores of the records, with its interval."""
        return paired_bootstrap(a, b, groups=self.groups, n_bootstrap=N_BOOTSTRAP)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a result is based on: numbers of records, folds, repeats and groups (None without), and the seed."""

    n_records: int
    n_folds: int
    n_repeats: int
    random_state: int
    n_groups: int | None = None

    def to_dict(self) -> dict:
        """Return these numbers, ready for ``json.dumps``."""
        return {each.name: getattr(self, each.name) for each in fields(Basis)}


@dataclass(frozen=True)
class CvResult:
    """Result of :func:`cross_validate`.

    Attributes
    ----------
    scores : Scores
        Each record is predicted out of fold; means over the repeats, interval
        over records.
    per_fold : DataFrame
        ``repeat``, ``fold``, ``n_records``, ``acc``, the columns of
        :func:`target_measures`, ``acc_recall_variant``.
    per_code : DataFrame
        As :func:`icdbase.evaluation.per_code.per_code_table`, over all repeats.
    record_scores : DataFrame
        As :func:`icdbase.evaluation.scoring.record_scores`, means over the repeats.
    predictions : DataFrame
        Index of record ids; ``repeat``, ``fold`` and a column for each target.
    folds : int array of shape (n_repeats, n_records)
        The fold in which each record was tested.
    """

    scores: Scores
    per_fold: pd.DataFrame
    per_code: pd.DataFrame
    record_scores: pd.DataFrame
    predictions: pd.DataFrame
    folds: np.ndarray

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {
            **self.scores.to_dict(),
            "n_folds": int(self.folds.max() + 1),
            "n_repeats": len(self.folds),
            "per_fold": self.per_fold.to_dict(orient="records"),
            "per_code": json_rows(self.per_code),
        }


def cross_validate(coder: IcdCoder, records: pd.DataFrame, **design) -> CvResult:
    """Score a coder by repeated stratified cross-validation.

    Parameters
    ----------
    coder, records, **design
        As for :class:`Design`: ``n_folds``, ``n_repeats``, ``random_state``, ``groups``, ``n_jobs``, ``folder``.

    Raises
    ------
    DataError, UsageError
        As :class:`Design`.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> 病历 = make_records(60, random_state=0)
    >>> coder = IcdCoder(blocks=("words",), main_learner="linear", boosted_features=False)
    >>> result = cross_validate(coder, 病历, n_folds=2, n_jobs=1)
    >>> len(result.predictions), result.per_fold["n_records"].tolist()
    (60, [30, 30])
    """
    design = Design(coder, records, **design)
    predictions = design.gather(design.runner("cross-validation").run(design.trials()))
    scores, by_record = design.evaluate(predictions)
    return CvResult(
        scores=scores,
        per_fold=_per_fold(design, predictions),
        per_code=_mean_per_code(design.records, predictions, design.task),
        record_scores=by_record,
        predictions=pd.concat([
            table.assign(repeat=repeat, fold=folds)[["repeat", "fold", *table.columns]]
            for repeat, (table, folds) in enumerate(zip(predictions, design.folds, strict=True))
        ]),
        folds=design.folds,
    )


def evaluate(
    gold: pd.DataFrame, predictions: Sequence[pd.DataFrame], task: Task, groups: np.ndarray | None = None
) -> tuple[Scores, pd.DataFrame]:
    """Score predictions of several repeats: means over the repeats, interval over records or groups.

    Returns
    -------
    Scores
    DataFrame
        The measures of each record, means over the repeats.
    """
    scored = [score_pairs(align(gold, table, task, "raise"), task, n_bootstrap=1) for table in predictions]
    each, by_record = [scores for scores, _ in scored], sum(records for _, records in scored) / len(predictions)
    names = ("acc", "main_accuracy", "other_f1", "acc_recall_variant", "micro_f1", "macro_f1", "other_precision",
             "other_recall")
    means = {name: _mean([getattr(scores, name) for scores in each]) for name in names}
    per_target = {
        target: {name: _mean([scores.per_target[target][name] for scores in each]) for name in measures}
        for target, measures in each[0].per_target.items()
    }
    interval = bootstrap_interval(by_record["acc"], groups=groups, n_bootstrap=N_BOOTSTRAP)
    scores = replace(each[0], **means, acc_interval=interval, n_bootstrap=N_BOOTSTRAP, per_target=per_target)
    return scores, by_record


def json_rows(table: pd.DataFrame) -> list[dict]:
    """Return the rows of a table as JSON has them, with None for missing values."""
    return table.astype(object).where(table.notna(), None).to_dict(orient="records")


def score_row(scores: Scores, task: Task) -> dict[str, float | None]:
    """Return the official score, its interval and the measure of each target, as the tables of results have them."""
    low, high = scores.acc_interval
    return {"acc": scores.acc, "acc_low": low, "acc_high": high, **target_measures(scores, task)}


def target_measures(scores: Scores, task: Task) -> dict[str, float | None]:
    """Return the measure of each target: accuracy of a single target, F1 of a multi target.

    ``main_accuracy`` and ``other_f1`` belong to the main code and the other
    codes, None if the task has none; ``<target>_accuracy`` and ``<target>_f1``
    of further targets follow.
    """
    measures = {"main_accuracy": scores.main_accuracy, "other_f1": scores.other_f1}
    for target in task.targets:
        if target not in (task.main, task.others):
            name = "accuracy" if target.is_single else "f1"
            measures[f"{target.name}_{name}"] = scores.per_target[target.name][name]
    return measures


def _mean(values: list[float | None]) -> float | None:
    return None if values[0] is None else float(np.mean(values))


def _per_fold(design: Design, predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for repeat, (table, folds) in enumerate(zip(predictions, design.folds, strict=True)):
        for fold in np.unique(folds):
            scores = score(design.records[folds == fold], table, design.task, n_bootstrap=1)
            rows.append({"repeat": repeat, "fold": int(fold), "n_records": scores.n_records, "acc": scores.acc,
                         **target_measures(scores, design.task), "acc_recall_variant": scores.acc_recall_variant})
    return pd.DataFrame(rows)


def _mean_per_code(records: pd.DataFrame, predictions: Sequence[pd.DataFrame], task: Task) -> pd.DataFrame:
    tables = [per_code_table(records, table, task) for table in predictions]
    if len(tables) == 1:
        return tables[0]
    codes = ["target", "code", "name"]
    counts = pd.concat(tables).groupby(codes, sort=False)[["support", "predicted", "correct"]].sum()
    decided = counts["support"] + counts["predicted"]
    ratios = {
        "precision": counts["correct"] / counts["predicted"],
        "recall": counts["correct"] / counts["support"],
        "f1": 2 * counts["correct"] / decided,
    }
    return (counts / len(tables)).assign(**ratios).reset_index()
