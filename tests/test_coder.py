"""IcdCoder: scikit-learn's contract as far as text allows, every option, and the same bytes every time."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from icdbase import CCL25, IcdCoder, majority_predictions, make_records, official_scorer, score
from icdbase.coder import SETTINGS
from icdbase.core.errors import DataError, DataWarning, ModelError, UsageError
from icdbase.features.blocks import BLOCKS
from icdbase.features.counts import _joined
from icdbase.learning.training_labels import FEW_RECORDS

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
LEAN = {"blocks": ("words", "concepts"), "boosted_features": False, "main_learner": "trees:2", "n_folds": 2, "n_jobs": 1}


def test_predictions_have_the_shape_of_labels(coder, held_out):
    codes = coder.predict(held_out)
    assert codes.index.equals(held_out.index)
    assert codes.columns.tolist() == [MAIN, OTHERS]
    assert set(codes[MAIN]) <= set(CCL25.main.codes)
    for main, others in zip(codes[MAIN], codes[OTHERS], strict=True):
        assert isinstance(others, tuple) and others
        assert set(others) <= set(CCL25.others.codes)
        assert main not in others and len(set(others)) == len(others)


def test_it_learns(coder, held_out, train):
    from icdbase import majority_predictions

    assert score(held_out, coder.predict(held_out)).acc > score(held_out, majority_predictions(train, held_out)).acc + 0.1


def test_exclusive_groups_hold_over_main_and_others(coder, held_out):
    for main, others in coder.predict(held_out).itertuples(index=False):
        groups = [CCL25.exclusive_groups[code] for code in (main, *others) if code in CCL25.exclusive_groups]
        assert len(groups) == len(set(groups))


def test_probabilities(coder, held_out):
    probabilities = coder.predict_proba(held_out)
    assert list(probabilities) == [MAIN, OTHERS]
    main = probabilities[MAIN]
    assert main.columns.tolist() == sorted(CCL25.main.codes)
    assert np.allclose(main.sum(axis=1), 1)
    others = probabilities[OTHERS]
    assert others.columns.tolist() == list(CCL25.others.codes)
    assert others.to_numpy().min() >= 0 and others.to_numpy().max() <= 1


def test_top_lists_leave_out_what_the_main_code_rules_out(coder, held_out):
    p, top = coder.predict_proba(held_out)[OTHERS], coder.predict_top(held_out, len(CCL25.others.codes))
    n_ruled_out = 0
    for record, mains, others in top.itertuples():
        main, group = mains[0][0], CCL25.exclusive_groups.get(mains[0][0], "no group")
        ruled_out = {code for code in p if code == main or CCL25.exclusive_groups.get(code) == group}
        row = p.loc[record]
        assert dict(others) == row[(row > 0) & ~row.index.isin(ruled_out)].to_dict()
        n_ruled_out += any(row[code] > 0 for code in ruled_out)
    assert n_ruled_out > len(held_out) / 10


def test_a_code_never_seen_is_named_and_has_a_probability_only_where_it_is_stated(coder, train, held_out):
    seen = {code for listed in train[OTHERS] for code in listed}
    unseen = [code for code in CCL25.others.codes if code not in seen]
    assert list(coder.unseen_codes_[OTHERS]) == unseen and unseen
    stated = held_out.assign(既往史="10年前行右乳腺癌根治术")
    p = [coder.predict_proba(records)[OTHERS]["Z98.800x612"] for records in (held_out, stated)]
    assert "Z98.800x612" in unseen
    assert (p[0] == 0).all() and (p[1] > 0.01).all()  # not likely: of 110 records few follow what is past


def test_codes_outside_the_candidate_list_are_counted_at_fit(train):
    records = train[:30].copy()
    records.iloc[:6, records.columns.get_loc(MAIN)] = "I25.103"
    records.iat[9, records.columns.get_loc(OTHERS)] = ("J81.x00x002", "M54.500")
    with pytest.warns(DataWarning) as caught:
        coder = IcdCoder(**LEAN).fit(records)
    main, others = (str(warning.message) for warning in caught)
    assert main.startswith("6 of 30 training records have codes outside the candidate list of 主诊断编码, "
                           "which are not learned: I25.103 (6); to learn them, type icdbase init-task FILE")
    assert others.startswith("1 of 30 training records") and "J81.x00x002 (1), M54.500 (1)" in others
    assert coder.outside_codes_ == {MAIN: {"I25.103": 6}, OTHERS: {"J81.x00x002": 1, "M54.500": 1}}
    assert "I25.103" not in coder.codes_[MAIN]


def test_a_code_seen_once_has_a_probability(few_codes):
    alone = "Z54.000x033"
    records = few_codes[:30].copy()
    assert not any(alone in listed for listed in records[OTHERS])
    records.iat[0, records.columns.get_loc(OTHERS)] = (alone, "I25.103")
    coder = IcdCoder(main_learner="trees:5", n_folds=2).fit(records)
    assert alone not in coder.unseen_codes_[OTHERS]
    assert (coder.predict_proba(records)[OTHERS][alone] > 0).all()


def test_same_seed_same_predictions_whatever_n_jobs(few_codes, held_out):
    first, second = (
        IcdCoder(n_jobs=n_jobs, main_learner="both:5", n_folds=2).fit(few_codes[:30]).predict_proba(held_out[:20]) for n_jobs in (1, 2)
    )
    for target in first:
        pd.testing.assert_frame_equal(first[target], second[target], check_exact=True)


def test_counts_may_stand_for_records(coder, held_out):
    pd.testing.assert_frame_equal(coder.predict(coder.count(held_out)), coder.predict(held_out))


HEADER = "concept,kind,codes,forms\n"


def test_counts_of_another_tokenizer_are_refused(train, held_out):
    counted = IcdCoder(**LEAN, tokenizer="characters").count(train[:30])
    counted = pickle.loads(pickle.dumps(counted)).take(range(20))
    with pytest.raises(UsageError, match=r"the counts and this coder differ in: tokenizer; make them with its count\(\)"):
        IcdCoder(**LEAN).fit(counted)
    fitted = IcdCoder(**LEAN, tokenizer="jieba").fit(IcdCoder().count(train[:30]))  # jieba is the task's
    with pytest.raises(UsageError, match="differ in: tokenizer"):
        fitted.predict(counted)
    with pytest.raises(ModelError, match="the counts and the model differ in: tokenizer; they have changed"):
        fitted.set_params(tokenizer="characters").predict(held_out)


def test_counts_of_another_task_are_refused(train):
    renamed = replace(CCL25, code_names={**CCL25.code_names, "I10.x00x032": "血压高"})
    with pytest.raises(UsageError, match="differ in: code names"):
        IcdCoder(**LEAN, task=renamed).fit(IcdCoder().count(train[:30]))


def test_counts_of_an_edited_concept_table_of_the_same_names_are_refused(train, held_out, tmp_path):
    table, elsewhere = tmp_path / "own.csv", tmp_path / "moved.csv"
    table.write_text(HEADER + "怪病,disease,I10.x00x032,怪病甲\n", encoding="utf-8")
    coder = IcdCoder(**LEAN, concept_tables=(str(table),))
    counts = coder.count(train[:30])
    fitted = coder.fit(counts)
    elsewhere.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    fitted.set_params(concept_tables=(str(elsewhere),)).predict(counts)
    fitted.set_params(concept_tables=(str(table),))
    table.write_text(HEADER + "怪病,disease,I10.x00x032,怪病乙\n", encoding="utf-8")
    for given, error, message in ((counts, UsageError, "this coder"), (held_out, ModelError, "the model")):
        with pytest.raises(error, match=f"the counts and {message} differ in: concept tables"):
            fitted.predict(given)
    with pytest.raises(UsageError, match="differ in: concept tables"):
        clone(coder).fit(counts)
    table.unlink()  # a worker of a cluster has counts, but not every file
    fitted.predict(counts)


def test_counts_of_two_kinds_are_not_joined(train):
    jieba, characters = (IcdCoder(tokenizer=name).count(train[:5]) for name in (None, "characters"))
    with pytest.raises(UsageError, match="two parts of the counts differ in: tokenizer; give all workers"):
        _joined([jieba, characters], train[:10][[MAIN, OTHERS]])


def test_labels_of_the_records_to_code_are_not_looked_at(coder, held_out):
    pd.testing.assert_frame_equal(coder.predict(held_out.drop(columns=[MAIN, OTHERS])), coder.predict(held_out))


def test_clone_params_and_pickle(coder, held_out):
    assert clone(coder).get_params() == coder.get_params()
    with pytest.raises(NotFittedError):
        clone(coder).predict(held_out)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(coder)).predict(held_out), coder.predict(held_out))


def test_fit_leaves_parameters_and_records_alone(train):
    before, records = train.copy(deep=True), train
    coder = IcdCoder(fields=["入院诊断"], blocks=("words",), boosted_features=False, main_learner="trees:5", n_folds=2)
    parameters = dict(coder.get_params())
    coder.fit(records)
    assert coder.get_params() == parameters
    pd.testing.assert_frame_equal(records, before)


def test_grid_search_with_the_official_scorer(few_codes):
    search = GridSearchCV(
        IcdCoder(**LEAN | {"thinned_share": 0.0}),
        {"exclusive_groups": [False, True], "decoding": ["threshold"]},
        scoring=official_scorer,
        cv=2,
    ).fit(few_codes[:40])
    assert 0 < search.best_score_ <= 1
    assert set(search.best_params_) == {"exclusive_groups", "decoding"}


@pytest.mark.parametrize(
    "parameters",
    [
        *SETTINGS.values(),
        *({"blocks": (block,)} for block in BLOCKS),
        {"fields": ["入院诊断"], "main_learner": "linear"},
        {"main_learner": "both:5", "min_df": 1, "n_folds": 3, "random_state": 3},
    ],
    ids=str,
)
def test_every_option_fits_and_predicts(few_codes, held_out, parameters):
    """The switches, each alone: test_every_variant_of_every_preset_can_be_fitted in experiments/test_ablation.py."""
    codes = IcdCoder(**{"main_learner": "trees:5", "n_folds": 2} | parameters).fit(few_codes[:24]).predict(held_out[:10])
    assert len(codes) == 10 and codes[OTHERS].map(len).min() >= 1


@pytest.mark.parametrize("rule", ["threshold:0.3", "top_k:3"])
def test_a_fitted_coder_decodes_by_another_rule(coder, held_out, rule):
    p = coder.predict_proba(held_out)
    codes = copy.copy(coder).set_params(decoding=rule).decode(p)[OTHERS]
    assert not codes.equals(coder.decode(p)[OTHERS])
    assert codes.map(len).min() >= 1 and (rule != "top_k:3" or set(codes.map(len)) == {3})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"fields": ["主述"]}, "unknown text field '主述'; did you mean '主诉'"),
        ({"fields": []}, "no text field chosen"),
        ({"blocks": ("word",)}, "unknown feature block 'word'; did you mean 'words'"),
        ({"blocks": ()}, "no feature block chosen"),
        ({"decoding": "topk"}, "did you mean 'top_k'"),
        ({"main_learner": "forest"}, "unknown main_learner 'forest'; .*trees"),
        ({"decoding": "top_k:many"}, "'many' is no number; write threshold:0.4 or top_k:5"),
        ({"main_learner": "linear:5"}, "write trees:30 or both:30"),
        ({"min_df": 0}, "min_df must be at least 1"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
        ({"decoding": "threshold:1.5"}, "threshold must lie in"),
        ({"decoding": "top_k:0"}, "top_k must be at least 1"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(train, parameters, message):
    with pytest.raises(UsageError, match=message):
        IcdCoder(**parameters).fit(train[:20])


def test_groups_keep_the_slope_of_calibration_honest(few_codes):
    """Each patient twice: folds that part the twins learn from the other's answers and trust themselves too much."""
    few = few_codes[:40]
    twice = pd.concat([few, few.set_axis([f"{record}b" for record in few.index])])
    lean = LEAN | {"n_folds": 4}
    alone, parted = IcdCoder(**lean).fit(twice), IcdCoder(**lean).fit(twice, groups=[*range(40)] * 2)
    slopes = [coder.models_[OTHERS].classifier_.calibrator_.slope_ for coder in (alone, parted)]
    assert slopes[1] < 0.95 * slopes[0]
    with pytest.raises(UsageError, match="1 groups for 80 records"):
        IcdCoder(**lean).fit(twice, groups=["a"])


