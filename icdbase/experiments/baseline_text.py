"""The baseline table as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from icdbase.core.text_tables import plural, table
from icdbase.experiments.baseline_table import BaselineResult
from icdbase.experiments.result_text import formatted_cells, holm_text, target_columns

__all__ = ["baseline_columns", "baseline_notes", "baselines_text"]

# Heading, column or columns of the result, format.
_SYSTEM = (("system", "system", "{}"),)
_SCORE = (("Acc", "acc", "{:.3f}"), ("95 % interval", ("acc_low", "acc_high"), "{:.3f}-{:.3f}"))
_MACRO = (("macro F1", "macro_f1", "{:.3f}"),)
_COST = (("seconds", "seconds", "{:.1f}"), ("CPU s", "cpu_seconds", "{:.1f}"), ("MiB", "peak_mib", "{:.0f}"))
_PAIRED = (
    ("to the best", "difference", "{:+.3f}"),
    ("95 % interval", ("low", "high"), "{:+.3f} to {:+.3f}"),
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
    units = "records" if result.n_groups is None else "groups"
    notes = [f"{basis(result)}; seed {result.random_state}."]
    if len(result.table) > 1:
        notes.append(
            f"To the best: official score minus that of {result.best}, over the same records; 95 % interval of each "
            f"system alone, paired bootstrap over {units}; p: approximate randomisation, Holm over "
            f"{plural(len(result.table) - 1, 'system')}. The best one is chosen on these records too.",
        )
    notes.append(
        "seconds: fit and predict on one thread, by the clock; CPU s: of the processor. Reading and counting the records, "
        "once for all systems, is not in it.",
    )
    if result.table["peak_mib"].notna().any():
        notes[-1] += " MiB: largest memory of the system's own process."
    return [line for note in notes for line in wrap(note, 79, break_long_words=False, break_on_hyphens=False)]


def basis(result: BaselineResult) -> str:
    """Return how many records a table is based on."""
    if result.n_folds is None:
        return f"{plural(result.n_train, 'training record')}, {plural(result.n_test, 'test record')}"
    grouped = "" if result.n_groups is None else f" in {result.n_groups} groups"
    return f"{plural(result.n_train, 'record')}{grouped}, {result.n_folds} folds"


def failure_lines(result: BaselineResult) -> list[str]:
    """Return a line for each system that failed."""
    return [f"{name} failed: {line}" for name, line in result.failures.items()]
