"""What can be said about records as a whole: columns, candidate lists, repetitions.

Problems make a file unusable; findings are worth a warning.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection
from itertools import count, islice

import pandas as pd

from icdbase.errors import Problem
from icdbase.tasks import Target, Task
from icdbase.values import shown_id

__all__ = [
    "absent_labels",
    "column_problems",
    "known_columns",
    "main_repeated",
    "missing_label",
    "misspelt_fields",
    "outside_candidates",
]

_SHOWN = 10
_COMPARED = 500
"""Columns compared with the names that are missing; records have a few dozen."""


def known_columns(task: Task) -> tuple[str, ...]:
    """Return every column name that means something in files of the task."""
    spellings = [spelling for target in task.targets for spelling in target.spellings]
    return (task.id_field, *task.text_fields, *spellings, task.prediction_field)


def missing_label(record: str, field: str) -> Problem:
    """Return the problem of a record that training or scoring cannot use."""
    return Problem("the label is missing", record, field, "add the code, or leave the record out")


def absent_labels(columns: Collection[str], task: Task) -> list[Problem]:
    """Return a problem for each target that has no column; of a submission, `column_problems` says what it is."""
    if _is_submission(columns, task):
        return []
    problems = []
    for target in task.targets:
        if not any(name in columns for name in target.spellings):
            near = _near_column(target.spellings, columns, task)
            remedy = near or f"add the label column {' or '.join(target.spellings)}"
            problems.append(Problem("the label column is missing", field=target.name, remedy=remedy))
    return problems


def column_problems(columns: Collection[str], task: Task, layout: str) -> list[Problem]:
    """Return a problem if no column is a text field of the task."""
    if any(name in columns for name in task.text_fields):
        return []
    if _is_submission(columns, task):
        rule = f"this is a submission, it has {task.prediction_field} and no text field"
        return [Problem(rule, remedy="give the file of the records; are two files exchanged?")]
    near = [hint for name in task.text_fields if (hint := _near_column([name], columns, task))]
    remedy = near[0] if near else f"name the columns {', '.join(task.text_fields)}"
    if not near and not layout.startswith("JSON") and task.id_field not in columns:
        remedy += " in the first line"
    return [Problem("none of the text fields is there", remedy=remedy)]


def _is_submission(columns: Collection[str], task: Task) -> bool:
    return task.prediction_field in columns and not any(name in columns for name in task.text_fields)


def _near_column(names: Collection[str], columns: Collection[str], task: Task) -> str:
    """Return a hint when a column's name is nearly one of ``names``.

    The column is named by its position: without a header, it is a note.
    """
    known = known_columns(task)
    for position, column in enumerate(islice(columns, _COMPARED), 1):
        if column in known:
            continue
        for name in names:
            # One of two characters is enough (主述 for 主诉), in longer names more must agree.
            if difflib.get_close_matches(column, [name], cutoff=0.5 if len(name) == 2 else 0.6):
                return f"column {position} may be meant: name it {name}"
    return ""


def misspelt_fields(columns: Collection[str], task: Task) -> list[str]:
    """Say which text fields are absent but nearly there under another name."""
    hints = {name: _near_column([name], columns, task) for name in task.text_fields if name not in columns}
    return [f"no field {name}; {hint}" for name, hint in hints.items() if hint]


def outside_candidates(frame: pd.DataFrame, target: Target, ignored: Collection[str] = ()) -> str:
    """Say which codes of a column are no candidates of the target, and how often.

    >>> from icdbase.tasks import CCL25
    >>> frame = pd.DataFrame({"其他诊断编码": [("J81.x00x002", "E11.900"), ("J81.x00x002",)]})
    >>> outside_candidates(frame, CCL25.others)
    '1 code outside the candidate list of 其他诊断编码: J81.x00x002 (2)'
    """
    if not target.codes or target.name not in frame.columns:
        return ""
    counts = Counter()
    for label in frame[target.name].dropna():
        counts.update((label,) if target.is_single else label)
    for code in (*target.codes, *ignored):
        counts.pop(code, None)
    if not counts:
        return ""
    listed = ", ".join(f"{code} ({count})" for code, count in counts.most_common(_SHOWN))
    more = ", ..." if len(counts) > _SHOWN else ""
    plural = "code" if len(counts) == 1 else "codes"
    return f"{len(counts)} {plural} outside the candidate list of {target.name}: {listed}{more}"


def main_repeated(frame: pd.DataFrame, task: Task) -> list[str]:
    """Say in how many records a single code is repeated in the multi target behind it."""
    findings = []
    for single, multi in zip(task.targets, task.targets[1:], strict=False):
        if not single.is_single or multi.is_single or not {single.name, multi.name} <= set(frame.columns):
            continue
        rows = zip(count(1), frame.index, frame[single.name], frame[multi.name], strict=False)
        found = [
            shown_id(record, number)
            for number, record, main, others in rows
            if main and others and main in others
        ]
        if found:
            plural = "record repeats" if len(found) == 1 else "records repeat"
            findings.append(
                f"{len(found)} {plural} {single.name} among {multi.name}: {', '.join(found[:_SHOWN])}"
                + (", ..." if len(found) > _SHOWN else "")
            )
    return findings
