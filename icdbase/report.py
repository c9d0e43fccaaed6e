"""Results as tables of text; prints nothing."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import pandas as pd
from rich.cells import cell_len, chop_cells

from icdbase.errors import printable
from icdbase.scoring import Scores
from icdbase.tasks import Task

__all__ = [
    "corpus_line", "next_lines", "per_code_text", "quoted", "score_table", "table", "target_table", "terminal_width",
    "top_table", "where_it_lies",
]

MIN_TEXT = 16
"""Columns that are left to a column of text, or as many as it needs; with less the rows are laid out one below the other."""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", width: int | None = None) -> str:
    """Lay out rows in columns; Chinese characters count as two.

    Figures are never shortened and names are wrapped.  Where even that does not
    fit, each row becomes a block of lines, a line a column.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences of str
    title : str
        A line above.
    width : int, optional
        Columns of the terminal; by default those of the terminal, and no limit
        where the output is redirected.

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


def terminal_width(redirected: int | None = None) -> int | None:
    """Return the columns of the terminal, or ``redirected`` where the output goes to a file or a pipe."""
    known = os.environ.get("COLUMNS") or sys.stdout.isatty()
    return shutil.get_terminal_size().columns if known else redirected


def _are_figures(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers, intervals of numbers and dashes only."""
    filled = [cell.replace(" to ", "") for cell in cells if cell not in ("", "-")]
    return bool(filled) and all(any(c.isdigit() for c in cell) and not any(c.isalpha() for c in cell) for cell in filled)


def _fit(widths: list[int], right: list[bool], limit: int | None) -> list[int] | None:
    """Return the widths of the columns within a limit, only text made narrower; None if it cannot be done."""
    taken = 1 + sum(widths) + 2 * (len(widths) - 1)
    while limit is not None and taken > limit:
        widest = max((place for place, figures in enumerate(right) if not figures), key=lambda place: widths[place])
        if widths[widest] <= MIN_TEXT:
            return None
        cut = min(taken - limit, widths[widest] - MIN_TEXT, 8)  # in steps, so that long columns share what is left
        widths, taken = [*widths[:widest], widths[widest] - cut, *widths[widest + 1 :]], taken - cut
    return widths


def _row_lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of a row, of which the longest cell decides how many."""
    for parts in zip_longest(*map(_wrap, row, widths), fillvalue=""):
        padding = [" " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)]
        yield " " + "  ".join(
            pad + part if figures else part + pad for part, pad, figures in zip(parts, padding, right, strict=True)
        )


