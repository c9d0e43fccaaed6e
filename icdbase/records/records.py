"""Records as a pandas DataFrame, one row a record: read, check, write.

A frame from here keeps these promises: the ids are unique strings, every
text field of the task is there and holds strings, every label is a canonical
code, a tuple of such codes, or None.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection

import pandas as pd

from icdbase.core.errors import DataError, DataWarning, Problem, UsageError
from icdbase.core.language import _
from icdbase.files.rows import Rows, is_table, read_rows, write_rows
from icdbase.records.checks import (
    column_problems,
    id_column_problems,
    known_columns,
    main_repeated,
    misspelt_fields,
    outside_candidates,
)
from icdbase.records.frames import FRAME, build_frame, columns_of_targets, is_coded, rows_of_frame
from icdbase.records.ids import shown_id
from icdbase.records.origin import joined_share, mark_synthetic, synthetic_share
from icdbase.tasks.editions import CCL25
from icdbase.tasks.source import SOURCE_FIELD, SYNTHETIC_SOURCE
from icdbase.tasks.task import Target, Task

__all__ = ["check_frame", "read_records", "write_records"]


def read_records(path, task: Task = CCL25, *, require_labels: bool = False) -> pd.DataFrame:
    """Read records from JSON array, JSON Lines, CSV, TSV or Excel.

    The encoding is detected: UTF-8 with or without byte-order mark, UTF-16 with
    mark, or GB18030.  Missing fields, null and NaN are empty texts.  All names of a
    label column and all usual separators of codes are accepted.

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
        have dtype object.  :func:`icdbase.records.origin.synthetic_share` tells whether they are synthetic.

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
        raise UsageError(_("no file to read: name one at least"))
    frames = [_read_file(each, task, require_labels) for each in path]
    _refuse_shared_ids(path, frames, task)
    return frames[0] if len(frames) == 1 else _join(frames, task)


def _read_file(path, task: Task, require_labels: bool) -> pd.DataFrame:
    rows = read_rows(path, known_columns(task))
    problems = list(rows.problems)
    if rows.records:
        problems += column_problems(rows.columns, task, rows.layout)
    frame, found = build_frame(rows, task, require_labels=require_labels)
    problems += found
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
            remedy = _("name each file once, and keep each record in one of the files")
            raise DataError(path, [
                Problem(_("the id occurs in {} too", first[record]), shown_id(record, number), task.id_field, remedy)
                for number, record in shared
            ])
        first.update(dict.fromkeys(frame.index, str(path)))


def _join(frames: list[pd.DataFrame], task: Task) -> pd.DataFrame:
    """Put records of several files one below the other; a label column that a file lacks is None there."""
    joined = pd.concat(frames)
    columns = [*task.text_fields, *(target.name for target in task.targets if target.name in joined.columns)]
    return mark_synthetic(joined[columns].where(joined[columns].notna(), None), joined_share(frames))


def check_frame(frame: pd.DataFrame, task: Task = CCL25, *, require_labels: bool = False) -> pd.DataFrame:
    """Return a frame of your own in the form of `read_records`, or raise all problems.

    The id may be the index or a column; missing text fields are filled with "";
    labels may be ``"A; B;C"`` or lists; other columns are left out.  The frame
    itself is not changed.  Codes outside the candidate lists are reported only when
    a file is read.

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
    checked, found = build_frame(rows, task, require_labels=require_labels)
    problems += found
    if problems:
        raise DataError(FRAME, problems)
    return mark_synthetic(checked, synthetic_share(frame) or synthetic_share(checked))


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
    source = {SOURCE_FIELD: SYNTHETIC_SOURCE} if synthetic_share(frame) == "all" else {}
    rows = []
    for record, row in zip(frame.index, frame.to_dict("records"), strict=True):
        row.update(_spell_labels(row, targets, in_cells=in_cells))
        rows.append({task.id_field: record, **row, **source})
    write_rows(rows, path, [task.id_field, *frame.columns, *source])


def _warn(frame: pd.DataFrame, rows: Rows, task: Task) -> None:
    findings = misspelt_fields(rows.columns, task, rows.layout)
    columns = columns_of_targets(rows.columns, task)
    findings += filter(None, (outside_candidates(frame, target, name) for target, name in columns.items()))
    findings += main_repeated(frame, task)
    for finding in findings:
        warnings.warn(_("{}: {}", rows.path, finding), DataWarning, stacklevel=4)


# --- writing --------------------------------------------------------------------------


def _spell_labels(row: dict, targets: Collection[Target], *, in_cells: bool) -> dict:
    """Spell labels so that the reader finds the same again, also in cells without null."""
    coded = is_coded({target: row[target.name] for target in targets})
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
