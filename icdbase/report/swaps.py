"""Errors of a single target beside the set that follows it: was the right code found, but in the other place?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from icdbase.evaluation.alignment import Pairs
from icdbase.tasks.task import Task

__all__ = ["SwapTable", "swap_tables"]


@dataclass(frozen=True)
class SwapTable:
    """The errors of a single target, by kind.

    Parameters
    ----------
    single, multi : str
        Names of the two targets.
    n_records, n_errors, n_swaps : int
        A swap is an error in which the gold code was predicted among the others,
        or the predicted code is one of the gold others, or both.
    rows : list of dict
        ``gold``, ``predicted``, ``records``, ``both``, ``only_found`` (gold code
        among the predicted others), ``only_listed`` (predicted code among the gold
        others) and ``neither``, most frequent first.
    """

    single: str
    multi: str
    n_records: int
    n_errors: int
    n_swaps: int
    rows: list[dict] = field(default_factory=list)


def swap_tables(pairs: Pairs, task: Task) -> list[SwapTable]:
    """Return a table for each single target that a multi target follows, as main diagnosis and others.

    Examples
    --------
    >>> import pandas as pd
    >>> from icdbase.evaluation.alignment import align
    >>> from icdbase.tasks.editions import CCL25
    >>> gold = pd.DataFrame({"主诊断编码": ["I21.401"], "其他诊断编码": [("I20.000",)]}, index=["1"])
    >>> pred = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [("I10.x00x032",)]}, index=["1"])
    >>> (table,) = swap_tables(align(gold, pred, CCL25, "raise"), CCL25)
    >>> table.n_errors, table.n_swaps, table.rows[0]["only_listed"]
    (1, 1, 1)
    """
    followers = zip(task.targets, task.targets[1:], strict=False)
    return [
        _table(pairs, single.name, multi.name)
        for single, multi in followers if single.is_single and not multi.is_single
    ]


def _table(pairs: Pairs, single: str, multi: str) -> SwapTable:
    kinds: dict[tuple, Counter] = {}
    columns = zip(*pairs.codes[single], *pairs.codes[multi], strict=True)
    for truth, guess, gold_others, predicted_others in columns:
        if truth != guess:
            kind = _kind(truth is not None and truth in predicted_others, guess is not None and guess in gold_others)
            kinds.setdefault((truth or "", guess or ""), Counter())[kind] += 1
    rows = [
        {"gold": truth, "predicted": guess, "records": counts.total(),
         **{kind: counts[kind] for kind in ("both", "only_found", "only_listed", "neither")}}
        for (truth, guess), counts in kinds.items()
    ]
    rows.sort(key=lambda row: (-row["records"], row["gold"], row["predicted"]))
    n_errors = sum(row["records"] for row in rows)
    n_swaps = n_errors - sum(row["neither"] for row in rows)
    return SwapTable(single, multi, len(pairs.index), n_errors, n_swaps, rows)


def _kind(found: bool, listed: bool) -> str:
    if found and listed:
        return "both"
    return "only_found" if found else "only_listed" if listed else "neither"
