"""The official score: hand-worked numbers, scikit-learn as oracle, properties."""

import json
import pickle
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import MultiLabelBinarizer

from icdbase.core.errors import DataError, IcdbaseError, UsageError
from icdbase.evaluation.alignment import gold_labels
from icdbase.evaluation.per_code import confusion, per_code_table
from icdbase.evaluation.scoring import Scores, official_scorer, record_scores, score
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task

MAIN, OTHERS = CCL25.main.name, CCL25.others.name

FOUR = Task(
    name="four",
    id_field="id",
    text_fields=("text",),
    targets=(
        Target("main dx", "single", 0.4),
        Target("other dx", "multi", 0.1),
        Target("main op", "single", 0.4, min_codes=0),
        Target("other op", "multi", 0.1, min_codes=0),
    ),
)


def table(*rows, ids=None, columns=(MAIN, OTHERS)):
    ids = ids or [f"病例{number}" for number in range(1, len(rows) + 1)]
    return pd.DataFrame(list(rows), index=ids, columns=list(columns), dtype=object)


def one(gold, pred):
    """Scores of a single record, given as (main, others) twice."""
    return record_scores(table(gold), table(pred)).iloc[0]


# --- hand-worked ----------------------------------------------------------------

GOLD = table(
    ("I20.000", ("I10.x00x032", "E78.500", "E11.900")),
    ("I50.900x018", ("I50.900x010",)),
    ("I21.401", ()),
    ("I20.000", ("E78.500", "E11.900")),
)
PRED = table(
    ("I20.000", ("E78.500", "I50.900x010")),  # main right, F1 = 2*1/(3+2) = 0.4, recall 1/3
    ("I20.000", ("I50.900x010",)),  # main wrong, F1 = 1, recall 1
    ("I21.401", ()),  # both right, both empty
    ("I20.000", ()),  # main right, one empty
)


def test_score_by_hand():
    result = score(GOLD, PRED)
    assert result.main_accuracy == 0.75
    assert result.other_f1 == pytest.approx((0.4 + 1 + 1 + 0) / 4)
    assert result.other_recall == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)
    assert result.other_precision == pytest.approx((1 / 2 + 1 + 1 + 0) / 4)
    assert result.acc == pytest.approx((0.7 + 0.5 + 1 + 0.5) / 4)
    assert result.acc_recall_variant == pytest.approx((0.5 + 1 / 6 + 0.5 + 1 + 0.5) / 4)
    assert result.n_records == 4
    assert result.n_missing == 0


def test_micro_and_macro_by_hand():
    """Six gold, three predicted, two right; codes' F1: I10 0, E78 2/3, E11 0, I50 2/3."""
    result = score(GOLD, PRED)
    assert result.micro_f1 == pytest.approx(2 * 2 / (6 + 3))
    assert result.macro_f1 == pytest.approx((0 + 2 / 3 + 0 + 2 / 3) / 4)


def test_records_by_hand():
    records = record_scores(GOLD, PRED)
    assert list(records.columns) == [
        "acc", "acc_recall_variant", "main_correct", "other_precision", "other_recall", "other_f1",
    ]
    assert records.index.equals(GOLD.index)
    assert records["acc"].tolist() == pytest.approx([0.7, 0.5, 1.0, 0.5])
    assert records["main_correct"].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("gold", "pred", "precision", "recall", "f1"),
    [
        ((), (), 1, 1, 1),
        ((), ("E78.500",), 0, 0, 0),
        (("E78.500",), (), 0, 0, 0),
        (("E78.500",), ("E11.900",), 0, 0, 0),
        (("E78.500", "E11.900"), ("E11.900", "E78.500"), 1, 1, 1),
        (("E78.500", "E11.900"), ("E78.500",), 1, 0.5, 2 / 3),
        (("E78.500",), ("E78.500", "E11.900"), 0.5, 1, 2 / 3),
        (("E78.500", "E78.500"), ("E78.500",), 1, 1, 1),
        (("E78.500", "E11.900"), ("E78.500", "E78.500", "E78.500"), 1, 0.5, 2 / 3),
        (("I10.x00x032",), ("i10.X00X032",), 1, 1, 1),
        (("I10.x00x032",), ("I10.x00x032", "Ｉ10.X00x032。"), 1, 1, 1),
        (("E78.500",), ("E78.500", "", " "), 1, 1, 1),
    ],
)
def test_other_codes_are_compared_as_sets(gold, pred, precision, recall, f1):
    record = one(("I20.000", gold), ("I20.000", pred))
    assert record["other_precision"] == pytest.approx(precision)
    assert record["other_recall"] == pytest.approx(recall)
    assert record["other_f1"] == pytest.approx(f1)
    assert record["acc"] == pytest.approx(0.5 + 0.5 * f1)
    assert record["acc_recall_variant"] == pytest.approx(0.5 + 0.5 * recall)


