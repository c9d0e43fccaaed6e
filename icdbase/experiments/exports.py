"""Results of experiments as a folder of CSV, JSON, Markdown, LaTeX, plots, submissions and settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from icdbase.core.atomic_files import atomic_write
from icdbase.core.language import N_, _
from icdbase.experiments import result_text
from icdbase.experiments.ablation import AblationResult
from icdbase.experiments.baseline_table import BaselineResult
from icdbase.experiments.cross_validation import CvResult
from icdbase.experiments.learning_curve import CurveResult
from icdbase.experiments.markup import latex_document, to_latex, to_markdown
from icdbase.experiments.plots import ablation_figure, baseline_figure, curve_figure, save_figure
from icdbase.experiments.settings_file import write_setting
from icdbase.experiments.shapley import ShapleyResult
from icdbase.experiments.shapley_plots import shapley_figures
from icdbase.experiments.shapley_text import coalitions_note, shapley_columns, shapley_notes, side_by_side
from icdbase.experiments.tuning import TuneResult
from icdbase.files.tables import guarded
from icdbase.records.submissions import write_submission
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = [
    "submission_names", "write_ablation", "write_baselines", "write_csv", "write_curve", "write_cv", "write_json",
    "write_plot", "write_shapley", "write_tables", "write_tune",
]

SUBMISSIONS = "submissions"
"""Folder of the systems' submissions in a run folder."""


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


def write_baselines(result: BaselineResult, folder, task: Task = CCL25) -> dict[str, Path]:
    """Write tables, plot and submissions to a folder; return the files by kind.

    With cross-validation, a submission holds the out-of-fold codes of the training records.
    """
    folder = Path(folder)
    notes = [*result_text.baseline_notes(result), *result_text.failure_lines(result)]
    written = write_tables(folder, "baselines", result, result_text.baseline_columns(result), notes)
    written |= write_plot(baseline_figure(result.table, [f"{result_text.baseline_basis(result)}."]), folder / "baselines")
    for name, file in submission_names(result.predictions).items():
        write_submission(result.predictions[name], folder / SUBMISSIONS / file, task)
    return written | {N_("submissions"): folder / SUBMISSIONS}


def submission_names(systems: Sequence[str]) -> dict[str, str]:
    """Return a file name for each system, whatever its name.

    >>> submission_names(["svm", "my/system", "my system"])
    {'svm': 'svm.json', 'my/system': 'my_system.json', 'my system': 'my_system-2.json'}
    """
    taken: dict[str, str] = {}
    for system in systems:
        stem = re.sub(r"[^\w.+-]", "_", system).strip(".") or "system"
        names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
        taken[system] = next(f"{name}.json" for name in names if f"{name}.json" not in taken.values())
    return taken


def write_tune(result: TuneResult, folder) -> dict[str, Path]:
    """Write the settings file, all rounds of the search, and the result; return the files by kind."""
    folder = Path(folder)
    comments = [_("written by icdbase tune; read by icdbase train --setting FILE"), *result_text.tune_notes(result)]
    return {
        N_("setting"): write_setting(result.setting, folder / "setting.toml", comments),
        N_("search"): write_csv(result.search, folder / "search.csv"),
        "JSON": write_json(result.to_dict(), folder / "tune.json"),
    }


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
