"""The labels of training records, checked before anything is fitted."""

from __future__ import annotations

import pandas as pd

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.features.counts import Counts
from icdbase.records.checks import OPEN_TARGETS, missing_label
from icdbase.records.ids import shown_id
from icdbase.tasks.task import Target, Task

__all__ = ["FEW_RECORDS", "too_few_records", "training_labels"]

FEW_RECORDS = 18
"""Synthetic records, seeds 0 to 2, 100 test records: Acc 0.38 to 0.44 from 18 records, 0.25 to 0.36 from 12; majority 0.26 to 0.33."""


def training_labels(counts: Counts, task: Task) -> pd.DataFrame:
    """Return the labels, a column a target.

    Raises
    ------
    DataError
        If a label or a label column is missing, no record carries a candidate
        code, or there are fewer than two records.
    """
    problems = [problem for target in task.targets for problem in _label_problems(counts.labels, target)]
    if not problems and len(counts) < 2:
        problems.append(Problem(_("training needs two labelled records at least, got {}", len(counts)), remedy=_("add records")))
    if problems:
        raise DataError("training records", problems)
    return counts.labels


def _label_problems(labels: pd.DataFrame, target: Target) -> list[Problem]:
    if target.name not in labels:
        return [Problem(_("the label column is missing"), field=target.name, remedy=_("train on labelled records"))]
    given, problems = labels[target.name], []
    if target.is_single and target.codes and not given.isin((*target.codes, None)).any():
        remedy = _("check the label column; if it is right: {}", _(OPEN_TARGETS))
        problems.append(Problem(_("no record carries a candidate code"), field=target.name, remedy=remedy))
    if not (target.is_single and target.may_be_empty):
        missing = labels.index[given.isna()]
        problems += [missing_label(shown_id(record), target.name) for record in missing]
    return problems


def too_few_records(labels: pd.DataFrame, predicted: pd.DataFrame, n_records: int) -> list[str]:
    """Return a warning for too few training records, and for each target with one and the same answer for all.

    Parameters
    ----------
    labels, predicted : pandas.DataFrame
        Of some training records.
    n_records : int
        All training records.
    """
    found = []
    if n_records < FEW_RECORDS:
        found.append(_("{} training records: from fewer than {} little is learned of the text; "
                       "add records, or compare with icdbase.majority_predictions", n_records, FEW_RECORDS))
    for name, given in labels.items():
        if name in predicted and predicted[name].nunique(dropna=False) == 1 < given.nunique(dropna=False):
            found.append(_("{}: {} training records get one and the same answer, whatever their text; train on "
                           "more records of each code, and check that the text columns hold the text", name, len(labels)))
    return found
