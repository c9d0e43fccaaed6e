"""Results of experiments as text for a terminal: which columns are shown, in which format, with which notes."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.text_tables import figure, plural, table
from icdbase.evaluation.score_tables import score_table, target_table
from icdbase.experiments.ablation import DIFFERENCE, SMALLEST_P, AblationResult
from icdbase.experiments.cross_validation import CvResult
from icdbase.experiments.learning_curve import CurveResult

__all__ = ["ablation_text", "basis", "curve_text", "cv_text", "formatted_cells", "holm_text", "target_columns", "text_table"]


def holm_text(p_holm: float, p: float) -> str:
    """Format a corrected p; mark it as a bound if p is as small as the number of swaps allows."""
    return f"{'<= ' if p <= SMALLEST_P else ''}{p_holm:.4f}"


# Heading, column or columns of the result, format.
_ABLATION_COLUMNS = (
    ("variant", "variant", "{}"),
    ("Acc", "acc", "{:.3f}"),
    ("change", "difference", "{:+.3f}"),
    ("95 % interval", ("low", "high"), "{:+.3f} to {:+.3f}"),
    ("p Holm", ("p_holm", "p"), holm_text),
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


def ablation_columns(result: AblationResult) -> tuple[Sequence, Sequence, Sequence]:
    return _ABLATION_COLUMNS, target_columns(result.table, ("difference",), "{:+.3f}"), ()


def curve_columns(result: CurveResult) -> tuple[Sequence, Sequence, Sequence]:
    return _CURVE_COLUMNS, target_columns(result.table, ("accuracy", "f1"), "{:.3f}"), _GAIN_COLUMNS


def target_columns(values: pd.DataFrame, endings: Sequence[str], form: str) -> list[tuple[str, str, str]]:
    """Return a column for each target: ``main_accuracy`` and ``other_f1`` by role, ``<target>_f1`` by name."""
    parts = [(column, *column.rpartition("_")[::2]) for column in values.columns]
    named = {"main": "main", "other": "others"}
    return [(named.get(name, name), column, form) for column, name, ending in parts if name and ending in endings]


def ablation_text(result: AblationResult) -> str:
    """Return an ablation as a table for a terminal, with notes."""
    return "\n".join([text_table(result.table, *ablation_columns(result)), "", *ablation_notes(result)])


def ablation_notes(result: AblationResult) -> list[str]:
    """Return notes on how the table was computed and what it cannot show; at most 79 characters a line."""
    units = "records" if result.n_groups is None else "groups"
    changed = ", ".join(f"{name}={value!r}" for name, value in result.reference.items())
    different = ", ".join(result.significant())
    notes = [
        f"{basis(result)}; fold seed {result.random_state}.",
        f"Reference: {result.estimator}({changed}). {inner_folds_note(result)}".strip(),
        "Change of the official score, variant minus reference, over the same records. The 95 % interval is of each "
        f"variant alone, not corrected for their number: paired bootstrap over {units}. p: approximate randomisation, "
        f"Holm over {plural(len(result.variants), 'variant')}.",
        *sensitivity_notes(result),
        "A part without a significant change may still be useful.",
        f"Different from the reference: {different}." if different
        else "No variant differs significantly from the reference.",
    ]
    return [line for note in notes for line in wrap(note, 79, break_long_words=False, break_on_hyphens=False)]


def sensitivity_notes(result: AblationResult) -> list[str]:
    """Return notes on how small a change these records can show."""
    return [
        f"Median half-width of the intervals: {result.half_width:.3f}.",
        "Smallest change that one uncorrected test at the 5 % level finds with 80 % power: "
        f"{result.detectable_difference:.3f}. Records that would so show a change of {DIFFERENCE}: "
        f"{figure(result.records_needed, form='{:,.0f}')}.",
        training_sets_note(result.table.iloc[1:]),
    ]


def training_sets_note(rows: pd.DataFrame) -> str:
    """Return a note on the standard errors, without and with the choice of training sets."""
    plain, corrected = (figure(rows[name].median(), form="{:.4f}") for name in ("standard_error", "corrected_error"))
    return f"Median standard error: {plain}; with the choice of training sets (Nadeau and Bengio 2003): {corrected}."


def inner_folds_note(result: AblationResult) -> str:
    """Return a note on the number of folds inside each fit, and on the default if it differs; empty for other coders."""
    if result.estimator != "IcdCoder":
        return ""
    default = IcdCoder().n_folds
    n_folds = result.reference.get("n_folds", default)
    return f"Folds inside each fit: {n_folds}{'' if n_folds == default else f', where icdbase train has {default}'}."


def basis(result) -> str:
    """Return how many records, folds and repeats a result is based on."""
    grouped = "" if result.n_groups is None else f" in {result.n_groups} groups"
    return f"{result.n_records} records{grouped}, {result.n_folds} folds, {plural(result.n_repeats, 'repeat')}"


def curve_text(result: CurveResult) -> str:
    """Return a learning curve as a table for a terminal, with notes."""
    return "\n".join([text_table(result.table, *curve_columns(result)), "", *curve_notes(result)])


def curve_notes(result: CurveResult) -> list[str]:
    """Return notes on how the curve was computed."""
    return [f"{basis(result)}; nested training sets, the same test records.",
            "Gain: Acc above the row before, paired bootstrap."]


def cv_text(result: CvResult, name: str = "icdbase") -> str:
    """Return a cross-validation as tables for a terminal: pooled, then fold by fold."""
    of_targets = target_columns(result.per_fold, ("accuracy", "f1"), "{:.3f}")
    named = {"main": "main acc", "others": "other F1"}
    of_targets = [(named.get(heading, heading), *rest) for heading, *rest in of_targets]
    by_fold = text_table(result.per_fold, _FOLD_COLUMNS, of_targets, _RECALL_COLUMN, n_keys=2)
    by_target = ["", target_table(result.scores)] if len(result.scores.per_target) > 2 else []
    return "\n".join([score_table({name: result.scores}), *by_target, "", by_fold])


def text_table(values: pd.DataFrame, columns: Sequence, of_targets: Sequence, further: Sequence, n_keys: int = 1) -> str:
    """Return a table for a terminal; with more than two targets, their columns become a second table."""
    if len(of_targets) <= 2:
        return table(*formatted_cells(values, [*columns, *of_targets, *further]))
    parts = [*columns, *further], [*columns[:n_keys], *of_targets]
    return "\n\n".join(table(*formatted_cells(values, part)) for part in parts)


def formatted_cells(values: pd.DataFrame, columns: Sequence[tuple]) -> tuple[list[str], list[list[str]]]:
    """Format the columns that hold values; return headings and rows."""
    used = [column for column in columns if values[_names(column)].notna().any(axis=None)]
    rows = [[figure(*(row[name] for name in _names(column)), form=column[2]) for column in used]
            for row in values.to_dict(orient="records")]
    return [heading for heading, _, _ in used], rows


def _names(column: tuple) -> list[str]:
    return [column[1]] if isinstance(column[1], str) else list(column[1])
