"""The baseline table as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from icdbase.core.language import N_, _
from icdbase.core.text_tables import fill, plural, table
from icdbase.experiments.baseline_table import BaselineResult
from icdbase.experiments.result_text import formatted_cells, holm_text, target_columns

__all__ = ["baseline_columns", "baseline_notes", "baselines_text"]

# Heading, column or columns of the result, format.
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
    named = {"main": "main acc", "others": "other F1"}
    measures = result.table.drop(columns="macro_f1")
    return [(named.get(heading, heading), *rest) for heading, *rest in target_columns(measures, ("accuracy", "f1"), "{:.3f}")]


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
    notes = [_("{}; seed {}.", basis(result), result.random_state)]
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
    return [line for note in notes for line in fill(note).splitlines()]


def basis(result: BaselineResult) -> str:
    """Return how many records a table is based on."""
    if result.n_folds is None:
        return _("{}, {}", plural(result.n_train, "training record"), plural(result.n_test, "test record"))
    grouped = "" if result.n_groups is None else _(" in {} groups", result.n_groups)
    return _("{}{}, {} folds", plural(result.n_train, "record"), grouped, result.n_folds)


def failure_lines(result: BaselineResult) -> list[str]:
    """Return a line for each system that failed."""
    return [_("{} failed: {}", name, line) for name, line in result.failures.items()]
