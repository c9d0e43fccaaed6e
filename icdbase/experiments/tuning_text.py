"""The result of a search as text, and as files."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

from icdbase.core.text_tables import plural, table
from icdbase.experiments.exports import write_csv, write_json
from icdbase.experiments.result_text import formatted_cells
from icdbase.experiments.settings_file import write_setting
from icdbase.experiments.tuning import TuneResult, setting_text

__all__ = ["tune_text", "write_tune"]

_COLUMNS = (
    ("round", "round", "{:d}"), ("train on", "n_train", "{:d}"), ("Acc", "acc", "{:.3f}"), ("candidate", "candidate", "{}"),
)


def tune_text(result: TuneResult) -> str:
    """Return the last round of the search, the gain, and what it means."""
    last = result.search[result.search["round"] == result.search["round"].max()]
    notes = [line for note in _notes(result) for line in wrap(note, 79, break_long_words=False, break_on_hyphens=False)]
    return "\n".join([table(*formatted_cells(last, _COLUMNS), title="last round of the search on all records:"), "", *notes])


def _notes(result: TuneResult) -> list[str]:
    interval = f"95 % interval {result.low:+.4f} to {result.high:+.4f}"
    return [
        f"{plural(result.n_records, 'record')}, {result.n_candidates} candidates, {result.n_folds} outer folds; "
        f"seed {result.random_state}.",
        f"Nested cross-validation: Acc {result.reference_acc:.4f} unchanged, {result.acc:.4f} tuned; "
        f"gain {result.gain:+.4f}, {interval}.",
        f"Chosen on all records: {setting_text(result.best)}.",
        "Chosen on the records of each outer fold: " + "; ".join(map(setting_text, result.best_of_fold)) + ".",
        _verdict(result),
    ]


def _verdict(result: TuneResult) -> str:
    if result.gained:
        return "The search gains: the settings file has the chosen parameters."
    if not result.best:
        return "No gain: nothing was better than the reference; the settings file has its parameters."
    return "No gain shown: the interval is not above zero; the settings file has the reference's parameters."


def write_tune(result: TuneResult, folder) -> dict[str, Path]:
    """Write the settings file, all rounds of the search, and the result; return the files by kind."""
    folder = Path(folder)
    comments = ["written by icdbase tune; read by icdbase train --setting FILE", *_notes(result)]
    return {
        "setting": write_setting(result.setting, folder / "setting.toml", comments),
        "search": write_csv(result.search, folder / "search.csv"),
        "JSON": write_json(result.to_dict(), folder / "tune.json"),
    }
