"""Gold and predicted codes side by side: checked, in one spelling, matched by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.core.errors import DataError, Problem, UsageError
from icdbase.records.checks import lost_zeros
from icdbase.records.ids import shown_id
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = ["Pairs", "align", "gold_labels"]

_MAX_IDS_NAMED = 5
_BLANK = frozenset({""})


def gold_labels(gold: pd.DataFrame, task: Task = CCL25) -> dict[str, list]:
    """Read the labels of a table: canonical codes, each record checked.

    Parameters
    ----------
    gold : DataFrame, shape (n_records, n_targets or more)
    task : Task

    Returns
    -------
    dict of str to list
        Target name to one entry a record: a code (or None where the target may
        be empty) or a frozenset of codes.

    Raises
    ------
    DataError
        If there is no record, a column is missing, an id comes twice, a label
        is missing or is not a code.

    Examples
    --------
    >>> gold = pd.DataFrame({"主诊断编码": ["i20.000"], "其他诊断编码": [["E78.500"] * 2]}, index=["病例1"])
    >>> gold_labels(gold)
    {'主诊断编码': ['I20.000'], '其他诊断编码': [frozenset({'E78.500'})]}
    """
    return _read_gold(gold, task, _Spelling(task))


@dataclass(frozen=True)
class Pairs:
    """Gold and predicted codes in the order of gold; ``absent`` marks records without prediction."""

    index: pd.Index
    codes: Mapping[str, tuple[list, list]]
    absent: np.ndarray


class _Spelling(dict):
    """Canonical spelling of every code met so far: a file repeats few codes many times."""

    def __init__(self, task: Task):
        super().__init__()
        self._canonical_code = task.canonical_code

    def __missing__(self, text):
        if not isinstance(text, str):
            raise TypeError(f"a code must be text, got {type(text).__name__}")
        self[text] = code = self._canonical_code(text)
        return code


def align(gold: pd.DataFrame, pred: pd.DataFrame, task: Task, missing: str) -> Pairs:
    """Match predictions to gold records by id; ``missing`` is "raise" or "zero"."""
    if missing not in ("raise", "zero"):
        raise UsageError(f"missing must be 'raise' or 'zero', got {missing!r}")
    spelling = _Spelling(task)
    truth = _read_gold(gold, task, spelling)
    _check_table(pred, task, "predictions")
    places = pred.index.get_indexer(gold.index)
    absent = places < 0
    if absent.any() and missing == "raise":
        raise DataError("predictions", [_missing_problem(gold.index, pred.index, absent)])
    wanted = pred.iloc[places[~absent]]
    codes = {}
    for target in task.targets:
        found = iter(_read_column(wanted, target, spelling, "predictions"))
        guess = [None if gone else next(found) for gone in absent]
        if not target.is_single:
            guess = [frozenset() if code is None else code for code in guess]
        codes[target.name] = (truth[target.name], guess)
    return Pairs(gold.index, codes, absent)


def _read_gold(gold: pd.DataFrame, task: Task, spelling: _Spelling) -> dict[str, list]:
    _check_table(gold, task, "gold")
    if not len(gold):
        raise DataError("gold", [Problem("no records", remedy="give at least one labelled record")])
    labels = {target.name: _read_column(gold, target, spelling, "gold") for target in task.targets}
    problems = [
        Problem("no label", shown_id(record), target.name, "label the record or leave it out")
        for target in task.targets
        if not (target.is_single and target.min_codes == 0)
        for record, code in zip(gold.index, labels[target.name], strict=True)
        if code is None
    ]
    if problems:
        raise DataError("gold", problems)
    return labels


def _check_table(table: pd.DataFrame, task: Task, source: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise UsageError(f"{source} must be a DataFrame indexed by record id, got {type(table).__name__}")
    lacking = [target.name for target in task.targets if target.name not in table.columns]
    if lacking:
        remedy = f"task {task.name} needs a column for each target"
        if source == "gold":
            remedy += "; is it a file without labels?"
        raise DataError(source, [Problem("no such column", field=name, remedy=remedy) for name in lacking])
    doubled = table.index[table.index.duplicated()].unique()
    if len(doubled):
        rule = f"{len(doubled)} record ids come more than once: {_name_ids(doubled)}"
        raise DataError(source, [Problem(rule, remedy="keep one row a record")])


def _read_column(table: pd.DataFrame, target: Target, spelling: _Spelling, source: str) -> list:
    """Return canonical codes (single) or frozensets (multi); None where the cell is missing."""
    read = _read_code if target.is_single else _read_codes
    codes, problems = [], []
    for record, value in zip(table.index, table[target.name].tolist(), strict=True):
        try:
            codes.append(read(value, spelling))
        except TypeError as error:
            problems.append(Problem(str(error), shown_id(record), target.name))
    if problems:
        raise DataError(source, problems)
    return codes


def _read_code(value, spelling: _Spelling) -> str | None:
    if isinstance(value, str):
        return spelling[value] or None
    if _is_missing(value):
        return None
    raise TypeError(f"expected one code as text, got {type(value).__name__}")


def _read_codes(value, spelling: _Spelling) -> frozenset | None:
    if isinstance(value, (tuple, list, set, frozenset)):
        codes = frozenset(map(spelling.__getitem__, value))
        return codes - _BLANK if "" in codes else codes
    if _is_missing(value):
        return None
    raise TypeError(f"expected a tuple, list or set of codes, got {type(value).__name__}")


def _is_missing(value) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _missing_problem(wanted: pd.Index, given: pd.Index, absent: np.ndarray) -> Problem:
    rule = f"no prediction for {absent.sum()} of {len(wanted)} gold records: {_name_ids(wanted[absent])}"
    remedy = "predict them too, or score them 0 with missing='zero' (--missing-zero)"
    if zeros := lost_zeros(wanted[absent], given.difference(wanted)):
        remedy = zeros
    elif absent.all() and len(given):
        remedy = (
            f"no id matches (gold has e.g. {_with_type(wanted[0])}, predictions {_with_type(given[0])}): "
            f"are both of the same file, and both text or both numbers? Else {remedy}"
        )
    return Problem(rule, remedy=remedy)


def _with_type(record) -> str:
    """Return '1' for a text and 1 for a number."""
    return repr(record) if shown_id(record) == str(record) else shown_id(record)


def _name_ids(ids: pd.Index) -> str:
    named = ", ".join(map(shown_id, ids[:_MAX_IDS_NAMED]))
    return f"{named}, ..." if len(ids) > _MAX_IDS_NAMED else named
