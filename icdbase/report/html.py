"""A scored run as one page of HTML: no network, no script from elsewhere, no text of records unless asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import resources
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import UsageError, printable
from icdbase.evaluation.alignment import Pairs, align
from icdbase.evaluation.per_code import confusion, per_code_table
from icdbase.evaluation.scoring import Scores, record_scores, score
from icdbase.explain.explanation import explain
from icdbase.tasks.editions import CCL25

__all__ = ["PUBLISHED", "coupled_errors", "reliability", "report_html", "write_report"]

PUBLISHED = (
    ("best system, fine-tuned LLM up to 7B", "第1名，微调大模型（≤7B）", "test", "Acc", 0.8672),
    ("second, fine-tuned LLM", "第2名，微调大模型", "test", "Acc", 0.8342),
    ("third, fine-tuned LLM", "第3名，微调大模型", "test", "Acc", 0.8233),
    ("seventh, fine-tuned LLM", "第7名，微调大模型", "test", "Acc", 0.8082),
    ("multi-task BERT", "多任务 BERT", "validation", "recall variant", 0.7125),
    ("TF-IDF + linear SVM", "TF-IDF + 线性 SVM", "validation", "recall variant", 0.590),
    ("organiser's first baseline", "主办方首个基线", "validation", "recall variant", 0.4134),
)
"""CCL25-Eval Task 8, real records: system, in Chinese, data set, metric, figure."""

N_BINS = 10
MIN_PER_BIN = 10
LEAST_SHOWN = 0.05  # most codes of a set are all but impossible and would hide the others
N_COUPLED = 20
MAX_CODES_EXPLAINED = 6
MAX_SPANS = 5
WEAKEST_SHOWN = 0.05  # of the strongest span; what is weaker explains nothing
AROUND = 16


def write_report(
    path, coder: IcdCoder, gold: pd.DataFrame, predictions: pd.DataFrame, *, baselines: Mapping[str, Scores] | None = None,
    card: Mapping | None = None, with_text: bool = False, commands: tuple[str, ...] = (), title: str = "", n_hardest: int = 12,
    n_bootstrap: int = 1000, language: str = "en",
) -> Path:
    """Write the page of :func:`report_html` to a file, whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
    coder, gold, predictions, baselines, card, with_text, commands, title, n_hardest, n_bootstrap, language
        As for :func:`report_html`.

    Returns
    -------
    Path
    """
    page = report_html(
        coder, gold, predictions, baselines=baselines, card=card, with_text=with_text, commands=commands, title=title,
        n_hardest=n_hardest, n_bootstrap=n_bootstrap, language=language,
    )
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
        Fitted; its probabilities make the calibration curve, its contributions the evidence.
    gold : pandas.DataFrame
        Labelled records with their text.
    predictions : pandas.DataFrame
        As :meth:`IcdCoder.predict` or :func:`icdbase.read_submission` return them.
    baselines : mapping of name to Scores, optional
        What else was scored on the same records.
    card : mapping, optional
        The model card; see :func:`icdbase.storage.model_folder.read_card`.
    with_text : bool
        Show words of the hardest records.  They are patient data: the page is then, too.
    commands : tuple of str
        Command lines that make the run again.
    title : str
        What was scored, such as a file name.
    n_hardest : int
        Records shown, those of lowest score.
    n_bootstrap : int
        See :func:`icdbase.score`.
    language : {"en", "zh"}
        Shown first; the page holds both.

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
    from jinja2 import Environment, StrictUndefined

    if language not in ("en", "zh"):
        raise UsageError(f"language must be 'en' or 'zh', got {language!r}")
    task = coder.task
    scores = score(gold, predictions, task, n_bootstrap=n_bootstrap)
    pairs = align(gold, predictions, task, "raise")
    probabilities = coder.predict_proba(gold.drop(columns=[target.name for target in task.targets]))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                              finalize=lambda value: printable(value) if type(value) is str else value)
    environment.filters["figure"] = _figure
    template = (resources.files("icdbase.report") / "report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        version=__version__,
        language=language,
        title=title,
        with_text=with_text,
        scores=scores.to_dict(),
        standings=_standings(scores, baselines or {}, PUBLISHED if task.name == CCL25.name else ()),
        names=task.code_names,
        confusions=[(target.name, _confusion_rows(gold, predictions, task, target.name))
                    for target in task.targets if target.is_single],
        codes=_code_rows(gold, predictions, task),
        curves=[curve for target in task.targets
                for curve in _curves(target, pairs, probabilities[target.name], pairs.codes[target.name][1])],
        coupled=[(target.name, coupled_errors(pairs, target.name)[:N_COUPLED])
                 for target in task.targets if not target.is_single],
        hardest=_hardest(coder, gold, predictions, pairs, probabilities, n_hardest, with_text),
        settings=_settings(coder, card),
        commands=commands,
    )


def _figure(value: float | None, digits: int = 3) -> str:
    return "–" if value is None or value != value else f"{value:.{digits}f}"  # NaN differs from itself


def _standings(scores: Scores, baselines: Mapping[str, Scores], published) -> list[tuple[str, list[dict]]]:
    """Per metric this run, what was scored on the same records, and published figures; best first."""
    tables = []
    for metric, name in (("Acc", "acc"), ("recall variant", "acc_recall_variant")):
        rows = [{"kind": "other", "en": en, "zh": zh, "data": data, "value": value, "interval": None}
                for en, zh, data, of, value in published if of == metric]
        for system, scored in {"": scores, **baselines}.items():
            interval = scored.acc_interval if name == "acc" else None
            kind = "same" if system else "run"
            rows.append({"kind": kind, "en": system, "zh": system, "value": getattr(scored, name), "interval": interval})
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
    """Per target the codes that occur, most frequent first, and the length of the longest bar."""
    table = per_code_table(gold, predictions, task)
    table = table[(table["support"] > 0) | (table["predicted"] > 0)]
    table = table.sort_values(["support", "predicted"], ascending=False, kind="stable")
    table["right"] = (table["recall"] * table["support"]).fillna(0).round().astype(int)
    table["missed"], table["wrong"] = table["support"] - table["right"], table["predicted"] - table["right"]
    longest = (table["support"] + table["wrong"]).groupby(table["target"]).max()
    return [(target.name, table[table["target"] == target.name].to_dict("records"), int(longest.get(target.name, 1)))
            for target in task.targets]


def reliability(p: np.ndarray, truth: np.ndarray, n_bins: int = N_BINS, min_count: int = 1) -> list[dict]:
    """Compare predicted probabilities with what came true, bin by bin.

    Parameters
    ----------
    p : array of shape (n,)
    truth : bool array of shape (n,)
    n_bins : int
        Of equal width; empty bins are left out.
    min_count : int
        A bin of fewer is merged with its neighbour below, the lowest with the one above.

    Returns
    -------
    list of dict
        ``predicted`` (mean), ``observed`` (share), ``low`` and ``high`` (95 %,
        Wilson 1927) and ``count``.

    Examples
    --------
    >>> [(point["predicted"], point["observed"], point["count"])
    ...  for point in reliability(np.array([0.25, 0.25, 0.75]), np.array([False, True, True]), 2)]
    [(0.25, 0.5, 2), (0.75, 1.0, 1)]
    """
    bins = np.minimum((np.asarray(p) * n_bins).astype(int), n_bins - 1)
    for upwards, numbers in ((False, range(n_bins - 1, 0, -1)), (True, range(n_bins - 1))):
        for number in numbers:
            if 0 < (bins == number).sum() < min_count:
                others = bins[bins > number] if upwards else bins[bins < number]
                bins[bins == number] = (others.min() if upwards else others.max()) if len(others) else number
    points = []
    for number in np.unique(bins):
        inside = bins == number
        share, count = float(truth[inside].mean()), int(inside.sum())
        low, high = _wilson(share, count)
        points.append(
            {"predicted": float(p[inside].mean()), "observed": share, "low": low, "high": high, "count": count}
        )
    return points


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _curves(target, pairs: Pairs, p: pd.DataFrame, predicted) -> list[dict]:
    """Of a single target the most probable code; of a multi target the codes above 0.05, and those that were chosen."""
    truth, _ = pairs.codes[target.name]
    values, codes = p.to_numpy(), p.columns.tolist()
    if target.is_single:
        best = values.argmax(axis=1)
        true = np.array([codes[column] == code for column, code in zip(best, truth, strict=True)])
        return [_curve(target.name, "most probable", values.max(axis=1), true)]
    true = np.array([[code in listed for code in codes] for listed in truth], dtype=bool).reshape(values.shape)
    chosen = np.array([[code in listed for code in codes] for listed in predicted], dtype=bool).reshape(values.shape)
    parts = (("above 0.05", values > LEAST_SHOWN), ("chosen", chosen))
    return [_curve(target.name, kind, values[part], true[part]) for kind, part in parts]


def _curve(target: str, kind: str, p: np.ndarray, true: np.ndarray) -> dict:
    points = reliability(p, true, min_count=MIN_PER_BIN)
    gap = sum(point["count"] * abs(point["predicted"] - point["observed"]) for point in points) / max(len(p), 1)
    return {"target": target, "kind": kind, "points": points, "error": gap, "count": len(p)}


def coupled_errors(pairs: Pairs, target: str) -> list[tuple[str, str, int, float]]:
    """Count which code was predicted where which was missed, in the same record.

    Frequent codes fail together by chance; so the count that independent errors
    would give stands beside: records with the one times records with the other,
    over all records.

    Returns
    -------
    list of (missed, wrongly predicted, records, records by chance)
        Those furthest above chance first.
    """
    together, missed, wrong = Counter(), Counter(), Counter()
    for truth, guess in zip(*pairs.codes[target], strict=True):
        missed.update(truth - guess)
        wrong.update(guess - truth)
        together.update(product(truth - guess, guess - truth))
    rows = [(*pair, count, missed[pair[0]] * wrong[pair[1]] / len(pairs.index)) for pair, count in together.items()]
    return sorted(rows, key=lambda row: (row[3] - row[2], row[:2]))


def _hardest(coder, gold, predictions, pairs: Pairs, probabilities, n: int, with_text: bool) -> list[dict]:
    worst = record_scores(gold, predictions, coder.task)["acc"].nsmallest(n, keep="first")
    position = {record: place for place, record in enumerate(pairs.index)}
    listed = []
    for record, acc in worst.items():
        targets = []
        for target in coder.task.targets:
            truth, guess = (_as_set(side[position[record]]) for side in pairs.codes[target.name])
            believed = probabilities[target.name].loc[record]
            targets.append({
                "name": target.name, "p": {code: float(believed.get(code, 0.0)) for code in truth | guess},
                "right": sorted(truth & guess), "missed": sorted(truth - guess), "wrong": sorted(guess - truth),
            })
        evidence = _evidence(coder, gold.loc[[record]], targets) if with_text else []
        listed.append({"id": str(record), "acc": acc, "targets": targets, "evidence": evidence})
    return listed


def _as_set(value) -> frozenset:
    return value if isinstance(value, frozenset) else frozenset(() if value is None else (value,))


def _evidence(coder, record: pd.DataFrame, targets) -> list[dict]:
    """Explain the errors of a record: what made the model say a code, or not say it."""
    errors = [
        (target["name"], code, kind)
        for target in targets
        for kind in ("wrong", "missed")
        for code in target[kind]
        if code in set(coder.codes_[target["name"]]) - set(coder.unseen_codes_[target["name"]])
    ][:MAX_CODES_EXPLAINED]
    if not errors:
        return []
    told = explain(coder, record, [code for _, code, _ in errors])
    explained = {(code.target, code.code): code for code in told.codes}
    return [
        {"kind": kind, "code": explained[target, code], "spans": _in_context(explained[target, code], told.texts)}
        for target, code, kind in errors
    ]


def _in_context(code, texts) -> list[dict]:
    """Return the strongest spans of different words, each with a little text around it."""
    spans, seen = [], set()
    ranked = sorted(code.evidence, key=lambda item: -abs(item.strength))
    for item in ranked:
        weak = abs(item.strength) < WEAKEST_SHOWN * abs(ranked[0].strength)
        if item.text in seen or weak or len(spans) == MAX_SPANS:
            continue
        seen.add(item.text)
        text = texts[item.field]
        spans.append({
            "item": item, "before": text[max(item.start - AROUND, 0) : item.start],
            "after": text[item.end : item.end + AROUND],
        })
    return spans


def _settings(coder: IcdCoder, card: Mapping | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Group a model card, or the parameters where there is none."""
    if card is None:
        card = {"parameters": {name: v for name, v in coder.get_params(deep=False).items() if name != "task"}}
    groups: dict[str, list[tuple[str, str]]] = {"model": []}
    for name, value in card.items():
        if name in ("format", "format_version", "scores") or value is None:
            continue
        if isinstance(value, Mapping):
            groups[name] = [(inner, _plain(item)) for inner, item in value.items()]
        else:
            groups["model"].append((name, _plain(value)))
    return [(name, rows) for name, rows in groups.items() if rows]


def _plain(value) -> str:
    if value is None or (isinstance(value, (list, tuple, Mapping)) and not value):
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} ({inner})" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
