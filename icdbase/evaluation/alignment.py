"""Gold and predicted codes side by side: checked, in one spelling, matched by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.core.errors import DataError, Problem, UsageError
from icdbase.core.language import _
from icdbase.records.checks import lost_zeros, missing_label
from icdbase.records.ids import shown_id
from icdbase.records.labels import LabelParser
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = ["Pairs", "align", "gold_labels"]

_MAX_IDS_NAMED = 5


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
    return _read_gold(gold, task, LabelParser(task))


@dataclass(frozen=True)
class Pairs:
    """Gold and predicted codes in the order of gold; ``absent`` marks records without prediction."""

    index: pd.Index
    codes: Mapping[str, tuple[list, list]]
    absent: np.ndarray


def align(gold: pd.DataFrame, pred: pd.DataFrame, task: Task, missing: str, source: str = "predictions") -> Pairs:
    """Match predictions to gold records by id; ``missing`` is "raise" or "zero"; errors call the predictions ``source``."""
    if missing not in ("raise", "zero"):
        raise UsageError(_("missing must be 'raise' or 'zero', got {!r}", missing))
    parser = LabelParser(task)
    truth = _read_gold(gold, task, parser)
    _check_table(pred, task, source)
    places = pred.index.get_indexer(gold.index)
    absent = places < 0
    if absent.any() and missing == "raise":
        raise DataError(source, [_missing_problem(gold.index, pred.index, absent)])
    wanted = pred.iloc[places[~absent]]
    codes = {}
    for target in task.targets:
        found = iter(_read_column(wanted, target, parser, source))
        guess = [None if gone else next(found) for gone in absent]
        if not target.is_single:
            guess = [frozenset() if code is None else code for code in guess]
        codes[target.name] = (truth[target.name], guess)
    return Pairs(gold.index, codes, absent)


def _read_gold(gold: pd.DataFrame, task: Task, parser: LabelParser) -> dict[str, list]:
    _check_table(gold, task, "gold")
    if not len(gold):
        raise DataError("gold", [Problem(_("no records"), remedy=_("give at least one labelled record"))])
    labels = {target.name: _read_column(gold, target, parser, "gold") for target in task.targets}
    problems = [
        missing_label(shown_id(record), target.name)
        for target in task.targets
        if not (target.is_single and target.may_be_empty)
        for record, code in zip(gold.index, labels[target.name], strict=True)
        if code is None
    ]
    if problems:
        raise DataError("gold", problems)
    return labels


def _check_table(table: pd.DataFrame, task: Task, source: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise UsageError(_("{} must be a DataFrame indexed by record id, got {}", source, type(table).__name__))
    lacking = [target.name for target in task.targets if target.name not in table.columns]
    if lacking:
        rule, remedy = _("the column is missing"), _("task {} needs a column for each target", task.name)
        if source == "gold":
            rule, remedy = _("the label column is missing"), _("{}; is it a file without labels?", remedy)
        raise DataError(source, [Problem(rule, field=name, remedy=remedy) for name in lacking])
    doubled = table.index[table.index.duplicated()].unique()
    if len(doubled):
        rule = _("{} record ids come more than once: {}", len(doubled), _name_ids(doubled))
        raise DataError(source, [Problem(rule, remedy=_("keep one row a record"))])


def _read_column(table: pd.DataFrame, target: Target, parser: LabelParser, source: str) -> list:
    """Return canonical codes (single) or frozensets (multi); None where the cell is missing."""
    codes, problems = [], []
    for record, value in zip(table.index, table[target.name].tolist(), strict=True):
        try:
            codes.append(parser.spell(value, target))
        except TypeError as error:
            problems.append(Problem(str(error), shown_id(record), target.name))
    if problems:
        raise DataError(source, problems)
    return codes


def _missing_problem(wanted: pd.Index, given: pd.Index, absent: np.ndarray) -> Problem:
    rule = _("no prediction for {} of {} gold records: {}", absent.sum(), len(wanted), _name_ids(wanted[absent]))
    remedy = _("predict them too, or score them 0 with missing='zero' (--missing-zero)")
    if zeros := lost_zeros(wanted[absent], given.difference(wanted)):
        remedy = zeros
    elif absent.all() and len(given):
        remedy = _("no id matches (gold has e.g. {}, predictions {}): are both of the same file, and both text or both "
                   "numbers? Else {}", _with_type(wanted[0]), _with_type(given[0]), remedy)
    return Problem(rule, remedy=remedy)


def _with_type(record) -> str:
    """Return '1' for a text and 1 for a number."""
    return repr(record) if shown_id(record) == str(record) else shown_id(record)


def _name_ids(ids: pd.Index) -> str:
    named = ", ".join(map(shown_id, ids[:_MAX_IDS_NAMED]))
    return f"{named}, ..." if len(ids) > _MAX_IDS_NAMED else named
