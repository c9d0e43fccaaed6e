"""Scores of ranked codes and of pooled decisions, as evaluations of large code sets use them.

Mean average precision and micro-averaged precision, recall and F1 as in
CodiEsp (Miranda-Escalada et al. 2020, CLEF eHealth); precision and recall at k
as in Mullenbach et al. 2018 ("Explainable prediction of medical codes from clinical
text", NAACL).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.evaluation.alignment import gold_labels
from icdbase.records.checks import lost_zeros
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["average_precision", "mean_average_precision", "micro_scores", "precision_at", "ranking_scores", "recall_at"]

Sets = Sequence[Sequence[str]]

_PLACES = (1, 3, 5, 10)


def average_precision(gold: Sequence[str], ranking: Sequence[str]) -> float:
    """Return the mean precision at the ranks of the gold codes; a gold code that is not ranked counts as 0.

    >>> average_precision(["a", "b"], ["a", "c", "b"])
    0.8333333333333333
    """
    wanted = set(gold)
    hits = np.array([code in wanted for code in ranking], dtype=bool)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / len(wanted)) if wanted else 0.0


def mean_average_precision(gold: Sets, rankings: Sets) -> float:
    """Return the mean of :func:`average_precision` over the records with a gold code.

    >>> mean_average_precision([["a"], ["b"], []], [["a"], ["c", "b"], ["a"]])
    0.75
    """
    values = [average_precision(codes, ranking) for codes, ranking in zip(gold, rankings, strict=True) if len(codes)]
    return float(np.mean(values)) if values else 0.0


def recall_at(k: int, gold: Sets, rankings: Sets) -> float:
    """Return the mean share of a record's gold codes among its first ``k`` codes.

    >>> recall_at(1, [["a", "b"]], [["a", "b"]])
    0.5
    """
    shares = [len(set(codes) & set(ranking[:k])) / len(set(codes)) for codes, ranking in zip(gold, rankings, strict=True) if len(codes)]
    return float(np.mean(shares)) if shares else 0.0


def precision_at(k: int, gold: Sets, rankings: Sets) -> float:
    """Return the mean share of gold codes among a record's first ``k`` codes.

    >>> precision_at(2, [["a", "b"], ["c"]], [["a", "x"], ["y", "z"]])
    0.25
    """
    shares = [len(set(codes) & set(ranking[:k])) / k for codes, ranking in zip(gold, rankings, strict=True)]
    return float(np.mean(shares)) if shares else 0.0


def micro_scores(gold: Sets, predicted: Sets) -> tuple[float, float, float]:
    """Return precision, recall and F1 over all pairs of record and code; 0 where there is none.

    >>> micro_scores([["a", "b"], ["c"]], [["a"], ["c", "d"]])
    (0.6666666666666666, 0.6666666666666666, 0.6666666666666666)
    """
    pairs = [(set(codes), set(found)) for codes, found in zip(gold, predicted, strict=True)]
    both, n_gold, n_predicted = (sum(map(len, sets)) for sets in zip(*((a & b, a, b) for a, b in pairs), strict=True))
    precision, recall = both / max(n_predicted, 1), both / max(n_gold, 1)
    return precision, recall, 2 * both / max(n_gold + n_predicted, 1)


def ranking_scores(gold: pd.DataFrame, ranked: pd.DataFrame, task: Task = CCL25, *, missing: str = "raise") -> pd.DataFrame:
    """Score ranked codes, target by target.

    Parameters
    ----------
    gold : DataFrame of shape (n_records, n_targets or more)
    ranked : DataFrame of shape (n_ranked, n_targets)
        For each target a tuple of codes, the most probable first, as :func:`icdbase.records.rankings.read_top` returns it.
    task : Task
    missing : {"raise", "zero"}
        A record without ranking is an error, or scores 0.

    Returns
    -------
    DataFrame, one row per target
        ``map``; ``precision_at_k`` and ``recall_at_k`` for k = 1, 3, 5, 10 up to the
        length of the longest list; ``n_ranked``, that length.

    Raises
    ------
    DataError
        On gold records without ranking, unless ``missing`` is "zero", and what is wrong with gold.

    Examples
    --------
    >>> gold = pd.DataFrame({"主诊断编码": ["I20.000"], "其他诊断编码": [("E11.900", "I10.x00")]}, index=["病例1"])
    >>> ranked = pd.DataFrame({"主诊断编码": [("I20.000",)], "其他诊断编码": [("E11.900", "E78.500")]}, index=["病例1"])
    >>> ranking_scores(gold, ranked)[["map", "recall_at_1"]].to_numpy().tolist()
    [[1.0, 1.0], [0.5, 0.5]]
    """
    labels, absent = gold_labels(gold, task), ~gold.index.isin(ranked.index)
    if absent.any() and missing == "raise":
        remedy = lost_zeros(gold.index[absent], ranked.index) or _("rank them too, or score them 0 (--missing-zero)")
        raise DataError(_("rankings"), [Problem(_("no ranking for {} of {} gold records", absent.sum(), len(gold)), remedy=remedy)])
    rows = {}
    for target in task.targets:
        truth = [[code] if isinstance(code, str) else list(code or ()) for code in labels[target.name]]
        lists = [ranked.at[record, target.name] if there else () for record, there in zip(gold.index, ~absent, strict=True)]
        longest = max(map(len, lists), default=0)
        rows[target.name] = {"map": mean_average_precision(truth, lists)} | {
            f"{name}_at_{k}": score(k, truth, lists)
            for name, score in (("precision", precision_at), ("recall", recall_at)) for k in _PLACES if k <= max(longest, 1)
        } | {"n_ranked": longest}
    return pd.DataFrame.from_dict(rows, orient="index")