@pytest.mark.parametrize(
    ("gold", "pred", "correct"),
    [
        ("I48.x01", "I48.X01", 1),
        ("I48.x01", " i48.x01 ", 1),
        ("I48.x01", "I48.x0", 0),
        ("I48.x01", None, 0),
        ("I48.x01", float("nan"), 0),
        ("I48.x01", pd.NA, 0),
        ("I48.x01", "", 0),
        ("Z99.900", "Z99.900", 1),  # outside the candidate list, as in the paper's sample record
    ],
)
def test_main_code_is_compared_in_canonical_spelling(gold, pred, correct):
    assert one((gold, ()), (pred, ()))["main_correct"] == correct


@pytest.mark.parametrize("kind", [tuple, list, set, frozenset])
def test_any_container_of_codes_will_do(kind):
    codes = kind(["E78.500", "E11.900"])
    assert one(("I20.000", codes), ("I20.000", codes))["acc"] == 1


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_a_missing_set_in_the_prediction_is_empty(nothing):
    assert one(("I20.000", ()), ("I20.000", nothing))["other_f1"] == 1
    assert one(("I20.000", ("E78.500",)), ("I20.000", nothing))["other_f1"] == 0


def test_pandas_string_columns_are_read():
    gold = GOLD.assign(**{MAIN: GOLD[MAIN].astype("string")})
    assert score(gold, PRED).main_accuracy == 0.75


def test_records_are_matched_by_id_and_strangers_ignored():
    strangers = table((None, 7), ids=["别的病例"])  # not even read
    mixed = pd.concat([PRED.iloc[::-1], strangers])
    assert score(GOLD, mixed) == score(GOLD, PRED)


def test_other_columns_are_ignored():
    assert score(GOLD.assign(主诉="胸痛"), PRED.assign(备注=1)) == score(GOLD, PRED)


def test_missing_records_score_zero_on_request_even_where_gold_is_empty():
    result = score(GOLD, PRED.drop(index=["病例3", "病例4"]), missing="zero")
    assert result.acc == pytest.approx((0.7 + 0.5) / 4)
    assert result.acc_recall_variant == pytest.approx((0.5 + 1 / 6 + 0.5) / 4)
    assert (result.main_accuracy, result.n_missing, result.n_records) == (0.25, 2, 4)
    assert "without prediction    2  (scored 0)" in str(result)
    assert result.micro_f1 == pytest.approx(2 * 2 / (6 + 3))


def test_no_prediction_at_all_scores_zero_on_request():
    result = score(GOLD, PRED.iloc[:0], missing="zero")
    assert (result.acc, result.micro_f1, result.macro_f1, result.n_missing) == (0, 0, 0, 4)


def test_nothing_to_find_and_nothing_predicted_is_perfect():
    nothing = table(("I20.000", ()))
    result = score(nothing, nothing)
    assert (result.acc, result.micro_f1, result.macro_f1) == (1, 1, 1)


# --- tasks of another shape -----------------------------------------------------


