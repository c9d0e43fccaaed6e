"""Rows of a file, whatever its format: JSON array, JSON Lines, CSV, TSV, Excel.

A row is a dict from column name to value.  What the columns mean is not known
here, except for the names in ``known``: those may be shown in messages, others
may not, for the first line of a table without header is a patient's note.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import DataError, Problem
from icdbase.files.encoding import STDIN, clean_name, decode, is_zip, read_bytes, without_fence
from icdbase.files.tables import (
    read_delimited,
    read_workbook,
    refuse_long_cells,
    rows_of_cells,
    write_delimited,
    write_workbook,
)

__all__ = [
    "JSON_LINES_ENDINGS",
    "Rows",
    "fill_from_objects",
    "is_table",
    "json_decoder",
    "json_problem",
    "read_rows",
    "try_parse",
    "type_name",
    "write_rows",
]

JSON_LINES_ENDINGS = (".jsonl", ".ndjson")
_TYPE_NAMES = {list: "a list", dict: "an object", str: "a text", type(None): "null"}


@dataclass
class Rows:
    """What a file holds, before anybody asks what it means.

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
        rows = Rows(str(path), "Excel", "xlsx")
        rows.columns, rows.records, rows.problems = rows_of_cells(read_workbook(data, path, known), known)
    else:
        text, encoding = decode(data, path)
        rows = _read_text(text, encoding, path, known, from_object)
    if not rows.records and not rows.problems:
        raise DataError(path, [Problem("no record in the file", remedy="check that it is the right file")])
    return rows


def _read_text(text: str, encoding: str, path, known, from_object) -> Rows:
    ending = "" if str(path) == STDIN else Path(path).suffix.lower()
    bare = without_fence(text)
    rows = Rows(str(path), "JSON array" if bare == text else "JSON array in a Markdown fence", encoding)
    text, start = bare, bare.lstrip()[:1]
    if not start:
        raise DataError(path, [Problem("the file is empty", remedy="check that it was saved completely")])
    if start == "[":
        _read_array(rows, text, known)
    elif start == "{":
        _read_objects(rows, text, ending, known, from_object)
    elif ending in (".json", *JSON_LINES_ENDINGS):
        remedy = "write an array of records, or name the file .csv if it is a table"
        raise DataError(path, [Problem("no JSON: the file starts with neither [ nor {", remedy=remedy)])
    else:
        rows.layout, cells, problems = read_delimited(text, ending, known)
        rows.columns, rows.records, rows.problems = rows_of_cells(cells, known, problems)
    return rows


def type_name(value) -> str:
    """Name the type of a JSON value for a message.

    >>> type_name([1]), type_name({}), type_name("胸闷"), type_name(True)
    ('a list', 'an object', 'a text', 'a bool')
    """
    return _TYPE_NAMES.get(type(value), f"a {type(value).__name__}")


# --- JSON -----------------------------------------------------------------------------


class _Doubled(dict):
    """An object of which some keys occurred twice."""

    twice: tuple[str, ...] = ()


def _as_object(pairs: list[tuple[str, object]]) -> dict:
    row = {clean_name(key): value for key, value in pairs}
    if len(row) == len(pairs):
        return row
    counts = Counter(clean_name(key) for key, _ in pairs)
    row = _Doubled(row)
    row.twice = tuple(name for name, count in counts.items() if count > 1)
    return row


def _number_text(literal: str) -> str:
    """Return a number as it is written, so that ids and codes stay the same."""
    return literal.removesuffix(".0")


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def json_decoder(*, strict: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_as_object,
        parse_float=_number_text,
        parse_int=str,
        parse_constant=_constant,
        strict=strict,
    )


