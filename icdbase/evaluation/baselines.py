"""Majority baseline: the same codes for every record.  A model must score above it."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pandas as pd

from icdbase.evaluation.alignment import gold_labels
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = ["majority_predictions"]


def majority_predictions(train: pd.DataFrame, records: pd.DataFrame, task: Task = CCL25) -> pd.DataFrame:
    """Predict the most frequent training codes for every record.

    Single targets get their most frequent code.  Multi targets get their ``k``
    most frequent codes, with the ``k`` that maximises the mean F1 over the
    training records, without the codes already given as main.

    Parameters
    ----------
    train : DataFrame, shape (n_train, n_targets or more)
        Labelled records.
    records : DataFrame
        What to predict; only its index is read.
    task : Task

    Returns
    -------
    DataFrame, shape (n_records, n_targets)
        Index of ``records``, a column a target: str or tuple of str, most
        frequent code first.  Ties go to the smaller ``k`` and to the code
        that comes first in the alphabet.

    Raises
    ------
    DataError
        If ``train`` is empty or lacks labels.

    Examples
    --------
    >>> train = pd.DataFrame({
    ...     "主诊断编码": ["I20.000", "I20.000", "I48.x01"],
    ...     "其他诊断编码": [("E78.500", "I50.900x010"), ("E78.500",), ("E78.500", "E11.900")],
    ... }, index=["病例1", "病例2", "病例3"])
    >>> majority_predictions(train, pd.DataFrame(index=["病例9"])).loc["病例9"].tolist()
    ['I20.000', ('E78.500',)]
    """
    labels = gold_labels(train, task)
    single = [target for target in task.targets if target.is_single]
    answers = {target.name: _most_frequent(labels[target.name]) for target in single}
    mains = set(answers.values())
    for target in task.targets:
        if not target.is_single:
            answers[target.name] = _best_fixed_set(labels[target.name], target, banned=mains)
    columns = {target.name: [answers[target.name]] * len(records) for target in task.targets}
    return pd.DataFrame(columns, index=records.index, dtype=object)


def _most_frequent(codes: list):
    counts = Counter(codes)
    return min(counts, key=lambda code: (-counts[code], code or ""))


def _best_fixed_set(gold: list[frozenset], target: Target, banned: set) -> tuple[str, ...]:
    """Grow the set code by code, most frequent first, and keep the best size."""
    rows_of = _rows_of_codes(gold)
    ranked = sorted(rows_of.keys() - banned, key=lambda code: (-len(rows_of[code]), code))
    n_gold = np.fromiter(map(len, gold), float, len(gold))
    common = np.zeros(len(gold))
    mean_f1 = [float(np.mean(n_gold == 0))]
    for k, code in enumerate(ranked, start=1):
        common[rows_of[code]] += 1
        mean_f1.append(float(np.mean(2 * common / (n_gold + k))))
    fewest = min(target.min_codes, len(ranked))
    best = fewest + int(np.argmax(np.round(mean_f1[fewest:], 12)))
    return tuple(ranked[:best])


def _rows_of_codes(gold: list[frozenset]) -> dict[str, list[int]]:
    rows_of = defaultdict(list)
    for row, codes in enumerate(gold):
        for code in codes:
            rows_of[code].append(row)
    return rows_of
