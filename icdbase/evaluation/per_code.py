"""Precision, recall and F1 of every code, and the confusion of the codes of a single target."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pandas as pd

from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.evaluation.alignment import Pairs, align
from icdbase.tasks.codes import NO_CODE_SHOWN
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = ["as_code_set", "confusion", "pair_code_table", "per_code_table"]

OTHER_OR_MISSING = "other/missing"


def per_code_table(
    gold: pd.DataFrame, pred: pd.DataFrame, task: Task = CCL25, *, missing: str = "raise"
) -> pd.DataFrame:
    """Count and measure every code of every target.

    Parameters
    ----------
    gold, pred, task, missing
        As for :func:`score`.

    Returns
    -------
    DataFrame, one row a target and code
        ``target``, ``code``, ``name``, ``support`` (records that carry the
        code), ``predicted``, ``correct``, ``precision``, ``recall``, ``f1``.
        Candidates in the task's order, then codes seen outside the list.  A
        ratio of nothing is NaN: precision of a code never predicted, recall of
        a code without support, F1 of a code with neither.

    Raises
    ------
    DataError, UsageError
        As for :func:`score`.

    Examples
    --------
    >>> gold = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [("E78.500",)]}, index=["病例1"])
    >>> table = per_code_table(gold, gold)
    >>> table.loc[table.support > 0, ["target", "code", "support", "f1"]].to_numpy().tolist()
    [['主诊断编码', 'I20.000', 1, 1.0], ['其他诊断编码', 'E78.500', 1, 1.0]]
    """
    return pair_code_table(align(gold, pred, task, missing), task)


def pair_code_table(pairs: Pairs, task: Task) -> pd.DataFrame:
    """Return what :func:`per_code_table` returns, of codes that are aligned already."""
    return pd.concat([_code_table(pairs, target, task) for target in task.targets], ignore_index=True)


def confusion(
    gold: pd.DataFrame,
    pred: pd.DataFrame,
    task: Task = CCL25,
    target: str | None = None,
    *,
    missing: str = "raise",
) -> pd.DataFrame:
    """Cross-tabulate gold and predicted code of a single target.

    Parameters
    ----------
    gold, pred, task, missing
        As for :func:`score`.
    target : str, optional
        Name of a single target; the task's first one by default.

    Returns
    -------
    DataFrame of int
        Row = gold code, column = predicted code: the candidates in the task's
        order, then gold codes outside the list.  Predictions that are no gold
        code or candidate, or no code at all, stand in a last column
        ``other/missing``, which is there only when needed.  Where a target may
        be empty (``min_codes=0``) and is, the code is ``none``.

    Raises
    ------
    UsageError
        If there is no such target or it is a multi target.
    DataError
        As for :func:`score`.

    Examples
    --------
    >>> gold = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [()]}, index=["病例1"])
    >>> pred = pd.DataFrame({"主诊断编码": ["I21.401"], "其他诊断编码": [()]}, index=["病例1"])
    >>> int(confusion(gold, pred).loc["I20.000", "I21.401"])
    1
    """
    chosen = _single_target(task, target)
    pairs = align(gold, pred, task, missing)
    truth, guess = pairs.codes[chosen.name]
    if chosen.may_be_empty:
        truth = [NO_CODE_SHOWN if code is None else code for code in truth]
        guess = [
            NO_CODE_SHOWN if code is None and not absent else code
            for code, absent in zip(guess, pairs.absent, strict=True)
        ]
    rows = [*chosen.codes, *sorted(set(truth) - set(chosen.codes))]
    position = {code: place for place, code in enumerate(rows)}
    counts = np.zeros((len(rows), len(rows) + 1), dtype=int)
    places = [position.get(code, len(rows)) for code in guess]
    np.add.at(counts, ([position[code] for code in truth], places), 1)
    columns = [*rows, OTHER_OR_MISSING] if counts[:, -1].any() else rows
    return pd.DataFrame(
        counts[:, : len(columns)],
        index=pd.Index(rows, name="gold"),
        columns=pd.Index(columns, name="predicted"),
    )


def _code_counts(pairs: Pairs, target: Target) -> pd.DataFrame:
    """Per code that occurs: records with it in gold, in the prediction, in both."""
    gold, pred = pairs.codes[target.name]
    if target.is_single:
        gold, pred = [as_code_set(code) for code in gold], [as_code_set(code) for code in pred]
    support = Counter(chain.from_iterable(gold))
    predicted = Counter(chain.from_iterable(pred))
    correct = Counter(chain.from_iterable(map(frozenset.intersection, gold, pred)))
    codes = sorted(support.keys() | predicted.keys())
    rows = [(support[code], predicted[code], correct[code]) for code in codes]
    return pd.DataFrame(rows, index=codes, columns=["support", "predicted", "correct"], dtype=int)


def _code_table(pairs: Pairs, target: Target, task: Task) -> pd.DataFrame:
    counts = _code_counts(pairs, target)
    codes = [*target.codes, *sorted(set(counts.index) - set(target.codes))]
    counts = counts.reindex(codes, fill_value=0)
    support, predicted, correct = (counts[name].to_numpy() for name in ("support", "predicted", "correct"))
    return pd.DataFrame({
        "target": target.name,
        "code": codes,
        "name": [task.code_names.get(code, "") for code in codes],
        "support": support,
        "predicted": predicted,
        "correct": correct,
        "precision": _ratio(correct, predicted, np.nan),
        "recall": _ratio(correct, support, np.nan),
        "f1": _ratio(2 * correct, support + predicted, np.nan),
    })


def _ratio(part, whole, of_nothing) -> np.ndarray:
    """Divide, with ``of_nothing`` where the whole is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    result = np.empty(whole.shape)
    result[...] = of_nothing
    return np.divide(part, whole, out=result, where=whole > 0)


def as_code_set(codes: str | frozenset | None) -> frozenset:
    """Return a code, a set of codes or no code as a set."""
    return codes if isinstance(codes, frozenset) else frozenset(() if codes is None else (codes,))


def _single_target(task: Task, name: str | None) -> Target:
    singles = {target.name: target for target in task.targets if target.is_single}
    if not singles:
        raise UsageError(_("task {} has no single target; a confusion table needs one", task.name))
    if name is None:
        return next(iter(singles.values()))
    if name not in singles:
        raise UsageError(_("{!r} is no single target of task {}{}", name, task.name, did_you_mean(name, singles)))
    return singles[name]
