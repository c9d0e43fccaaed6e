"""Results of experiments as text for a terminal: which columns are shown, in which format, with which notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.language import N_, _
from icdbase.core.text_tables import figure, fill, plural, table
from icdbase.evaluation.score_tables import score_table, target_table
from icdbase.experiments.ablation import DIFFERENCE, SMALLEST_P, AblationResult
from icdbase.experiments.added_records import AddedRecords
from icdbase.experiments.baseline_table import BaselineResult
from icdbase.experiments.cross_validation import CvResult
from icdbase.experiments.learning_curve import CurveResult
from icdbase.experiments.tuning import TuneResult, setting_text

__all__ = [
    "ablation_text", "added_text", "baseline_basis", "baseline_columns", "baseline_notes", "baselines_text", "basis", "curve_text",
    "cv_text", "failure_lines", "formatted_cells", "holm_text", "target_columns", "text_table", "tune_notes",
    "tune_text", "wrapped",
]


def holm_text(p_holm: float, p: float) -> str:
    """Format a corrected p; mark it as a bound if p is as small as the number of swaps allows."""
    return f"{'<= ' if p <= SMALLEST_P else ''}{p_holm:.4f}"


# Heading, column or columns of the result, format.
_ABLATION_COLUMNS = (
    (N_("variant"), "variant", "{}"),
    ("Acc", "acc", "{:.3f}"),
    (N_("change"), "difference", "{:+.3f}"),
    (N_("95 % interval"), ("low", "high"), "{:+.3f} to {:+.3f}"),
    ("p Holm", ("p_holm", "p"), holm_text),
)
_CURVE_COLUMNS = (
    (N_("train on"), "n_train", "{:d}"),
    ("Acc", "acc", "{:.3f}"),
    (N_("95 % interval"), ("low", "high"), "{:.3f} to {:.3f}"),
)
_GAIN_COLUMNS = (
    (N_("gain"), "gain", "{:+.3f}"),
    (N_("95 % interval"), ("gain_low", "gain_high"), "{:+.3f} to {:+.3f}"),
)
_FOLD_COLUMNS = (
    (N_("repeat"), "repeat", "{:.0f}"),
    (N_("fold"), "fold", "{:.0f}"),
    (N_("records"), "n_records", "{:.0f}"),
    ("Acc", "acc", "{:.3f}"),
)
_RECALL_COLUMN = ((N_("recall variant"), "acc_recall_variant", "{:.3f}"),)


def ablation_columns(result: AblationResult) -> tuple[Sequence, Sequence, Sequence]:
    return _ABLATION_COLUMNS, target_columns(result.table, ("difference",), "{:+.3f}"), ()


def curve_columns(result: CurveResult) -> tuple[Sequence, Sequence, Sequence]:
    return _CURVE_COLUMNS, target_columns(result.table, ("accuracy", "f1"), "{:.3f}"), _GAIN_COLUMNS


def target_columns(values: pd.DataFrame, endings: Sequence[str], form: str) -> list[tuple[str, str, str]]:
    """Return a column for each target: ``main_accuracy`` and ``other_f1`` by role, ``<target>_f1`` by name."""
    parts = [(column, *column.rpartition("_")[::2]) for column in values.columns]
    named = {"main": N_("main"), "other": N_("others")}
    return [(named.get(name, name), column, form) for column, name, ending in parts if name and ending in endings]


def _measure_columns(values: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return a column for the accuracy or F1 of each target, with the words of :func:`score_table`."""
    named = {"main": "main acc", "others": "other F1"}
    columns = target_columns(values, ("accuracy", "f1"), "{:.3f}")
    return [(named.get(heading, heading), *rest) for heading, *rest in columns]


def ablation_text(result: AblationResult) -> str:
    """Return an ablation as a table for a terminal, with notes."""
    return "\n".join([text_table(result.table, *ablation_columns(result)), "", *ablation_notes(result)])


def ablation_notes(result: AblationResult) -> list[str]:
    """Return notes on how the table was computed and what it cannot show; at most 79 characters a line."""
    units = _("records") if result.n_groups is None else _("groups")
    changed = ", ".join(f"{name}={value!r}" for name, value in result.reference.items())
    different = ", ".join(result.significant())
    notes = [
        _("{}; fold seed {}.", basis(result), result.random_state),
        _("Reference: {}({}). {}", result.estimator, changed, inner_folds_note(result)).strip(),
        _("Change of the official score, variant minus reference, over the same records. The 95 % interval is of each "
          "variant alone, not corrected for their number: paired bootstrap over {}. p: approximate randomisation, "
          "Holm over {}.", units, plural(len(result.variants), "variant")),
        *sensitivity_notes(result),
        _("A part without a significant change may still be useful."),
        _("Different from the reference: {}.", different) if different
        else _("No variant differs significantly from the reference."),
    ]
    return wrapped(notes)


