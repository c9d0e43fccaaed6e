"""The most probable codes of each record, with their probabilities, as a file."""

from __future__ import annotations

import json

import pandas as pd

from icdbase.core.atomic_files import atomic_write
from icdbase.files.rows import is_table, write_rows
from icdbase.tasks.task import Task

__all__ = ["top_rows", "write_top"]


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
