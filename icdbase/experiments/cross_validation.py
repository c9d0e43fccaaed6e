"""Cross-validation: the score of a coder on records that it was not fitted on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.errors import DataWarning, UsageError
from icdbase.evaluation.per_code import per_code_table
from icdbase.evaluation.resampling import bootstrap_interval
from icdbase.evaluation.scoring import Scores, record_scores, score
from icdbase.experiments.trials import Trial, run_trials
from icdbase.learning.folds import check_groups, make_folds
from icdbase.records.checks import not_learned
from icdbase.records.records import check_frame
from icdbase.tasks.task import Task

__all__ = ["CvResult", "Splits", "cross_validate", "evaluate", "json_rows", "prepare", "target_measures"]

N_BOOTSTRAP = 2000
"""Resamples of every interval."""


@dataclass(frozen=True)
class Splits:
    """The folds of each repeat; all coders that are compared use the same folds.

    Parameters
    ----------
    folds : int array of shape (n_repeats, n_records)
        The fold in which each record is tested.
    """

    folds: np.ndarray

    @property
    def n_repeats(self) -> int:
        return len(self.folds)

    def trials(self, coder: IcdCoder, parameters: Mapping[str, object]) -> list[Trial]:
        """Return one trial for each repeat and fold; each repeat has its own seed."""
        seed = parameters.get("random_state", coder.random_state)
        return [
            Trial({**parameters, "random_state": seed + repeat}, np.flatnonzero(folds != fold),
                 np.flatnonzero(folds == fold))
            for repeat, folds in enumerate(self.folds)
            for fold in np.unique(folds)
        ]

    def gather(self, index: pd.Index, predictions: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
        """Join the predictions of :meth:`trials` to one table for each repeat, in the order of the records."""
        per_repeat, remaining = [], iter(predictions)
        for folds in self.folds:
            parts = [next(remaining) for _ in np.unique(folds)]
            per_repeat.append(pd.concat(parts).loc[index])
        return per_repeat


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
    splits : Splits
    """

    scores: Scores
    per_fold: pd.DataFrame
    per_code: pd.DataFrame
    record_scores: pd.DataFrame
    predictions: pd.DataFrame
    splits: Splits

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {
            **self.scores.to_dict(),
            "n_folds": int(self.splits.folds.max() + 1),
            "n_repeats": self.splits.n_repeats,
            "per_fold": self.per_fold.to_dict(orient="records"),
            "per_code": json_rows(self.per_code),
        }


def cross_validate(
    coder: IcdCoder,
    records: pd.DataFrame,
    *,
    n_folds: int = 5,
    n_repeats: int = 1,
    random_state: int = 0,
    groups: Sequence | None = None,
    n_jobs: int | None = -1,
    folder=None,
) -> CvResult:
    """Score a coder by repeated stratified cross-validation.

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
        Records of one group, such as a patient, stay in one fold.
    n_jobs : int or None
        Processes; the result does not depend on it.
    folder : str or os.PathLike, optional
        Run folder, in which an interrupted run continues; see :mod:`icdbase.experiments.trials`.

    Returns
    -------
    CvResult

    Raises
    ------
    DataError, UsageError
        If records have no labels, or folds or parameters are impossible.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> 病历 = make_records(60, random_state=0)
    >>> coder = IcdCoder(blocks=("words",), main_learner="linear", boosted_features=False)
    >>> result = cross_validate(coder, 病历, n_folds=2, n_jobs=1)
    >>> len(result.predictions), result.per_fold["n_records"].tolist()
    (60, [30, 30])
    """
    records, splits, groups = prepare(coder, records, n_folds, n_repeats, random_state, groups)
    parts = run_trials(coder, records, splits.trials(coder, {}), groups=groups, folder=folder, n_jobs=n_jobs, stage="cross-validation")
    predictions = splits.gather(records.index, parts)
    scores, by_record = evaluate(records, predictions, coder.task, groups)
    return CvResult(
        scores=scores,
        per_fold=_per_fold(records, predictions, splits, coder.task),
        per_code=_mean_per_code(records, predictions, coder.task),
        record_scores=by_record,
        predictions=pd.concat([
            table.assign(repeat=repeat, fold=folds)[["repeat", "fold", *table.columns]]
            for repeat, (table, folds) in enumerate(zip(predictions, splits.folds, strict=True))
        ]),
        splits=splits,
    )


def prepare(
    coder: IcdCoder, records: pd.DataFrame, n_folds: int, n_repeats: int, random_state: int, groups: Sequence | None
) -> tuple[pd.DataFrame, Splits, np.ndarray | None]:
    """Return checked records, their folds and the group of each record (or None)."""
    if not isinstance(n_repeats, Integral) or n_repeats < 1:
        raise UsageError(f"n_repeats must be a whole number of at least 1, got {n_repeats!r}")
    if not isinstance(coder.random_state, Integral):
        raise UsageError(f"the coder's random_state must be a whole number here, got {coder.random_state!r}")
    records = check_frame(records, coder.task, require_labels=True)
    groups = check_groups(groups, records)
    for message in not_learned(records, coder.task):
        warnings.warn(message, DataWarning, stacklevel=3)
    folds = [make_folds(records, coder.task, n_folds, [random_state, repeat], groups) for repeat in range(n_repeats)]
    return records, Splits(np.array(folds)), groups


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
    each = [score(gold, table, task, n_bootstrap=1) for table in predictions]
    by_record = sum(record_scores(gold, table, task) for table in predictions) / len(predictions)
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


def _per_fold(records: pd.DataFrame, predictions: Sequence[pd.DataFrame], splits: Splits, task: Task) -> pd.DataFrame:
    rows = []
    for repeat, (table, folds) in enumerate(zip(predictions, splits.folds, strict=True)):
        for fold in np.unique(folds):
            scores = score(records[folds == fold], table, task, n_bootstrap=1)
            rows.append({"repeat": repeat, "fold": int(fold), "n_records": scores.n_records, "acc": scores.acc,
                         **target_measures(scores, task), "acc_recall_variant": scores.acc_recall_variant})
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