def test_four_targets_by_hand():
    columns = [target.name for target in FOUR.targets]
    gold = table(
        ("I20.000", ("E78.500", "E11.900"), "36.0700", ("00.4500", "88.5500")),
        ("I48.x01", (), None, ()),
        ("I48.x01", (), None, ()),
        columns=columns,
    )
    pred = table(
        ("I20.000", ("E78.500",), "36.0600", ("88.5500", "00.4500")),  # .4 + .1*2/3 + 0 + .1
        ("I48.x01", (), None, ()),  # all right, nothing operated
        ("I20.000", (), "36.0700", ("00.4500",)),  # 0 + .1 + 0 + 0
        columns=columns,
    )
    records = record_scores(gold, pred, FOUR)
    assert records["acc"].tolist() == pytest.approx([0.4 + 0.1 * 2 / 3 + 0.1, 1.0, 0.1])
    assert records["acc_recall_variant"].tolist() == pytest.approx([0.4 + 0.1 / 2 + 0.1, 1.0, 0.1])
    assert records["main op_correct"].tolist() == [0, 1, 0]
    assert records["other op_f1"].tolist() == [1, 1, 0]
    result = score(gold, pred, FOUR)
    assert result.main_accuracy == pytest.approx(2 / 3)
    assert result.other_f1 == pytest.approx((2 / 3 + 2) / 3)
    assert result.per_target["main op"] == {"weight": 0.4, "accuracy": pytest.approx(1 / 3)}
    assert result.per_target["other op"]["f1"] == pytest.approx(2 / 3)
    assert "accuracy x 0.4" in str(result) and "main op" in str(result)
    crossed = confusion(gold, pred, FOUR, "main op")
    assert crossed.loc["none", "none"] == 1
    assert crossed.loc["none", "36.0700"] == 1
    assert crossed.loc["36.0700", "other/missing"] == 1


def test_an_optional_single_target_may_be_none_but_not_forgotten():
    task = Task("op", "id", ("text",), (Target("op", "single", 1.0, min_codes=0),))
    gold = table((None,), (None,), ("36.0700",), columns=("op",))
    answered = gold.iloc[:1]
    assert record_scores(gold, answered, task, missing="zero")["acc"].tolist() == [1, 0, 0]
    crossed = confusion(gold, answered, task, missing="zero")
    assert crossed.loc["none"].to_dict() == {"36.0700": 0, "none": 1, "other/missing": 1}


def test_an_optional_set_is_empty_not_missing():
    task = Task("ops", "id", ("text",), (Target("ops", "multi", 1.0, min_codes=0),))
    assert score(table(((),), columns=("ops",)), table((None,), columns=("ops",)), task).acc == 1
    with pytest.raises(DataError, match="gold: record 病例1, field ops: the label is missing"):
        score(table((None,), columns=("ops",)), table(((),), columns=("ops",)), task)


def test_weights_are_used_as_given():
    task = Task("double", "id", ("text",), (Target("main", "single", 2.0), Target("others", "multi", 1.0)))
    gold = table(("A01.000", ("B01.000",)), columns=("main", "others"))
    assert score(gold, gold, task).acc == 3.0


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_a_task_may_have_one_kind_of_target_only(kind):
    task = Task("lone", "id", ("text",), (Target("code", kind, 1.0),))
    value = "A01.000" if kind == "single" else ("A01.000",)
    gold = table((value,), columns=("code",))
    result = score(gold, gold, task)
    assert result.acc == 1
    assert (result.main_accuracy is None) == (kind == "multi")
    assert (result.other_f1 is None) == (result.macro_f1 is None) == (kind == "single")
    assert "1.0000" in str(result)


# --- scikit-learn as oracle -----------------------------------------------------


