"""Decoding against brute force over all sets, and its promises."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icdbase.core.errors import UsageError
from icdbase.learning.decoding import _best_sets, _empty_value, _gains, decode, expected_f1

probability_rows = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def f1(truth, chosen):
    both = len(truth & chosen)
    return 1.0 if not truth and not chosen else 2 * both / (len(truth) + len(chosen))


def outcomes(p, groups):
    """All true sets with their probability: a group is one categorical variable."""
    units = {}
    for column, group in enumerate(groups):
        units.setdefault(group or column, []).append(column)
    choices = []
    for members in units.values():
        none = max(1 - sum(p[m] for m in members), 0.0)
        choices.append([(frozenset(), none)] + [(frozenset([m]), p[m]) for m in members])
    for combination in itertools.product(*choices):
        yield frozenset().union(*(s for s, _ in combination)), np.prod([q for _, q in combination])


def sets(n, groups, min_codes):
    for size in range(min_codes, n + 1):
        for chosen in itertools.combinations(range(n), size):
            named = [groups[c] for c in chosen if groups[c]]
            if len(named) == len(set(named)):
                yield frozenset(chosen)


def value(p, groups, chosen):
    return sum(q * f1(truth, chosen) for truth, q in outcomes(p, groups))


@settings(max_examples=80, deadline=None)
@given(probability_rows, st.integers(0, 1))
def test_no_set_beats_the_decoded_one(row, min_codes):
    p, groups = np.array([row]), [None] * len(row)
    chosen = frozenset(np.flatnonzero(decode(p, min_codes=min_codes)[0]))
    best = max(value(row, groups, other) for other in sets(len(row), groups, 0))
    if chosen or min_codes == 0:
        allowed = max(value(row, groups, other) for other in sets(len(row), groups, min_codes) or [frozenset()])
        assert value(row, groups, chosen) == pytest.approx(allowed, abs=1e-9)
    else:
        assert max(row) == 0 and best == 1


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0.01, 0.33), min_size=5, max_size=6))
def test_no_set_beats_the_decoded_one_under_exclusive_groups(row):
    groups = ["grade", "grade", None, "class", "class", "grade"][: len(row)]
    chosen = decode([row], groups=groups)
    best = max(value(row, groups, other) for other in sets(len(row), groups, 1))
    found = frozenset(np.flatnonzero(chosen[0]))
    assert value(row, groups, found) == pytest.approx(best, abs=1e-9)
    assert expected_f1([row], chosen, groups=groups)[0] == pytest.approx(best, abs=1e-9)


def test_fifty_three_codes_are_as_exact_as_three():
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 3, size=(4, 53))
    chosen = decode(p)
    drawn = rng.random((20_000, 53)) < p[:, None, :]
    for row in range(4):
        both = (drawn[row] & chosen[row]).sum(axis=1)
        simulated = (2 * both / np.maximum(drawn[row].sum(axis=1) + chosen[row].sum(), 1)).mean()
        assert expected_f1(p, chosen)[row] == pytest.approx(simulated, abs=0.01)


def test_one_code_of_a_group_and_never_a_forbidden_one():
    p = np.full((3, 4), 0.9)
    forbidden = np.zeros((3, 4), dtype=bool)
    forbidden[0, 0] = True
    for rule in ("expected_f1", "threshold", "top_k"):
        chosen = decode(p, rule=rule, groups=["g", "g", None, None], forbidden=forbidden)
        assert chosen[:, :2].sum(axis=1).tolist() == [1, 1, 1]
        assert not chosen[0, 0]


def test_min_codes_adds_the_most_probable():
    p = [[0.1, 0.2, 0.3]]
    assert decode(p, rule="threshold", min_codes=2).tolist() == [[False, True, True]]
    assert decode(p, rule="threshold", min_codes=0).sum() == 0
    assert decode([[0.01, 0.02]], min_codes=0).sum() == 0
    assert decode(np.zeros((1, 3))).sum() == 0, "a code without probability is never predicted"


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=12), st.integers(0, 4), st.booleans())
def test_larger_sets_are_tried_where_they_may_be_better(row, min_codes, grouped):
    """Few sizes first, more on demand: as good a set as with all sizes at once."""
    p = np.array([row, sorted(row)])
    groups = ["g" if grouped and column < 2 else None for column in range(len(row))]
    allowed = p > 0
    allowed[:, 0] &= not grouped  # one of a group
    gains, empty = _gains(p, groups, len(row)), _empty_value(p, groups)
    at_once, on_demand = (_best_sets(p, allowed, groups, min_codes, first) for first in (len(row), 1))
    for record, sets in enumerate(zip(at_once, on_demand, strict=True)):
        one, other = (gains[record, chosen.sum() - 1, chosen].sum() if chosen.any() else empty[record] for chosen in sets)
        assert one == pytest.approx(other, abs=1e-9)


def test_large_sets():
    """All thirty are sure: more than are tried at first."""
    assert decode(np.full((2, 30), 0.95)).all()
    assert decode(np.r_[np.full(25, 0.9), np.full(20, 0.01)][None]).sum() == 25


def test_top_k():
    assert decode([[0.3, 0.1, 0.2]], rule="top_k:2").tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probabilities": [[0.5]], "rule": "expected-f1"}, "did you mean 'expected_f1'"),
        ({"probabilities": [[1.5]]}, "calibrate margins first"),
        ({"probabilities": [[float("nan")]]}, "without NaN"),
        ({"probabilities": [0.5]}, "shape"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UsageError, match=message):
        decode(**arguments)
