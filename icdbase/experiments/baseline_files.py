"""The baseline table as files: CSV, JSON, Markdown, LaTeX, a plot, and a submission of each system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from icdbase.experiments.baseline_table import BaselineResult
from icdbase.experiments.baseline_text import baseline_columns, baseline_notes, basis, failure_lines
from icdbase.experiments.exports import write_plot, write_tables
from icdbase.experiments.plots import INK, PALE, drawable, finish, style
from icdbase.records.submissions import write_submission
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["baseline_figure", "submission_names", "write_baselines"]

SUBMISSIONS = "submissions"
"""Folder of the systems' submissions in a run folder."""


def write_baselines(result: BaselineResult, folder, task: Task = CCL25) -> dict[str, Path]:
    """Write tables, plot and submissions to a folder; return the files by kind.

    With cross-validation, a submission holds the out-of-fold codes of the training records.
    """
    folder = Path(folder)
    notes = [*baseline_notes(result), *failure_lines(result)]
    written = write_tables(folder, "baselines", result, baseline_columns(result), notes)
    written |= write_plot(baseline_figure(result.table, [f"{basis(result)}."]), folder / "baselines")
    for name, file in submission_names(result.predictions).items():
        write_submission(result.predictions[name], folder / SUBMISSIONS / file, task)
    return written | {"submissions": folder / SUBMISSIONS}


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


def baseline_figure(table: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw the official score of each system with its interval.

    Parameters
    ----------
    table : DataFrame
        Of :class:`icdbase.experiments.baseline_table.BaselineResult`.
    notes : sequence of str
        Lines below the plot.
    """
    labels, families = drawable(table["system"])
    with style(families):
        figure = Figure(figsize=(7.2, 1.3 + 0.34 * len(table) + 0.2 * len(notes)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(table.to_dict(orient="records")):
            axes.plot([row["acc_low"], row["acc_high"]], [place, place], color=PALE, linewidth=2)
            axes.plot(row["acc"], place, "o", color=INK)
            axes.annotate(f"{row['acc']:.3f}", (row["acc"], place), (0, 5), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(table)), labels)
        axes.set_ylim(len(table) - 0.5, -0.7)
        axes.set_xlabel("official score (Acc), 95 % interval")
        finish(figure, axes, "x", notes)
    return figure
