"""Intervals and paired tests: hand-worked numbers, oracles and error rates."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from icdbase.core.errors import UsageError
from icdbase.evaluation.resampling import (
    approximate_randomisation,
    bootstrap_interval,
    holm,
    paired_bootstrap,
    standard_error,
)

ONE_A_RECORD = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_interval_of_equal_values_is_that_value():
    assert bootstrap_interval([0.1] * 7) == (0.1, 0.1)


def test_interval_matches_the_record_by_record_bootstrap():
    """Multinomial counts of distinct values are the textbook's resampled records."""
    values = np.random.default_rng(1).choice([0, 0.25, 0.6, 1], size=200)
    rng = np.random.default_rng(2)
    means = values[rng.integers(0, 200, (20_000, 200))].mean(axis=1)
    expected = np.quantile(means, [0.025, 0.975])
    assert bootstrap_interval(values, n_bootstrap=20_000) == pytest.approx(expected, abs=0.003)


def test_interval_matches_scipy():
    values = np.random.default_rng(3).random(100)
    oracle = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, confidence_level=0.9, method="percentile", random_state=4
    ).confidence_interval
    ours = bootstrap_interval(values, n_bootstrap=20_000, confidence=0.9)
    assert ours == pytest.approx((oracle.low, oracle.high), abs=0.003)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(400):
        low, high = bootstrap_interval(rng.random(80) ** 2, n_bootstrap=300, random_state=trial)
        hits += low <= 1 / 3 <= high
    assert 0.91 <= hits / 400 <= 0.98


@given(ONE_A_RECORD, st.randoms(use_true_random=False))
def test_interval_ignores_the_order_of_records_and_stays_in_range(values, random):
    low, high = bootstrap_interval(values, n_bootstrap=50)
    assert min(values) <= low <= high <= max(values)
    random.shuffle(values)
    assert bootstrap_interval(values, n_bootstrap=50) == (low, high)


def test_interval_widens_with_confidence_and_follows_the_seed():
    values = np.random.default_rng(5).random(50)
    narrow, wide = (bootstrap_interval(values, confidence=c) for c in (0.8, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert bootstrap_interval(values, random_state=1) != bootstrap_interval(values, random_state=2)


def test_many_records_fit_into_memory():
    values = np.random.default_rng(6).random(100_000)
    low, high = bootstrap_interval(values, n_bootstrap=20)
    assert low < values.mean() < high


def test_groups_by_hand():
    """Two groups, of 1 and 3 records: both 甲 (1 in 4) has mean 1, one of each (1 in 2) 1/4, both 乙 (1 in 4) 0."""
    values, groups = [1, 0, 0, 0], list("甲乙乙乙")
    assert bootstrap_interval(values, groups=groups) == (0, 1)
    assert bootstrap_interval(values, groups=groups, confidence=0.4) == (0.25, 0.25)
    assert paired_bootstrap(values, [0] * 4, groups=groups, confidence=0.4) == (0.25, 0.25, 0.25)
    # Residuals of the group sums, 1 - 1/4 and 0 - 3/4; sqrt(2 / 1 * (9/16 + 9/16)) / 4 records.
    assert standard_error(values, groups) == pytest.approx(1.5 / 4)


def test_the_size_of_a_group_is_no_variance():
    sizes = [1, 1, 1, 2, 3, 5, 40]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    assert bootstrap_interval([0.8] * len(groups), groups=groups) == pytest.approx((0.8, 0.8))
    assert standard_error([0.8] * len(groups), groups) == pytest.approx(0)
    low, high = bootstrap_interval(groups % 2, groups=groups)
    assert 0 <= low <= high <= 1


def test_grouped_interval_matches_groups_drawn_one_by_one():
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(300), rng.integers(1, 6, 300))
    values = np.clip(0.8 + 0.1 * rng.standard_normal(300)[groups] + 0.1 * rng.standard_normal(len(groups)), 0, 1)
    members = [np.flatnonzero(groups == group) for group in range(300)]
    means = [
        values[np.concatenate([members[group] for group in rng.integers(0, 300, 300)])].mean() for _ in range(4000)
    ]
    ours = bootstrap_interval(values, groups=groups, n_bootstrap=4000)
    assert ours == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.0015)
    assert standard_error(values, groups) == pytest.approx(np.std(means), rel=0.05)


def test_groups_of_one_record_are_no_groups():
    values = np.random.default_rng(12).random(40).round(3)
    names = np.random.default_rng(13).permutation(40)
    assert bootstrap_interval(values, groups=names) == pytest.approx(bootstrap_interval(values))
    assert approximate_randomisation(values, 1 - values, groups=names) == approximate_randomisation(values, 1 - values)
    assert standard_error(values) == pytest.approx(values.std(ddof=1) / np.sqrt(40))


def test_randomisation_swaps_whole_groups():
    """Two groups: of the four patterns of signs two are as extreme as +3+1, whatever the sizes."""
    p_value = approximate_randomisation([1, 1, 1, 1], [0] * 4, groups=list("甲甲甲乙"), n_permutations=20_000)
    assert p_value == pytest.approx(1 / 2, abs=0.01)
    unlike = approximate_randomisation([1, 1, 1, 0], [0, 0, 0, 1], groups=list("甲甲甲乙"), n_permutations=20_000)
    assert unlike == 1.0  # sums 3 and -1: |3-1| is the smallest of 2, 4, 4, 2


