"""Results of experiments as text, and as a folder of CSV, JSON, Markdown, LaTeX and plots."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import printable
from icdbase.core.text_tables import table
from icdbase.evaluation.score_tables import score_table, target_table
from icdbase.experiments.ablation import SMALLEST_P, AblationResult
from icdbase.experiments.cross_validation import CvResult
from icdbase.experiments.learning_curve import CurveResult
from icdbase.experiments.plots import ablation_figure, curve_figure, save_figure
from icdbase.files.tables import guarded

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

def _holm_text(p_holm: float, p: float) -> str:
    """Format a corrected p; it is a bound where p is as small as the number of swaps allows."""
    return f"{'<= ' if p <= SMALLEST_P else ''}{p_holm:.4f}"


# Heading, column or columns of the result, format.
_ABLATION_COLUMNS = (
    ("variant", "variant", "{}"),
    ("Acc", "acc", "{:.3f}"),
    ("change", "difference", "{:+.3f}"),
    ("95 % interval", ("low", "high"), "{:+.3f} to {:+.3f}"),
    ("p Holm", ("p_holm", "p"), _holm_text),
)
_CURVE_COLUMNS = (
    ("train on", "n_train", "{:d}"),
    ("Acc", "acc", "{:.3f}"),
    ("95 % interval", ("low", "high"), "{:.3f} to {:.3f}"),
)
_GAIN_COLUMNS = (
    ("gain", "gain", "{:+.3f}"),
    ("95 % interval", ("gain_low", "gain_high"), "{:+.3f} to {:+.3f}"),
)
_FOLD_COLUMNS = (
    ("repeat", "repeat", "{:.0f}"),
    ("fold", "fold", "{:.0f}"),
    ("records", "n_records", "{:.0f}"),
    ("Acc", "acc", "{:.3f}"),
)
_RECALL_COLUMN = (("recall variant", "acc_recall_variant", "{:.3f}"),)


def _ablation_columns(result: AblationResult) -> tuple[Sequence, Sequence, Sequence]:
    return _ABLATION_COLUMNS, _target_columns(result.table, ("difference",), "{:+.3f}"), ()


def _curve_columns(result: CurveResult) -> tuple[Sequence, Sequence, Sequence]:
    return _CURVE_COLUMNS, _target_columns(result.table, ("accuracy", "f1"), "{:.3f}"), _GAIN_COLUMNS


def _target_columns(values: pd.DataFrame, endings: Sequence[str], form: str) -> list[tuple[str, str, str]]:
    """Return a column a target: ``main_accuracy`` and ``other_f1`` by their role, ``<target>_f1`` by name."""
    parts = [(column, *column.rpartition("_")[::2]) for column in values.columns]
    named = {"main": "main", "other": "others"}
    return [(named.get(name, name), column, form) for column, name, ending in parts if name and ending in endings]


def ablation_text(result: AblationResult) -> str:
    """Lay out an ablation for a terminal, with what it takes to read it."""
    return "\n".join([_text(result.table, *_ablation_columns(result)), "", *ablation_notes(result)])


def ablation_notes(result: AblationResult) -> list[str]:
    """Say on what the table rests, and what it cannot show; lines of 79 characters at most."""
    units = "records" if result.n_groups is None else "groups"
    changed = ", ".join(f"{name}={value!r}" for name, value in result.reference.items())
    different = result.significant()
    notes = [
        f"{_basis(result)}; fold seed {result.random_state}.",
        f"Reference: IcdCoder({changed}). {_inner_folds_note(result)}",
        "Change of the official score, variant minus reference, over the same records. The 95 % interval is of each "
        f"variant alone, not corrected for their number: paired bootstrap over {units}. p: approximate randomisation, "
        f"Holm over {len(result.variants)} variant{'s' * (len(result.variants) != 1)}.",
        *sensitivity_notes(result),
        "What cannot be told from the reference is not shown to be worth nothing.",
        f"Different from the reference: {', '.join(different)}." if different
        else "No variant can be told from the reference.",
    ]
    return [line for note in notes for line in wrap(note, 79, break_long_words=False, break_on_hyphens=False)]


def sensitivity_notes(result: AblationResult) -> list[str]:
    """Say how small a change these records can show."""
    return [
        f"Median half-width of the intervals: {result.half_width:.3f}.",
        "Smallest change that one uncorrected test at the 5 % level finds with 80 % power: "
        f"{result.detectable_difference:.3f}.",
    ]


def _inner_folds_note(result: AblationResult) -> str:
    """Say how many folds there are inside a fit, and whether these are as many as in training."""
    default = IcdCoder().n_folds
    n_folds = result.reference.get("n_folds", default)
    return f"Folds inside each fit: {n_folds}{'' if n_folds == default else f', where icdbase train has {default}'}."


def _basis(result: AblationResult | CurveResult) -> str:
    grouped = "" if result.n_groups is None else f" in {result.n_groups} groups"
    repeats = f"{result.n_repeats} repeat" + "s" * (result.n_repeats != 1)
    return f"{result.n_records} records{grouped}, {result.n_folds} folds, {repeats}"


def curve_text(result: CurveResult) -> str:
    """Lay out a learning curve."""
    return "\n".join([_text(result.table, *_curve_columns(result)), "", *curve_notes(result)])


def curve_notes(result: CurveResult) -> list[str]:
    """Say on what the curve rests."""
    return [f"{_basis(result)}; nested training sets, the same test records.",
            "Gain: Acc above the row before, paired bootstrap."]


def cv_text(result: CvResult, name: str = "icdbase") -> str:
    """Lay out a cross-validation: pooled, then fold by fold."""
    of_targets = _target_columns(result.per_fold, ("accuracy", "f1"), "{:.3f}")
    named = {"main": "main acc", "others": "other F1"}
    of_targets = [(named.get(heading, heading), *rest) for heading, *rest in of_targets]
    by_fold = _text(result.per_fold, _FOLD_COLUMNS, of_targets, _RECALL_COLUMN, n_keys=2)
    by_target = ["", target_table(result.scores)] if len(result.scores.per_target) > 2 else []
    return "\n".join([score_table({name: result.scores}), *by_target, "", by_fold])


def _text(values: pd.DataFrame, columns: Sequence, of_targets: Sequence, further: Sequence, n_keys: int = 1) -> str:
    """Lay out a table for a terminal; more targets than two get a table of their own, behind the key columns."""
    if len(of_targets) <= 2:
        return table(*_cells(values, [*columns, *of_targets, *further]))
    parts = [*columns, *further], [*columns[:n_keys], *of_targets]
    return "\n\n".join(table(*_cells(values, part)) for part in parts)


def _cells(values: pd.DataFrame, columns: Sequence[tuple]) -> tuple[list[str], list[list[str]]]:
    """Format the columns that are there; what is missing is a dash."""
    used = [column for column in columns if values[_names(column)].notna().any(axis=None)]
    rows = [[_cell([row[name] for name in _names(column)], column[2]) for column in used]
            for row in values.to_dict(orient="records")]
    return [heading for heading, _, _ in used], rows


def _names(column: tuple) -> list[str]:
    return [column[1]] if isinstance(column[1], str) else list(column[1])


def _cell(values: list, form) -> str:
    if any(value is None or (isinstance(value, float) and np.isnan(value)) for value in values):
        return "-"
    return form(*values) if callable(form) else form.format(*values)


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
    "≤": r"$\leq$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
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
    first, *figures = map(printable, cells)
    # A row that begins with a bracket would be taken for an option of the line break before it.
    first = "{}" * first.startswith(("[", "*")) + first.translate(_LATEX)
    return " & ".join([first, *map(_latex_figure, figures)]) + r" \\"


def _latex_figure(cell: str) -> str:
    """Set signs as signs; a hyphen between two numbers is a range, no subtraction."""
    if cell == "-":
        return "--"
    text = cell.replace("<= ", "≤ ").translate(_LATEX)
    return re.sub(r"(?<=\d)-(?=\d)", "--", re.sub(r"(?<!\S)[-+](?=[\d.])", r"$\g<0>$", text))


def write_ablation(result: AblationResult, folder) -> dict[str, Path]:
    """Write tables and plots to a folder; return what was written, by kind."""
    written = _write_tables(Path(folder), "ablation", result, _ablation_columns(result), ablation_notes(result))
    notes = [f"{_basis(result)}. {_inner_folds_note(result)}", *sensitivity_notes(result)]
    return written | _plot(ablation_figure(result.table, notes), Path(folder) / "ablation")


def write_curve(result: CurveResult, folder) -> dict[str, Path]:
    """Write tables and plots to a folder; return what was written, by kind."""
    written = _write_tables(Path(folder), "curve", result, _curve_columns(result), curve_notes(result))
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


def _write_tables(folder: Path, name: str, result, columns, notes) -> dict[str, Path]:
    headings, rows = _cells(result.table, [column for part in columns for column in part])
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
