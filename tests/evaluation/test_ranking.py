"""Scores of rankings: against scikit-learn, and at the edges."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, label_ranking_average_precision_score

from icdbase.core.errors import DataError
from icdbase.evaluation.ranking import (
    average_precision,
    mean_average_precision,
    micro_scores,
    precision_at,
    ranking_scores,
    recall_at,
)

CODES = list("abcdefgh")


def drawn(seed, n=30):
    draw = np.random.default_rng(seed)
    truth = draw.random((n, len(CODES))) < 0.3
    truth[:, 0] |= ~truth.any(axis=1)
    return truth, draw.random((n, len(CODES)))


def listed(table):
    return [[code for code, yes in zip(CODES, row, strict=True) if yes] for row in table]


@pytest.mark.parametrize("seed", range(3))
def test_map_of_full_rankings_is_scikit_learns(seed):
    truth, scores = drawn(seed)
    rankings = [[CODES[column] for column in np.argsort(-row)] for row in scores]
    expected = label_ranking_average_precision_score(truth, scores)
    assert mean_average_precision(listed(truth), rankings) == pytest.approx(expected)


def test_micro_f1_is_scikit_learns():
    truth, scores = drawn(0)
    assert micro_scores(listed(truth), listed(scores > 0.6))[2] == pytest.approx(f1_score(truth, scores > 0.6, average="micro"))


def test_a_gold_code_that_is_not_ranked_costs_its_share():
    assert average_precision(["a", "b"], ["a"]) == 0.5
    assert recall_at(5, [["a", "b"]], [["a"]]) == 0.5
    assert precision_at(5, [["a", "b"]], [["a"]]) == 0.2


def test_nothing_to_find():
    assert mean_average_precision([[]], [["a"]]) == 0.0
    assert micro_scores([[]], [[]]) == (0, 0, 0)
    assert recall_at(3, [[]], [["a"]]) == 0.0


GOLD = pd.DataFrame({"主诊断编码": ["I20.000", "I48.x01"], "其他诊断编码": [("E11.900", "I10.x00x032"), ("E78.500",)]}, index=["1", "2"])
RANKED = pd.DataFrame({
    "主诊断编码": [("I10.x00x032", "I20.000", "I48.x01"), ("I48.x01", "I20.000", "I10.x00x032")],
    "其他诊断编码": [("E11.900", "E78.500", "I10.x00x032"), ("I10.x00x032", "I48.x01", "E78.500")],
}, index=["1", "2"])


def test_rankings_of_a_task_worked_by_hand():
    scores = ranking_scores(GOLD, RANKED)
    assert scores["n_ranked"].tolist() == [3, 3] and "recall_at_5" not in scores
    assert scores.loc["主诊断编码", ["map", "recall_at_1", "precision_at_3"]].tolist() == pytest.approx([3 / 4, 1 / 2, 1 / 3])
    assert scores.loc["其他诊断编码", ["map", "recall_at_1", "recall_at_3", "precision_at_1"]].tolist() == pytest.approx(
        [((1 + 2 / 3) / 2 + 1 / 3) / 2, 1 / 4, 1, 1 / 2])


def test_a_record_without_ranking_is_refused_or_scores_zero():
    with pytest.raises(DataError, match="no ranking for 1 of 2 gold records"):
        ranking_scores(GOLD, RANKED.iloc[:1])
    assert ranking_scores(GOLD, RANKED.iloc[1:], missing="zero").loc["主诊断编码", "map"] == 0.5
