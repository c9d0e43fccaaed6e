"""Tables, figures and counts as plain text."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

from icdbase.core.language import _
from icdbase.core.terminal import CLOSING, OPENING, WIDE, printable

__all__ = ["figure", "fill", "plural", "table", "terminal_width"]

_WORD = re.compile(rf"[{OPENING}]*(?:[{WIDE}]|[^\s{WIDE}]+)[{CLOSING}]*\s*")

MIN_TEXT = 16
"""Least width of a column of text that is wrapped; where even that does not fit, each row becomes a block of lines."""


def figure(*values: float | None, form="{:.3f}", missing: str = "-") -> str:
    """Format values by a format or a function; ``missing`` if one of them is None or NaN.

    >>> figure(0.85912), figure(0.1, 0.25, form="{:.2f} to {:.2f}"), figure(None)
    ('0.859', '0.10 to 0.25', '-')
    """
    if any(value is None or value != value for value in values):  # NaN differs from itself
        return missing
    return form(*values) if callable(form) else form.format(*values)


def plural(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "record"), plural(1485, "record")
    ('1 record', '1,485 records')
    """
    return _("{:,} " + noun + "s" * (number != 1), number)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", width: int | None = None) -> str:
    """Lay out rows in columns; Chinese characters count as two.

    Figures are never shortened; names are wrapped.  Where even that does not
    fit, each row becomes a block with one line for each column.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences of str
    title : str
        A line above.
    width : int, optional
        Characters in a line; by default those of the terminal, and no limit if
        the output is redirected.

    Returns
    -------
    str

    Examples
    --------
    >>> print(table(["code", "name"], [["I48.x02", "阵发性心房颤动"]]))
     code     name
     I48.x02  阵发性心房颤动
    >>> print(table(["system", "Acc"], [["a-very-long-name", "0.859"]], width=18))
     a-very-long-name
       Acc  0.859
    """
    width = terminal_width() if width is None else width
    cells = [[printable(re.sub(r"\s", " ", cell)) for cell in row] for row in (columns, *rows)]
    right = [place > 0 and _are_figures(column[1:]) for place, column in enumerate(zip(*cells, strict=True))]
    widths = _fit([max(map(cell_len, column)) for column in zip(*cells, strict=True)], right, width)
    lines = [printable(title)] if title else []
    if widths is None:
        lines += [line for row in cells[1:] for line in _block(cells[0], row, max(width, 2 * MIN_TEXT))]
    else:
        lines += [line for row in cells for line in _row_lines(row, widths, right)]
    return "\n".join(line for line in map(str.rstrip, lines) if line)


def fill(text: str, width: int = 79) -> str:
    """Break a paragraph into lines of a width, between words or Chinese characters, which count as two.

    >>> print(fill("官方得分，减去参照", width=10))
    官方得分，
    减去参照
    """
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and cell_len(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(map(str.rstrip, lines))


def terminal_width(redirected: int | None = None) -> int | None:
    """Return the width of the terminal, or ``redirected`` if the output goes to a file or a pipe."""
    known = os.environ.get("COLUMNS") or sys.stdout.isatty()
    return shutil.get_terminal_size().columns if known else redirected


def _are_figures(cells: Sequence[str]) -> bool:
    """Return whether a column holds only numbers, intervals and dashes."""
    filled = [cell.replace(" to ", "") for cell in cells if cell not in ("", "-")]
    return bool(filled) and all(any(c.isdigit() for c in cell) and not any(c.isalpha() for c in cell) for cell in filled)


def _fit(widths: list[int], right: list[bool], limit: int | None) -> list[int] | None:
    """Return widths that fit a limit, with only the text columns made narrower; None if that is impossible."""
    taken = 1 + sum(widths) + 2 * (len(widths) - 1)
    while limit is not None and taken > limit:
        widest = max((place for place, figures in enumerate(right) if not figures), key=lambda place: widths[place])
        if widths[widest] <= MIN_TEXT:
            return None
        cut = min(taken - limit, widths[widest] - MIN_TEXT, 8)  # in steps, so that long columns shrink alike
        widths, taken = [*widths[:widest], widths[widest] - cut, *widths[widest + 1 :]], taken - cut
    return widths


def _row_lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of a row; the cell with most lines decides how many."""
    for parts in zip_longest(*map(_wrap, row, widths), fillvalue=""):
        padding = [" " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)]
        yield " " + "  ".join(
            pad + part if figures else part + pad for part, pad, figures in zip(parts, padding, right, strict=True)
        )


def _block(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """Yield a row as a block: its first cell, then one line for each further column."""
    yield from (f" {line}" for line in _wrap(row[0], width - 1))
    head = max(map(cell_len, columns[1:]), default=0)
    for name, cell in zip(columns[1:], row[1:], strict=True):
        lines = _wrap(cell, max(width - head - 5, MIN_TEXT))
        name += " " * (head - cell_len(name))
        yield from (f"   {name if place == 0 else ' ' * head}  {line}" for place, line in enumerate(lines) if cell)


def _wrap(text: str, width: int) -> list[str]:
    """Break text into lines of a width, after a blank or a mark if there is one.

    >>> _wrap("qwen2.5-7b-instruct-pred.json", 16), _wrap("阵发性心房颤动", 6)
    (['qwen2.5-7b-', 'instruct-', 'pred.json'], ['阵发性', '心房颤', '动'])
    """
    lines = [""]
    for word in re.findall(r".+?(?:[\s,;/_-]+|$)", text):
        if cell_len(lines[-1] + word.rstrip()) <= width:
            lines[-1] += word
        else:
            lines += chop_cells(word, width)
    return [line.rstrip() for line in lines if line.strip()] or [""]