def random_tables(n_records, seed, outside=()):
    rng = np.random.default_rng(seed)
    mains = list(CCL25.main.codes)
    others = [*CCL25.others.codes[:20], *outside]

    def draw():
        return table(*(
            (rng.choice(mains), tuple(rng.choice(others, size=rng.integers(0, 7), replace=False)))
            for _ in range(n_records)
        ))

    return draw(), draw()


@pytest.mark.parametrize("seed", range(3))
def test_measures_equal_those_of_scikit_learn(seed):
    gold, pred = random_tables(60, seed, outside=["Z99.900"])
    binarizer = MultiLabelBinarizer().fit([*gold[OTHERS], *pred[OTHERS]])
    truth, guess = binarizer.transform(gold[OTHERS]), binarizer.transform(pred[OTHERS])
    result, records = score(gold, pred), record_scores(gold, pred)
    assert result.micro_f1 == pytest.approx(metrics.f1_score(truth, guess, average="micro"))
    assert result.macro_f1 == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert result.main_accuracy == metrics.accuracy_score(gold[MAIN], pred[MAIN])
    # scikit-learn's "samples" average knows one answer for 0/0; it equals ours where a set is filled.
    filled = (truth.sum(axis=1) > 0) | (guess.sum(axis=1) > 0)
    oracle = metrics.f1_score(truth[filled], guess[filled], average="samples", zero_division=0)
    assert records["other_f1"][filled].mean() == pytest.approx(oracle)
    assert (records["other_f1"][~filled] == 1).all()


def test_per_code_table_equals_scikit_learn():
    gold, pred = random_tables(60, 3, outside=["Z99.900"])
    codes_table = per_code_table(gold, pred)
    others = codes_table[codes_table["target"] == OTHERS]
    assert others["code"].tolist() == [*CCL25.others.codes, "Z99.900"]
    binarizer = MultiLabelBinarizer(classes=others["code"].tolist()).fit([])
    oracle = metrics.precision_recall_fscore_support(
        binarizer.transform(gold[OTHERS]), binarizer.transform(pred[OTHERS]), zero_division=np.nan
    )
    for name, expected in zip(("precision", "recall", "f1", "support"), oracle, strict=True):
        np.testing.assert_allclose(others[name].to_numpy(dtype=float), expected)
    assert others["f1"].mean() == pytest.approx(score(gold, pred).macro_f1)


def test_confusion_equals_scikit_learn():
    gold, pred = random_tables(60, 4)
    crossed = confusion(gold, pred)
    assert list(crossed.index) == list(crossed.columns) == list(CCL25.main.codes)
    labels = list(CCL25.main.codes)
    assert (crossed.to_numpy() == metrics.confusion_matrix(gold[MAIN], pred[MAIN], labels=labels)).all()


# --- tables ---------------------------------------------------------------------


def test_per_code_table_by_hand():
    codes_table = per_code_table(GOLD, PRED).set_index(["target", "code"])
    row = codes_table.loc[(OTHERS, "E78.500")]
    assert row[["support", "predicted", "correct"]].tolist() == [2, 1, 1]
    assert row[["precision", "recall", "f1"]].tolist() == pytest.approx([1, 0.5, 2 / 3])
    assert row["name"] == CCL25.code_names["E78.500"]
    assert codes_table.loc[(MAIN, "I20.000"), "recall"] == 1
    assert codes_table.loc[(MAIN, "I20.000"), "precision"] == pytest.approx(2 / 3)
    never = codes_table.loc[(OTHERS, "E11.900")]
    assert np.isnan(never["precision"]) and never["recall"] == 0 and never["f1"] == 0
    unseen = codes_table.loc[(MAIN, "I20.800x007")]
    assert np.isnan(unseen[["precision", "recall", "f1"]].to_numpy(dtype=float)).all()
    assert len(codes_table) == len(CCL25.main.codes) + len(CCL25.others.codes)


