"""Records as a pandas DataFrame, one row a record: read, check, write.

Whoever gets a frame from here can rely on it: the ids are unique strings, every
text field of the task is there and holds strings, every label is a canonical
code, a tuple of such codes, or None.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection

import pandas as pd

from icdbase.errors import DataError, DataWarning, Problem, UsageError
from icdbase.findings import (
    absent_labels,
    column_problems,
    id_column_problems,
    known_columns,
    main_repeated,
    missing_label,
    misspelt_fields,
    outside_candidates,
)
from icdbase.rows import Rows, is_table, read_rows, type_name, write_rows
from icdbase.tasks import CCL25, Target, Task
from icdbase.values import CodeReader, IdRegister, describe_label, plain, sanitize, shown_id

__all__ = ["build_frame", "check_frame", "labels", "read_records", "write_records"]

FRAME = "DataFrame"
"""What messages call a frame that came from no file."""

_CODES_SHOWN = 10


def read_records(path, task: Task = CCL25, *, require_labels: bool = False) -> pd.DataFrame:
    """Read records from JSON array, JSON Lines, CSV, TSV or Excel.

    UTF-8 with or without byte-order mark, UTF-16 with mark, and GB18030 are told
    apart; missing fields, null and NaN are empty texts; both spellings of a
    label column and all usual separators of codes are understood.

    Parameters
    ----------
    path : str or os.PathLike, or a list or tuple of them
        The file; ``-`` is standard input.  Several files are joined in their order.
    task : Task
    require_labels : bool
        Whether a record without all labels is a problem.

    Returns
    -------
    pandas.DataFrame of shape (n_records, n_text_fields + n_label_columns)
        Index: the ids (str, unique), named ``task.id_field``.  Columns: the text
        fields in task order (str), then each target of which the file has a
        column: str or None for a single target, tuple of str or None for a
        multi target (``()`` is "no code", None is "not coded").  All columns
        have dtype object.

    Raises
    ------
    DataError
        With all problems of the (first bad) file, or the ids that two files share.

    Warns
    -----
    DataWarning
        If labels lie outside the candidate lists, the main code is repeated
        among the others, or a missing field seems to be there under another name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = path.write_text('[{"病案标识": "ZY1", "主诉": "胸闷3天。", "主要诊断编码": "I20.000",'
    ...                     ' "其他诊断编码": "I10.X00X032； E11.900；"}]', encoding="utf-8")
    >>> frame = read_records(path)
    >>> frame.loc["ZY1", ["主诉", "主诊断编码", "其他诊断编码"]].tolist()
    ['胸闷3天。', 'I20.000', ('I10.x00x032', 'E11.900')]
    """
    if not isinstance(path, list | tuple):
        return _read_file(path, task, require_labels)
    if not path:
        raise UsageError("no file to read: name one at least")
    frames = [_read_file(each, task, require_labels) for each in path]
    _refuse_shared_ids(path, frames, task)
    return frames[0] if len(frames) == 1 else _join(frames, task)


def _read_file(path, task: Task, require_labels: bool) -> pd.DataFrame:
    rows = read_rows(path, known_columns(task))
    problems = list(rows.problems)
    if rows.records:
        problems += column_problems(rows.columns, task, rows.layout)
    frame = build_frame(rows, task, problems, require_labels=require_labels)
    if problems:
        raise DataError(path, id_column_problems(problems, rows.columns, task, rows.layout))
    _warn(frame, rows, task)
    return frame


def _refuse_shared_ids(paths, frames: list[pd.DataFrame], task: Task) -> None:
    """Raise a DataError if a record id stands in two files."""
    first: dict[str, str] = {}
    for path, frame in zip(paths, frames, strict=True):
        shared = [(number, record) for number, record in enumerate(frame.index, 1) if record in first]
        if shared:
            remedy = "name each file once, and keep each record in one of the files"
            raise DataError(path, [
                Problem(f"the id occurs in {first[record]} too", shown_id(record, number), task.id_field, remedy)
                for number, record in shared
            ])
        first.update(dict.fromkeys(frame.index, str(path)))


def _join(frames: list[pd.DataFrame], task: Task) -> pd.DataFrame:
    """Put records of several files one below the other; a label column that a file lacks is None there."""
    joined = pd.concat(frames)
    columns = [*task.text_fields, *(target.name for target in task.targets if target.name in joined.columns)]
    return joined[columns].where(joined[columns].notna(), None)


def check_frame(frame: pd.DataFrame, task: Task = CCL25, *, require_labels: bool = False) -> pd.DataFrame:
    """Return a frame of your own in the form of `read_records`, or say what is wrong.

    The id may be the index or a column; missing text fields are filled with "";
    labels may be ``"A; B;C"`` or lists; other columns are left out.  The frame
    itself is not changed, and codes outside the candidate lists are not
    reported: that is done once, when a file is read.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_records, n_columns)
    task : Task
    require_labels : bool
        Whether a record without all labels is a problem.

    Returns
    -------
    pandas.DataFrame
        See `read_records`.

    Raises
    ------
    DataError
        With all problems; its path is ``DataFrame``.

    Examples
    --------
    >>> frame = pd.DataFrame({"病案标识": [7.0], "主诉": ["胸痛"], "其他诊断编码": ["E11.900;I49.900"]})
    >>> check_frame(frame).loc["7", ["主诉", "现病史", "其他诊断编码"]].tolist()
    ['胸痛', '', ('E11.900', 'I49.900')]
    """
    rows = rows_of_frame(frame, task)
    problems = list(rows.problems) + column_problems(rows.columns, task, rows.layout)
    checked = build_frame(rows, task, problems, require_labels=require_labels)
    if problems:
        raise DataError(FRAME, problems)
    return checked


def write_records(frame: pd.DataFrame, path, task: Task = CCL25) -> None:
    """Write records atomically; `read_records` gives the same frame back.

    Parameters
    ----------
    frame : pandas.DataFrame
        Records as `check_frame` takes them.
    path : str or os.PathLike
        ``.jsonl``, ``.csv``, ``.tsv`` or ``.xlsx``; any other ending is the
        official JSON array.
    task : Task

    Raises
    ------
    DataError
        If the frame has problems or the file cannot be written.
    """
    frame = check_frame(frame, task)
    targets = [target for target in task.targets if target.name in frame.columns]
    in_cells = is_table(path)
    rows = []
    for record, row in zip(frame.index, frame.to_dict("records"), strict=True):
        row.update(_spell_labels(row, targets, in_cells=in_cells))
        rows.append({task.id_field: record, **row})
    write_rows(rows, path, [task.id_field, *frame.columns])


def labels(frame: pd.DataFrame, target: Target) -> pd.Series:
    """Return the labels of a target, none of them missing.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `read_records` or `check_frame`.
    target : Target

    Returns
    -------
    pandas.Series of shape (n_records,)
        str for a single target (None for "no code" where it may be empty),
        tuple of str for a multi target.

    Raises
    ------
    DataError
        If the frame lacks the column or some records lack the label.
    """
    if target.name not in frame.columns:
        remedy = f"add the column {target.name} to train or score"
        raise DataError(FRAME, [Problem("there is no such label column", field=target.name, remedy=remedy)])
    series = frame[target.name]
    absent = series.index[series.isna()] if not (target.is_single and target.may_be_empty) else ()
    missing = [missing_label(shown_id(record), target.name) for record in absent]
    if missing:
        raise DataError(FRAME, missing)
    return series


# --- from rows to a frame -------------------------------------------------------------


def rows_of_frame(frame: pd.DataFrame, task: Task) -> Rows:
    """Take a frame apart into rows, the id among the columns.

    Raises
    ------
    DataError
        If it is no DataFrame, is empty, or has no ids.
    """
    if not isinstance(frame, pd.DataFrame):
        remedy = "read_records(path) makes a DataFrame"
        raise DataError(FRAME, [Problem(f"got {type(frame).__name__} instead of a DataFrame", remedy=remedy)])
    if task.id_field not in frame.columns:
        nameless = frame.index.name is None and not isinstance(frame.index, pd.RangeIndex | pd.MultiIndex)
        if frame.index.name != task.id_field and not nameless:
            remedy = f"name a column or the index {task.id_field}"
            raise DataError(FRAME, [Problem("no record ids", field=task.id_field, remedy=remedy)])
        frame = frame.rename_axis(index=task.id_field).reset_index()
    if not len(frame):
        raise DataError(FRAME, [Problem("no record in the frame", remedy="check how it was selected")])
    rows = Rows(FRAME, FRAME, "", tuple(str(name) for name in frame.columns))
    for name in sorted(set(frame.columns[frame.columns.duplicated()]) & set(known_columns(task))):
        rows.problems.append(Problem("the column occurs twice", field=name, remedy="keep one of the two"))
    frame = frame.loc[:, ~frame.columns.duplicated()]
    columns = [frame[name].tolist() for name in frame.columns]
    cells = zip(*columns, strict=True)
    names = [str(name) for name in frame.columns]
    rows.records = [(number, dict(zip(names, row, strict=True))) for number, row in enumerate(cells, 1)]
    return rows


def build_frame(
    rows: Rows, task: Task, problems: list[Problem], *, require_labels: bool = False, ids: IdRegister | None = None
) -> pd.DataFrame:
    """Check every row; problems are added to the list, the good rows returned.

    A register of ids that is handed in notices repetitions across several calls.
    """
    targets = _columns_of_targets(rows.columns, task)
    if require_labels:
        problems += absent_labels(rows.columns, task, rows.layout)
    ids, codes = ids or IdRegister(task.id_field, problems), CodeReader(task)
    before = len(ids.names)
    data = {name: [] for name in (*task.text_fields, *(target.name for target in targets))}
    for number, row in rows.records:
        record = ids.read(row.get(task.id_field), number)
        for name in task.text_fields:
            data[name].append(_read_text(row.get(name), record, name, problems))
        n_before = len(problems)
        found = {target: _read_label(row, target, codes, record, problems) for target in targets}
        settled = _settle_blanks(found)
        coded = _is_coded(settled)
        for target, label in settled.items():
            no_code = coded and target.is_single and target.may_be_empty
            told = any(problem.field in target.spellings for problem in problems[n_before:])
            if label is None and require_labels and not no_code and not told:
                problems.append(missing_label(record, targets[target]))
            data[target.name].append(label)
    index = pd.Index(ids.names[before:], dtype=object, name=task.id_field)
    return pd.DataFrame({name: pd.Series(values, index, dtype=object) for name, values in data.items()})


def _columns_of_targets(columns: Collection[str], task: Task) -> dict[Target, str]:
    """Return the targets of which there is a column, with the name that it has."""
    found = {target: [name for name in target.spellings if name in columns] for target in task.targets}
    return {target: names[0] for target, names in found.items() if names}


def _read_text(value, record: str, field: str, problems: list[Problem]) -> str:
    value = value if value.__class__ is str else plain(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return sanitize(value)
    rule = f"{type_name(value)} instead of text"
    problems.append(Problem(rule, record, field, "join its items into one text"))
    return ""


_BLANK = ""


def _read_label(row: dict, target: Target, codes: CodeReader, record: str, problems: list[Problem]):
    """Return a label, `_BLANK` for an empty text, or None where it is missing."""
    labels = {}
    for name in target.spellings:
        label, bad = codes.read(row.get(name))
        for piece in bad:
            several = "" if target.is_single else ", separated by ;"
            remedy = f"write ICD codes such as I10.x00x032, M81400/3 or E11.301+H36.0*{several}"
            problems.append(Problem(f"{describe_label(piece)} is no ICD code", record, name, remedy))
        if target.is_single and label and len(label) > 1:
            rule = f"{len(label)} codes where one is expected: {'; '.join(label[:_CODES_SHOWN])}"
            problems.append(Problem(rule, record, name, "keep the main one and move the others"))
        if label is not None:
            labels[name] = label
    filled = {name: label for name, label in labels.items() if label} or labels
    if len({frozenset(label) for label in filled.values()}) > 1:
        rule = f"{' and '.join(filled)} hold different codes"
        problems.append(Problem(rule, record, target.name, "keep the right one"))
    if not filled:
        return None
    label = next(iter(filled.values()))
    return label[0] if label and target.is_single else label


def _settle_blanks(found: dict) -> dict:
    """Decide what an empty text means.

    In a record with a main code it says that there is no other code, and so
    does a missing value where a target may be empty; in a record without main
    code, nobody has coded yet.
    """
    coded = _is_coded(found)
    settled = {}
    for target, label in found.items():
        empty = label == _BLANK or (label is None and target.may_be_empty)
        settled[target] = (() if coded and not target.is_single else None) if empty else label
    return settled


def _is_coded(found: dict) -> bool:
    """Whether somebody has coded the record: it has a main code, or the task has none that must be there."""
    mains = [label for target, label in found.items() if target.is_single and not target.may_be_empty]
    return any(mains) or not mains


def _warn(frame: pd.DataFrame, rows: Rows, task: Task) -> None:
    findings = misspelt_fields(rows.columns, task, rows.layout)
    columns = _columns_of_targets(rows.columns, task)
    findings += filter(None, (outside_candidates(frame, target, name) for target, name in columns.items()))
    findings += main_repeated(frame, task)
    for finding in findings:
        warnings.warn(f"{rows.path}: {finding}", DataWarning, stacklevel=4)


# --- writing --------------------------------------------------------------------------


def _spell_labels(row: dict, targets: Collection[Target], *, in_cells: bool) -> dict:
    """Spell labels so that the reader finds the same again, also in cells without null."""
    coded = _is_coded({target: row[target.name] for target in targets})
    missing = ("null" if coded else "") if in_cells else None
    empty = "" if coded else ("[]" if in_cells else [])
    return {
        target.name: _spell(row[target.name], "" if coded and target.may_be_empty else missing, empty)
        for target in targets
    }


def _spell(label, missing, empty):
    if label is None:
        return missing
    if isinstance(label, str):
        return label
    return "; ".join(label) if label else empty
