"""Answers of any system, a language model among them, in many forms.

The official form is in :mod:`icdbase.records.predictions`; all other forms that are
accepted are here.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from icdbase.core.errors import DataError, Problem, UsageError
from icdbase.core.language import _
from icdbase.files.cells import plain
from icdbase.files.encoding import without_fence
from icdbase.files.json_rows import try_parse
from icdbase.files.rows import Rows, read_rows
from icdbase.records.checks import known_columns
from icdbase.records.labels import LabelParser
from icdbase.records.predictions import official_form, parse_parts, split_prediction, without_brackets
from icdbase.tasks.task import Task

__all__ = ["UNREADABLE", "AnswerReader", "n_unreadable", "no_predictions", "read_answers"]

UNREADABLE = "(UNREADABLE)"
"""Code of what could not be read, where that counts as wrong; it is equal to no code in any spelling."""


class AnswerReader:
    """Read the answer of any system to one record.

    Besides the text of :func:`icdbase.records.submissions.parse_prediction` an answer
    may be an object ``{target: codes}``, JSON text of one, either of them in a
    Markdown fence, or the code of the first target alone.

    Parameters
    ----------
    task : Task
    invalid : {"raise", "zero"}
        With ``zero`` the codes of what cannot be read are ``UNREADABLE``, which
        is a wrong code; a target that can be read keeps its codes.

    Attributes
    ----------
    n_first_only : int
        Answers that were the code of the first target alone.

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> reader = AnswerReader(CCL25)
    >>> reader.read('```json\\n{"主诊断编码": "I20.000", "其他诊断编码": ["E11.900"]}\\n```')
    ({'主诊断编码': 'I20.000', '其他诊断编码': ('E11.900',)}, [])
    >>> reader.read("[I20.000]")[0]
    {'主诊断编码': 'I20.000', '其他诊断编码': ()}
    """

    def __init__(self, task: Task, invalid: str = "raise"):
        if invalid not in ("raise", "zero"):
            raise UsageError(_("invalid must be 'raise' or 'zero', got {!r}", invalid))
        self.task, self.invalid, self.n_first_only = task, invalid, 0
        self._parser = LabelParser(task)

    def read(self, value) -> tuple[dict, list[Problem]]:
        """Return the codes of an answer by target, and what is wrong with it."""
        field, value = self.task.prediction_field, _opened(plain(value))
        if isinstance(value, dict):
            value = value.get(field, value)
        parts, rule = self._parts(value)
        codes, problems = ({}, [Problem(rule, field=field)]) if rule else parse_parts(parts, self.task, self._parser)
        if problems and self.invalid == "zero":
            codes |= self._wrong(codes, {problem.field for problem in problems})
        if not isinstance(value, dict):
            problems = [replace(problem, field=field) for problem in problems]
        return codes, [replace(problem, remedy=problem.remedy or _("write {}", official_form(self.task))) for problem in problems]

    def _parts(self, value) -> tuple[list, str]:
        """Return the part of an answer for each target, or what is wrong with the answer as a whole."""
        targets = self.task.targets
        if not isinstance(value, dict) or not any(name in value for target in targets for name in target.spellings):
            parts, rule = split_prediction(plain(value), self.task)
            alone = self._first_only(value) if rule else None
            return (alone, "") if alone else (parts, rule)
        parts = [next((value[name] for name in target.spellings if name in value), None) for target in targets]
        empty = all(plain(part) in (None, "", []) for part in parts) and not all(target.may_be_empty for target in targets)
        return parts, _("the prediction is empty") if empty else ""

    def _first_only(self, value) -> list | None:
        """Return the parts of an answer that is one code and no more, None if it is not."""
        first, *others = self.task.targets
        if not first.is_single or not isinstance(value, str) or "|" in (text := without_brackets(value, self.task)):
            return None
        parts = [text, *[""] * len(others)]
        codes, problems = parse_parts(parts, self.task, self._parser)
        if problems or not codes[first.name]:
            return None
        self.n_first_only += 1
        return parts

    def _wrong(self, codes: dict, fields: set[str]) -> dict:
        """Return wrong codes for the targets that have problems, for all if the answer as a whole has one."""
        broken = [target for target in self.task.targets if target.name in fields or not codes]
        return {
            target.name: UNREADABLE if target.is_single else (*codes.get(target.name, ()), UNREADABLE) for target in broken
        }


def _opened(value):
    """Return the value without its Markdown fence, and the object that its text spells in JSON."""
    if not isinstance(value, str):
        return value
    text = without_fence(value)
    if not text.lstrip().startswith("{"):
        return text
    spelt, problem = try_parse(text, lambda error: Problem(error.msg))
    return text if problem else spelt


def n_unreadable(predictions: pd.DataFrame) -> int:
    """Count the records of which something could not be read.

    >>> n_unreadable(pd.DataFrame({"主诊断编码": ["I20.000", UNREADABLE], "其他诊断编码": [(), (UNREADABLE,)]}))
    1
    """
    found = predictions.map(lambda codes: codes == UNREADABLE or (isinstance(codes, tuple) and UNREADABLE in codes))
    return int(found.any(axis=1).sum())


# --- files ----------------------------------------------------------------------------


def read_answers(path, task: Task) -> Rows:
    """Read a file of answers, whatever its form: rows of id and answer.

    Besides what :func:`icdbase.files.rows.read_rows` reads, the file may be an object
    ``{id: answer}``, or objects of one id each, or have a column a target, as
    ``predictions.csv`` of ``icdbase cv`` has.

    Raises
    ------
    DataError
        If the file holds no answers.
    """
    known = known_columns(task)
    columns = (task.id_field, task.prediction_field)
    rows = read_rows(path, known, from_object=lambda whole: _pairs(whole, known))
    if rows.layout.startswith(("JSON", "one JSON")) and all(len(row) == 1 and not row.keys() & known for _, row in rows.records):
        rows.records = [(number, dict(zip(columns, *row.items(), strict=True))) for number, row in rows.records]
        rows.columns = columns
    if rows.records and task.prediction_field not in rows.columns:
        if problems := _mistaken(rows, task):
            raise DataError(path, [*rows.problems, *problems])
        rows.records = [(number, {columns[0]: row.get(columns[0]), columns[1]: row}) for number, row in rows.records]
    return rows


def _pairs(whole: dict, known) -> list[dict]:
    """Return a row for each id and its answer in an object; none if the object is something else."""
    if whole.keys() & known or any(isinstance(value, list) for value in whole.values()) or hasattr(whole, "twice"):
        return []
    return [{name: value} for name, value in whole.items()]


def _mistaken(rows: Rows, task: Task) -> list[Problem]:
    """Return why rows without a column of predictions are no answers; nothing if each target has a column."""
    if any(name in rows.columns for name in task.text_fields) or not all(
        any(name in rows.columns for name in target.spellings) for target in task.targets
    ):
        return no_predictions(rows, task)
    repeats = {row.get("repeat") for _, row in rows.records}
    if len(repeats) > 1:
        remedy = _("keep the rows of one of them; the scores of all are in cv.json")
        return [Problem(_("{} repeats of a cross-validation", len(repeats)), field="repeat", remedy=remedy)]
    return []


def no_predictions(rows: Rows, task: Task) -> list[Problem]:
    """Return the problem of a file that has no column of predictions; none if it has one."""
    if not rows.records or task.prediction_field in rows.columns:
        return []
    remedy = _("each record is {{{}: ..., {}: {}}}", task.id_field, task.prediction_field, official_form(task))
    if any(name in rows.columns for target in task.targets for name in target.spellings):
        mistake = _("the codes stand in columns of their own, which icdbase score reads and the platform does not")
        if any(name in rows.columns for name in task.text_fields):
            mistake = _("this is a file of records with labels, not a submission")
        remedy = _("{}; {}", mistake, remedy)
    return [Problem(_("there is no such column"), field=task.prediction_field, remedy=remedy)]
