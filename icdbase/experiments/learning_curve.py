"""The learning curve: the score against the number of training records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.errors import UsageError
from icdbase.evaluation.resampling import paired_bootstrap
from icdbase.evaluation.scoring import Scores
from icdbase.experiments.cross_validation import N_BOOTSTRAP, evaluate, json_rows, prepare, target_measures
from icdbase.experiments.trials import run_trials
from icdbase.learning.folds import nested_order
from icdbase.tasks.task import Task

__all__ = ["CurveResult", "learning_curve"]

SMALLEST_SIZE = 40
"""Least number of training records of a default curve."""


@dataclass(frozen=True)
class CurveResult:
    """Result of :func:`learning_curve`.

    Attributes
    ----------
    table : DataFrame
        One row for each size: ``n_train``, ``acc``, ``low``, ``high``, the columns of
        :func:`icdbase.experiments.cross_validation.target_measures`; ``gain``, ``gain_low``,
        ``gain_high``: Acc above that of the row before, paired over records.
    n_records, n_folds, n_repeats : int
    n_groups : int or None
    """

    table: pd.DataFrame
    n_records: int
    n_folds: int
    n_repeats: int
    n_groups: int | None = None

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {"n_records": self.n_records, "n_folds": self.n_folds, "n_repeats": self.n_repeats,
                "n_groups": self.n_groups, "table": json_rows(self.table)}


def learning_curve(
    coder: IcdCoder,
    records: pd.DataFrame,
    *,
    sizes: Iterable[int] | None = None,
    n_folds: int = 5,
    n_repeats: int = 1,
    random_state: int = 0,
    groups: Sequence | None = None,
    n_jobs: int | None = -1,
    folder=None,
) -> CurveResult:
    """Score a coder for several numbers of training records.

    In each fold the training sets are nested: each contains the smaller ones.
    They are stratified by the main code (random if the task has no single
    target), and all are tested on the same records.

    Parameters
    ----------
    coder, records, n_folds, n_repeats, random_state, groups, n_jobs, folder
        As for :func:`cross_validate`.
    sizes : iterable of int, optional
        Numbers of training records; by default the largest possible, its half,
        its quarter and so on.

    Returns
    -------
    CurveResult

    Raises
    ------
    UsageError
        If a size is larger than the training set of a fold, or below 2.
    """
    records, splits, groups = prepare(coder, records, n_folds, n_repeats, random_state, groups)
    full = splits.trials(coder, {})
    sizes = _checked_sizes(sizes, min(len(trial.train) for trial in full))
    main = records[coder.task.main.name] if coder.task.main else pd.Series("", records.index)
    nested = [
        trial.train[nested_order(main.iloc[trial.train], [random_state, number])] for number, trial in enumerate(full)
    ]
    trials = [
        replace(trial, train=np.sort(order[:size])) for size in sizes for trial, order in zip(full, nested, strict=True)
    ]
    parts = run_trials(coder, records, trials, groups=groups, folder=folder, n_jobs=n_jobs, stage="learning curve")
    results = [
        evaluate(records, splits.gather(records.index, parts[start : start + len(full)]), coder.task, groups)
        for start in range(0, len(trials), len(full))
    ]
    return CurveResult(
        _curve_table(sizes, results, groups, coder.task), len(records), n_folds, n_repeats,
        None if groups is None else len(np.unique(groups)),
    )


def _checked_sizes(sizes: Iterable[int] | None, largest: int) -> list[int]:
    if sizes is None:
        halved = [largest >> step for step in range(largest.bit_length())]
        return sorted({largest, *(size for size in halved if size >= SMALLEST_SIZE)})
    sizes = sorted(set(sizes))
    if not sizes or sizes[0] < 2 or sizes[-1] > largest:
        raise UsageError(f"sizes must lie from 2 to {largest}, the training records of the smallest fold; got {sizes}")
    return sizes


def _curve_table(sizes: list[int], results: list[tuple[Scores, pd.DataFrame]], groups, task: Task) -> pd.DataFrame:
    rows = []
    for number, (size, (scores, by_record)) in enumerate(zip(sizes, results, strict=True)):
        gain = (np.nan,) * 3
        if number:
            smaller = results[number - 1][1]["acc"]
            gain = paired_bootstrap(by_record["acc"], smaller, groups=groups, n_bootstrap=N_BOOTSTRAP)
        low, high = scores.acc_interval
        rows.append({"n_train": size, "acc": scores.acc, "low": low, "high": high, **target_measures(scores, task),
                     **dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))})
    return pd.DataFrame(rows)