def test_confusion_shows_strangers_and_gaps_in_a_last_column():
    gold = table(("I20.000", ()), ("I20.000", ()), ("Z99.900", ()), ("I21.401", ()))
    pred = table(("A01.000", ()), (None, ()), ("Z99.900", ()), ("I20.000", ()))
    crossed = confusion(gold, pred)
    assert crossed.columns[-1] == "other/missing" and crossed.columns.name == "predicted"
    assert list(crossed.index) == [*CCL25.main.codes, "Z99.900"]
    assert crossed.loc["I20.000", "other/missing"] == 2
    assert crossed.loc["Z99.900", "Z99.900"] == crossed.loc["I21.401", "I20.000"] == 1
    assert crossed.to_numpy().sum() == 4


def test_tables_take_missing_predictions_on_request():
    few = PRED.iloc[:2]
    assert confusion(GOLD, few, missing="zero")["other/missing"].sum() == 2
    assert per_code_table(GOLD, few, missing="zero")["support"].sum() == 4 + 6
    assert record_scores(GOLD, few, missing="zero")["acc"].tolist()[2:] == [0, 0]


# --- the result object ----------------------------------------------------------


def test_scores_go_to_json_and_back():
    result = score(GOLD, PRED, n_bootstrap=50, confidence=0.9, random_state=3)
    again = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert again == result.to_dict()
    promised = "acc main_accuracy other_f1 acc_recall_variant micro_f1 macro_f1 acc_interval n_records"
    assert set(promised.split()) <= again.keys()
    assert again["acc_interval"] == list(result.acc_interval)
    assert (again["confidence"], again["n_bootstrap"]) == (0.9, 50)
    assert pickle.loads(pickle.dumps(result)) == result


def test_scores_are_frozen():
    with pytest.raises(AttributeError, match="cannot assign to field 'acc'"):
        score(GOLD, PRED).acc = 1.0


def test_scores_print_as_a_table():
    shown = Scores(0.675, 0.75, 0.6, 2 / 3, 0.4444, 1 / 3, (0.5, 0.85), 4, 0.625, 0.5833)
    assert str(shown).splitlines() == [
        "official score (Acc)    0.6750  [0.5000, 0.8500] 95 % interval",
        "  main code: accuracy   0.7500",
        "  other codes: F1       0.6000",
        "    precision           0.6250",
        "    recall              0.5833",
        "Acc (recall variant)    0.6667",
        "other codes: micro F1   0.4444",
        "other codes: macro F1   0.3333",
        "records                 4",
    ]


def test_interval_surrounds_the_score_and_is_repeatable():
    gold, pred = random_tables(200, 5)
    result = score(gold, pred)
    low, high = result.acc_interval
    assert low < result.acc < high
    assert 0.02 < high - low < 0.2
    assert score(gold, pred) == result
    assert score(gold, pred, random_state=1).acc_interval != result.acc_interval


def test_inputs_stay_untouched():
    gold, pred = GOLD.copy(deep=True), PRED.copy(deep=True)
    score(gold, pred)
    pd.testing.assert_frame_equal(gold, GOLD)
    pd.testing.assert_frame_equal(pred, PRED)


# --- properties -----------------------------------------------------------------

CODES = st.sampled_from(CCL25.others.codes[:8])
RECORD = st.tuples(st.sampled_from(CCL25.main.codes), st.lists(CODES, max_size=6).map(tuple))
PAIRS = st.lists(st.tuples(RECORD, RECORD), min_size=1, max_size=12)


def tables_of(pairs):
    return table(*(gold for gold, _ in pairs)), table(*(pred for _, pred in pairs))


@settings(deadline=None)
@given(PAIRS)
def test_every_measure_is_between_0_and_1(pairs):
    gold, pred = tables_of(pairs)
    records = record_scores(gold, pred).to_numpy()
    assert ((records >= 0) & (records <= 1)).all()
    result = score(gold, pred, n_bootstrap=20)
    low, high = result.acc_interval
    assert 0 <= low <= high <= 1
    assert 0 <= result.micro_f1 <= 1 and 0 <= result.macro_f1 <= 1
    assert result.acc == pytest.approx(0.5 * result.main_accuracy + 0.5 * result.other_f1)