def sensitivity_notes(result: AblationResult) -> list[str]:
    """Return notes on how small a change these records can show."""
    return [
        _("Median half-width of the intervals: {:.3f}.", result.half_width),
        _("Smallest change that one uncorrected test at the 5 % level finds with 80 % power: {:.3f}. "
          "Records that would so show a change of {}: {}.",
          result.detectable_difference, DIFFERENCE, figure(result.records_needed, form="{:,.0f}")),
        training_sets_note(result.table.iloc[1:]),
    ]


def training_sets_note(rows: pd.DataFrame) -> str:
    """Return a note on the standard errors, without and with the choice of training sets."""
    plain, corrected = (figure(rows[name].median(), form="{:.4f}") for name in ("standard_error", "corrected_error"))
    return _("Median standard error: {}; with the choice of training sets (Nadeau and Bengio 2003): {}.", plain, corrected)


def inner_folds_note(result: AblationResult) -> str:
    """Return a note on the number of folds inside each fit, and on the default if it differs; empty for other coders."""
    if result.estimator != "IcdCoder":
        return ""
    default = IcdCoder().n_folds
    n_folds = result.reference.get("n_folds", default)
    if n_folds != default:
        return _("Folds inside each fit: {}, where icdbase train has {}.", n_folds, default)
    return _("Folds inside each fit: {}.", n_folds)


def wrapped(notes: Iterable[str], width: int = 79) -> list[str]:
    """Return notes as lines of a limited length."""
    return [line for note in notes for line in fill(note, width).splitlines()]


def basis(result) -> str:
    """Return how many records, folds and repeats a result is based on."""
    grouped = "" if result.n_groups is None else _(" in {} groups", result.n_groups)
    return _("{} records{}, {} folds, {}", result.n_records, grouped, result.n_folds, plural(result.n_repeats, "repeat"))


def curve_text(result: CurveResult) -> str:
    """Return a learning curve as a table for a terminal, with notes."""
    return "\n".join([text_table(result.table, *curve_columns(result)), "", *curve_notes(result)])


def curve_notes(result: CurveResult) -> list[str]:
    """Return notes on how the curve was computed."""
    return [_("{}; nested training sets, the same test records.", basis(result)),
            _("Gain: Acc above the row before, paired bootstrap.")]


def cv_text(result: CvResult, name: str = "icdbase") -> str:
    """Return a cross-validation as tables for a terminal: pooled, then fold by fold."""
    by_fold = text_table(result.per_fold, _FOLD_COLUMNS, _measure_columns(result.per_fold), _RECALL_COLUMN, n_keys=2)
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
    return [_(heading) for heading, *__ in used], rows


def _names(column: tuple) -> list[str]:
    return [column[1]] if isinstance(column[1], str) else list(column[1])


# --- the baseline table ---------------------------------------------------------------

_SYSTEM = ((N_("system"), "system", "{}"),)
_SCORE = (("Acc", "acc", "{:.3f}"), (N_("95 % interval"), ("acc_low", "acc_high"), "{:.3f}-{:.3f}"))
_MACRO = ((N_("macro F1"), "macro_f1", "{:.3f}"),)
_COST = ((N_("seconds"), "seconds", "{:.1f}"), (N_("CPU s"), "cpu_seconds", "{:.1f}"), ("MiB", "peak_mib", "{:.0f}"))
_PAIRED = (
    (N_("to the best"), "difference", "{:+.3f}"),
    (N_("95 % interval"), ("low", "high"), "{:+.3f} to {:+.3f}"),
    ("p Holm", ("p_holm", "p"), holm_text),
)


def baseline_columns(result: BaselineResult) -> tuple[Sequence, ...]:
    """Return the columns of the files, in parts."""
    return _SYSTEM, _SCORE, _targets(result), _MACRO, _PAIRED, _COST


def _targets(result: BaselineResult) -> list[tuple[str, str, str]]:
    return _measure_columns(result.table.drop(columns="macro_f1"))