def test_one_group_a_record_is_asked_for():
    with pytest.raises(UsageError, match="1 groups for 2 records; give one a record"):
        bootstrap_interval([1, 0], groups=["a"])


def test_paired_bootstrap_by_hand():
    result = paired_bootstrap([1, 0.5, 1], [0.5, 0, 0.5])
    assert result == (0.5, 0.5, 0.5)
    assert result.difference == 0.5


def test_pairing_is_by_index_for_series():
    a = pd.Series([1.0, 0.0, 0.5], index=["甲", "乙", "丙"])
    assert paired_bootstrap(a, a.iloc[::-1]) == (0, 0, 0)
    assert approximate_randomisation(a, a.iloc[::-1]) == 1.0


def test_paired_interval_is_narrower_than_the_unpaired_ones():
    rng = np.random.default_rng(7)
    hardness = rng.random(200)
    result = paired_bootstrap(hardness + 0.02 + 0.01 * rng.standard_normal(200), hardness)
    low, high = bootstrap_interval(hardness)
    assert 0.015 < result.low < result.difference < result.high < 0.025
    assert result.high - result.low < (high - low) / 5


def test_randomisation_matches_the_exact_count():
    """All 2^6 sign patterns: |sum| >= 4 for 1+1+1+1+1-1 happens 14 times."""
    a, b = [1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1]
    assert approximate_randomisation(a, b, n_permutations=50_000) == pytest.approx(14 / 64, abs=0.01)


def test_randomisation_matches_scipy():
    rng = np.random.default_rng(8)
    a, b = rng.random(30), rng.random(30) - 0.1
    oracle = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=20_000, random_state=9
    )
    assert approximate_randomisation(a, b, n_permutations=20_000) == pytest.approx(oracle.pvalue, abs=0.015)


def test_randomisation_is_symmetric_and_treats_rounding_as_equal():
    a, b = [0.5, 0.1 + 0.2, 0.0], [0.3, 0.1, 0.2]
    assert approximate_randomisation(a, b) == approximate_randomisation(b, a)
    assert approximate_randomisation(a, b) == 1.0  # 0.2, 0.2, -0.2: no pattern is nearer to 0


def test_randomisation_counts_the_observed_order_too():
    """Noreen's (k+1)/(n+1): never 0, however clear the difference."""
    assert approximate_randomisation([1] * 40, [0] * 40, n_permutations=199) == 1 / 200


def test_rounding_does_not_hide_equally_extreme_swaps():
    """Six equal differences whose sum, added one by one, exceeds six times the difference."""
    p_value = approximate_randomisation([1 / 30] * 6, [0] * 6, n_permutations=20_000)
    assert p_value == pytest.approx(2 / 2**6, abs=0.005)
    assert paired_bootstrap([0.1 + 0.2], [0.3]) == (0, 0, 0)


def test_randomisation_keeps_its_level_when_nothing_differs():
    rng = np.random.default_rng(10)
    p_values = [
        approximate_randomisation(rng.random(40), rng.random(40), n_permutations=199, random_state=trial)
        for trial in range(400)
    ]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.08
    assert 0.4 < np.mean(p_values) < 0.6


def test_no_difference_at_all_is_never_significant():
    assert approximate_randomisation([0.5] * 3, [0.5] * 3, n_permutations=9) == 1.0


def test_holm_by_hand():
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(p_values):
    raw, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, raw * len(raw)) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_interval([]), r"values must be a list with one value a record, got shape \(0,\)"),
        (lambda: bootstrap_interval([[1.0]]), r"got shape \(1, 1\)"),
        (lambda: bootstrap_interval([1, math.nan]), "values must be finite, got 1 NaN"),
        (lambda: bootstrap_interval([1], confidence=95), "confidence must lie between 0 and 1.*got 95"),
        (lambda: bootstrap_interval([1], confidence="high"), "confidence must lie between 0 and 1"),
        (lambda: bootstrap_interval([1], n_bootstrap=0), "n_bootstrap must be a whole number of at least 1"),
        (lambda: bootstrap_interval([1], n_bootstrap=10.5), "n_bootstrap must be a whole number"),
        (lambda: approximate_randomisation([1], [0], n_permutations=0), "n_permutations must be a whole"),
        (lambda: paired_bootstrap([1, 0], [1]), "a has 2 records, b has 1"),
        (lambda: paired_bootstrap([1, math.inf], [1, 0]), "a must be finite"),
        (
            lambda: paired_bootstrap(pd.Series([1.0], index=["甲"]), pd.Series([1.0], index=["乙"])),
            "do not hold the same record ids",
        ),
        (
            lambda: paired_bootstrap(pd.Series([1, 0], list("aa")), pd.Series([1, 0], list("ab"))),
            "repeat record ids in different orders",
        ),
        (lambda: holm([0.5, math.nan]), "p_values must all be between 0 and 1"),
        (lambda: holm([1.5]), "p_values must all be between 0 and 1"),
        (lambda: holm([[0.5]]), r"p_values must be one-dimensional, got shape \(1, 1\)"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(UsageError, match=message):
        call()