def test_training_needs_labels(train):
    with pytest.raises(DataError, match="field 主诊断编码: the label column is missing"):
        IcdCoder().fit(train.drop(columns=[MAIN]))
    broken = train.copy()
    broken.iat[3, broken.columns.get_loc(OTHERS)] = None
    with pytest.raises(DataError, match=f"record {train.index[3]}, field {OTHERS}: the label is missing"):
        IcdCoder().fit(broken)
    with pytest.raises(DataError, match="training needs two"):
        IcdCoder().fit(train[:1])
    strange = train.copy()
    strange[MAIN] = "J81.x00x002"
    with pytest.raises(DataError, match="no record carries a candidate code"):
        IcdCoder().fit(strange)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_handful_of_records_is_enough(train, held_out, n):
    with pytest.warns(DataWarning) as said:
        codes = IcdCoder(main_learner="trees:5").fit(train[:n]).predict(held_out[:3])
    assert "add records" in str(said[0].message)
    assert codes[OTHERS].map(len).min() >= 1


def test_empty_texts_are_coded_and_no_records_are_refused(coder, held_out):
    empty = held_out[:2].copy()
    empty[list(CCL25.text_fields)] = ""
    assert len(coder.predict(empty)) == 2
    with pytest.raises(DataError, match="no record"):
        coder.predict(held_out[:0])


@pytest.mark.parametrize("n_records", [12, 18])
def test_the_text_is_read_from_few_records_on(n_records, recwarn):
    records = make_records(60, random_state=1)
    codes = IcdCoder().fit(records.iloc[:n_records]).predict(records.iloc[20:])
    assert codes[MAIN].nunique() > 1 and codes[OTHERS].nunique() > 15
    assert [str(w.message)[:40] for w in recwarn if w.category is DataWarning] == (
        ["12 training records: from fewer than 18 "] if n_records == 12 else []
    )
    if n_records >= FEW_RECORDS:
        majority = majority_predictions(records.iloc[:n_records], records.iloc[20:])
        assert score(records.iloc[20:], codes).acc > score(records.iloc[20:], majority).acc + 0.05


def test_one_answer_for_all_is_said(few_codes):
    mute = few_codes.iloc[:40].assign(**dict.fromkeys(CCL25.text_fields, "无特殊。"))
    with pytest.warns(DataWarning) as said:
        IcdCoder().fit(mute)
    for target, warning in zip((MAIN, OTHERS), said, strict=True):
        assert f"{target}: 40 training records get one and the same answer" in str(warning.message)
