"""The majority baseline: hand-worked sets, and no fixed set of frequent codes beats it."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icdbase.core.errors import DataError
from icdbase.evaluation.baselines import majority_predictions
from icdbase.evaluation.scoring import score
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

MAIN, OTHERS = CCL25.main.name, CCL25.others.name


def table(*rows):
    ids = [f"病例{number}" for number in range(1, len(rows) + 1)]
    return pd.DataFrame(list(rows), index=ids, columns=[MAIN, OTHERS], dtype=object)


def answer(train):
    predictions = majority_predictions(train, pd.DataFrame(index=["新病例1", "新病例2"]))
    assert list(predictions.index) == ["新病例1", "新病例2"]
    assert list(predictions.columns) == [MAIN, OTHERS]
    assert predictions.iloc[0].equals(predictions.iloc[1].rename("新病例1"))
    return predictions.iloc[0].tolist()


def test_the_best_number_of_codes_by_hand():
    """E78 alone: (2/3 + 1 + 0)/3 = 0.56; E78 and E11: (1/2 + 2/3 + 2/3)/3 = 0.61; all three: 0.60."""
    train = table(
        ("I20.000", ("E78.500", "I50.900x010")), ("I20.000", ("E78.500",)), ("I48.x01", ("E11.900",)),
    )
    assert answer(train) == ["I20.000", ("E78.500", "E11.900")]


def test_the_main_code_is_never_among_the_others():
    train = table(("I20.000", ("I20.000", "E78.500")), ("I20.000", ("I20.000",)))
    assert answer(train) == ["I20.000", ("E78.500",)]


def test_ties_go_to_the_alphabet_and_to_fewer_codes():
    """One code or two: (1 + 2/3)/2 either way."""
    train = table(("I21.401", ("E78.500",)), ("I20.000", ("E78.500", "E11.900")))
    assert answer(train) == ["I20.000", ("E78.500",)]
    # Two codes or three: (4/5 + 1)/2 either way, though not to the last bit.
    two, three = ("E11.900", "E78.500"), ("E11.900", "E78.500", "I48.x01")
    train = table(("I20.000", three), ("I20.000", two), ("I20.000", two), ("I20.000", three))
    assert answer(train) == ["I20.000", two]


def test_equally_frequent_codes_come_in_alphabetical_order():
    train = table(("I21.401", ("E78.500", "E11.900")), ("I20.000", ("E78.500", "E11.900")))
    assert answer(train) == ["I20.000", ("E11.900", "E78.500")]


def test_at_least_as_many_codes_as_the_target_demands():
    train = table(("I20.000", ()), ("I20.000", ()), ("I20.000", ("E78.500",)))
    assert answer(train) == ["I20.000", ("E78.500",)]


def test_an_empty_set_where_the_target_allows_it_and_no_codes_are_known():
    targets = (Target("main", "single", 0.5), Target("rest", "multi", 0.5, min_codes=0))
    task = Task("free", "id", ("text",), targets)
    train = pd.DataFrame({"main": ["A"] * 3, "rest": [(), (), ("B",)]}, index=[1, 2, 3])
    assert majority_predictions(train, train, task)["rest"].tolist() == [()] * 3
    assert answer(table(("I20.000", ()))) == ["I20.000", ()]


def test_an_optional_main_code_may_be_none():
    task = Task("op", "id", ("text",), (Target("op", "single", 1.0, min_codes=0),))
    train = pd.DataFrame({"op": pd.Series([None, None, "36.0700"], dtype=object)})
    assert majority_predictions(train, train, task)["op"].tolist() == [None] * 3
    assert score(train, majority_predictions(train, train, task), task).acc == pytest.approx(2 / 3)


CODES = st.sampled_from(CCL25.others.codes[:6])
RECORD = st.tuples(st.sampled_from(CCL25.main.codes), st.lists(CODES, max_size=5).map(tuple))


@settings(deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=10))
def test_the_training_score_is_the_best_of_all_sizes(rows):
    train = table(*rows)
    best = majority_predictions(train, train)
    reached = score(train, best, n_bootstrap=1).other_f1
    counts = train[OTHERS].map(lambda codes: tuple(set(codes))).explode().value_counts()
    counts = counts.drop(best[MAIN].iloc[0], errors="ignore")
    ranked = sorted(counts.index, key=lambda code: (-counts[code], code))
    for k in range(1, len(ranked) + 1):
        fixed = best.assign(**{OTHERS: [tuple(ranked[:k])] * len(train)})
        assert score(train, fixed, n_bootstrap=1).other_f1 <= reached + 1e-12


def test_unlabelled_training_records_are_refused():
    with pytest.raises(DataError, match="gold: record 病例1, field 主诊断编码: the label is missing"):
        majority_predictions(table((None, ())), table())
