"""Rows to a DataFrame: every cell checked, every label in one spelling."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.files.cells import plain, sanitize, type_name
from icdbase.files.rows import Rows
from icdbase.records.checks import absent_labels, known_columns, missing_label
from icdbase.records.ids import IdRegister
from icdbase.records.labels import LabelParser, describe_label
from icdbase.records.origin import mark_synthetic, synthetic_share_of_rows
from icdbase.tasks.task import Target, Task

__all__ = ["FRAME", "build_frame", "columns_of_targets", "is_coded", "rows_of_frame"]

FRAME = "DataFrame"
"""What messages call a frame that came from no file."""

_CODES_SHOWN = 10


def rows_of_frame(frame: pd.DataFrame, task: Task) -> Rows:
    """Take a frame apart into rows, the id among the columns.

    Raises
    ------
    DataError
        If it is no DataFrame, is empty, or has no ids.
    """
    if not isinstance(frame, pd.DataFrame):
        remedy = _("read_records(path) makes a DataFrame")
        raise DataError(FRAME, [Problem(_("got {} instead of a DataFrame", type(frame).__name__), remedy=remedy)])
    if task.id_field not in frame.columns:
        nameless = frame.index.name is None and not isinstance(frame.index, pd.RangeIndex | pd.MultiIndex)
        if frame.index.name != task.id_field and not nameless:
            remedy = _("name a column or the index {}", task.id_field)
            raise DataError(FRAME, [Problem(_("no record ids"), field=task.id_field, remedy=remedy)])
        frame = frame.rename_axis(index=task.id_field).reset_index()
    if not len(frame):
        raise DataError(FRAME, [Problem(_("no record in the frame"), remedy=_("check how it was selected"))])
    rows = Rows(FRAME, FRAME, "", tuple(str(name) for name in frame.columns))
    for name in sorted(set(frame.columns[frame.columns.duplicated()]) & set(known_columns(task))):
        rows.problems.append(Problem(_("the column occurs twice"), field=name, remedy=_("keep one of the two")))
    frame = frame.loc[:, ~frame.columns.duplicated()]
    columns = [frame[name].tolist() for name in frame.columns]
    cells = zip(*columns, strict=True)
    names = [str(name) for name in frame.columns]
    rows.records = [(number, dict(zip(names, row, strict=True))) for number, row in enumerate(cells, 1)]
    return rows


def build_frame(
    rows: Rows, task: Task, *, require_labels: bool = False, ids: IdRegister | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Check every row; return the records and what is wrong with them.

    A register of ids that is handed in notices repetitions across several calls.
    """
    targets = columns_of_targets(rows.columns, task)
    problems = absent_labels(rows.columns, task, rows.layout) if require_labels else []
    ids, parser = ids or IdRegister(task.id_field), LabelParser(task)
    n_before = len(ids.names)
    data = {name: [] for name in (*task.text_fields, *(target.name for target in targets))}
    for number, row in rows.records:
        record, found = ids.read(row.get(task.id_field), number)
        problems += found
        for name in task.text_fields:
            text, rule = _read_text(row.get(name))
            data[name].append(text)
            if rule:
                problems.append(Problem(rule, record, name, _("join its items into one text")))
        labels, found = _read_labels(row, targets, parser, record, require=require_labels)
        problems += found
        for target, label in labels.items():
            data[target.name].append(label)
    index = pd.Index(ids.names[n_before:], dtype=object, name=task.id_field)
    frame = pd.DataFrame({name: pd.Series(values, index, dtype=object) for name, values in data.items()})
    return mark_synthetic(frame, synthetic_share_of_rows(row for _, row in rows.records)), problems


def columns_of_targets(columns: Collection[str], task: Task) -> dict[Target, str]:
    """Return the targets of which there is a column, with the name that it has."""
    found = {target: [name for name in target.spellings if name in columns] for target in task.targets}
    return {target: names[0] for target, names in found.items() if names}


def _read_text(value) -> tuple[str, str]:
    """Return the text of a cell, and the rule that it breaks."""
    value = value if value.__class__ is str else plain(value)
    if isinstance(value, str):
        return sanitize(value), ""
    return "", "" if value is None else _("{} instead of text", type_name(value))


_BLANK = ""


def _read_labels(
    row: dict, targets: Mapping[Target, str], parser: LabelParser, record: str, *, require: bool
) -> tuple[dict, list[Problem]]:
    """Return the label of each target, None where it is missing, and what is wrong with them."""
    found, problems = {}, []
    for target in targets:
        found[target], wrong = _read_label(row, target, parser, record)
        problems += wrong
    settled = _settle_blanks(found)
    if require:
        coded, broken = is_coded(settled), {problem.field for problem in problems}
        problems += [
            missing_label(record, column)
            for target, column in targets.items()
            if settled[target] is None and not (coded and target.is_single and target.may_be_empty)
            and broken.isdisjoint(target.spellings)
        ]
    return settled, problems


def _read_label(row: dict, target: Target, parser: LabelParser, record: str) -> tuple:
    """Return a label, `_BLANK` for an empty text or None where it is missing, and what is wrong with it."""
    labels, problems = {}, []
    for name in target.spellings:
        label, bad = parser.read(row.get(name))
        for piece in bad:
            several = "" if target.is_single else _(", separated by ;")
            remedy = _("write ICD codes such as I10.x00x032, M81400/3 or E11.301+H36.0*{}; "
                       'codes of another kind need a task with code_system = "free"', several)
            problems.append(Problem(_("{} is no ICD code", describe_label(piece)), record, name, remedy))
        if target.is_single and label and len(label) > 1:
            rule = _("{} codes where one is expected: {}", len(label), "; ".join(label[:_CODES_SHOWN]))
            problems.append(Problem(rule, record, name, _("keep the main one and move the others")))
        if label is not None:
            labels[name] = label
    filled = {name: label for name, label in labels.items() if label} or labels
    if len({frozenset(label) for label in filled.values()}) > 1:
        rule = _("{} hold different codes", _(" and ").join(filled))
        problems.append(Problem(rule, record, target.name, _("keep the right one")))
    label = next(iter(filled.values()), None)
    return label[0] if label and target.is_single else label, problems


def _settle_blanks(found: dict) -> dict:
    """Return labels in which an empty text has a meaning.

    In a record with a main code it means "no code", and so does a missing value
    where a target may be empty; a record without main code is not coded yet.
    """
    coded = is_coded(found)
    settled = {}
    for target, label in found.items():
        empty = label == _BLANK or (label is None and target.may_be_empty)
        settled[target] = (() if coded and not target.is_single else None) if empty else label
    return settled


def is_coded(found: dict) -> bool:
    """Whether somebody has coded the record: it has a main code, or the task has none that must be there."""
    mains = [label for target, label in found.items() if target.is_single and not target.may_be_empty]
    return any(mains) or not mains
