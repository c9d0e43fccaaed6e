"""Scores as tables of text."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from icdbase.core.language import _
from icdbase.core.text_tables import figure, table
from icdbase.evaluation.scoring import Scores

__all__ = ["per_code_text", "ranking_table", "score_table", "target_table"]


def score_table(results: Mapping[str, Scores], *, title: str = "") -> str:
    """Scores side by side, a row a system."""
    columns = [_("system"), "Acc", _("95 % interval"), _("main acc"), _("other F1"), _("recall variant")]
    rows = []
    for name, scores in results.items():
        values = scores.to_dict()
        low, high = values["acc_interval"]
        rows.append([
            name,
            figure(values["acc"]),
            f"{low:.3f}-{high:.3f}",
            *(figure(values[key]) for key in ("main_accuracy", "other_f1", "acc_recall_variant")),
        ])
    return table(columns, rows, title=title)


def target_table(scores: Scores) -> str:
    """What each target adds to the score, a row a target."""
    rows = []
    for name, measures in scores.per_target.items():
        kind, measure = ("accuracy", _("accuracy")) if "accuracy" in measures else ("f1", "F1")
        share = measures["weight"] * measures[kind]
        rows.append([name, measure, f"{measures['weight']:g}", figure(measures[kind]), figure(share)])
    return table([_("target"), _("measure"), _("weight"), _("value"), _("adds")], rows)


def per_code_text(codes: pd.DataFrame) -> str:
    """Lay out what :func:`icdbase.evaluation.per_code.per_code_table` returned."""
    flat = codes.reset_index()
    rows = [
        [row["code"], str(row["name"]), str(row["support"]), str(row["predicted"]),
         *(figure(row[key]) for key in ("precision", "recall", "f1"))]
        for _, row in flat.iterrows()
    ]
    return table([_("code"), _("name"), _("gold"), _("pred"), _("prec"), _("recall"), "F1"], rows)


def ranking_table(scores: pd.DataFrame, *, title: str = "") -> str:
    """Lay out what :func:`icdbase.evaluation.ranking.ranking_scores` returned, a row a target."""
    shown = [name for name in scores if name.startswith(("precision_at", "recall_at"))]
    columns = [_("target"), _("codes"), "MAP", *(name.replace("precision_at_", "P@").replace("recall_at_", "R@") for name in shown)]
    rows = [
        [str(target), str(int(row["n_ranked"])), figure(row["map"]), *(figure(row[name]) for name in shown)]
        for target, row in scores.iterrows()
    ]
    return table(columns, rows, title=title)
