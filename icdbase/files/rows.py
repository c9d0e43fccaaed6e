"""Rows of a file, whatever its format: JSON array, JSON Lines, CSV, TSV, Excel.

A row is a dict from column name to value.  What the columns mean is not known
here, except for the names in ``known``: those may be shown in messages, others
may not, for the first line of a table without header is a patient's note.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import DataError, Problem
from icdbase.core.language import N_, _
from icdbase.files.encoding import STDIN, decode, is_zip, read_bytes, without_fence
from icdbase.files.json_rows import JSON_LINES_ENDINGS, read_array, read_objects
from icdbase.files.tables import read_delimited, rows_of_cells, write_delimited
from icdbase.files.workbooks import read_workbook, refuse_long_cells, write_workbook

__all__ = ["Rows", "is_table", "no_record", "read_rows", "write_rows"]


@dataclass
class Rows:
    """The rows of a file, before their columns get a meaning.

    Parameters
    ----------
    path : str
        As given; ``-`` is standard input.
    layout : str
        ``JSON array``, ``JSON Lines``, ``CSV``, ``TSV`` or ``Excel``.
    encoding : str
    columns : tuple of str
        Names in order of appearance.
    records : list of (int, dict)
        Number in the file (from 1) and the row; rows with problems left out.
    problems : list of Problem
        What is wrong with single rows or the header.
    """

    path: str
    layout: str
    encoding: str
    columns: tuple[str, ...] = ()
    records: list[tuple[int, dict]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_rows(path, known: Collection[str], *, from_object: Callable[[dict], list[dict]] = lambda whole: []) -> Rows:
    """Read the rows of a file.

    Parameters
    ----------
    path : str or os.PathLike
        The file; ``-`` is standard input.
    known : collection of str
        Column names that mean something.
    from_object : callable
        Returns the rows of a file that is one JSON object of several lines, and
        none if such a file is a mistake.

    Returns
    -------
    Rows

    Raises
    ------
    DataError
        If the file as a whole cannot be read; problems of single rows are
        collected in the result instead.
    """
    data = read_bytes(path)
    if is_zip(data):
        rows = Rows(str(path), "Excel", "xlsx", *rows_of_cells(read_workbook(data, path, known), known))
    else:
        text, encoding = decode(data, path)
        rows = _read_text(text, encoding, path, known, from_object)
    if not rows.records and not rows.problems:
        raise DataError(path, [no_record()])
    return rows


def no_record() -> Problem:
    """Return the problem of a file without a record."""
    return Problem(_("no record in the file"), remedy=_("check that it is the right file"))


def _read_text(text: str, encoding: str, path, known, from_object) -> Rows:
    ending = "" if str(path) == STDIN else Path(path).suffix.lower()
    bare = without_fence(text)
    start = bare.lstrip()[:1]
    if not start:
        raise DataError(path, [Problem(_("the file is empty"), remedy=_("check that it was saved completely"))])
    if start == "[":
        layout = "JSON array" if bare == text else N_("JSON array in a Markdown fence")
        return Rows(str(path), layout, encoding, *read_array(bare, path, known))
    if start == "{":
        layout, parsed = read_objects(bare, path, ending, known, from_object)
        return Rows(str(path), layout, encoding, *parsed)
    if ending in (".json", *JSON_LINES_ENDINGS):
        remedy = _("write an array of records, or name the file .csv if it is a table")
        raise DataError(path, [Problem(_("no JSON: the file starts with neither [ nor {"), remedy=remedy)])
    layout, cells, problems = read_delimited(bare, ending, known)
    return Rows(str(path), layout, encoding, *rows_of_cells(cells, known, problems))


def write_rows(rows: Iterable[dict], path, columns: Sequence[str]) -> None:
    """Write rows atomically, in the format that the ending names; only a workbook needs them all at once.

    Parameters
    ----------
    rows : iterable of dict
        Column to text; in JSON a value may be None or a list, too.
    path : str or os.PathLike
        ``.jsonl``, ``.csv``, ``.tsv`` and ``.xlsx`` are understood, anything
        else is a JSON array.
    columns : sequence of str

    Raises
    ------
    DataError
        If the file cannot be written, or a text does not fit into an Excel cell.
    """
    ending = Path(path).suffix.lower()
    if ending == ".xls":
        raise DataError(path, [Problem(_("old Excel files cannot be written"), remedy=_("name the file .xlsx"))])
    if ending == ".xlsx":
        rows = list(rows)
        refuse_long_cells(rows, path, columns)
    with atomic_write(path, binary=ending == ".xlsx") as file:
        _write(file, ending, rows, columns)


def is_table(path) -> bool:
    """Whether the ending names a format of cells, which knows neither null nor lists."""
    return Path(path).suffix.lower() in (".csv", ".tsv", ".xlsx")


def _write(file, ending: str, rows: Iterable[dict], columns: Sequence[str]) -> None:
    if ending == ".xlsx":
        write_workbook(file, columns, rows)
    elif ending in (".csv", ".tsv"):
        file.write("\ufeff")  # without the mark, Excel in China takes the file for GBK
        write_delimited(file, columns, rows, "," if ending == ".csv" else "\t")
    elif ending in JSON_LINES_ENDINGS:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        _write_array(file, rows)


def _write_array(file, rows: Iterable[dict]) -> None:
    """Write what ``json.dump(rows, file, indent=1)`` does, row by row."""
    mark = "[\n"
    for row in rows:
        # Line ends inside a text are escaped: those that are left are the layout's.
        file.write(mark + " " + json.dumps(row, ensure_ascii=False, indent=1).replace("\n", "\n "))
        mark = ",\n"
    file.write("\n]\n" if mark == ",\n" else "[]\n")
