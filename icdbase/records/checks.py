"""Checks of records as a whole: columns, candidate lists, repetitions.

A problem makes a file unusable; a finding is a text for a warning.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import count, islice

import pandas as pd

from icdbase.core.errors import Problem
from icdbase.core.language import N_, _
from icdbase.core.text_tables import plural
from icdbase.records.ids import displayable_id, shown_id
from icdbase.tasks.task import Target, Task

__all__ = [
    "ID_NAME",
    "absent_labels",
    "codes_outside",
    "column_problems",
    "counted",
    "id_column_problems",
    "known_columns",
    "lost_zeros",
    "main_repeated",
    "missing_label",
    "misspelt_fields",
    "not_learned",
    "outside_candidates",
]

OPEN_TARGETS = N_("to learn them, type icdbase init-task FILE --out open.toml and train with --task open.toml, "
                  "or add them to the code table of your task")
ID_NAME = re.compile(r"id|idx|key|number|编号|标识|住院号|病案号|病历号|序号", re.IGNORECASE)
"""Names that columns of ids have."""

_SHOWN = 10
_COMPARED = 500
"""Columns compared with the names that are missing; records have a few dozen."""


def known_columns(task: Task) -> tuple[str, ...]:
    """Return every column name that means something in files of the task."""
    spellings = [spelling for target in task.targets for spelling in target.spellings]
    return (task.id_field, *task.text_fields, *spellings, task.prediction_field)


def missing_label(record: str, field: str) -> Problem:
    """Return the problem of a record that training or scoring cannot use."""
    return Problem(_("the label is missing"), record, field, _("add the code, or leave the record out"))


def absent_labels(columns: Collection[str], task: Task, layout: str) -> list[Problem]:
    """Return a problem for each target that has no column; `column_problems` reports a submission."""
    if _is_submission(columns, task):
        return []
    problems = []
    for target in task.targets:
        if not any(name in columns for name in target.spellings):
            near = _near_column(target.spellings, columns, task, layout)
            remedy = near or _("add the label column {}", _(" or ").join(target.spellings))
            problems.append(Problem(_("the label column is missing"), field=target.name, remedy=remedy))
    return problems


def column_problems(columns: Collection[str], task: Task, layout: str) -> list[Problem]:
    """Return a problem if no column is a text field of the task."""
    if any(name in columns for name in task.text_fields):
        return []
    if _is_submission(columns, task):
        rule = _("this is a submission, it has {} and no text field", task.prediction_field)
        return [Problem(rule, remedy=_("give the file of the records; are two files exchanged?"))]
    near = [hint for name in task.text_fields if (hint := _near_column([name], columns, task, layout))]
    headless = not layout.startswith("JSON") and task.id_field not in columns
    wanted = _("name the columns {} in the first line") if headless else _("name the columns {}")
    remedy = near[0] if near else wanted.format(", ".join(task.text_fields))
    return [Problem(_("none of the text fields is there"), remedy=remedy)]


def _is_submission(columns: Collection[str], task: Task) -> bool:
    return task.prediction_field in columns and not any(name in columns for name in task.text_fields)


def id_column_problems(problems: list[Problem], columns: Collection[str], task: Task, layout: str) -> list[Problem]:
    """Return the problems with a single one for a missing id column in place of one for each record."""
    if not columns or task.id_field in columns:
        return problems
    remedy = _near_column([task.id_field], columns, task, layout)
    named = [_shown_column(*place, layout) for place in _unknown_columns(columns, task) if ID_NAME.search(place[1])]
    if named and not remedy:
        remedy = _("{} may be meant: name it {}", _(" or ").join(named[:3]), task.id_field)
    remedy = remedy or _("give every record its own id, in a column {}", task.id_field)
    missing = Problem(_("the id is missing, for there is no such column"), field=task.id_field, remedy=remedy)
    return [missing, *(problem for problem in problems if problem.field != task.id_field)]


def _unknown_columns(columns: Collection[str], task: Task) -> Iterator[tuple[int, str]]:
    """Yield position and name of the columns that mean nothing in the task."""
    known = known_columns(task)
    return ((position, name) for position, name in enumerate(islice(columns, _COMPARED), 1) if name not in known)


def _shown_column(position: int, name: str, layout: str) -> str:
    """Name a key of JSON; a column of a table by its position: without a header, the name is a note."""
    return _("the field {!r}", name) if layout.startswith("JSON") and displayable_id(name) else _("column {}", position)


def _near_column(names: Collection[str], columns: Collection[str], task: Task, layout: str) -> str:
    """Return a hint when a column's name is nearly one of ``names``."""
    for position, column in _unknown_columns(columns, task):
        for name in names:
            # One of two characters is enough (主述 for 主诉), in longer names more must agree.
            if difflib.get_close_matches(column, [name], cutoff=0.5 if len(name) == 2 else 0.6):
                return _("{} may be meant: name it {}", _shown_column(position, column, layout), name)
    return ""


