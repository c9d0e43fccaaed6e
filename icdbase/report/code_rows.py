"""The table of codes: how often each is right, with intervals, and its share of all errors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icdbase.evaluation.per_code import per_code_table
from icdbase.report.calibration import wilson
from icdbase.tasks.task import Task

__all__ = ["FEW", "code_rows"]

FEW = 10
"""Codes of fewer gold records are shown in grey: their figures are chance, mostly."""


def code_rows(gold: pd.DataFrame, predictions: pd.DataFrame, task: Task) -> list[tuple[str, list[dict], int]]:
    """Return, for each target, its codes that occur, most frequent first, and the length of the longest bar.

    Returns
    -------
    list of (target, rows, longest)
        A row has the columns of :func:`icdbase.evaluation.per_code.per_code_table`;
        ``right``, ``missed`` and ``wrong`` (wrongly predicted), in records; ``errors``,
        the share of the target's missed and wrong codes; ``few``; and the 95 %
        intervals ``precision_interval``, ``recall_interval`` (Wilson 1927) and
        ``f1_interval``: F1 = 2 J / (1 + J), where J is the share of right ones among
        the records that carry or were given the code, so the limits of J give those of F1.
    """
    table = per_code_table(gold, predictions, task)
    table = table[(table["support"] > 0) | (table["predicted"] > 0)]
    table = table.sort_values(["support", "predicted"], ascending=False, kind="stable")
    table["right"] = table["correct"]
    table["missed"], table["wrong"] = table["support"] - table["right"], table["predicted"] - table["right"]
    table["few"] = table["support"] < FEW
    length = table["support"] + table["wrong"]
    table["precision_interval"] = _intervals(table["right"], table["predicted"])
    table["recall_interval"] = _intervals(table["right"], table["support"])
    table["f1_interval"] = [tuple(2 * j / (1 + j) for j in limits) for limits in _intervals(table["right"], length)]
    errors = table["missed"] + table["wrong"]
    table["errors"] = errors / errors.groupby(table["target"]).transform("sum").clip(lower=1)
    longest = length.groupby(table["target"]).max()
    return [(target.name, table[table["target"] == target.name].to_dict("records"), int(longest.get(target.name, 1)))
            for target in task.targets]


def _intervals(part: pd.Series, whole: pd.Series) -> list[tuple[float, float]]:
    return [wilson(k / n, n) if n else (np.nan, np.nan) for k, n in zip(part, whole, strict=True)]
