"""The 2026 edition: operations, empty fields, open sets; from synthetic records to a checked submission."""

import itertools
import json

import pandas as pd
import pytest
from click.testing import CliRunner
from openpyxl import Workbook

from icdbase import (
    CCL26,
    IcdCoder,
    check_submission,
    load,
    make_records,
    read_records,
    read_submission,
    save,
    score,
    write_records,
    write_submission,
)
from icdbase.cli.main import main
from icdbase.core.errors import DataError
from icdbase.evaluation.per_code import confusion
from icdbase.evaluation.scoring import record_scores
from icdbase.explain.explanation import explain
from icdbase.records.predictions import format_prediction, parse_prediction
from icdbase.records.records import check_frame
from icdbase.tasks.codes import canonical_code, is_code_shaped

MAIN, OTHERS, OPERATION, OPERATIONS = NAMES = tuple(target.name for target in CCL26.targets)
ROW = {MAIN: "O34.201", OTHERS: ("Z37.000",), OPERATION: "74.1x01", OPERATIONS: ("66.3200x003", "54.5900x005")}


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output + result.stderr
    return result


@pytest.fixture(scope="module")
def records():
    return make_records(170, random_state=0, task="ccl26")


@pytest.fixture(scope="module")
def coder(records):
    return IcdCoder(task=CCL26, n_folds=2, main_learner="trees:30").fit(records[:130])


# --- codes, predictions, scores -------------------------------------------------------


@pytest.mark.parametrize("code", ["74.1x01", "88.4101", "06.3100x002", "40.3x00x005", "99.2503", "00.6600x008"])
def test_operation_codes_are_codes(code):
    assert is_code_shaped(code) and canonical_code(f" {code.upper()}；") == code
    assert CCL26.canonical_code(code.replace("x", "Ｘ")) == code


def test_all_known_codes_are_codes_and_spelt_canonically():
    known = [code for codes in CCL26.known_codes.values() for code in codes]
    assert len(CCL26.known_codes[MAIN]) == 18 and len(CCL26.known_codes[OPERATION]) == 16
    assert all(is_code_shaped(code) and CCL26.canonical_code(code) == code for code in known)


@pytest.mark.parametrize("empties", list(itertools.product([True, False], repeat=3)))
def test_submissions_come_back_whatever_is_empty(empties):
    row = dict(ROW)
    for name, empty in zip((OTHERS, OPERATION, OPERATIONS), empties, strict=True):
        if empty:
            row[name] = None if name == OPERATION else ()
    text = format_prediction(row, CCL26)
    assert text.count("|") == 3 and "[" not in text
    assert parse_prediction(text, CCL26) == row


def test_the_empty_fields_stay_empty():
    assert format_prediction(ROW, CCL26) == "O34.201|Z37.000|74.1x01|66.3200x003;54.5900x005"
    assert format_prediction(ROW | {OPERATION: None, OPERATIONS: ()}, CCL26) == "O34.201|Z37.000||"


# Gold against prediction, worked by hand: F1 is 1 where both are empty, 0 where one is.
DIAGNOSES = [((), (), 1.0), ((), ("A01.000",), 0.0), (("A01.000",), (), 0.0), (("A01.000",), ("A01.000",), 1.0),
             (("A01.000", "B01.000"), ("A01.000", "C01.000"), 0.5), (("A01.000",), ("A01.000", "C01.000"), 2 / 3)]
OPERATED = [(None, None, 1.0), (None, "74.1x01", 0.0), ("74.1x01", None, 0.0), ("74.1x01", "74.1X01", 1.0),
            ("74.1x01", "88.4101", 0.0)]


@pytest.mark.parametrize("right", [True, False])
def test_every_combination_of_empty_and_filled_parts(right):
    gold, pred, expected = [], [], []
    for others, operation, operations in itertools.product(DIAGNOSES, OPERATED, DIAGNOSES):
        gold.append(("I20.000", others[0], operation[0], operations[0]))
        pred.append(("I20.000" if right else "I48.x02", others[1], operation[1], operations[1]))
        expected.append(0.4 * right + 0.1 * others[2] + 0.4 * operation[2] + 0.1 * operations[2])
    gold, pred = pd.DataFrame(gold, columns=NAMES), pd.DataFrame(pred, columns=NAMES)
    assert record_scores(gold, pred, CCL26)["acc"].tolist() == pytest.approx(expected)
    assert score(gold, pred, CCL26, n_bootstrap=1).acc == pytest.approx(sum(expected) / len(expected))


def test_the_weights_of_the_four_targets():
    assert [target.weight for target in CCL26.targets] == [0.4, 0.1, 0.4, 0.1]


# --- files ----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "xlsx"])
def test_records_come_back_from_every_format(records, tmp_path, ending):
    path = tmp_path / f"copy.{ending}"
    write_records(records, path, CCL26)
    pd.testing.assert_frame_equal(read_records(path, CCL26, require_labels=True), records)


def test_a_record_without_main_code_is_not_coded_yet():
    row = {"病案标识": "1", "主诉": "胸痛", OPERATION: "", OTHERS: ""}
    frame = check_frame(pd.DataFrame([row | {MAIN: ""}]), CCL26)
    assert frame.loc["1", [MAIN, OTHERS, OPERATION]].tolist() == [None, None, None]
    with pytest.raises(DataError, match=f"field {MAIN}: the label is missing"):
        check_frame(pd.DataFrame([row | {MAIN: "", OPERATIONS: ""}]), CCL26, require_labels=True)
    coded = check_frame(pd.DataFrame([row | {MAIN: "I20.000", OPERATIONS: None}]), CCL26, require_labels=True)
    assert coded.loc["1", list(NAMES)].tolist() == ["I20.000", (), None, ()]