def baselines_text(result: BaselineResult) -> str:
    """Return the scores, the differences from the best system, the notes and the failures."""
    targets = _targets(result)
    few = len(targets) <= 2
    parts = [[*_SYSTEM, *_SCORE, *(targets if few else ()), *_MACRO, *_COST]]
    parts += [] if few else [[*_SYSTEM, *targets]]
    parts += [[*_SYSTEM, *_PAIRED]] if len(result.table) > 1 else []
    tables = "\n\n".join(table(*formatted_cells(result.table, part)) for part in parts)
    return "\n".join([tables, "", *baseline_notes(result), *failure_lines(result)])


def baseline_notes(result: BaselineResult) -> list[str]:
    """Return notes on how the table was computed; at most 79 characters a line."""
    units = _("records") if result.n_groups is None else _("groups")
    notes = [_("{}; seed {}.", baseline_basis(result), result.random_state)]
    if len(result.table) > 1:
        notes.append(
            _("To the best: official score minus that of {}, over the same records; 95 % interval of each system alone, "
              "paired bootstrap over {}; p: approximate randomisation, Holm over {}. "
              "The best one is chosen on these records too.", result.best, units, plural(len(result.table) - 1, "system")),
        )
    notes.append(
        _("seconds: fit and predict on one thread, by the clock; CPU s: of the processor. "
          "Reading and counting the records, once for all systems, is not in it."),
    )
    if result.table["peak_mib"].notna().any():
        notes[-1] += " " + _("MiB: largest memory of the system's own process.")
    return wrapped(notes)


def baseline_basis(result: BaselineResult) -> str:
    """Return how many records a table is based on."""
    if result.n_folds is None:
        return _("{}, {}", plural(result.n_train, "training record"), plural(result.n_test, "test record"))
    grouped = "" if result.n_groups is None else _(" in {} groups", result.n_groups)
    return _("{}{}, {} folds", plural(result.n_train, "record"), grouped, result.n_folds)


def failure_lines(result: BaselineResult) -> list[str]:
    """Return a line for each system that failed."""
    return [_("{} failed: {}", name, line) for name, line in result.failures.items()]


# --- the search for parameters --------------------------------------------------------

_SEARCH_COLUMNS = (
    (N_("round"), "round", "{:d}"), (N_("train on"), "n_train", "{:d}"), ("Acc", "acc", "{:.3f}"), (N_("candidate"), "candidate", "{}"),
)


def tune_text(result: TuneResult) -> str:
    """Return the last round of the search, the gain, and what it means."""
    last = result.search[result.search["round"] == result.search["round"].max()]
    return "\n".join([table(*formatted_cells(last, _SEARCH_COLUMNS), title=_("last round of the search on all records:")), "",
                      *wrapped(tune_notes(result))])


def tune_notes(result: TuneResult) -> list[str]:
    """Return what was searched, what it gained, what was chosen, and what that means."""
    interval = _("95 % interval {:+.4f} to {:+.4f}", result.low, result.high)
    return [
        _("{}, {} candidates, {} outer folds; seed {}.",
          plural(result.n_records, "record"), result.n_candidates, result.n_folds, result.random_state),
        _("Nested cross-validation: Acc {:.4f} unchanged, {:.4f} tuned; gain {:+.4f}, {}.", result.reference_acc, result.acc, result.gain, interval),
        _("Chosen on all records: {}.", setting_text(result.best)),
        _("Chosen on the records of each outer fold: {}.", "; ".join(map(setting_text, result.best_of_fold))),
        _verdict(result),
    ]


def _verdict(result: TuneResult) -> str:
    if result.gained:
        return _("The search gains: the settings file has the chosen parameters.")
    if not result.best:
        return _("No gain: nothing was better than the reference; the settings file has its parameters.")
    return _("No gain shown: the interval is not above zero; the settings file has the reference's parameters.")


# --- records added to one's own -------------------------------------------------------

_ADDED_COLUMNS = (
    (N_("simulated records added"), "n_added", "{:,.0f}"),
    *(column for column in _ABLATION_COLUMNS if column[1] in ("acc", "difference", ("low", "high"))),
)


def added_text(added: AddedRecords) -> str:
    """Return what was tried, and in a sentence what is used and whether a gain is shown."""
    shown = added.table.astype(float)
    shown.loc[0, ["difference", "low", "high"]] = float("nan")  # one's own records alone, compared with themselves
    text = table(*formatted_cells(shown, _ADDED_COLUMNS), title=_("cross-validation on your own records"))
    if not added.n_added:
        return text + "\n" + _("simulated records do not help here: none are used")
    low = added.table.set_index("n_added").loc[added.n_added, "low"]
    return text + "\n" + _("used: {:,} simulated records ({})", added.n_added, _("a gain") if low > 0 else _("no gain is shown"))
