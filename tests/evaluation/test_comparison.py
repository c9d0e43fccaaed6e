"""Systems side by side: three records by hand, mirrored pairs, identical files, every task."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icdbase.core.errors import DataError, DataWarning, UsageError
from icdbase.evaluation.comparison import compare, mirrored_bootstrap
from icdbase.evaluation.resampling import paired_bootstrap
from icdbase.evaluation.scoring import record_scores, score
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.tasks.task import Target, Task

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
IDS = ["病例1", "病例2", "病例3"]


def codes(mains, others, ids=IDS):
    return pd.DataFrame({MAIN: mains, OTHERS: others}, ids)


GOLD = codes(["I20.000", "I48.x01", "I20.000"], [("E78.500", "E11.900"), ("I50.900x010",), ("E78.500",)])
#          Acc of the records: 5/6, 1, 1/3 and 1/2, 0, 1
A = codes(["I20.000", "I48.x01", "I21.401"], [("E78.500",), ("I50.900x010",), ("E78.500", "E11.900")])
B = codes(["I21.401", "I20.000", "I20.000"], [("E78.500", "E11.900"), (), ("E78.500",)])


@pytest.fixture(scope="module")
def by_hand():
    return compare(GOLD, {"A": A, "B": B})


def test_scores_by_hand(by_hand):
    assert by_hand.record_scores["A"].tolist() == pytest.approx([5 / 6, 1, 1 / 3])
    assert by_hand.record_scores["B"].tolist() == pytest.approx([1 / 2, 0, 1])
    assert by_hand.scores["A"] == score(GOLD, A)
    assert by_hand.scores["B"].acc == pytest.approx(1 / 2)


def test_pairs_by_hand(by_hand):
    pairs = by_hand.pairs.set_index("measure")
    assert pairs["difference"].to_dict() == pytest.approx({"acc": 2 / 9, "main_accuracy": 1 / 3, "other_f1": 1 / 9})
    # Of 27 equally likely resamples one holds the worst record three times, one the best: 3.7 % > 2.5 %.
    assert pairs.loc["acc", ["low", "high"]].tolist() == pytest.approx([-2 / 3, 1])
    # Differences 1/3, 1, -2/3: six of the eight choices of signs have a sum of 2/3 or more.
    assert pairs.loc["acc", "p"] == pytest.approx(6 / 8, abs=0.02)
    assert pairs["p_holm"].equals(pairs["p"])  # one pair: nothing to correct


def test_agreement_and_oracle_by_hand(by_hand):
    row = by_hand.agreement.iloc[0]
    assert (row["a_better"], row["b_better"], row["equal"], row["same_answer"]) == (2, 1, 0, 0)
    assert row[f"agreement_{MAIN}"] == 0
    assert row[f"agreement_{OTHERS}"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert row["oracle_acc"] == by_hand.oracle["acc"] == pytest.approx(17 / 18)
    assert by_hand.best == "A"
    assert by_hand.oracle["gain"] == pytest.approx(17 / 18 - 13 / 18)


def test_codes_by_hand(by_hand):
    found = {(row.target, row.code): (row.support, row.gained, row.lost) for row in by_hand.codes.itertuples()}
    assert found == {
        (MAIN, "I20.000"): (2, 2, 1), (MAIN, "I48.x01"): (1, 1, 0), (MAIN, "I21.401"): (0, 1, 1),
        (OTHERS, "E78.500"): (2, 0, 0), (OTHERS, "E11.900"): (1, 0, 2), (OTHERS, "I50.900x010"): (1, 1, 0),
    }
    e78 = by_hand.codes.set_index("code").loc["E78.500"]
    assert (e78["f1_a"], e78["f1_b"], e78["name"]) == (1, 1, "高脂血症")


def test_records_that_differ_most_come_first(by_hand):
    assert by_hand.most_different().index.tolist() == ["病例2", "病例3", "病例1"]
    assert by_hand.most_different(1)["spread"].tolist() == [1]


def test_the_dict_is_plain_and_has_the_promised_keys(by_hand):
    result = json.loads(json.dumps(by_hand.to_dict(), allow_nan=False))
    assert {"acc", "main_accuracy", "other_f1", "macro_f1", "acc_interval"} <= set(result["systems"]["A"])
    (pair,) = result["pairs"]
    assert {"a", "b", "difference", "low", "high", "p", "p_holm"} <= set(pair)
    assert pair["main_accuracy"]["difference"] == pytest.approx(1 / 3)
    assert result["records"][0] == {"id": "病例2", "spread": 1.0, "acc": {"A": 1.0, "B": 0.0}}


def test_a_minus_b_mirrors_b_minus_a():
    rng = np.random.default_rng(0)
    gold, a, b, c = (noisy(rng, share) for share in (0, 0.3, 0.4, 0.5))
    forth, back = compare(gold, {"a": a, "b": b, "c": c}), compare(gold, {"c": c, "b": b, "a": a})
    order = ["measure", "first", "second"]
    swapped = back.pairs.rename(columns={"a": "second", "b": "first"}).sort_values(order).reset_index(drop=True)
    pairs = forth.pairs.rename(columns={"a": "first", "b": "second"}).sort_values(order).reset_index(drop=True)
    assert (pairs["difference"] != 0).all()
    assert (pairs["difference"] == -swapped["difference"]).all()
    assert (pairs["low"] == -swapped["high"]).all()
    assert (pairs["high"] == -swapped["low"]).all()
    assert pairs[["p", "p_holm"]].equals(swapped[["p", "p_holm"]])


def noisy(rng, share, n=80):
    """Codes of records; a share of them changed."""
    mains = ["I48.x01" if rng.random() < share else "I20.000" for _ in range(n)]
    others = [("E78.500",) if rng.random() < share else ("E78.500", "E11.900") for _ in range(n)]
    return codes(mains, others, [f"病例{number}" for number in range(n)])


@given(st.lists(st.tuples(*[st.sampled_from([0, 0.25, 1 / 3, 0.5, 1])] * 2), min_size=1, max_size=12))
def test_any_pair_mirrors(values):
    a, b = np.array(values).T
    forth, back = mirrored_bootstrap(a, b, n_bootstrap=50), mirrored_bootstrap(b, a, n_bootstrap=50)
    assert (back.difference, back.low, back.high) == (-forth.difference, -forth.high, -forth.low)
    if a.mean() > b.mean() + 1e-6:
        assert forth == paired_bootstrap(a, b, n_bootstrap=50)


def test_identical_systems_do_not_differ():
    result = compare(GOLD, {"A": A, "again": A.copy(), "B": B})
    same = result.pairs[(result.pairs["a"] == "A") & (result.pairs["b"] == "again")]
    assert (same[["difference", "low", "high"]] == 0).all(axis=None)
    assert not np.signbit(same[["difference", "low", "high"]].to_numpy()).any()
    assert (same[["p", "p_holm"]] == 1).all(axis=None)
    assert compare(GOLD, {"A": A, "again": A}).most_different().empty


def test_holm_is_over_the_pairs_of_a_measure():
    rng = np.random.default_rng(1)
    gold = noisy(rng, 0)
    result = compare(gold, {name: noisy(rng, share) for name, share in (("a", 0), ("b", 0.1), ("c", 0.6))})
    for _, table in result.pairs.groupby("measure"):
        smallest = table.loc[table["p"].idxmin()]
        assert len(table) == 3
        assert smallest["p_holm"] == min(1, 3 * smallest["p"])


def test_missing_records_other_ids_and_doubles():
    with pytest.raises(DataError, match=r"^B: no prediction for 1 of 3 gold records: 病例3; .*--missing-zero"):
        compare(GOLD, {"A": A, "B": B.iloc[:2]})
    result = compare(GOLD, {"A": A, "B": B.iloc[:2]}, missing="zero")
    assert result.record_scores["B"].tolist() == pytest.approx([1 / 2, 0, 0])
    assert result.to_dict()["systems"]["B"]["n_missing"] == 1
    with pytest.raises(DataError, match="B: 1 record ids come more than once: 病例1"):
        compare(GOLD, {"A": A, "B": pd.concat([B, B.iloc[:1]])})
    with pytest.warns(DataWarning, match="B: 1 of the ids not among the gold records, not compared: 别的"):
        compare(GOLD, {"A": A, "B": pd.concat([B, B.iloc[:1].set_axis(["别的"])])})
    with pytest.raises(UsageError, match="1 system given, two at least"):
        compare(GOLD, {"A": A})


def test_every_target_of_a_task_is_compared():
    ids = ["1", "2"]
    columns = [target.name for target in CCL26.targets]
    gold = pd.DataFrame([["I20.000", (), "74.1x01", ()], ["I48.x01", ("E78.500",), None, ()]], ids, columns)
    other = pd.DataFrame([["I20.000", (), None, ()], ["I48.x01", ("E78.500",), None, ()]], ids, columns)
    pair = compare(gold, {"gold": gold, "other": other}, CCL26).to_dict()["pairs"][0]
    assert pair["main_accuracy"]["difference"] == 0
    assert pair[f"{columns[2]}_accuracy"]["difference"] == 0.5
    assert pair[f"{columns[3]}_f1"]["p"] == 1
    acc = [record_scores(gold, table, CCL26)["acc"].mean() for table in (gold, other)]
    assert pair["difference"] == pytest.approx(acc[0] - acc[1])


@pytest.mark.parametrize(("kind", "empty"), [("single", "main_accuracy"), ("multi", "other_f1")])
def test_a_task_of_one_target(kind, empty):
    task = Task("mine", "id", ("text",), (Target("a", kind, 1.0),), code_system="free")
    values = (["x", "y"], ["x", "x"]) if kind == "single" else ([("x",), ("y",)], [("x",), ()])
    gold, other = (pd.DataFrame({"a": column}, ["1", "2"]) for column in values)
    result = compare(gold, {"a": gold, "b": other}, task).to_dict()
    (pair,) = result["pairs"]
    assert pair["difference"] == pair[empty]["difference"] == 0.5
    assert {"main_accuracy", "other_f1"} <= set(pair)
    assert [pair[name] for name in ("main_accuracy", "other_f1") if name != empty] == [None]
    assert result["agreement"][0]["agreement_a"] == 0.5
