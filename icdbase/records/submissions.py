"""Submissions: one line of codes a record, as the evaluation platform takes them.

Reading is tolerant, so that any team's file can be scored; `check_submission`
is strict, as the platform is.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from itertools import chain

import pandas as pd

from icdbase.core.errors import DataError, DataWarning, Problem
from icdbase.core.language import N_, _
from icdbase.files.cells import plain
from icdbase.files.rows import Rows, read_rows, write_rows
from icdbase.records.checks import id_column_problems, known_columns, lost_zeros, main_repeated, outside_candidates
from icdbase.records.ids import IdRegister, shown_id
from icdbase.records.labels import LabelParser
from icdbase.records.llm_answers import UNREADABLE, AnswerReader, no_predictions, read_answers
from icdbase.records.predictions import (
    check_predictions,
    format_prediction,
    parse_prediction,
    parse_with_problems,
    read_codes,
)
from icdbase.records.records import check_frame
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = [
    "check_predictions",
    "check_submission",
    "format_prediction",
    "parse_prediction",
    "read_submission",
    "submission_rows",
    "write_submission",
]

_SHOWN = 10
_COUNT_AS_WRONG = N_("or count it as wrong with icdbase score --invalid-zero")


# --- files ----------------------------------------------------------------------------


def write_submission(predictions: pd.DataFrame, path, task: Task = CCL25) -> None:
    """Write predictions in the official form, atomically.

    Parameters
    ----------
    predictions : pandas.DataFrame of shape (n_records, n_targets)
        As `IcdCoder.predict` returns them.
    path : str or os.PathLike
        A JSON array, whatever the ending but ``.jsonl``, ``.csv``, ``.tsv`` and
        ``.xlsx``; the platform of CCL25 takes the array only.
    task : Task

    Raises
    ------
    DataError
        If the predictions have problems or the file cannot be written.
    """
    rows = submission_rows(check_predictions(predictions, task), task)
    write_rows(rows, path, [task.id_field, task.prediction_field])


def submission_rows(predictions: pd.DataFrame, task: Task = CCL25) -> list[dict[str, str]]:
    """Return the rows of a submission: id and prediction in the official form."""
    return [
        {task.id_field: record, task.prediction_field: format_prediction(row, task)}
        for record, row in zip(predictions.index, predictions.to_dict("records"), strict=True)
    ]


def read_submission(path, task: Task = CCL25, *, invalid: str = "raise") -> pd.DataFrame:
    """Read any team's submission for scoring.

    Parameters
    ----------
    path : str or os.PathLike
        JSON array, JSON Lines, CSV, TSV or Excel; ``-`` is standard input.
        For the forms that are accepted see :class:`icdbase.records.llm_answers.AnswerReader`
        (an answer) and :func:`icdbase.records.llm_answers.read_answers` (a file).
    task : Task
    invalid : {"raise", "zero"}
        What to do with an answer that cannot be read: stop, or count what cannot
        be read of it as wrong (its code is ``icdbase.records.llm_answers.UNREADABLE``).

    Returns
    -------
    pandas.DataFrame of shape (n_records, n_targets)
        Index: the ids, named ``task.id_field``; a column per target: str (None
        if empty) or tuple of str.

    Raises
    ------
    DataError
        With all problems of the file.

    Warns
    -----
    DataWarning
        If codes lie outside the candidate lists, answers cannot be read, or hold
        the code of the first target alone.
    """
    rows, answers = read_answers(path, task), AnswerReader(task, invalid)
    predictions, problems, unreadable = read_codes(
        rows, task, IdRegister(task.id_field), lambda row: answers.read(row.get(task.prediction_field))
    )
    problems = rows.problems + problems
    if invalid == "raise":
        problems += [replace(problem, remedy=_("{}, {}", problem.remedy, _(_COUNT_AS_WRONG))) for problem in unreadable]
    if problems:
        raise DataError(path, id_column_problems(problems, rows.columns, task, rows.layout))
    for finding in _notes(predictions, unreadable, answers.n_first_only, task):
        warnings.warn(_("{}: {}", path, finding), DataWarning, stacklevel=2)
    return predictions


def _notes(predictions: pd.DataFrame, unreadable: list[Problem], n_first_only: int, task: Task) -> list[str]:
    """Return warnings: codes that are no candidates, answers that are unreadable or incomplete."""
    notes = [outside_candidates(predictions, target, ignored=(UNREADABLE,)) for target in task.targets]
    if unreadable:
        records = list(dict.fromkeys(problem.record for problem in unreadable))
        notes.append(_("{} of {} answers cannot be read and count as wrong: {}", len(records), len(predictions), _listed(records)))
    if n_first_only:
        notes.append(_("{} of {} answers are a code for {} and no more, "
                       "without a sign |: nothing is predicted for the rest", n_first_only, len(predictions), task.targets[0].name))
    return list(filter(None, notes))


# --- check for the platform -----------------------------------------------------------


def check_submission(path, records: pd.DataFrame, task: Task = CCL25) -> list[Problem]:
    """Return why the platform would refuse a submission, or what would cost it points.

    Parameters
    ----------
    path : str or os.PathLike
        The submission.
    records : pandas.DataFrame
        The records to be predicted, as `check_frame` takes them; only the ids matter.
    task : Task

    Returns
    -------
    list of Problem
        Empty if the submission is acceptable.

    Warns
    -----
    DataWarning
        If main codes are repeated among the others: acceptable, but they count
        as wrong there.
    """
    try:
        rows = read_rows(path, known_columns(task))
    except DataError as error:
        return list(error.problems)
    problems, absent = _form_problems(rows, task) + list(rows.problems), no_predictions(rows, task)
    if absent:
        return problems + absent
    ids, parser = IdRegister(task.id_field), LabelParser(task)
    predictions, *found = read_codes(rows, task, ids, lambda row: _strict_parse(row.get(task.prediction_field), task, parser))
    problems = id_column_problems([*problems, *chain(*found)], rows.columns, task, rows.layout)
    problems += _id_problems(ids.good, check_frame(records, task).index, task)
    for finding in main_repeated(predictions, task):
        warnings.warn(_("{}: {}", path, finding), DataWarning, stacklevel=2)
    return problems


def _form_problems(rows: Rows, task: Task) -> list[Problem]:
    problems = []
    if rows.layout not in task.submission_layouts:
        problems.append(Problem(_("the file is {}, not a JSON array", _(rows.layout)), remedy=_("write [ {...}, {...} ]")))
    elif rows.layout == "JSON array" and rows.encoding != "utf-8":
        kind = _("UTF-8 with byte-order mark") if rows.encoding == "utf-8-sig" else rows.encoding.upper()
        problems.append(Problem(_("the file is {}", kind), remedy=_("save it as UTF-8 without byte-order mark")))
    return problems


def _strict_parse(value, task: Task, parser: LabelParser) -> tuple[dict, list[Problem]]:
    codes, problems = parse_with_problems(value, task, parser)
    if problems:
        return codes, problems
    written, official = str(plain(value)), format_prediction(codes, task)
    if written != official:
        problems.append(Problem(_difference(written, task), remedy=_("write {}", official)))
    for target in task.targets:
        found = codes[target.name]
        found = ((found,) if found else ()) if target.is_single else found
        if len(found) < target.min_codes:
            rule = _("{} codes for {}, at least {} expected", len(found), target.name, target.min_codes)
            problems.append(Problem(rule, remedy=_("add the most likely code")))
        unknown = [code for code in found if target.codes and code not in target.codes]
        if unknown:
            rule = _("not in the candidate list of {}: {}", target.name, ", ".join(unknown[:_SHOWN]))
            problems.append(Problem(rule, remedy=_("replace by a candidate code, or leave out")))
    return codes, [replace(problem, field=task.prediction_field) for problem in problems]


def _difference(written: str, task: Task) -> str:
    """Name the way in which a prediction differs from the official form."""
    if task.submission_brackets and not (written.startswith("[") and written.endswith("]")):
        return _("the brackets [ ] are missing")
    for target, part in zip(task.targets, written.strip("[]").split("|"), strict=False):
        counts = Counter(map(task.canonical_code, part.split(task.separators[0])))
        repeated = [code for code, count in counts.items() if code and count > 1]
        if repeated:
            return _("{} repeated in {}", ", ".join(repeated), target.name)
    return _("the separators, blanks, case or width are not official")


def _id_problems(found: Collection[str], expected: Collection, task: Task) -> list[Problem]:
    """Compare the ids of a submission with those of the records."""
    predicted, wanted = set(found), set(expected)
    missing = [record for record in expected if record not in predicted]
    unknown = [record for record in found if record not in wanted]
    problems, zeros = [], lost_zeros(missing, unknown)
    if missing:
        rule = _("{} of {} records have no prediction: {}", len(missing), len(expected), _listed(missing))
        problems.append(Problem(rule, field=task.id_field, remedy=zeros or _("predict every record")))
    if unknown:
        rule = _("{} of the ids not among the records: {}", len(unknown), _listed(unknown))
        problems.append(Problem(rule, field=task.id_field, remedy=zeros or _("leave them out; is it the right file?")))
    return problems


def _listed(ids: list[str]) -> str:
    return ", ".join(map(shown_id, ids[:_SHOWN])) + (", ..." if len(ids) > _SHOWN else "")
