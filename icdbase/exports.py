"""Results of experiments as text, and as a folder of CSV, JSON, Markdown, LaTeX and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from icdbase.ablation import AblationResult
from icdbase.curves import CurveResult
from icdbase.errors import printable
from icdbase.experiments import CvResult
from icdbase.files import atomic_write
from icdbase.plots import ablation_figure, curve_figure, save_figure
from icdbase.report import score_table, table
from icdbase.tables import guarded

__all__ = [
    "ablation_text",
    "curve_text",
    "cv_text",
    "to_latex",
    "to_markdown",
    "write_ablation",
    "write_curve",
    "write_cv",
    "write_json",
]

# Heading, column or columns of the result, format.
_ABLATION_COLUMNS = (
    ("variant", "variant", "{}"),
    ("Acc", "acc", "{:.3f}"),
    ("change", "difference", "{:+.3f}"),
    ("95 % interval", ("low", "high"), "{:+.3f} to {:+.3f}"),
    ("p Holm", "p_holm", "{:.4f}"),
    ("main", "main_difference", "{:+.3f}"),
    ("others", "other_difference", "{:+.3f}"),
)
_CURVE_COLUMNS = (
    ("train on", "n_train", "{:d}"),
    ("Acc", "acc", "{:.3f}"),
    ("95 % interval", ("low", "high"), "{:.3f}-{:.3f}"),
    ("main", "main_accuracy", "{:.3f}"),
    ("others", "other_f1", "{:.3f}"),
    ("gain", "gain", "{:+.3f}"),
    ("95 % interval", ("gain_low", "gain_high"), "{:+.3f} to {:+.3f}"),
)
_FOLD_COLUMNS = (
    ("repeat", "repeat", "{:.0f}"),
    ("fold", "fold", "{:.0f}"),
    ("records", "n_records", "{:.0f}"),
    ("Acc", "acc", "{:.3f}"),
    ("main acc", "main_accuracy", "{:.3f}"),
    ("other F1", "other_f1", "{:.3f}"),
    ("recall variant", "acc_recall_variant", "{:.3f}"),
)


def ablation_text(result: AblationResult) -> str:
    """Lay out an ablation for a terminal of 80 columns, with what it takes to read it."""
    headings, rows = _cells(result.table, _ABLATION_COLUMNS)
    return "\n".join([table(headings, rows), "", *ablation_notes(result)])


def ablation_notes(result: AblationResult) -> list[str]:
    """Say on what the table rests, and what it cannot show."""
    units = "records" if result.n_groups is None else "groups"
    n_units = result.n_records if result.n_groups is None else result.n_groups
    different = result.significant()
    verdict = f"Different from the reference: {', '.join(different)}." if different else \
        "No variant can be told from the reference."
    return [
        f"{_basis(result)}; fold seed {result.random_state}.",
        "Change of the official score, variant minus reference, over the same records;",
        f"paired bootstrap over {units}, approximate randomisation, Holm over {len(result.variants)} variants.",
        f"Power: with {n_units} {units} the intervals reach about ±{result.half_width:.3f}; a smaller change",
        "would not be seen here, which is not the same as being none.",
        verdict,
    ]


def _basis(result: AblationResult | CurveResult) -> str:
    grouped = "" if result.n_groups is None else f" in {result.n_groups} groups"
    repeats = f"{result.n_repeats} repeat" + "s" * (result.n_repeats != 1)
    return f"{result.n_records} records{grouped}, {result.n_folds} folds, {repeats}"


def curve_text(result: CurveResult) -> str:
    """Lay out a learning curve."""
    headings, rows = _cells(result.table, _CURVE_COLUMNS)
    return "\n".join([table(headings, rows), "", *curve_notes(result)])


def curve_notes(result: CurveResult) -> list[str]:
    """Say on what the curve rests."""
    return [f"{_basis(result)}; nested training sets, the same test records.",
            "Gain: Acc above the row before, paired bootstrap."]


def cv_text(result: CvResult, name: str = "icdbase") -> str:
    """Lay out a cross-validation: pooled, then fold by fold."""
    headings, rows = _cells(result.per_fold, _FOLD_COLUMNS)
    return "\n".join([score_table({name: result.scores}), "", table(headings, rows)])


def _cells(values: pd.DataFrame, columns: Sequence[tuple]) -> tuple[list[str], list[list[str]]]:
    """Format the columns that are there; what is missing is a dash."""
    used = [column for column in columns if values[_names(column)].notna().any(axis=None)]
    rows = [[_cell([row[name] for name in _names(column)], column[2]) for column in used]
            for row in values.to_dict(orient="records")]
    return [heading for heading, _, _ in used], rows


def _names(column: tuple) -> list[str]:
    return [column[1]] if isinstance(column[1], str) else list(column[1])


def _cell(values: list, form: str) -> str:
    if any(value is None or (isinstance(value, float) and np.isnan(value)) for value in values):
        return "-"
    return form.format(*values)


_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_[]<>|~$"} | {"\n": " "})


def to_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    r"""Lay out a table in Markdown, in which names are no links, no HTML and no formulas.

    >>> print(to_markdown(["variant", "Acc"], [["a|b", "0.8"]]))
    | variant | Acc |
    | --- | ---: |
    | a\|b | 0.8 |
    """
    cells = [[printable(cell).translate(_MARKDOWN) for cell in line] for line in [headings, *rows]]
    lines = [cells[0], ["---", *["---:"] * (len(headings) - 1)], *cells[1:]]
    lines = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(lines + (["", *(printable(note).translate(_MARKDOWN) for note in notes)] if notes else []))


_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "\n": " ",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
})


def to_latex(headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """Lay out a table in LaTeX; it needs no package but ctex, for Chinese.

    >>> print(to_latex(["variant", "Acc"], [["主诉_1 & 100 %", "-0.8"]]))
    % Chinese: \\usepackage{ctex} in the preamble, compile with xelatex or lualatex.
    \\begin{tabular}{lr}
    \\hline
    variant & Acc \\\\
    \\hline
    主诉\\_1 \\& 100 \\% & $-$0.8 \\\\
    \\hline
    \\end{tabular}
    """
    lines = [r"% Chinese: \usepackage{ctex} in the preamble, compile with xelatex or lualatex."]
    lines += [f"% {printable(note)}".replace("\n", " ") for note in notes]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}", r"\hline", _latex_row(headings), r"\hline"]
    lines += [_latex_row(row) for row in rows]
    return "\n".join([*lines, r"\hline", r"\end{tabular}"])


def _latex_row(cells: Sequence[str]) -> str:
    first, *figures = (printable(cell).translate(_LATEX) for cell in cells)
    figures = ["--" if cell == "-" else cell.replace("-", "$-$").replace("+", "$+$") for cell in figures]
    # A row that begins with a bracket would be taken for an option of the line break before it.
    first = f"{{}}{first}" if first.startswith(("[", "*")) else first
    return " & ".join([first, *figures]) + r" \\"


def write_ablation(result: AblationResult, folder) -> dict[str, Path]:
    """Write tables and plots to a folder; return what was written, by kind."""
    headings, rows = _cells(result.table, _ABLATION_COLUMNS)
    notes = ablation_notes(result)
    written = _write_tables(Path(folder), "ablation", result, headings, rows, notes)
    return written | _plot(ablation_figure(result.table, [notes[0], *notes[3:5]]), Path(folder) / "ablation")


def write_curve(result: CurveResult, folder) -> dict[str, Path]:
    """Write tables and plots to a folder; return what was written, by kind."""
    headings, rows = _cells(result.table, _CURVE_COLUMNS)
    written = _write_tables(Path(folder), "curve", result, headings, rows, curve_notes(result))
    return written | _plot(curve_figure(result.table, curve_notes(result)[:1]), Path(folder) / "curve")


def write_cv(result: CvResult, folder) -> dict[str, Path]:
    """Write scores, folds, codes and predictions to a folder; return what was written, by kind."""
    folder = Path(folder)
    codes = result.predictions.map(lambda value: ";".join(value) if isinstance(value, tuple) else value)
    return {
        "scores": write_json(result.to_dict(), folder / "cv.json"),
        "folds": _write_csv(result.per_fold, folder / "folds.csv"),
        "codes": _write_csv(result.per_code, folder / "codes.csv"),
        "predictions": _write_csv(codes.reset_index(), folder / "predictions.csv"),
    }


def _write_tables(folder: Path, name: str, result, headings, rows, notes) -> dict[str, Path]:
    return {
        "table": _write_csv(result.table, folder / f"{name}.csv"),
        "JSON": write_json(result.to_dict(), folder / f"{name}.json"),
        "Markdown": _write_text(to_markdown(headings, rows, notes), folder / f"{name}.md"),
        "LaTeX": _write_text(to_latex(headings, rows, notes), folder / f"{name}.tex"),
    }


def _plot(figure, path: Path) -> dict[str, Path]:
    png, svg = save_figure(figure, path)
    return {"plot": png, "vectors": svg}


def write_json(content: Mapping, path: Path) -> Path:
    """Write plain data as JSON, without NaN."""
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    return _write_text(text, path)


def _write_csv(content: pd.DataFrame, path: Path) -> Path:
    content = content.map(guarded).rename(columns=guarded)
    # Without the mark, Excel in China takes the file for GBK.
    return _write_text("\ufeff" + content.to_csv(index=False, lineterminator="\n").rstrip("\n"), path)


def _write_text(text: str, path: Path) -> Path:
    with atomic_write(path) as file:
        file.write(text + "\n")
    return path
