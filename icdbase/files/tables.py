"""Tables of cells: CSV and TSV, and the rows that a header and cells make.

A note that begins with ``=`` is written so that Excel does not take it for a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence

from icdbase.core.errors import Problem
from icdbase.core.language import _
from icdbase.files.encoding import clean_name

__all__ = ["HEADER_WITHIN", "Cells", "guarded", "read_delimited", "rows_of_cells", "write_delimited"]

Cells = list[tuple[str, list]]

HEADER_WITHIN = 10
"""Rows in which a header is looked for; titles may stand above it."""

_FORMULA = re.compile("'*[=+\\-@\t\r＝＋－＠]")
_NO_FORMULA = re.compile(r"[+-]*(\d+(\.\d+)?(e[+-]?\d+)?%?)?", re.IGNORECASE)


def read_delimited(text: str, ending: str, known: Collection[str]) -> tuple[str, Cells, list[Problem]]:
    """Cut a CSV or TSV text into cells.

    Parameters
    ----------
    text : str
    ending : str
        ``.tsv`` prefers tabs; whatever finds most known names in the header wins.
    known : collection of str
        Column names.

    Returns
    -------
    layout : {"CSV", "TSV"}
    cells : list of (str, list of str)
        Place (``line 1``) and cells of each row.
    problems : list of Problem
        A quote that breaks the rest of the file.

    Examples
    --------
    >>> read_delimited('主诉,年龄\\n"胸闷, 气促",70\\n', ".csv", ["主诉"])[1]
    [('line 1', ['主诉', '年龄']), ('line 2', ['胸闷, 气促', '70'])]
    """
    delimiter = _delimiter(text, ending, known)
    layout = "TSV" if delimiter == "\t" else "CSV"
    # A note may be longer than the csv module's default limit.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table, problems, start = [], [], 1
    try:
        for cells in reader:
            table.append((_("line {}", start), [cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell for cell in cells]))
            start = reader.line_num + 1
    except csv.Error as error:
        rule = _("malformed {} in the row that starts at line {} ({})", layout, start, error)
        if "unexpected end" in str(error):
            rule = _("the quote opened in the row that starts at line {} is never closed", start)
        record = _("number {}", len(table)) if table else ""  # the header is no record
        remedy = _('double each " inside a quoted cell and close the cell with "')
        problems.append(Problem(rule, record, remedy=remedy))
    return layout, table, problems


def _delimiter(text: str, ending: str, known) -> str:
    delimiters = "\t,;" if ending == ".tsv" else ",\t;"
    for line in text.lstrip().split("\n", HEADER_WITHIN)[:HEADER_WITHIN]:  # a title may stand above the header
        found = {sign: sum(clean_name(cell).strip('"') in known for cell in line.split(sign)) for sign in delimiters}
        if any(found.values()):
            return max(delimiters, key=found.get)
    return delimiters[0]


def rows_of_cells(
    table: Cells, known: Collection[str], problems: Sequence[Problem] = ()
) -> tuple[tuple[str, ...], list[tuple[int, dict]], list[Problem]]:
    """Turn a header and cells into rows; blank rows are skipped.

    Returns
    -------
    columns : tuple of str
        Names in order of appearance.
    records : list of (int, dict)
        Number (from 1) and the cells by column; rows with problems left out.
    problems : list of Problem
        Those given, and what is wrong with the header and single rows.
    """
    filled = [(place, cells) for place, cells in table if any(_is_filled(cell) for cell in cells)]
    if not filled:
        return (), [], [*problems]
    header, body = filled[0][1], filled[1:]
    names = [clean_name(name) if _is_filled(name) else "" for name in header]
    while names and not names[-1]:
        names.pop()
    problems = [*problems] + [
        Problem(_("the column occurs twice"), field=name, remedy=_("keep one of the two"))
        for name in dict.fromkeys(names)
        if name in known and names.count(name) > 1
    ]
    if place := _late_header(names, body, known):
        return (), [], [*problems, Problem(_("the header is in {}, not in the first", place), remedy=_("delete what is above it"))]
    records = []
    for number, (place, cells) in enumerate(body, 1):
        if len(cells) < len(names) or any(_is_filled(cell) for cell in cells[len(names) :]):
            rule = _("{} has {} cells, the header {}", place, len(cells), len(names))
            remedy = _("quote cells that hold a separator or a line break")
            problems.append(Problem(rule, _("number {}", number), remedy=remedy))
            continue
        records.append((number, {n: c for n, c in zip(names, cells, strict=False) if n}))
    if not body and not problems:
        rule = _("only a header, no record") if any(n in known for n in names) else _("only one line, no record")
        problems.append(Problem(rule, remedy=_("check that the file was saved completely")))
    return tuple(dict.fromkeys(filter(None, names))), records, problems


def _late_header(names: Sequence[str], body: Cells, known) -> str:
    """Return the place of the header if a title stands above it; else an empty text."""
    if any(name in known for name in names):
        return ""
    for place, cells in body[:HEADER_WITHIN]:
        if sum(clean_name(cell) in known for cell in cells if _is_filled(cell)) > 1:
            return place
    is_title = len(names) == 1 and bool(body) and sum(map(_is_filled, body[0][1])) > 1
    return body[0][0] if is_title else ""


def _is_filled(cell) -> bool:
    return cell is not None and str(cell).strip() != ""


def write_delimited(file, columns: Sequence[str], rows: Iterable[dict], delimiter: str) -> None:
    """Write rows of text to an open text file, every cell quoted; what Excel would compute gets an apostrophe."""
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(map(guarded, columns))
    writer.writerows([guarded(row[name]) for name in columns] for row in rows)


def guarded(cell):
    """Put an apostrophe before a text that Excel would take for a formula; `read_delimited` takes it away.

    >>> guarded("=1+1"), guarded("'=1"), guarded("-0.5"), guarded("+++"), guarded("胸闷"), guarded(-1.0)
    ("'=1+1", "''=1", '-0.5', '+++', '胸闷', -1.0)
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NO_FORMULA.fullmatch(cell)
    return f"'{cell}" if is_formula else cell
