"""Folds: main code stratified, rare codes spread, patients whole."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from icdbase import CCL25
from icdbase.core.errors import DataError, UsageError
from icdbase.learning.folds import check_groups, inner_folds, make_folds, nested_order

MAIN, OTHERS = CCL25.main.name, CCL25.others.name


@pytest.fixture(scope="module")
def labels(records):
    return records[[MAIN, OTHERS]]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n_folds", [2, 5, 7])
def test_main_codes_and_sizes_differ_by_one_record(labels, n_folds, seed):
    folds = make_folds(labels, CCL25, n_folds, seed)
    table = pd.crosstab(labels[MAIN].to_numpy(), folds)
    assert table.shape[1] == n_folds
    assert (table.max(axis=1) - table.min(axis=1)).max() <= 1
    assert np.ptp(np.bincount(folds)) <= 1


def test_rare_codes_are_spread_better_than_by_main_code_alone(labels):
    def uneven(folds):
        codes = sorted({code for listed in labels[OTHERS] for code in listed})
        counts = np.array([[sum(code in listed for listed in labels[OTHERS][folds == f]) for f in range(5)]
                           for code in codes])
        rare = counts[(counts.sum(axis=1) >= 2) & (counts.sum(axis=1) <= 10)]
        return (rare.max(axis=1) - np.ceil(rare.sum(axis=1) / 5)).sum(), len(rare)

    def by_main_code(n_folds):
        order = np.argsort(labels[MAIN].to_numpy(str), kind="stable")
        return np.arange(len(labels))[np.argsort(order)] % n_folds

    ours, n_rare = uneven(make_folds(labels, CCL25, 5, 0))
    plain, _ = uneven(by_main_code(5))
    assert n_rare > 10
    assert ours <= 0.25 * plain


def test_two_records_of_a_code_are_never_in_one_fold():
    listed = [("E11.900",)] * 2 + [("I49.900",)] * 2 + [()] * 16
    labels = pd.DataFrame({MAIN: ["I20.000", "I48.x02"] * 10, OTHERS: listed})
    for seed in range(10):
        folds = make_folds(labels, CCL25, 2, seed)
        assert folds[0] != folds[1] and folds[2] != folds[3]


def test_same_seed_same_folds_another_seed_others(labels):
    assert (make_folds(labels, CCL25, 5, 3) == make_folds(labels, CCL25, 5, 3)).all()
    assert (make_folds(labels, CCL25, 5, 3) != make_folds(labels, CCL25, 5, 4)).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_patient_never_straddles_folds(labels, seed):
    groups = np.random.default_rng(seed).integers(0, 60, len(labels))
    folds = make_folds(labels, CCL25, 5, seed, groups)
    assert pd.Series(folds).groupby(groups).nunique().max() == 1
    assert np.ptp(np.bincount(folds, minlength=5)) <= 6
    assert pd.crosstab(labels[MAIN].to_numpy(), folds).apply(np.ptp, axis=1).max() <= 5


def test_names_of_groups_do_not_matter(labels):
    groups = np.arange(len(labels)) // 2
    renamed = np.array([f"患者{9999 - group}" for group in groups])
    assert (make_folds(labels, CCL25, 5, 0, groups) == make_folds(labels, CCL25, 5, 0, renamed)).all()


@pytest.mark.parametrize("n_folds", [0, 1, 161])
def test_impossible_numbers_of_folds(labels, n_folds):
    with pytest.raises(UsageError, match=f"{n_folds} folds of 160 records; choose from 2"):
        make_folds(labels, CCL25, n_folds)


def test_more_folds_than_groups(labels):
    with pytest.raises(UsageError, match="5 folds of 2 groups"):
        make_folds(labels, CCL25, 5, 0, np.arange(len(labels)) % 2)


def test_inner_folds_are_fewer_where_there_are_fewer_records_or_groups(labels):
    assert set(inner_folds(labels[:3], CCL25, 4, 0)) == {0, 1, 2}
    groups = np.arange(len(labels)) % 3
    assert (inner_folds(labels, CCL25, 4, 0, groups) == make_folds(labels, CCL25, 3, 0, groups)).all()
    with pytest.raises(DataError, match="training records: all are of one group; add records of another group"):
        inner_folds(labels, CCL25, 4, 0, ["甲"] * len(labels))


def test_a_task_of_one_target_is_dealt(labels):
    for target in CCL25.targets:
        folds = make_folds(labels[[target.name]], replace(CCL25, targets=(target,)), 4)
        assert set(folds) == {0, 1, 2, 3}


def test_labels_of_every_kind_are_dealt():
    """A single target that may be empty, a set given as a list, a code twice in it."""
    labels = pd.DataFrame({MAIN: ["I20.000", None] * 4, OTHERS: [["E11.900", "E11.900"], (), None, {"I49.900"}] * 2})
    folds = make_folds(labels, CCL25, 2)
    assert sorted(folds[[0, 4]]) == sorted(folds[[3, 7]]) == [0, 1]


def test_groups_are_checked(labels):
    with pytest.raises(UsageError, match="2 groups for 160 records"):
        check_groups(["a", "b"], labels)
    groups = ["患者"] * 159 + [None]
    with pytest.raises(DataError, match=rf"groups: record {labels.index[-1]}: no group; name its patient"):
        check_groups(groups, labels)
    assert check_groups(None, labels) is None
    assert check_groups([1] * 159 + [" 2 "], labels)[-1] == "2"


def test_every_beginning_of_the_nested_order_is_stratified():
    codes = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    order = nested_order(codes, 0)
    assert sorted(order) == list(range(100))
    for size in (10, 20, 50):
        counts = pd.Series(codes).iloc[order[:size]].value_counts()
        assert abs(counts["a"] - 0.6 * size) <= 1 and abs(counts["c"] - 0.1 * size) <= 1
