"""The report: a scored run as one page of HTML, without network access or foreign scripts.

The page quotes records only with ``with_text``, or if all of them are synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.evaluation.alignment import Pairs, align
from icdbase.evaluation.per_code import confusion
from icdbase.evaluation.resampling import bootstrap_interval
from icdbase.evaluation.scoring import Scores, record_scores, score
from icdbase.records.origin import synthetic_share
from icdbase.report.calibration import calibration_curves
from icdbase.report.code_rows import code_rows
from icdbase.report.coding_errors import coupled_errors, hardest_records
from icdbase.report.field_evidence import field_evidence
from icdbase.report.headline import headline
from icdbase.report.pages import check_language, page_template
from icdbase.report.swaps import swap_tables
from icdbase.report.thresholds import threshold_curve
from icdbase.tasks.codes import NO_CODE_SHOWN
from icdbase.tasks.editions import PUBLISHED_SCORES
from icdbase.tasks.task import Task

__all__ = ["check_published", "report_html", "write_report"]

N_COUPLED = 20
N_LISTED = 200
"""Records listed of one cell of a confusion matrix."""


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
    card: Mapping | None = None, with_text: bool | None = None, commands: tuple[str, ...] = (), title: str = "",
    n_hardest: int = 12, n_explained: int = 20, n_bootstrap: int = 1000, language: str = "en", published: bool = False,
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
        Scores of other systems on the same records; only these are ranked beside the run.
    card : mapping, optional
        The model card; see :func:`icdbase.storage.model_card.read_card`.
    with_text : bool, optional
        Quote the hardest records.  The page then contains patient data, unless the
        records are synthetic; by default only these are quoted.
    commands : tuple of str
        Command lines that repeat the run.
    title : str
        Name of the scored records, such as a file name.
    n_hardest : int
        Number of records shown, those of lowest score.
    n_explained : int
        Number of records, drawn at random, over which the evidence of each field is averaged.
    n_bootstrap : int
        See :func:`icdbase.score`.
    language : {"en", "zh"}
        Language shown first; the page contains both.
    published : bool
        Show the published figures of the evaluation, in a box of their own; see :func:`check_published`.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        On an unknown language, or published figures beside records that cannot be the evaluation's.
    DataError
        As for :func:`icdbase.score`.
    """
    check_language(language)
    task, share = coder.task, synthetic_share(gold)
    if published:
        check_published(gold, task)
    pairs = align(gold, predictions, task, "raise")
    by_record = record_scores(gold, predictions, task)
    details = coder.details(gold.drop(columns=[target.name for target in task.targets]))
    p = details.probabilities
    codes, swaps = code_rows(gold, predictions, task), swap_tables(pairs, task)
    multis = [target.name for target in task.targets if not target.is_single]
    quoted = share == "all" if with_text is None else with_text
    hardest = hardest_records(coder, gold, predictions, pairs, p, n_hardest, quoted)
    scores = score(gold, predictions, task, n_bootstrap=n_bootstrap)
    return page_template("report.html.j2").render(
        version=__version__, language=language, title=title, synthetic=share, with_text=quoted,
        trained_on_synthetic=((card or {}).get("training_data") or {}).get("synthetic", ""),
        scores=scores.to_dict(), cards=_cards(by_record, n_bootstrap),
        systems=_ranked({"": scores, **(baselines or {})}),
        published=PUBLISHED_SCORES[task.name] if published else (),
        sentences=headline(coder, pairs, swaps, codes, p), names=task.code_names, swaps=swaps,
        confusions=_confusions(gold, predictions, pairs, task), listed_at_most=N_LISTED,
        shown={case["id"]: number for number, case in enumerate(hardest, 1)},
        codes=codes, thresholds=[(name, threshold_curve(coder, name, pairs, p[name], details.excluded[name]),
                                  _as_run(by_record, pairs, task, name)) for name in multis],
        curves=[curve for target in task.targets for curve in calibration_curves(target, pairs, p[target.name])],
        fields=field_evidence(coder, gold, pairs, n_explained),
        coupled=[(name, coupled_errors(pairs, name)[:N_COUPLED]) for name in multis],
        hardest=hardest, settings=_settings(coder, card), commands=commands,
    )


def check_published(gold: pd.DataFrame, task: Task) -> None:
    """Raise a UsageError if these cannot be the records that the published figures are of."""
    if task.name not in PUBLISHED_SCORES:
        raise UsageError(_("no published figures are known for task {!r}; leave out --published", task.name))
    if share := synthetic_share(gold):
        raise UsageError(_("{} of these records are synthetic; the published figures are of the evaluation's own "
                           "files: leave out --published", share))


def _cards(by_record: pd.DataFrame, n_bootstrap: int) -> list[tuple[str, float, tuple[float, float]]]:
    """Return the means that are shown large, each with its 95 % interval over records."""
    names = [name for name in ("acc", "main_correct", "other_f1", "acc_recall_variant") if name in by_record]
    return [(name, by_record[name].mean(), bootstrap_interval(by_record[name], n_bootstrap=n_bootstrap)) for name in names]


def _ranked(systems: Mapping[str, Scores]) -> list[tuple[str, dict]]:
    """Return the systems that were scored on the same records, best first; this run has no name."""
    rows = [(name, scored.to_dict()) for name, scored in systems.items()]
    return sorted(rows, key=lambda row: -row[1]["acc"])


def _as_run(by_record: pd.DataFrame, pairs: Pairs, task: Task, name: str) -> dict:
    """Return the measures of a set as it was predicted, beside those of a threshold."""
    first = next(target.name for target in task.targets if not target.is_single)
    prefix = "other" if name == first else name
    means = {measure: float(by_record[f"{prefix}_{measure}"].mean()) for measure in ("precision", "recall", "f1")}
    return {**means, "codes": float(np.mean([len(codes) for codes in pairs.codes[name][1]]))}


def _confusions(gold, predictions, pairs: Pairs, task: Task) -> list[dict]:
    """Return, for each single target, the confusion matrix with the records of each cell."""
    matrices = []
    for target in task.targets:
        if not target.is_single:
            continue
        counts = confusion(gold, predictions, task, target.name)
        records: dict[tuple[str, str], list[str]] = {}
        for record, *codes in zip(pairs.index, *pairs.codes[target.name], strict=True):
            truth, guess = (code or NO_CODE_SHOWN for code in codes)
            column = guess if guess in counts.columns else counts.columns[-1]
            records.setdefault((truth, column), []).append(str(record))
        rows = [
            {"code": code, "cells": [(name, int(n), n / max(row.sum(), 1), records.get((code, name), [])) for name, n in row.items()]}
            for code, row in counts.iterrows()
        ]
        matrices.append({"target": target.name, "columns": list(counts.columns), "rows": rows})
    return matrices


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
