"""Submissions: the official form, other teams' forms, and what the platform refuses."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icdbase.core.errors import DataError, DataWarning
from icdbase.evaluation.scoring import score
from icdbase.records.checks import lost_zeros
from icdbase.records.records import write_records
from icdbase.records.submissions import (
    check_predictions,
    check_submission,
    format_prediction,
    parse_prediction,
    read_submission,
    write_submission,
)
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import MULTI, SINGLE, Target

ID, MAIN, OTHERS = CCL25.id_field, CCL25.main.name, CCL25.others.name
PREDICTION = CCL25.prediction_field

CCL26_LIKE = replace(
    CCL25,
    name="ccl26-like",
    targets=(
        Target("主要诊断编码", SINGLE, 0.4),
        Target("其他诊断编码", MULTI, 0.1, min_codes=0),
        Target("主要手术编码", SINGLE, 0.4, min_codes=0),
        Target("其他手术编码", MULTI, 0.1, min_codes=0),
    ),
    submission_brackets=False,
)


@pytest.fixture
def predictions():
    index = pd.Index(["ZY1", "0012", "1e5"], dtype=object, name=ID)
    others = [("I10.x00x032", "E11.900"), ("E11.900",), ("I49.900", "K76.000", "J18.900")]
    return pd.DataFrame({MAIN: ["I20.000", "I21.401", "I10.x00x032"], OTHERS: others}, index, dtype=object)


@pytest.fixture
def records(predictions):
    return pd.DataFrame({"主诉": "胸闷"}, index=predictions.index)


def put(folder, rows, name="pred.json"):
    path = folder / name
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def one(text):
    return [{ID: "ZY1", PREDICTION: text}]


# --- one prediction -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[I20.000|I10.x00x032;E11.900]",
        "I20.000|I10.x00x032;E11.900",
        "［I20.000｜I10.x00x032；E11.900］",
        "【i20.000|I10.X00X032; e11.900；】",
        " [ I20.000 | I10.x00x032 , E11.900 , ] \n",
        "[I20.000|I10.x00x032、E11.900;E11.900。]",
        "[[I20.000]|[I10.x00x032;E11.900]]",
    ],
)
def test_spellings_of_a_prediction(text):
    assert parse_prediction(text) == {MAIN: "I20.000", OTHERS: ("I10.x00x032", "E11.900")}


@pytest.mark.parametrize(
    ("text", "main", "others"),
    [("[|]", None, ()), ("[I20.000|]", "I20.000", ()), ("|E11.900", None, ("E11.900",))],
)
def test_empty_parts(text, main, others):
    assert parse_prediction(text) == {MAIN: main, OTHERS: others}


def test_an_invented_code_is_a_wrong_prediction_not_a_broken_file():
    assert parse_prediction("[I20.0000000|i10.X00X0999]") == {MAIN: "I20.0000000", OTHERS: ("I10.x00x0999",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"prediction: field 预测结果: the prediction is empty; write \[A\|B;C\]"),
        (None, "the prediction is missing"),
        ("I20.000", r"0 signs \| instead of 1; write"),
        ("[I20.000|E11.900|I49.900]", r"2 signs \| instead of 1"),
        ("[I20.000;I21.401|E11.900]", "2 codes for 主诊断编码 where one is expected; keep the most likely"),
        ("[不稳定型心绞痛|E11.900]", "a text of 7 characters is no code for 主诊断编码; write ICD codes"),
        (["I20.000", "E11.900"], "a list instead of text"),
    ],
)
def test_what_cannot_be_understood(text, message):
    with pytest.raises(DataError, match=message):
        parse_prediction(text)


codes = st.sampled_from(CCL25.others.codes)


@given(main=st.none() | codes, others=st.lists(codes, unique=True, max_size=8).map(tuple))
def test_a_formatted_prediction_is_parsed_again(main, others):
    row = {MAIN: main, OTHERS: others}
    assert parse_prediction(format_prediction(row)) == row


@given(st.tuples(st.none() | codes, st.lists(codes, unique=True).map(tuple), st.none() | codes, st.just(())))
def test_four_targets_without_brackets(values):
    row = dict(zip((target.name for target in CCL26_LIKE.targets), values, strict=True))
    text = format_prediction(row, CCL26_LIKE)
    assert text.count("|") == 3 and "[" not in text
    assert parse_prediction(text, CCL26_LIKE) == row


# --- files ----------------------------------------------------------------------------


def test_official_form_to_the_byte(tmp_path, predictions):
    write_submission(predictions.iloc[:2], tmp_path / "deep" / "pred.json")
    assert (tmp_path / "deep" / "pred.json").read_bytes().decode() == (
        '[\n {\n  "病案标识": "ZY1",\n  "预测结果": "[I20.000|I10.x00x032;E11.900]"\n },\n'
        ' {\n  "病案标识": "0012",\n  "预测结果": "[I21.401|E11.900]"\n }\n]\n'
    )
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["pred.json"]


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv", ".tsv", ".xlsx"])
def test_what_is_written_is_read_again(tmp_path, predictions, ending):
    write_submission(predictions, tmp_path / f"pred{ending}")
    pd.testing.assert_frame_equal(read_submission(tmp_path / f"pred{ending}"), predictions)


def test_gb18030_submission_of_another_team(tmp_path, predictions):
    rows = [{"队伍": "甲", ID: 7, PREDICTION: "I20.000|E11.900；"}]
    (tmp_path / "pred.json").write_bytes(json.dumps(rows, ensure_ascii=False).encode("gb18030"))
    frame = read_submission(tmp_path / "pred.json")
    assert frame.loc["7"].tolist() == ["I20.000", ("E11.900",)]


def test_codes_outside_the_candidates_are_kept_and_counted(tmp_path):
    path = put(tmp_path, one("[I20.000|E11.900;J81.x00x002]"))
    with pytest.warns(DataWarning, match=r"pred\.json: 1 code outside the candidate list of 其他诊断编码: J81"):
        assert read_submission(path)[OTHERS].tolist() == [("E11.900", "J81.x00x002")]


def test_predictions_as_people_build_them(predictions):
    own = pd.DataFrame({ID: [1.0], MAIN: ["i20.000"], OTHERS: ["E11.900; I49.900"]})
    checked = check_predictions(own)
    assert checked.loc["1"].tolist() == ["I20.000", ("E11.900", "I49.900")]
    pd.testing.assert_frame_equal(check_predictions(predictions), predictions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns=OTHERS), "field 其他诊断编码: the column is missing"),
        (lambda frame: frame.rename(index={"0012": "ZY1"}), "record ZY1 .*: the id occurs again"),
        (lambda frame: frame.reset_index(drop=True), "no record ids"),
        (lambda frame: frame.assign(**{MAIN: "I20.000;I21.401"}), "record ZY1, field 主诊断编码: 2 codes"),
        (lambda frame: frame.assign(**{MAIN: "高血压病"}), "a text of 4 characters is no code"),
    ],
)
def test_predictions_that_cannot_be_written(tmp_path, predictions, change, message):
    with pytest.raises(DataError, match=message):
        write_submission(change(predictions), tmp_path / "pred.json")
    assert list(tmp_path.iterdir()) == []


# --- would the platform take it? ------------------------------------------------------


def rules(problems):
    return [str(problem) for problem in problems]


def test_an_acceptable_submission(tmp_path, predictions, records):
    write_submission(predictions, tmp_path / "pred.json")
    assert check_submission(tmp_path / "pred.json", records) == []
    assert check_submission(tmp_path / "pred.json", records.reset_index()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I20.000|E11.900", "the brackets [ ] are missing; write [I20.000|E11.900]"),
        ("【I20.000|E11.900】", "the brackets [ ] are missing; write [I20.000|E11.900]"),
        ("[I20.000|E11.900; I49.900]", "the separators, blanks, case or width are not official; write [I20.000|E11"),
        ("[I20.000|E11.900；I49.900]", "the separators, blanks, case or width are not official"),
        ("[I10.X00X032|E11.900]", "not official; write [I10.x00x032|E11.900]"),
        ("[I20.000|E11.900;E11.900]", "E11.900 repeated in 其他诊断编码; write [I20.000|E11.900]"),
        ("[I20.000|]", "0 codes for 其他诊断编码, at least 1 expected; add the most likely code"),
        ("[|E11.900]", "0 codes for 主诊断编码, at least 1 expected"),
        ("[E11.900|I49.900]", "not in the candidate list of 主诊断编码: E11.900; replace by a candidate"),
        ("[I20.000|I49.900;J81.x00x002]", "not in the candidate list of 其他诊断编码: J81.x00x002"),
        ("[I20.000;I21.401|E11.900]", "2 codes for 主诊断编码"),
        ("[I20.000]", "0 signs | instead of 1"),
        ("", "the prediction is empty"),
    ],
)
def test_what_the_platform_refuses_in_a_prediction(tmp_path, records, text, message):
    (problem,) = check_submission(put(tmp_path, one(text)), records.loc[["ZY1"]])
    assert str(problem).startswith("record ZY1, field 预测结果: ") and message in str(problem)


def test_ids_must_be_those_of_the_records(tmp_path, records):
    rows = [{ID: name, PREDICTION: "[I20.000|E11.900]"} for name in ("ZY1", "ZY1", "ZY9", "")]
    assert rules(check_submission(put(tmp_path, rows), records)) == [
        "record ZY1 (number 2), field 病案标识: the id occurs again, first in record number 1; "
        "keep one of them if they are the same record, else give each its own id",
        "record number 4, field 病案标识: the id is missing; give every record its own id",
        "field 病案标识: 2 of 3 records have no prediction: 0012, 1e5; predict every record",
        "field 病案标识: 1 of the ids not among the records: ZY9; leave them out; is it the right file?",
    ]


def test_long_lists_of_ids_are_cut(tmp_path):
    records = pd.DataFrame({ID: [f"ZY{number}" for number in range(50)], "主诉": "a"})
    (problem,) = check_submission(put(tmp_path, [{ID: "ZY0", PREDICTION: "[I20.000|E11.900]"}]), records)
    assert "49 of 50 records have no prediction: ZY1, " in str(problem) and "ZY10, ...;" in str(problem)


def test_main_code_among_the_others_is_a_warning(tmp_path, records):
    path = put(tmp_path, one("[I20.000|E11.900;I20.000]"))
    with pytest.warns(DataWarning, match="1 record repeats 主诊断编码 among 其他诊断编码: ZY1"):
        assert check_submission(path, records.loc[["ZY1"]]) == []


@pytest.mark.parametrize(
    ("ending", "message"),
    [(".csv", "the file is CSV, not a JSON array"), (".jsonl", "JSON Lines"), (".xlsx", "the file is Excel")],
)
def test_only_a_json_array_is_official(tmp_path, predictions, records, ending, message):
    write_submission(predictions, tmp_path / f"pred{ending}")
    (problem,) = check_submission(tmp_path / f"pred{ending}", records)
    assert message in str(problem)


@pytest.mark.parametrize(
    ("encoding", "message"), [("utf-8-sig", "UTF-8 with byte-order mark"), ("gb18030", "the file is GB18030")]
)
def test_only_utf8_is_official(tmp_path, predictions, records, encoding, message):
    write_submission(predictions, tmp_path / "a.json")
    (tmp_path / "b.json").write_text((tmp_path / "a.json").read_text("utf-8"), encoding=encoding)
    (problem,) = check_submission(tmp_path / "b.json", records)
    assert message in str(problem)


def test_a_file_of_records_is_no_submission(tmp_path, predictions, records):
    write_records(predictions.assign(主诉="胸闷"), tmp_path / "gold.json")
    with pytest.raises(DataError, match="field 预测结果: there is no such column; this is a file of records"):
        read_submission(tmp_path / "gold.json")
    (problem,) = check_submission(tmp_path / "gold.json", records)
    assert "each record is {病案标识: ..., 预测结果: [A|B;C]}" in str(problem)


def test_a_missing_or_broken_file_is_a_problem_too(tmp_path, records):
    assert "no such file" in rules(check_submission(tmp_path / "none.json", records))[0]
    assert "malformed JSON at line 1 column 3" in rules(check_submission(put(tmp_path, "[{"), records))[0]


def test_lost_leading_zeros_are_named_by_check_and_by_score(tmp_path, records):
    rows = [{ID: name, PREDICTION: "[I20.000|E11.900]"} for name in ("ZY1", "12", "1e5")]
    path = put(tmp_path, rows)
    zeros = "12 seems to be 0012 without its leading zeros: set the id column to text in the spreadsheet"
    problems = rules(check_submission(path, records))
    assert len(problems) == 2 and all(zeros in problem for problem in problems)
    gold = records.assign(**{MAIN: "I20.000", OTHERS: [("E11.900",)] * 3})
    with pytest.raises(DataError, match=zeros):
        score(gold, read_submission(path))
    assert lost_zeros(["ZY1"], ["ZY2"]) == "" and "1 seems to be 001" in lost_zeros(["1"], ["001"])


def test_a_submission_whose_ids_have_another_name(tmp_path, records):
    rows = [{"record_id": name, PREDICTION: "[I20.000|E11.900]"} for name in ("ZY1", "0012", "1e5")]
    problems = rules(check_submission(put(tmp_path, rows), records))
    assert problems[0] == (
        "field 病案标识: the id is missing, for there is no such column; "
        "the field 'record_id' may be meant: name it 病案标识")
