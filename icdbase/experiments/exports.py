"""Results of experiments as a folder of CSV, JSON, Markdown, LaTeX and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from icdbase.core.atomic_files import atomic_write
from icdbase.core.language import N_
from icdbase.experiments import result_text
from icdbase.experiments.ablation import AblationResult
from icdbase.experiments.cross_validation import CvResult
from icdbase.experiments.learning_curve import CurveResult
from icdbase.experiments.markup import latex_document, to_latex, to_markdown
from icdbase.experiments.plots import ablation_figure, curve_figure, save_figure
from icdbase.experiments.shapley import ShapleyResult
from icdbase.experiments.shapley_plots import shapley_figures
from icdbase.experiments.shapley_text import coalitions_note, shapley_columns, shapley_notes, side_by_side
from icdbase.files.tables import guarded

__all__ = ["write_ablation", "write_csv", "write_curve", "write_cv", "write_json", "write_plot", "write_shapley", "write_tables"]


def write_ablation(result: AblationResult, folder) -> dict[str, Path]:
    """Write tables and plots to a folder; return the files by kind."""
    written = write_tables(Path(folder), "ablation", result, result_text.ablation_columns(result), result_text.ablation_notes(result))
    notes = [f"{result_text.basis(result)}. {result_text.inner_folds_note(result)}", *result_text.sensitivity_notes(result)]
    return written | write_plot(ablation_figure(result.table, notes), Path(folder) / "ablation")


def write_curve(result: CurveResult, folder) -> dict[str, Path]:
    """Write tables and plots to a folder; return the files by kind."""
    written = write_tables(Path(folder), "curve", result, result_text.curve_columns(result), result_text.curve_notes(result))
    return written | write_plot(curve_figure(result.table, result_text.curve_notes(result)[:1]), Path(folder) / "curve")


def write_shapley(result: ShapleyResult, folder) -> dict[str, Path]:
    """Write tables, the values of all coalitions, and plots to a folder; return the files by kind."""
    folder, notes = Path(folder), shapley_notes(result)
    written = write_tables(folder, "shapley", result, shapley_columns(result), notes, side_by_side(result))
    written[N_("pairs")] = write_csv(result.pairs, folder / "shapley_pairs.csv")
    written[N_("coalitions")] = write_csv(result.coalitions, folder / "shapley_coalitions.csv")
    below = (f"{result_text.basis(result)}. {coalitions_note(result)}",)
    names = {
        "shapley": ("plot", "vectors"),
        "shapley_orders": (N_("plot, orders"), N_("vectors, orders")),
        "shapley_redundancy": (N_("plot, pairs"), N_("vectors, pairs")),
    }
    for name, figure in shapley_figures(result, below).items():
        written |= dict(zip(names[name], save_figure(figure, folder / name), strict=True))
    return written


def write_cv(result: CvResult, folder) -> dict[str, Path]:
    """Write scores, folds, codes and predictions to a folder; return the files by kind."""
    folder = Path(folder)
    codes = result.predictions.map(lambda value: ";".join(value) if isinstance(value, tuple) else value)
    return {
        N_("scores"): write_json(result.to_dict(), folder / "cv.json"),
        N_("folds"): write_csv(result.per_fold, folder / "folds.csv"),
        N_("codes"): write_csv(result.per_code, folder / "codes.csv"),
        N_("predictions"): write_csv(codes.reset_index(), folder / "predictions.csv"),
    }


def write_tables(folder: Path, name: str, result, columns: Sequence, notes: Sequence[str], shown: pd.DataFrame | None = None):
    """Write the table of a result as data, and as it is shown as text."""
    shown = result.table if shown is None else shown
    headings, rows = result_text.formatted_cells(shown, [column for part in columns for column in part])
    latex = to_latex(headings, rows, notes)
    return {
        N_("table"): write_csv(result.table, folder / f"{name}.csv"),
        "JSON": write_json(result.to_dict(), folder / f"{name}.json"),
        "Markdown": _write_text(to_markdown(headings, rows, notes), folder / f"{name}.md"),
        "LaTeX": _write_text(latex_document(latex), folder / f"{name}.tex"),
        N_("LaTeX table"): _write_text(latex, folder / f"{name}-table.tex"),
    }


def write_plot(figure, path: Path) -> dict[str, Path]:
    png, svg = save_figure(figure, path)
    return {N_("plot"): png, N_("vectors"): svg}


def write_json(content: Mapping, path: Path) -> Path:
    """Write plain data as JSON, without NaN."""
    return _write_text(json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False), path)


def write_csv(content: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV that Excel opens and computes nothing of."""
    content = content.map(guarded).rename(columns=guarded)
    # Without a byte order mark, Excel in China reads the file as GBK.
    return _write_text("\ufeff" + content.to_csv(index=False, lineterminator="\n").rstrip("\n"), path)


def _write_text(text: str, path: Path) -> Path:
    with atomic_write(path) as file:
        file.write(text + "\n")
    return path
