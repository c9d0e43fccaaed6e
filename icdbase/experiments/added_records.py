"""Other records beside a few of one's own, such as simulated ones: how many help, by cross-validation on one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.experiments.cross_validation import Design
from icdbase.experiments.trials import TrialRunner
from icdbase.records.origin import joined_share, mark_synthetic
from icdbase.records.records import check_frame

__all__ = ["SHARES", "AddedRecords", "add_records"]

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
    coder, records, random_state, groups, n_jobs
        As for :class:`icdbase.experiments.cross_validation.Design`; there are fewer folds where there are fewer records.
    others : DataFrame
        Labelled records of the coder's task; those with an id of ``records`` are left out.

    Raises
    ------
    DataError, UsageError
        As ``Design``.
    """
    own = Design(coder, records, n_folds=min(n_folds, len(records)), random_state=random_state, groups=groups)
    others = others[~others.index.isin(own.records.index)]
    joined = pd.concat([own.records, check_frame(others, own.task, require_labels=True)[own.records.columns]])
    groups = None if own.groups is None else np.append(own.groups, [f"{record} (added)" for record in others.index])
    runner = TrialRunner(coder, joined, groups=groups, n_jobs=n_jobs, stage="added records")
    numbers = sorted({round(share * len(others)) for share in SHARES})
    trials = {
        number: [replace(trial, train=np.append(trial.train, len(own.records) + np.arange(number))) for trial in own.trials()]
        for number in numbers
    }
    parts = runner.run([trial for several in trials.values() for trial in several])
    places = np.array_split(np.arange(len(parts)), len(numbers))
    scores = [own.evaluate(own.gather([parts[place] for place in few]))[1]["acc"] for few in places]
    tried = pd.DataFrame({"n_added": numbers, "acc": [acc.mean() for acc in scores]})
    tried[["difference", "low", "high"]] = [own.paired(acc, scores[0]) for acc in scores]
    n_added = int(tried.loc[tried["acc"].round(12).idxmax(), "n_added"])
    kept = joined.iloc[: len(own.records) + n_added].copy()
    mark_synthetic(kept, joined_share([records, others][: 1 + (n_added > 0)]))
    return AddedRecords(tried, n_added, kept, None if groups is None else groups[: len(kept)])