@settings(deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_order_of_records_and_codes_does_not_matter(pairs, random):
    gold, pred = tables_of(pairs)
    records = record_scores(gold, pred)
    places = list(range(len(pairs)))
    random.shuffle(places)
    reordered = pred.iloc[places]
    reordered = reordered.assign(**{OTHERS: [codes[::-1] for codes in reordered[OTHERS]]})
    pd.testing.assert_frame_equal(record_scores(gold, reordered), records)
    shuffled = score(gold.iloc[places], reordered, n_bootstrap=20).to_dict()
    straight = score(gold, pred, n_bootstrap=20).to_dict()
    assert shuffled.pop("per_target").keys() == straight.pop("per_target").keys()
    for name, value in straight.items():
        assert shuffled[name] == pytest.approx(value)


@settings(deadline=None)
@given(PAIRS)
def test_swapping_gold_and_prediction_keeps_f1_and_swaps_precision_with_recall(pairs):
    gold, pred = tables_of(pairs)
    there, back = record_scores(gold, pred), record_scores(pred, gold)
    np.testing.assert_array_equal(there["other_f1"], back["other_f1"])
    np.testing.assert_array_equal(there["other_recall"], back["other_precision"])
    np.testing.assert_array_equal(there["acc"], back["acc"])


@settings(deadline=None)
@given(PAIRS)
def test_gold_scores_itself_perfectly(pairs):
    gold, _ = tables_of(pairs)
    result = score(gold, gold, n_bootstrap=5).to_dict()
    measures = ("acc", "acc_recall_variant", "main_accuracy", "other_f1", "micro_f1", "macro_f1")
    assert all(result[name] == 1 for name in measures)
    assert result["acc_interval"] == [1, 1]


@settings(deadline=None)
@given(PAIRS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(pairs):
    records = record_scores(*tables_of(pairs))
    precision, recall = records["other_precision"], records["other_recall"]
    harmonic = (2 * precision * recall / (precision + recall).where(lambda total: total > 0)).fillna(0)
    np.testing.assert_allclose(records["other_f1"], harmonic)


# --- scikit-learn's scorer ------------------------------------------------------


class ConstantCoder(BaseEstimator):
    """Answers one main code whatever the record; refuses to see labels."""

    def __init__(self, main="I20.000", task=CCL25):
        self.main = main
        self.task = task

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        assert not {MAIN, OTHERS, "主要诊断编码"} & set(X.columns)
        return table(*[(self.main, ())] * len(X), ids=list(X.index))


def test_official_scorer_works_in_a_grid_search():
    records = GOLD.assign(主诉="胸痛")
    search = GridSearchCV(ConstantCoder(), {"main": ["I48.x01", "I20.000"]}, scoring=official_scorer, cv=2)
    search.fit(records)
    assert search.best_params_ == {"main": "I20.000"}
    assert search.score(records) == pytest.approx((0.5 + 0 + 0.5 + 0.5) / 4)


def test_official_scorer_takes_the_name_of_a_task():
    coder = SimpleNamespace(task="ccl25", predict=lambda records: PRED.loc[records.index])
    assert official_scorer(coder, GOLD) == pytest.approx(score(GOLD, PRED).acc)


# --- errors ---------------------------------------------------------------------

MANY = table(*[("I20.000", ())] * 8)


@pytest.mark.parametrize(
    ("gold", "pred", "message"),
    [
        (MANY, MANY.iloc[6:], r"for 6 of 8 gold records: 病例1, 病例2, 病例3, 病例4, 病例5, \.\.\.;"),
        (MANY, MANY.iloc[1:], r"for 1 of 8 gold records: 病例1; predict them too, or .*missing='zero'"),
        (MANY, MANY.set_axis(range(8)), r"no id matches \(gold has e.g. '病例1', predictions 0\)"),
        (MANY, MANY.iloc[:0], "predictions: no prediction for 8 of 8 gold records"),
        (MANY.iloc[:0], MANY, "gold: no records; give at least one labelled record"),
        (MANY.drop(columns=MAIN), MANY, "gold: field 主诊断编码: the label column is missing.*file without labels"),
        (MANY[[]], MANY, "gold: 2 problems\n.*主诊断编码: the label column is missing.*\n.*其他诊断编码: the label column is missing"),
        (MANY, MANY.drop(columns=OTHERS), "predictions: field 其他诊断编码: the column is missing"),
        (pd.concat([MANY, MANY]), MANY, r"gold: 8 record ids come more than once: 病例1, .*; keep one row"),
        (MANY, pd.concat([MANY, MANY[:1]]), "predictions: 1 record ids come more than once: 病例1;"),
        (table((None, ())), MANY, "gold: record 病例1, field 主诊断编码: the label is missing"),
        (table(("", ())), MANY, "gold: record 病例1, field 主诊断编码: the label is missing"),
        (table(("I20.000", None)), MANY, "gold: record 病例1, field 其他诊断编码: the label is missing"),
        (table(("I20.000", "E78.500")), MANY, "其他诊断编码: expected a tuple, list or set .* got str"),
        (MANY, table(*[("I20.000", "E78.500")] * 8), "predictions: 8 problems"),
        (MANY[:1], table((("I20.000",), ())), "主诊断编码: expected one code as text, got tuple"),
        (MANY[:1], table((20, ())), "主诊断编码: expected one code as text, got int"),
        (MANY[:1], table(("I20.000", (10, 20))), "其他诊断编码: a code must be text, got int"),
        (MANY[:1], table(("I20.000", (None,))), "其他诊断编码: a code must be text, got NoneType"),
        (MANY[:1], table(("I20.000", [["E78.500"]])), "其他诊断编码: .*unhashable type"),
    ],
)
def test_data_errors_name_source_record_field_and_remedy(gold, pred, message):
    with pytest.raises(DataError, match=message):
        score(gold, pred)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score(GOLD, PRED, missing="ignore"), "missing must be 'raise' or 'zero', got 'ignore'"),
        (lambda: score(GOLD, PRED, confidence=95), "confidence must lie between 0 and 1"),
        (lambda: score(GOLD, PRED, n_bootstrap=0), "n_bootstrap must be a whole number"),
        (lambda: score(GOLD, {}), "predictions must be a DataFrame indexed by record id, got dict"),
        (lambda: score([], PRED), "gold must be a DataFrame indexed by record id, got list"),
        (lambda: confusion(GOLD, PRED, target="主诊断"), "is no single target.*did you mean '主诊断编码'"),
        (lambda: confusion(GOLD, PRED, target=OTHERS), "is no single target of task ccl25"),
    ],
)
def test_usage_errors_name_the_parameter(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_confusion_needs_a_single_target():
    task = Task("lone", "id", ("text",), (Target("code", "multi", 1.0),))
    with pytest.raises(UsageError, match="task lone has no single target"):
        confusion(GOLD, PRED, task)


def test_errors_do_not_repeat_what_stands_in_a_cell():
    with pytest.raises(IcdbaseError, match="expected a tuple") as caught:
        score(MANY[:1], table(("I20.000", "患者三天前胸痛")))
    assert "胸痛" not in str(caught.value)


def test_gold_labels_reads_canonical_codes():
    labels = gold_labels(table(("i48.X01", ["E78.500", "e78.500"]), ("I20.000", set())))
    assert labels == {MAIN: ["I48.x01", "I20.000"], OTHERS: [frozenset({"E78.500"}), frozenset()]}


# --- speed ----------------------------------------------------------------------


def test_scoring_is_fast_enough_for_every_fold_and_variant():
    """485 records: a few milliseconds; the bound is loose for a busy machine."""
    gold, pred = random_tables(485, 6)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        record_scores(gold, pred)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02