def workbook(path, rows):
    book = Workbook()
    sheet = book.active
    sheet.append([CCL26.id_field, *CCL26.text_fields, *NAMES])
    for row in rows:
        sheet.append(row)
    book.save(path)


def test_a_workbook_of_nineteen_columns_trains_and_predicts(records, tmp_path):
    rows = [
        [record, *texts, labels[0], "；".join(labels[1]), labels[2], "; ".join(labels[3])]
        for record, texts, labels in zip(
            records.index[:40], records[list(CCL26.text_fields)].to_numpy().tolist(),
            records[list(NAMES)].to_numpy().tolist(), strict=False,
        )
    ]
    assert len(rows[0]) == 19
    workbook(tmp_path / "train.xlsx", rows)
    workbook(tmp_path / "input.xlsx", [row[:15] for row in rows[:10]])
    run("train", "--task", "ccl26", "--train", tmp_path / "train.xlsx", "--model", tmp_path / "m", "--setting", "plain")
    run("predict", "--model", tmp_path / "m", "--input", tmp_path / "input.xlsx", "--out", tmp_path / "pred.xlsx")
    accepted = run("check", "--task", "ccl26", "--input", tmp_path / "input.xlsx", "--pred", tmp_path / "pred.xlsx")
    assert "would be accepted, 10 records" in accepted.stdout
    scored = run("score", "--task", "ccl26", "--gold", tmp_path / "train.xlsx", "--pred", tmp_path / "pred.xlsx", code=1)
    assert "no prediction for 30 of 40" in scored.stderr
    assert len(read_submission(tmp_path / "pred.xlsx", CCL26)) == 10


# --- the coder ------------------------------------------------------------------------


def test_it_learns_all_four_targets_and_when_there_is_nothing(coder, records):
    held_out = records[130:]
    codes = coder.predict(held_out)
    scores = score(held_out, codes, CCL26, n_bootstrap=1)
    assert scores.per_target[MAIN]["accuracy"] > 0.6 and scores.per_target[OPERATION]["accuracy"] > 0.6
    without = held_out[OPERATION].isna()
    assert 5 < without.sum() < 30 and (codes.loc[without, OPERATION].isna()).mean() > 0.5
    assert codes[OPERATIONS].map(len).min() == 0
    assert confusion(held_out, codes, CCL26, OPERATION).loc["none", "none"] > 0


def test_no_operation_is_a_class_with_a_probability_and_reasons(coder, records):
    operation = coder.predict_proba(records[130:])[OPERATION]
    assert operation.columns[0] == "" and operation.sum(axis=1).round(9).eq(1).all()
    record = records.index[130:][operation[""].to_numpy().argmax()]
    told = explain(coder, records.loc[[record]]).codes
    assert ("", OPERATION) in [(code.code, code.target) for code in told]


def test_the_model_folder_carries_the_task(coder, records, tmp_path):
    save(coder, tmp_path, records=records)
    loaded = load(tmp_path)
    assert loaded.task == CCL26
    pd.testing.assert_frame_equal(loaded.predict(records[130:]), coder.predict(records[130:]))


def test_a_submission_is_written_checked_and_read(coder, records, tmp_path):
    codes = coder.predict(records[130:])
    write_submission(codes, tmp_path / "pred.json", CCL26)
    assert check_submission(tmp_path / "pred.json", records[130:], CCL26) == []
    pd.testing.assert_frame_equal(read_submission(tmp_path / "pred.json", CCL26), codes)
    first = json.loads((tmp_path / "pred.json").read_text(encoding="utf-8"))[0]["预测结果"]
    assert first.count("|") == 3 and "[" not in first


# --- the synthetic departments --------------------------------------------------------


def test_the_ten_departments(records):
    assert records.index.is_unique and set(records[MAIN]) <= set(CCL26.known_codes[MAIN])
    assert set(records[OPERATION].dropna()) <= set(CCL26.known_codes[OPERATION])
    assert 0.2 < records[OPERATION].isna().mean() < 0.5
    operated = records["手术经过"] != ""
    assert records.loc[~operated, OPERATION].isna().mean() > 0.7 and records.loc[operated, OPERATION].notna().mean() > 0.9
    counts = records[OTHERS].explode().value_counts()
    assert len(counts) > 100 and (counts == 1).mean() > 0.3


def test_synth_writes_a_task_that_knows_the_names(tmp_path):
    run("synth", "--task", "ccl26", "--n", 12, "--seed", 3, "--out", tmp_path)
    from icdbase import get_task

    task = get_task(tmp_path / "named.toml")
    assert task.targets == CCL26.targets and task.code_names["N30.900"] == "膀胱炎"
    assert "N30.900" in task.known_codes[OTHERS] and "57.3200x002" in task.known_codes[OPERATIONS]
    assert len(read_records(tmp_path / "ICD-Coding-test.json", task, require_labels=True)) == 4
    refused = run("synth", "--task", "ccl26", "--describe", code=2)
    assert "cardiology department only" in refused.stderr
