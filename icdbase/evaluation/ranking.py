"""Scores of ranked codes and of pooled decisions, as evaluations of large code sets use them.

Mean average precision and micro-averaged precision, recall and F1 as in
CodiEsp (Miranda-Escalada et al. 2020, CLEF eHealth); precision and recall at k
as in Mullenbach et al. 2018 ("Explainable prediction of medical codes from clinical
text", NAACL).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["average_precision", "mean_average_precision", "micro_scores", "precision_at", "recall_at"]

Sets = Sequence[Sequence[str]]


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
