"""Excel workbooks: the cells of a sheet, as Excel shows plain text.

Whole numbers have no ``.0``, a note that begins with ``=`` becomes no formula, and
characters that XML cannot hold are kept (Excel's own ``_x000D_`` escapes,
ECMA-376 part 1, 22.9.2.19).
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.files.encoding import clean_name
from icdbase.files.tables import HEADER_WITHIN, Cells

__all__ = ["MAX_CELL", "escape", "read_workbook", "refuse_long_cells", "write_workbook"]

MAX_CELL = 32_767
"""Characters that an Excel cell can hold; openpyxl cuts longer ones silently."""

MAX_UNPACKED = 2 << 30
MAX_ROWS = 1_048_576
MAX_COLUMNS = 4_096
MAX_CELLS = 50_000_000
"""A small workbook can unpack to a large table, so there is a limit in bytes, rows (Excel's own), columns and cells."""

MAX_RATIO = 100
FREE_RATIO = 16 << 20
"""What unpacks to more bytes than this may be a hundred times as large as the file; Excel's own is some ten times."""

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


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
        rule = _("the workbook has more than {}", error)
        raise DataError(path, [Problem(rule, remedy=_("save its records as JSON Lines or CSV"))]) from None
    except MemoryError:
        rule = _("not enough memory to open the workbook")
        raise DataError(path, [Problem(rule, remedy=_("save its records as JSON Lines or CSV"))]) from None
    except Exception as error:  # openpyxl meets damage with whatever its zip and XML readers raise
        rule = _("the workbook cannot be opened ({})", type(error).__name__)
        raise DataError(path, [Problem(rule, remedy=_("open it in Excel and save it again"))]) from error
    width = next((len(row) for row in formulas if row), 0)
    return [(_("row {}", number), row + [""] * (width - len(row))) for number, row in enumerate(formulas, 1)]


def _refuse_other_archives(data: bytes, path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            unpacked = sum(member.file_size for member in archive.infolist())
    except Exception:  # zipfile meets damage with BadZipFile, NotImplementedError, struct.error and others
        rule = _("a damaged workbook or zip archive")
        raise DataError(path, [Problem(rule, remedy=_("copy or export it again"))]) from None
    if not any(name.startswith("xl/") for name in names):
        kind = _("a Word document") if any(name.startswith("word/") for name in names) else _("a zip archive")
        remedy = _("save its records as JSON, CSV or .xlsx")
        raise DataError(path, [Problem(_("this is {}, not a table", kind), remedy=remedy)])
    limit = min(MAX_UNPACKED, max(FREE_RATIO, MAX_RATIO * len(data)))
    if unpacked > limit:
        rule = _("the workbook unpacks to more than {:,} bytes", limit)
        raise DataError(path, [Problem(rule, remedy=_("save its records as JSON Lines or CSV"))])


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
            raise _TooLargeError(_("{:,} rows", MAX_ROWS))
        if len(row) > MAX_COLUMNS:
            raise _TooLargeError(_("{:,} columns", MAX_COLUMNS))
        if n_cells > MAX_CELLS:
            raise _TooLargeError(_("{:,} cells", MAX_CELLS))
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
            _("{} characters do not fit into an Excel cell, the limit is {}", len(row[name]), MAX_CELL),
            _("number {}", number),
            name,
            _("write .json or .csv"),
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
