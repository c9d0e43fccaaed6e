"""Files of cells: CSV, TSV and Excel workbooks.

Excel cells come out as Excel shows plain text: no ``.0`` behind whole numbers, no
formula made of a note that begins with ``=``, and no character lost that XML
cannot hold (Excel's own ``_x000D_`` escapes, ECMA-376 part 1, 22.9.2.19).
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from icdbase.core.errors import DataError, Problem
from icdbase.files.encoding import clean_name

__all__ = [
    "HEADER_WITHIN",
    "MAX_CELL",
    "escape",
    "guarded",
    "read_delimited",
    "read_workbook",
    "refuse_long_cells",
    "rows_of_cells",
    "write_delimited",
    "write_workbook",
]

Cells = list[tuple[str, list]]

MAX_CELL = 32_767
"""Characters that an Excel cell can hold; openpyxl cuts longer ones silently."""

HEADER_WITHIN = 10
"""Rows in which a header is looked for; titles may stand above it."""

MAX_UNPACKED = 2 << 30
MAX_ROWS = 1_048_576
MAX_COLUMNS = 4_096
MAX_CELLS = 50_000_000
"""A small workbook can unpack to a large table, so there is a limit in bytes, rows (Excel's own), columns and cells."""

MAX_RATIO = 100
FREE_RATIO = 16 << 20
"""What unpacks to more bytes than this may be a hundred times as large as the file; Excel's own is some ten times."""

_FORMULA = re.compile("'*[=+\\-@\t\r＝＋－＠]")
_NO_FORMULA = re.compile(r"[+-]*(\d+(\.\d+)?(e[+-]?\d+)?%?)?", re.IGNORECASE)
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


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
    # A note may be longer than the module's own limit; raising it harms nobody.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table, problems, start = [], [], 1
    try:
        for cells in reader:
            table.append((f"line {start}", [cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell for cell in cells]))
            start = reader.line_num + 1
    except csv.Error as error:
        rule = f"malformed {layout} in the row that starts at line {start} ({error})"
        if "unexpected end" in str(error):
            rule = f"the quote opened in the row that starts at line {start} is never closed"
        record = f"number {len(table)}" if table else ""  # the header is no record
        remedy = 'double each " inside a quoted cell and close the cell with "'
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
    (_, header), body = filled[0], filled[1:]
    names = [clean_name(name) if _is_filled(name) else "" for name in header]
    while names and not names[-1]:
        names.pop()
    problems = [*problems] + [
        Problem("the column occurs twice", field=name, remedy="keep one of the two")
        for name in dict.fromkeys(names)
        if name in known and names.count(name) > 1
    ]
    if place := _late_header(names, body, known):
        return (), [], [*problems, Problem(f"the header is in {place}, not in the first", remedy="delete what is above it")]
    records = []
    for number, (place, cells) in enumerate(body, 1):
        if len(cells) < len(names) or any(_is_filled(cell) for cell in cells[len(names) :]):
            rule = f"{place} has {len(cells)} cells, the header {len(names)}"
            remedy = "quote cells that hold a separator or a line break"
            problems.append(Problem(rule, f"number {number}", remedy=remedy))
            continue
        records.append((number, {n: c for n, c in zip(names, cells, strict=False) if n}))
    if not body and not problems:
        rule = "only a header, no record" if any(n in known for n in names) else "only one line, no record"
        problems.append(Problem(rule, remedy="check that the file was saved completely"))
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


def read_workbook(data: bytes, path, known: Collection[str]) -> Cells:
    """Return the rows of the sheet that holds the records.

    Parameters
    ----------
    data : bytes
        The .xlsx file.
    path : str or os.PathLike
        Only named in messages.
    known : collection of str
        Column names; the first sheet with one of them in its first row is
        read, else in its first ten rows, else the first sheet.

    Returns
    -------
    list of (str, list)
        Place (``row 1``) and cells; no row is shorter than the header.

    Raises
    ------
    DataError
        If the bytes are no workbook, a damaged one, or one too large to be records.
    """
    _refuse_other_archives(data, path)
    try:
        formulas = _sheet_values(data, known, data_only=False)
        if any(isinstance(cell, _Formula) for row in formulas for cell in row):
            values = _sheet_values(data, known, data_only=True)
            formulas = [
                [_computed(*pair) for pair in zip_longest(*rows, fillvalue="")]
                for rows in zip(formulas, values, strict=True)
            ]
    except _TooLargeError as error:
        rule = f"the workbook has more than {error}"
        raise DataError(path, [Problem(rule, remedy="save its records as JSON Lines or CSV")]) from None
    except MemoryError:
        rule = "not enough memory to open the workbook"
        raise DataError(path, [Problem(rule, remedy="save its records as JSON Lines or CSV")]) from None
    except Exception as error:  # openpyxl meets damage with whatever its zip and XML readers raise
        rule = f"the workbook cannot be opened ({type(error).__name__})"
        raise DataError(path, [Problem(rule, remedy="open it in Excel and save it again")]) from error
    width = next((len(row) for row in formulas if row), 0)
    return [(f"row {number}", row + [""] * (width - len(row))) for number, row in enumerate(formulas, 1)]


def _refuse_other_archives(data: bytes, path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            unpacked = sum(member.file_size for member in archive.infolist())
    except Exception:  # zipfile meets damage with BadZipFile, NotImplementedError, struct.error and others
        rule = "a damaged workbook or zip archive"
        raise DataError(path, [Problem(rule, remedy="copy or export it again")]) from None
    if not any(name.startswith("xl/") for name in names):
        kind = "a Word document" if any(name.startswith("word/") for name in names) else "a zip archive"
        remedy = "save its records as JSON, CSV or .xlsx"
        raise DataError(path, [Problem(f"this is {kind}, not a table", remedy=remedy)])
    limit = min(MAX_UNPACKED, max(FREE_RATIO, MAX_RATIO * len(data)))
    if unpacked > limit:
        rule = f"the workbook unpacks to more than {limit:,} bytes"
        raise DataError(path, [Problem(rule, remedy="save its records as JSON Lines or CSV")])


class _TooLargeError(Exception):
    """More rows or cells than records need; the text names the limit."""


class _Formula(str):
    """A formula, to be replaced by its value where Excel has stored one."""


def _computed(cell, value):
    if isinstance(cell, _Formula):
        return value if value != "" else str(cell)
    return cell


def _sheet_values(data: bytes, known, *, data_only: bool) -> list[list]:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl on styles and extensions that do not matter here
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
        try:
            sheets = list(book.worksheets)
            if not sheets:
                return []
            for sheet in sheets:
                sheet.reset_dimensions()  # some writers store a wrong size
            found = (sheet for n_rows in (1, HEADER_WITHIN) for sheet in sheets if _has_known(sheet, known, n_rows))
            sheet = next(found, sheets[0])
            return list(_rows_of_values(sheet))
        finally:
            book.close()


def _rows_of_values(sheet) -> Iterator[list]:
    """Yield the rows without the empty cells behind the last filled one."""
    n_cells = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        n_cells += len(row)
        if number > MAX_ROWS:
            raise _TooLargeError(f"{MAX_ROWS:,} rows")
        if len(row) > MAX_COLUMNS:
            raise _TooLargeError(f"{MAX_COLUMNS:,} columns")
        if n_cells > MAX_CELLS:
            raise _TooLargeError(f"{MAX_CELLS:,} cells")
        values = [_cell_value(cell) for cell in row]
        while values and values[-1] == "":
            values.pop()
        yield values


def _has_known(sheet, known, n_rows: int) -> bool:
    rows = islice(sheet.iter_rows(values_only=True), n_rows)
    return any(clean_name(name) in known for row in rows for name in row if name is not None)


def _cell_value(cell):
    value = "" if cell.value is None else cell.value  # as in a CSV: there is no null in a sheet
    if isinstance(value, str):
        if cell.data_type == "f":
            return _Formula(value)
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
    return value


def write_workbook(file, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write rows of text as the only sheet of a workbook.

    Parameters
    ----------
    file : binary file object
    columns : sequence of str
    rows : iterable of dict
        Column to text; at most `MAX_CELL` characters a cell after escaping.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("records")

    def text_cell(text: str):
        cell = WriteOnlyCell(sheet, escape(text))
        cell.data_type = "s"  # or a note that begins with = becomes a formula
        return cell

    sheet.append([text_cell(name) for name in columns])
    for row in rows:
        sheet.append([text_cell(row[name]) if row[name] else None for name in columns])
    book.save(file)


def refuse_long_cells(rows: Sequence[dict], path, columns: Sequence[str]) -> None:
    """Raise a DataError that lists every text too long for an Excel cell."""
    problems = [
        Problem(
            f"{len(row[name])} characters do not fit into an Excel cell, the limit is {MAX_CELL}",
            f"number {number}",
            name,
            "write .json or .csv",
        )
        for number, row in enumerate(rows, 1)
        for name in columns
        if len(escape(row[name])) > MAX_CELL
    ]
    if problems:
        raise DataError(path, problems)


def escape(text: str) -> str:
    """Escape what XML cannot hold, as Excel does.

    >>> escape("胸闷\\r\\n气促")
    '胸闷_x000D_\\n气促'
    """
    return _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
