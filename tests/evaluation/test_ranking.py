"""Scores of rankings: against scikit-learn, and at the edges."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, label_ranking_average_precision_score

from icdbase.evaluation.ranking import average_precision, mean_average_precision, micro_scores, precision_at, recall_at

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