def misspelt_fields(columns: Collection[str], task: Task, layout: str) -> list[str]:
    """Say which text fields are absent but nearly there under another name."""
    hints = {name: _near_column([name], columns, task, layout) for name in task.text_fields if name not in columns}
    return [_("no field {}; {}", name, hint) for name, hint in hints.items() if hint]


def lost_zeros(missing: Collection[str], unknown: Collection[str]) -> str:
    """Return a remedy if missing ids and unknown ids differ by leading zeros only.

    >>> lost_zeros(["0012", "0013"], ["12"])
    '12 seems to be 0012 without its leading zeros: set the id column to text in the spreadsheet and export it again'
    """
    full = {str(record).lstrip("0"): record for record in missing}
    for record in unknown:
        other = full.get(str(record).lstrip("0"))
        if other is not None:
            short, long = sorted((shown_id(record), shown_id(other)), key=len)
            return _("{} seems to be {} without its leading zeros: "
                     "set the id column to text in the spreadsheet and export it again", short, long)
    return ""


def codes_outside(frame: pd.DataFrame, target: Target) -> dict[str, int]:
    """Count, most frequent first, the records of each code that is no candidate of a target with a closed list.

    >>> from icdbase.tasks.editions import CCL25
    >>> codes_outside(pd.DataFrame({"其他诊断编码": [("J81.x00x002", "E11.900"), ("J81.x00x002",)]}), CCL25.others)
    {'J81.x00x002': 2}
    """
    if not target.codes or target.name not in frame.columns:
        return {}
    labels = frame[target.name].dropna()
    counts = Counter(code for label in labels for code in ((label,) if target.is_single else label))
    candidates = set(target.codes)
    return {code: n for code, n in counts.most_common() if code not in candidates}


def outside_candidates(
    frame: pd.DataFrame, target: Target, column: str = "", *, ignored: Collection[str] = ()
) -> str:
    """Say which codes of a target are no candidates, and in how many records; ``column`` is the file's name for it.

    >>> from icdbase.tasks.editions import CCL25
    >>> frame = pd.DataFrame({"其他诊断编码": [("J81.x00x002", "E11.900"), ("J81.x00x002",)]})
    >>> outside_candidates(frame, CCL25.others)
    '1 code outside the candidate list of 其他诊断编码: J81.x00x002 (2)'
    """
    counts = {code: n for code, n in codes_outside(frame, target).items() if code not in ignored}
    return _("{} outside the candidate list of {}: {}", plural(len(counts), "code"), column or target.name, counted(counts)) if counts else ""


def counted(counts: Mapping[str, int]) -> str:
    """List the first codes with their numbers of records.

    >>> counted({"J81.x00x002": 2, "M54.500": 1})
    'J81.x00x002 (2), M54.500 (1)'
    """
    listed = ", ".join(f"{code} ({n})" for code, n in islice(counts.items(), _SHOWN))
    return listed + (", ..." if len(counts) > _SHOWN else "")


def not_learned(labels: pd.DataFrame, task: Task) -> list[str]:
    """Say how many training records carry codes that are not learned, for they are no candidates, and what to do."""
    found = []
    for target in task.targets:
        if counts := codes_outside(labels, target):
            codes = labels[target.name].dropna().map(lambda label, single=target.is_single: (label,) if single else label)
            n_records = sum(not counts.keys().isdisjoint(listed) for listed in codes)
            found.append(
                _("{} of {} training records have codes outside the candidate list of {}, "
                  "which are not learned: {}; {}", n_records, len(labels), target.name, counted(counts), _(OPEN_TARGETS))
            )
    return found


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
            form = _("{} record repeats {} among {}: {}") if len(found) == 1 else _("{} records repeat {} among {}: {}")
            listed = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            findings.append(form.format(len(found), single.name, multi.name, listed))
    return findings
