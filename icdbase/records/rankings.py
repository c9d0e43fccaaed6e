"""The most probable codes of each record, with their probabilities, as a file."""

from __future__ import annotations

import json

import pandas as pd

from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.files.rows import is_table, read_rows, write_rows
from icdbase.records.ids import shown_id
from icdbase.tasks.task import Task

__all__ = ["read_top", "top_rows", "write_top"]


def top_rows(top: pd.DataFrame, task: Task) -> list[dict]:
    """Lay out top lists, a row a code.

    Parameters
    ----------
    top : pandas.DataFrame of shape (n_records, n_targets)
        From :meth:`icdbase.IcdCoder.predict_top`.
    task : Task

    Returns
    -------
    list of dict
        Record id, ``target``, ``rank`` (from 1), ``code`` ("" is "no code"),
        ``name`` and ``probability``.

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> top = pd.DataFrame({"主诊断编码": [(("I20.000", 0.75),)]}, index=["ZY1"])
    >>> list(top_rows(top, CCL25)[0].values())
    ['ZY1', '主诊断编码', 1, 'I20.000', '不稳定型心绞痛', 0.75]
    """
    return [
        {task.id_field: record, "target": target, "rank": rank, "code": code,
         "name": task.code_names.get(code, ""), "probability": round(probability, 6)}
        for record, row in zip(top.index, top.to_dict("records"), strict=True)
        for target, listed in row.items()
        for rank, (code, probability) in enumerate(listed, 1)
    ]


def write_top(top: pd.DataFrame, path, task: Task) -> None:
    """Write top lists atomically.

    Parameters
    ----------
    top : pandas.DataFrame
    path : str or os.PathLike
        ``.csv``, ``.tsv`` and ``.xlsx`` get a row a code; any other ending gets
        JSON Lines, a record a line: each target to a list of ``{code, name,
        probability}``, which may be empty.
    task : Task

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    rows = top_rows(top, task)
    if is_table(path):
        columns = [task.id_field, "target", "rank", "code", "name", "probability"]
        write_rows([{name: str(value) for name, value in row.items()} for row in rows], path, columns)
        return
    records = {record: {task.id_field: record, **{target: [] for target in top}} for record in top.index}
    for row in rows:
        listed = records[row[task.id_field]][row["target"]]
        listed.append({name: row[name] for name in ("code", "name", "probability")})
    with atomic_write(path) as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records.values())


def read_top(path, task: Task) -> pd.DataFrame:
    """Read ranked codes, of any system, in the formats of :func:`write_top`.

    In JSON each target is a list of codes, or of objects with a ``code``, the most
    probable first; in a table each row has a ``target``, a ``rank`` and a ``code``.

    Returns
    -------
    DataFrame of shape (n_records, n_targets)
        For each target a tuple of codes.

    Raises
    ------
    DataError
        On a file of another form, a record that comes twice, a rank that is no number.
    """
    names = [target.name for target in task.targets]
    rows = read_rows(path, [task.id_field, "target", "rank", "code", *names])
    problems = list(rows.problems)
    if task.id_field not in rows.columns or not ({"target", "code"} <= set(rows.columns) or set(names) & set(rows.columns)):
        remedy = _("give {} and a list of codes for each target, or the columns target, rank and code", task.id_field)
        problems.append(Problem(_("no ranked codes are in this file"), remedy=remedy))
    if problems:
        raise DataError(path, problems)
    found = _from_cells if "target" in rows.columns else _from_lists
    listed: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, row in rows.records:
        record = str(row.get(task.id_field) or "").strip()
        try:
            found(listed, record, row, names, task)
        except ValueError as error:
            place = shown_id(record) if record else _("row {}", number)
            problems.append(Problem(str(error), place, remedy=_("write it as icdbase predict --top does")))
    if problems:
        raise DataError(path, problems)
    ranked = {record: [tuple(code for _rank, code in sorted(codes[name])) for name in names] for record, codes in listed.items()}
    return pd.DataFrame.from_dict(ranked, orient="index", columns=names)


def _from_cells(listed: dict, record: str, row: dict, names: list[str], task: Task) -> None:
    """Add the one code of a table's row."""
    target, rank = str(row.get("target") or "").strip(), str(row.get("rank") or "").strip()
    if not record or target not in names or not rank.isdecimal():
        raise ValueError(_("the row lacks an id, a target of the task or a whole number as rank"))
    codes = listed.setdefault(record, {name: [] for name in names})[target]
    codes.append((int(rank), task.canonical_code(str(row.get("code") or ""))))


def _from_lists(listed: dict, record: str, row: dict, names: list[str], task: Task) -> None:
    """Add all codes of a record of JSON."""
    if not record or record in listed:
        raise ValueError(_("the id comes twice") if record else _("the id is missing"))
    codes = {name: row.get(name) or [] for name in names}
    codes = {name: [one.get("code") if isinstance(one, dict) else one for one in several] if isinstance(several, list) else [None]
             for name, several in codes.items()}
    if not all(isinstance(code, str) for several in codes.values() for code in several):
        raise ValueError(_("the codes of a target are no list of codes"))
    listed[record] = {name: [(rank, task.canonical_code(code)) for rank, code in enumerate(several)] for name, several in codes.items()}