def _block(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """Yield a row as lines: its first cell, then a line for each further column."""
    yield from (f" {line}" for line in _wrap(row[0], width - 1))
    head = max(map(cell_len, columns[1:]), default=0)
    for name, cell in zip(columns[1:], row[1:], strict=True):
        lines = _wrap(cell, max(width - head - 5, MIN_TEXT))
        name += " " * (head - cell_len(name))
        yield from (f"   {name if place == 0 else ' ' * head}  {line}" for place, line in enumerate(lines) if cell)


def _wrap(text: str, width: int) -> list[str]:
    """Break text into lines of a width: behind a blank or a mark where there is one, else anywhere.

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


def corpus_line(name: str, records: pd.DataFrame, task: Task) -> str:
    """Say in one line what a corpus is.

    >>> from icdbase.tasks import CCL25
    >>> records = pd.DataFrame({"主诉": ["胸痛3天"], "主诊断编码": ["I20.000"]}, index=["1"])
    >>> corpus_line("train", records, CCL25)
    'train: 1 record, 4 characters a record, 1 主诊断编码'
    """
    fields = [field for field in task.text_fields if field in records]
    characters = sum(records[field].str.len().sum() for field in fields) / max(len(records), 1)
    parts = [f"{len(records):,} record{'s' * (len(records) != 1)}", f"{characters:,.0f} characters a record"]
    for target in task.targets:
        if target.name not in records:
            continue
        known = records[target.name].dropna()
        if target.is_single:
            parts.append(f"{known.nunique()} {target.name}")
        else:
            parts.append(f"{known.map(len).mean():.2f} {target.name} a record")
    return printable(f"{name}: {', '.join(parts)}")


def score_table(results: Mapping[str, Scores], *, title: str = "") -> str:
    """Scores side by side, a row a system."""
    columns = ["system", "Acc", "95 % interval", "main acc", "other F1", "recall variant"]
    rows = []
    for name, scores in results.items():
        figures = scores.to_dict()
        low, high = figures["acc_interval"]
        rows.append([
            name,
            _figure(figures["acc"]),
            f"{low:.3f}-{high:.3f}",
            *(_figure(figures[key]) for key in ("main_accuracy", "other_f1", "acc_recall_variant")),
        ])
    return table(columns, rows, title=title)


def target_table(scores: Scores) -> str:
    """What each target adds to the score, a row a target."""
    rows = []
    for name, measures in scores.per_target.items():
        kind = "accuracy" if "accuracy" in measures else "f1"
        share = measures["weight"] * measures[kind]
        rows.append([name, kind.capitalize(), f"{measures['weight']:g}", _figure(measures[kind]), _figure(share)])
    return table(["target", "measure", "weight", "value", "adds"], rows)


def top_table(rows: Sequence[Mapping], task: Task) -> str:
    """Lay out what :func:`icdbase.toplists.top_rows` returned, a record and target once."""
    laid, before = [], None
    for row in rows:
        place = (row[task.id_field], row["target"])
        head = ["", ""] if place == before else list(place)
        before = place
        laid.append([*head, row["code"] or "(no code)", f"{row['probability']:.3f}", row["name"]])
    return table([task.id_field, "target", "code", "p", "name"], laid)


def per_code_text(codes: pd.DataFrame) -> str:
    """Lay out what :func:`icdbase.scoring.per_code_table` returned."""
    flat = codes.reset_index()
    rows = [
        [row["code"], str(row["name"]), str(row["support"]), str(row["predicted"]),
         *(_figure(row[key]) for key in ("precision", "recall", "f1"))]
        for _, row in flat.iterrows()
    ]
    return table(["code", "name", "gold", "pred", "prec", "recall", "F1"], rows)


def _figure(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"  # NaN differs from itself


def next_lines(paths: Mapping[str, Path], test_files: Sequence, task: str, record: str) -> tuple[str, ...]:
    """What to type next: check the submission, ask why a record got its codes."""
    # Without an activated environment "icdbase" alone would not be found.
    icdbase = "icdbase" if shutil.which("icdbase") else _relative(Path(sys.executable).parent / "icdbase")
    option = "" if task == "ccl25" else f" --task {quoted(task)}"
    files = " ".join(f"--input {quoted(file)}" for file in test_files)
    return (
        f"{icdbase} check{option} {files} --pred {quoted(paths['predictions'])}",
        f"{icdbase} explain --model {quoted(paths['model'])} --input {quoted(test_files[0])} --record {quoted(record)}",
    )


def _relative(path: Path) -> str:
    """Return the path as seen from here; as it is where no relative path leads (another drive of Windows)."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path)


def quoted(word) -> str:
    """Quote a word of a command line for the shell, where it needs it.

    >>> quoted("病历/a.json"), quoted("1; rm a")
    ('病历/a.json', "'1; rm a'")
    """
    word = str(word)
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word.replace(os.sep, "/")) else shlex.quote(word)


def where_it_lies(paths: Mapping[str, Path], *next_commands: str) -> str:
    """List what was written, and what to type next."""
    width = max(len(name) for name in paths)
    lines = [f"{name:<{width}}  {path}" for name, path in paths.items()]
    return printable("\n".join(lines + (["", "next:", *(f"  {command}" for command in next_commands)] if next_commands else [])))
