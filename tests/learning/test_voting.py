"""Votes by hand, ties, groups, weights learned where systems are good at different codes."""

import numpy as np
import pandas as pd
import pytest

from icdbase.core.errors import DataError, UsageError
from icdbase.evaluation.scoring import score
from icdbase.learning.voting import MIN_LABELLED, VoteMerger
from icdbase.records.llm_answers import UNREADABLE
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.tasks.task import Target, Task

MAIN, OTHERS = CCL25.main.name, CCL25.others.name


def codes(*rows, ids=None, task=CCL25):
    names = [target.name for target in task.targets]
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows], ids or [f"病例{n}" for n in range(len(rows))], dtype=object)


def merged(*systems, **how):
    return [tuple(row) for row in VoteMerger(**how).predict(systems).to_numpy()]


def test_majority_by_hand():
    a = codes(("I20.000", ("E78.500", "E11.900")))
    b = codes(("I21.401", ("E78.500",)))
    c = codes(("I21.401", ("I70.806", "E11.900")))
    assert [(main, set(others)) for main, others in merged(a, b, c)] == [("I21.401", {"E78.500", "E11.900"})]


def test_of_equal_votes_the_first_system_decides():
    a, b = codes(("I21.401", ("E78.500",))), codes(("I20.000", ("E11.900",)))
    assert merged(a, b)[0][0] == "I21.401"
    assert merged(b, a)[0][0] == "I20.000"
    assert merged(a, b, b, a)[0][0] == "I21.401"
    assert merged(a, b, b)[0][0] == "I20.000"


def test_half_of_the_votes_is_enough_for_a_set():
    a, b, none = codes(("I21.401", ("E78.500",))), codes(("I21.401", ("E11.900",))), codes(("I21.401", ("I70.806",)))
    assert set(merged(a, b)[0][1]) == {"E78.500", "E11.900"}
    assert merged(a, a, b, none)[0][1] == ("E78.500",)
    assert set(merged(a, a, b, b)[0][1]) == {"E78.500", "E11.900"}
    # None has half of the votes, but one code must be there: the first system's.
    assert merged(b, a, none)[0][1] == ("E11.900",)


def test_a_group_holds_one_code_and_a_set_no_main_code():
    a = codes(("I10.x00x032", ("E78.500", "I10.x00x028", "I20.000")))
    b = codes(("I20.000", ("E78.500", "I10.x00x032", "I10.x00x028")))
    c = codes(("I20.000", ("E78.500", "I10.x00x032")))
    assert merged(a, b, c, c) == [("I20.000", ("E78.500", "I10.x00x032"))]
    assert merged(a, b) == [("I10.x00x032", ("E78.500", "I20.000"))]  # the main code shuts out its group


def test_codes_outside_the_list_have_no_vote():
    a = codes((UNREADABLE, (UNREADABLE, "Z99.999")), ("I21.401", ("E78.500",)), ("I21.401", ("E78.500",)))
    b = codes(("Z99.999", ("Z99.999",)), ("I21.401", ("E78.500",)), ("I20.000", ("E11.900",)))
    # Nobody names an allowed code for the first record: it gets the most frequent ones of the file.
    assert merged(a, b)[0] == ("I21.401", ("E78.500",))
    broken = codes((UNREADABLE, (UNREADABLE,)))
    with pytest.raises(DataError, match=f"field {MAIN}: no system names a code that may be given"):
        merged(broken, broken)


def test_a_system_has_no_vote_in_a_record_that_it_lacks():
    a = codes(("I21.401", ("E78.500",)), ids=["1"])
    b = codes(("I20.000", ("E11.900",)), ("I20.000", ("E11.900",)), ids=["2", "1"])
    result = VoteMerger().predict([a, b])
    assert result.index.tolist() == ["1", "2"]
    assert result.loc["2"].tolist() == ["I20.000", ("E11.900",)]
    with pytest.raises(UsageError, match="1 system given, two at least"):
        VoteMerger().predict([a])


def test_no_operation_is_an_answer_too():
    rows = [("O34.201", ("Z37.000",), "74.1x01", ()), ("O34.201", ("Z37.000",), None, ()), ("O34.201", ("Z37.000",), None, ())]
    systems = [codes(row, task=CCL26) for row in rows]
    assert merged(*systems, task=CCL26) == [("O34.201", ("Z37.000",), None, ())]
    assert merged(systems[0], systems[0], systems[2], task=CCL26)[0][2] == "74.1x01"


def test_an_open_set_of_your_own():
    task = Task("mine", "id", ("text",), (Target("label", "multi", 1.0, min_codes=0),), code_system="free")
    systems = [codes((answer,), task=task) for answer in (("热", UNREADABLE), ("热", "咳"), ())]
    assert merged(*systems, task=task) == [(("热",),)]
    assert merged(systems[2], systems[2], systems[0], task=task) == [((),)]


def half_good(rng, n, good):
    """Gold, and two systems: the first knows one half of the codes, the second the other."""
    mains, others = ["I20.000", "I21.401"], ["E78.500", "E11.900", "I70.806", "N28.101"]
    truth = [(mains[rng.integers(2)], tuple(code for code in others if rng.random() < 0.5)) for _ in range(n)]
    systems = []
    for known in (others[:2], others[2:]):
        rows = [(main, tuple(code for code in others if (code in listed) != (rng.random() < (1 - good if code in known else 0.4))))
                for main, listed in truth]
        systems.append(codes(*rows))
    return codes(*truth), systems


def test_learned_weights_know_who_is_good_at_what():
    rng = np.random.default_rng(0)
    (dev, of_dev), (test, of_test) = half_good(rng, 150, 0.95), half_good(rng, 150, 0.95)
    learned = score(test, VoteMerger().fit(dev, of_dev).predict(of_test), n_bootstrap=2)
    others = [score(test, table, n_bootstrap=2).other_f1 for table in (*of_test, VoteMerger().predict(of_test))]
    assert learned.other_f1 > max(others) + 0.05
    assert learned.main_accuracy == 1


def test_cross_prediction_is_of_all_records_in_their_order():
    rng = np.random.default_rng(1)
    dev, systems = half_good(rng, 60, 0.95)
    result = VoteMerger().cross_predict(dev, systems)
    assert result.index.equals(dev.index)
    unknown = [system.drop(index=dev.index[:2]) for system in systems]
    assert VoteMerger().cross_predict(dev, unknown).index.equals(dev.index[2:])
    # What a record's own label teaches does not reach it: changed labels of one fold leave its codes as they are.
    changed = dev.copy()
    changed.iloc[:1] = codes(("I21.401", ("N28.101",)))
    assert VoteMerger().cross_predict(changed, systems).iloc[0].equals(result.iloc[0])


def test_too_few_labelled_records():
    gold = codes(*[("I20.000", ("E78.500",))] * (MIN_LABELLED - 1))
    for method in (VoteMerger().fit, VoteMerger().cross_predict):
        with pytest.raises(DataError, match="gold: 19 labelled records, 20 at least to learn weights; give more"):
            method(gold, [gold, gold])
    gold = codes(*[("I20.000", ("E78.500",))] * MIN_LABELLED)
    assert VoteMerger().fit(gold, [gold, gold]).predict([gold, gold]).equals(gold)  # all votes right: nothing to weigh
