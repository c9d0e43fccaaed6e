"""The learning curve: the score against the number of training records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.evaluation.scoring import Scores
from icdbase.experiments.cross_validation import Basis, Design, json_rows, target_measures
from icdbase.learning.folds import nested_order

__all__ = ["CurveResult", "learning_curve"]

SMALLEST_SIZE = 40
"""Least number of training records of a default curve."""


@dataclass(frozen=True, kw_only=True)
class CurveResult(Basis):
    """Result of :func:`learning_curve`.

    Attributes
    ----------
    table : DataFrame
        One row for each size: ``n_train``, ``acc``, ``low``, ``high``, the columns of
        :func:`icdbase.experiments.cross_validation.target_measures`; ``gain``, ``gain_low``,
        ``gain_high``: Acc above that of the row before, paired over records.
    """

    table: pd.DataFrame

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {"n_records": self.n_records, "n_folds": self.n_folds, "n_repeats": self.n_repeats,
                "n_groups": self.n_groups, "table": json_rows(self.table)}


def learning_curve(coder: IcdCoder, records: pd.DataFrame, *, sizes: Iterable[int] | None = None, **design) -> CurveResult:
    """Score a coder for several numbers of training records.

    In each fold the training sets are nested: each contains the smaller ones.
    They are stratified by the main code (random if the task has no single
    target), and all are tested on the same records.

    Parameters
    ----------
    coder, records, **design
        As for :class:`icdbase.experiments.cross_validation.Design`.
    sizes : iterable of int, optional
        Numbers of training records; by default the largest possible, its half,
        its quarter and so on.

    Raises
    ------
    UsageError
        If a size is larger than the training set of a fold, or below 2.
    """
    design = Design(coder, records, **design)
    full = design.trials()
    sizes = _checked_sizes(sizes, min(len(trial.train) for trial in full))
    records, main_target = design.records, design.task.main
    main = records[main_target.name] if main_target else pd.Series("", records.index)
    nested = [
        trial.train[nested_order(main.iloc[trial.train], [design.random_state, number])] for number, trial in enumerate(full)
    ]
    trials = [
        replace(trial, train=np.sort(order[:size])) for size in sizes for trial, order in zip(full, nested, strict=True)
    ]
    parts = design.runner("learning curve").run(trials)
    results = [design.evaluate(design.gather(parts[start : start + len(full)])) for start in range(0, len(trials), len(full))]
    return CurveResult(table=_curve_table(design, sizes, results), **design.basis)


def _checked_sizes(sizes: Iterable[int] | None, largest: int) -> list[int]:
    if sizes is None:
        halved = [largest >> step for step in range(largest.bit_length())]
        return sorted({largest, *(size for size in halved if size >= SMALLEST_SIZE)})
    sizes = sorted(set(sizes))
    if not sizes or sizes[0] < 2 or sizes[-1] > largest:
        raise UsageError(_("sizes must lie from 2 to {}, the training records of the smallest fold; got {}", largest, sizes))
    return sizes


def _curve_table(design: Design, sizes: list[int], results: list[tuple[Scores, pd.DataFrame]]) -> pd.DataFrame:
    rows = []
    for number, (size, (scores, by_record)) in enumerate(zip(sizes, results, strict=True)):
        gain = design.paired(by_record["acc"], results[number - 1][1]["acc"]) if number else (np.nan,) * 3
        low, high = scores.acc_interval
        rows.append({"n_train": size, "acc": scores.acc, "low": low, "high": high, **target_measures(scores, design.task),
                     **dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))})
    return pd.DataFrame(rows)
