"""Other records beside a few of one's own, such as simulated ones: how many help, by cross-validation on one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.language import _
from icdbase.core.text_tables import figure, table
from icdbase.evaluation.resampling import paired_bootstrap
from icdbase.evaluation.scoring import record_scores
from icdbase.experiments.trials import Trial, TrialRunner
from icdbase.learning.folds import check_groups, make_folds
from icdbase.records.origin import joined_share, mark_synthetic
from icdbase.records.records import check_frame

__all__ = ["SHARES", "AddedRecords", "add_records", "added_text"]

SHARES = (0.0, 0.25, 1.0)
"""Shares of the other records that are tried."""


@dataclass(frozen=True)
class AddedRecords:
    """What was tried, and the records to train on.

    Parameters
    ----------
    table : DataFrame
        Columns ``n_added``, ``acc``, and against training on one's own records alone
        ``difference``, ``low``, ``high`` (95 % interval).
    n_added : int
        Other records in the row with the best score; the fewer, if several are best.
    records : DataFrame
        One's own records, and behind them the others.
    groups : array of shape (n_records,) or None
    """

    table: pd.DataFrame
    n_added: int
    records: pd.DataFrame
    groups: np.ndarray | None


def add_records(
    coder: IcdCoder, records: pd.DataFrame, others: pd.DataFrame, *, n_folds: int = 5, random_state: int = 0,
    groups: Sequence | None = None, n_jobs: int | None = -1,
) -> AddedRecords:
    """Try how many of the other records help, and put so many behind one's own.

    The score is official Acc of one's own records, each predicted by a coder that learned
    from the other folds of one's own records and from some of the others.

    Parameters
    ----------
    coder : IcdCoder
        Not changed.
    records, others : DataFrame
        Labelled records of the coder's task; others with an id of ``records`` are left out.
    n_folds, random_state : int
    groups : sequence, length n_records, optional
        Records of one group, such as a patient, stay in one fold.
    n_jobs : int or None

    Raises
    ------
    DataError
        On records without labels.
    """
    task = coder.task
    own = check_frame(records, task, require_labels=True)
    groups, folds = check_groups(groups, own), make_folds(own, task, min(n_folds, len(own)), random_state, groups)
    others = others[~others.index.isin(own.index)]
    joined = pd.concat([own, check_frame(others, task, require_labels=True)[own.columns]])
    if groups is not None:
        groups = np.append(groups, [f"{record} (added)" for record in others.index])
    numbers = sorted({round(share * len(others)) for share in SHARES})
    trials = [
        Trial({}, np.append(np.flatnonzero(folds != fold), len(own) + np.arange(number)), np.flatnonzero(folds == fold))
        for number in numbers for fold in np.unique(folds)
    ]
    predicted = TrialRunner(coder, joined, groups=groups, n_jobs=n_jobs).run(trials)
    per_number = np.array_split(np.arange(len(trials)), len(numbers))
    scores = [record_scores(own, pd.concat([predicted[place] for place in places]), task)["acc"] for places in per_number]
    rows = []
    for number, acc in zip(numbers, scores, strict=True):
        gain = paired_bootstrap(acc, scores[0])
        rows.append((number, float(acc.mean()), gain.difference, gain.low, gain.high))
    tried = pd.DataFrame(rows, columns=["n_added", "acc", "difference", "low", "high"])
    n_added = int(tried.loc[tried["acc"].round(12).idxmax(), "n_added"])
    kept = joined.iloc[: len(own) + n_added].copy()
    mark_synthetic(kept, joined_share([records, others]) if n_added else joined_share([records]))
    return AddedRecords(tried, n_added, kept, None if groups is None else groups[: len(kept)])


def added_text(added: AddedRecords) -> str:
    """Lay out what was tried, and say in a sentence what is used and whether a gain is shown."""
    rows = [
        [f"{row.n_added:,}", figure(row.acc), f"{row.difference:+.3f}" if place else "-", f"{row.low:+.3f} to {row.high:+.3f}" if place else "-"]
        for place, row in enumerate(added.table.itertuples())
    ]
    text = table([_("simulated records added"), "Acc", _("change"), _("95 % interval")], rows,
                 title=_("cross-validation on your own records"))
    used = added.table.set_index("n_added").loc[added.n_added]
    if not added.n_added:
        return text + "\n" + _("simulated records do not help here: none are used")
    shown = _("a gain") if used["low"] > 0 else _("no gain is shown")
    return text + "\n" + _("used: {:,} simulated records ({})", added.n_added, shown)
