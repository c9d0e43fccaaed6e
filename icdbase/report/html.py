"""The report: a scored run as one page of HTML, without network access or foreign scripts.

The page quotes records only with ``with_text``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import UsageError
from icdbase.core.terminal import printable
from icdbase.core.text_tables import figure
from icdbase.evaluation.alignment import align
from icdbase.evaluation.per_code import confusion, per_code_table
from icdbase.evaluation.scoring import Scores, score
from icdbase.report.calibration import calibration_curves
from icdbase.report.errors import coupled_errors, hardest_records
from icdbase.tasks.editions import PUBLISHED_SCORES

__all__ = ["page_template", "report_html", "write_report"]

N_COUPLED = 20


def write_report(path, coder: IcdCoder, gold: pd.DataFrame, predictions: pd.DataFrame, **options) -> Path:
    """Write the page of :func:`report_html` to a file, whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
    coder, gold, predictions, **options
        As for :func:`report_html`.

    Returns
    -------
    Path
    """
    page = report_html(coder, gold, predictions, **options)
    with atomic_write(path) as file:
        file.write(page)
    return Path(path)


def report_html(
    coder: IcdCoder, gold: pd.DataFrame, predictions: pd.DataFrame, *, baselines: Mapping[str, Scores] | None = None,
    card: Mapping | None = None, with_text: bool = False, commands: tuple[str, ...] = (), title: str = "", n_hardest: int = 12,
    n_bootstrap: int = 1000, language: str = "en",
) -> str:
    """Return a scored run as a page of HTML in English and Chinese.

    Parameters
    ----------
    coder : IcdCoder
        Fitted; it predicts the probabilities of the calibration curves and explains the errors.
    gold : pandas.DataFrame
        Labelled records with their text.
    predictions : pandas.DataFrame
        As :meth:`IcdCoder.predict` or :func:`icdbase.read_submission` return them.
    baselines : mapping of name to Scores, optional
        Scores of other systems on the same records.
    card : mapping, optional
        The model card; see :func:`icdbase.storage.model_card.read_card`.
    with_text : bool
        Quote the hardest records.  The page then contains patient data.
    commands : tuple of str
        Command lines that repeat the run.
    title : str
        Name of the scored records, such as a file name.
    n_hardest : int
        Number of records shown, those of lowest score.
    n_bootstrap : int
        See :func:`icdbase.score`.
    language : {"en", "zh"}
        Language shown first; the page contains both.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        On an unknown language.
    DataError
        As for :func:`icdbase.score`.
    """
    if language not in ("en", "zh"):
        raise UsageError(f"language must be 'en' or 'zh', got {language!r}")
    task = coder.task
    scores = score(gold, predictions, task, n_bootstrap=n_bootstrap)
    pairs = align(gold, predictions, task, "raise")
    probabilities = coder.predict_proba(gold.drop(columns=[target.name for target in task.targets]))
    singles = [target for target in task.targets if target.is_single]
    multis = [target for target in task.targets if not target.is_single]
    return page_template("report.html.j2").render(
        version=__version__,
        language=language,
        title=title,
        with_text=with_text,
        scores=scores.to_dict(),
        standings=_standings(scores, baselines or {}, PUBLISHED_SCORES.get(task.name, ())),
        names=task.code_names,
        confusions=[(target.name, _confusion_rows(gold, predictions, task, target.name)) for target in singles],
        codes=_code_rows(gold, predictions, task),
        curves=[curve for target in task.targets for curve in calibration_curves(target, pairs, probabilities[target.name])],
        coupled=[(target.name, coupled_errors(pairs, target.name)[:N_COUPLED]) for target in multis],
        hardest=hardest_records(coder, gold, predictions, pairs, probabilities, n_hardest, with_text),
        settings=_settings(coder, card),
        commands=commands,
    )


def page_template(name: str) -> Template:
    """Return the template of a page by its file's name; it escapes HTML and control characters."""
    environment = Environment(loader=PackageLoader("icdbase", "report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True,
                              finalize=lambda value: printable(value) if type(value) is str else value)
    environment.filters["figure"] = lambda value, digits=3: figure(value, form=f"{{:.{digits}f}}", missing="–")
    return environment.get_template(name)


def _standings(scores: Scores, baselines: Mapping[str, Scores], published) -> list[tuple[str, list[dict]]]:
    """Return, for each metric, this run, the baselines on the same records and the published figures, best first."""
    tables = []
    for metric, name in (("Acc", "acc"), ("recall variant", "acc_recall_variant")):
        rows = [{"kind": "other", "en": en, "zh": zh, "data": data, "value": value, "interval": None}
                for en, zh, data, of, value in published if of == metric]
        rows += [{"kind": "same" if system else "run", "en": system, "zh": system, "value": getattr(scored, name),
                  "interval": scored.acc_interval if name == "acc" else None}
                 for system, scored in {"": scores, **baselines}.items()]
        known = [row for row in rows if row["value"] is not None]
        tables.append((metric, sorted(known, key=lambda row: -row["value"])))
    return tables


def _confusion_rows(gold, predictions, task, target: str) -> dict:
    counts = confusion(gold, predictions, task, target)
    rows = [
        {"code": code, "cells": [(name, int(value), value / max(row.sum(), 1)) for name, value in row.items()]}
        for code, row in counts.iterrows()
    ]
    return {"columns": list(counts.columns), "rows": rows}


def _code_rows(gold, predictions, task) -> list[tuple[str, list[dict], int]]:
    """Return, for each target, the codes that occur, most frequent first, and the length of the longest bar."""
    table = per_code_table(gold, predictions, task)
    table = table[(table["support"] > 0) | (table["predicted"] > 0)]
    table = table.sort_values(["support", "predicted"], ascending=False, kind="stable")
    table["right"] = (table["recall"] * table["support"]).fillna(0).round().astype(int)
    table["missed"], table["wrong"] = table["support"] - table["right"], table["predicted"] - table["right"]
    longest = (table["support"] + table["wrong"]).groupby(table["target"]).max()
    return [(target.name, table[table["target"] == target.name].to_dict("records"), int(longest.get(target.name, 1)))
            for target in task.targets]


def _settings(coder: IcdCoder, card: Mapping | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return a model card as groups of names and values; without a card, the parameters."""
    if card is None:
        card = {"parameters": {name: v for name, v in coder.get_params(deep=False).items() if name != "task"}}
    groups: dict[str, list[tuple[str, str]]] = {"model": []}
    for name, value in card.items():
        if name in ("format", "format_version", "scores") or value is None:
            continue
        if isinstance(value, Mapping):
            groups[name] = [(inner, _shown(item)) for inner, item in value.items()]
        else:
            groups["model"].append((name, _shown(value)))
    return [(name, rows) for name, rows in groups.items() if rows]


def _shown(value) -> str:
    if value is None or (isinstance(value, (list, tuple, Mapping)) and not value):
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} ({inner})" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