def _parse(text: str):
    """Parse JSON; raw line breaks and tabs inside strings are forgiven."""
    try:
        return json_decoder(strict=True).decode(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Invalid control character"):
            raise
        return json_decoder(strict=False).decode(text)


def try_parse(text: str, problem: Callable[[json.JSONDecodeError], Problem]):
    """Return the parsed value and no problem, or no value and the problem."""
    try:
        return _parse(text), None
    except json.JSONDecodeError as error:
        return None, problem(error)
    except RecursionError:
        return None, Problem("JSON nested too deeply to be records", remedy="write an array of flat objects")


def json_problem(error: json.JSONDecodeError, line: int, record: str) -> Problem:
    cut_off = not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string")
    rule = f"malformed JSON at line {line} column {error.colno} ({error.msg})"
    if cut_off:
        rule, remedy = f"{rule}: the text ends too early", "the file was cut off: copy it again"
    else:
        remedy = "repair this place; quotes, commas and brackets are the usual causes"
    return Problem(rule, record, remedy=remedy)


def _read_array(rows: Rows, text: str, known) -> None:
    items, problem = try_parse(
        text, lambda error: json_problem(error, error.lineno, f"number {_items_before(text, error.pos) + 1}")
    )
    if problem:
        raise DataError(rows.path, [problem])
    fill_from_objects(rows, list(enumerate(items, 1)), known)


def _items_before(text: str, stop: int) -> int:
    """Count the whole items of a broken array, to name the record that broke it."""
    decoder, count = json_decoder(strict=False), 0
    position = text.index("[") + 1
    while True:
        while position < stop and text[position] in " \t\r\n,":
            position += 1
        try:
            _, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            return count
        if position > stop:
            return count
        count += 1


def _read_objects(rows: Rows, text: str, ending: str, known, from_object) -> None:
    """Read a text that starts with ``{``: JSON Lines, or an object by mistake."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    whole, problem = try_parse(text, lambda error: json_problem(error, error.lineno, ""))
    one_record = problem is None and len(lines) == 1 and ending != ".json"
    several = problem is not None and (ending in JSON_LINES_ENDINGS or any(_is_object(line) for _, line in lines[:2]))
    if problem and not several:
        raise DataError(rows.path, [problem])
    if not problem and (found := from_object(whole)):
        rows.layout = "one JSON object"
        fill_from_objects(rows, enumerate(found, 1), known)
        return
    if not problem and not one_record:
        remedy = "wrap it in [ ], or put each record on a line of its own in a .jsonl file"
        if not any(name in known for name in whole):
            remedy = "the file must be an array of records: [ {...}, {...} ]"
        raise DataError(rows.path, [Problem("a JSON object instead of an array", remedy=remedy)])
    rows.layout = "JSON Lines"
    _read_lines(rows, lines, known)


def _is_object(line: str) -> bool:
    value, problem = try_parse(line, lambda error: Problem(error.msg))
    return problem is None and isinstance(value, dict)


def _read_lines(rows: Rows, lines: Iterable[tuple[int, str]], known) -> None:
    items = []
    for number, (line_number, line) in enumerate(lines, 1):
        where = partial(json_problem, line=line_number, record=f"number {number}")
        value, problem = try_parse(line, where)
        if problem:
            rows.problems.append(problem)
        else:
            items.append((number, value))
    fill_from_objects(rows, items, known)


def fill_from_objects(rows: Rows, items: Iterable[tuple[int, object]], known) -> None:
    columns: dict[str, None] = {}
    for number, item in items:
        if not isinstance(item, dict):
            rule = f"{type_name(item)} instead of an object {{...}}"
            rows.problems.append(Problem(rule, f"number {number}", remedy="each record is one JSON object"))
            continue
        for name in getattr(item, "twice", ()):
            if name in known:
                remedy = "keep one of the two"
                rows.problems.append(Problem("the field occurs twice", f"number {number}", name, remedy))
        columns.update(dict.fromkeys(item))
        rows.records.append((number, item))
    rows.columns = tuple(columns)


# --- writing --------------------------------------------------------------------------


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
        raise DataError(path, [Problem("old Excel files cannot be written", remedy="name the file .xlsx")])
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
