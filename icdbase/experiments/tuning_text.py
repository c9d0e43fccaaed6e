"""The result of a search as text, and as files."""

from __future__ import annotations

from pathlib import Path

from icdbase.core.language import N_, _
from icdbase.core.text_tables import fill, plural, table
from icdbase.experiments.exports import write_csv, write_json
from icdbase.experiments.result_text import formatted_cells
from icdbase.experiments.settings_file import write_setting
from icdbase.experiments.tuning import TuneResult, setting_text

__all__ = ["tune_text", "write_tune"]

_COLUMNS = (
    (N_("round"), "round", "{:d}"), (N_("train on"), "n_train", "{:d}"), ("Acc", "acc", "{:.3f}"), (N_("candidate"), "candidate", "{}"),
)


def tune_text(result: TuneResult) -> str:
    """Return the last round of the search, the gain, and what it means."""
    last = result.search[result.search["round"] == result.search["round"].max()]
    notes = [line for note in _notes(result) for line in fill(note).splitlines()]
    return "\n".join([table(*formatted_cells(last, _COLUMNS), title=_("last round of the search on all records:")), "", *notes])


def _notes(result: TuneResult) -> list[str]:
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


def write_tune(result: TuneResult, folder) -> dict[str, Path]:
    """Write the settings file, all rounds of the search, and the result; return the files by kind."""
    folder = Path(folder)
    comments = [_("written by icdbase tune; read by icdbase train --setting FILE"), *_notes(result)]
    return {
        N_("setting"): write_setting(result.setting, folder / "setting.toml", comments),
        N_("search"): write_csv(result.search, folder / "search.csv"),
        "JSON": write_json(result.to_dict(), folder / "tune.json"),
    }
