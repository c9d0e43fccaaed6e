"""Predictions: the codes of a record as one text, and of many as a frame."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain

import pandas as pd

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.files.cells import plain, type_name
from icdbase.files.rows import Rows
from icdbase.records.frames import FRAME, rows_of_frame
from icdbase.records.ids import IdRegister
from icdbase.records.labels import LabelParser, describe_label
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

__all__ = [
    "check_predictions",
    "format_prediction",
    "official_form",
    "parse_parts",
    "parse_prediction",
    "parse_with_problems",
    "read_codes",
    "split_prediction",
    "without_brackets",
]

_BRACKETS = str.maketrans(dict.fromkeys("[]【】〔〕［］", " "))


def format_prediction(codes: Mapping, task: Task = CCL25) -> str:
    """Write the codes of a record as the platform wants them.

    Parameters
    ----------
    codes : mapping from target name to str, tuple of str or None
        A row of the predictions.
    task : Task

    Returns
    -------
    str

    Examples
    --------
    >>> format_prediction({"主诊断编码": "I20.000", "其他诊断编码": ("I10.x00x032", "E11.900")})
    '[I20.000|I10.x00x032;E11.900]'
    >>> format_prediction({"主诊断编码": None, "其他诊断编码": ()})
    '[|]'
    """
    parts = []
    for target in task.targets:
        value = codes[target.name]
        parts.append((value or "") if target.is_single else task.separators[0].join(value or ()))
    text = "|".join(parts)
    return f"[{text}]" if task.submission_brackets else text


def parse_prediction(text: str, task: Task = CCL25) -> dict:
    """Read the codes of a record in any common spelling.

    Brackets may be absent or Chinese, separators full-width, ``x`` upper case;
    blanks and trailing separators do not matter.  A text that looks like a code but
    is none (a language model may invent one) is kept: it is a wrong prediction, the
    file is not broken.

    Parameters
    ----------
    text : str
    task : Task

    Returns
    -------
    dict
        Target name to str (None if empty) or tuple of str, without repetitions.

    Raises
    ------
    DataError
        If the text cannot be understood; its path is ``prediction``.

    Examples
    --------
    >>> parse_prediction("【 i20.000 ｜I10.X00X032；E11.900； 】")
    {'主诊断编码': 'I20.000', '其他诊断编码': ('I10.x00x032', 'E11.900')}
    """
    codes, problems = parse_with_problems(text, task, LabelParser(task))
    if problems:
        raise DataError("prediction", problems)
    return codes


def parse_with_problems(value, task: Task, parser: LabelParser) -> tuple[dict, list[Problem]]:
    """Return the codes and the problems of one prediction."""
    parts, rule = split_prediction(plain(value), task)
    if rule:
        return {}, [Problem(rule, field=task.prediction_field, remedy=_("write {}", official_form(task)))]
    codes, problems = parse_parts(parts, task, parser)
    return codes, [replace(problem, field=task.prediction_field) for problem in problems]


def split_prediction(value, task: Task) -> tuple[list[str], str]:
    """Return the parts of a prediction between its bars, or what is wrong with it."""
    if not isinstance(value, str):
        return [], _("the prediction is missing") if value is None else _("{} instead of text", type_name(value))
    folded = without_brackets(value, task)
    if not folded and not (len(task.targets) == 1 and task.targets[0].may_be_empty):
        return [], _("the prediction is empty")
    parts = folded.split("|")
    if len(parts) != len(task.targets):
        return [], _("{} signs | instead of {}", len(parts) - 1, len(task.targets) - 1)
    return parts, ""


def parse_parts(parts: Iterable, task: Task, parser: LabelParser) -> tuple[dict, list[Problem]]:
    """Return the codes of each target, one part for each, and the problems, by target."""
    codes, problems = {}, []
    for target, part in zip(task.targets, parts, strict=True):
        codes[target.name], found = _parse_part(plain(part), target, parser)
        problems += [replace(problem, field=target.name) for problem in found]
    return codes, problems


def without_brackets(value: str, task: Task) -> str:
    """Return a prediction in one width, without the brackets around it."""
    if task.code_system == "icd":  # a bracket anywhere is no part of a code
        return unicodedata.normalize("NFKC", value.translate(_BRACKETS)).translate(_BRACKETS).strip()
    folded = unicodedata.normalize("NFKC", value).strip()
    return folded[1:-1].strip() if task.submission_brackets and folded[:1] + folded[-1:] == "[]" else folded


def _parse_part(part: str, target: Target, parser: LabelParser) -> tuple:
    found, bad = parser.read(part, keep_code_like=True)
    codes = tuple(found or ())
    problems = [
        Problem(_("{} is no code for {}", describe_label(piece), target.name), remedy=_("write ICD codes separated by ;"))
        for piece in bad
    ]
    if not target.is_single:
        return codes, problems
    if len(codes) > 1:
        problems.append(
            Problem(_("{} codes for {} where one is expected", len(codes), target.name), remedy=_("keep the most likely"))
        )
    return codes[0] if codes else None, problems


def official_form(task: Task) -> str:
    """Return a picture of the official form for messages.

    >>> official_form(CCL25)
    '[A|B;C]'
    """
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    parts = [next(letters) if target.is_single else f"{next(letters)}{task.separators[0]}{next(letters)}" for target in task.targets]
    text = "|".join(parts)
    return f"[{text}]" if task.submission_brackets else text


def check_predictions(predictions: pd.DataFrame, task: Task = CCL25) -> pd.DataFrame:
    """Return predictions in the form of `read_submission`, or raise all problems.

    Parameters
    ----------
    predictions : pandas.DataFrame of shape (n_records, n_targets)
        Index or a column: the ids; a column per target.
    task : Task

    Returns
    -------
    pandas.DataFrame of shape (n_records, n_targets)

    Raises
    ------
    DataError
        If ids or columns are missing, ids repeated, or values are no codes.
    """
    rows = rows_of_frame(predictions, task)
    problems = list(rows.problems)
    names = [target.name for target in task.targets]
    problems += [
        Problem(_("the column is missing"), field=name, remedy=_("a column per target")) for name in names if name not in rows.columns
    ]
    parser = LabelParser(task)
    checked, *found = read_codes(rows, task, IdRegister(task.id_field), lambda row: parse_parts(map(row.get, names), task, parser))
    problems += chain(*found)
    if problems:
        raise DataError(FRAME, problems)
    return checked


def read_codes(
    rows: Rows, task: Task, ids: IdRegister, read: Callable[[dict], tuple[dict, list[Problem]]]
) -> tuple[pd.DataFrame, list[Problem], list[Problem]]:
    """Return the codes that ``read`` finds in each row, what is wrong with the ids, and what is wrong with the codes.

    The frame has the ids as index and a column of dtype object per target; what cannot be read is None.
    """
    data, id_problems, problems = {target.name: [] for target in task.targets}, [], []
    for number, row in rows.records:
        record, found = ids.read(row.get(task.id_field), number)
        id_problems += found
        codes, found = read(row)
        problems += [replace(problem, record=record) for problem in found]
        for name, values in data.items():
            values.append(codes.get(name))
    index = pd.Index(ids.names, dtype=object, name=task.id_field)
    frame = pd.DataFrame({name: pd.Series(values, index, dtype=object) for name, values in data.items()})
    return frame, id_problems, problems
