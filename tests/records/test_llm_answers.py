"""What language models answer: read, or clearly explained; what cannot be read counts as wrong if that is asked for."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from icdbase import per_code_table, score
from icdbase.cli.main import main
from icdbase.core.errors import DataError, DataWarning, UsageError
from icdbase.records.llm_answers import UNREADABLE, n_unreadable
from icdbase.records.records import write_records
from icdbase.records.submissions import check_submission, read_submission
from icdbase.tasks.editions import CCL25, CCL26

ID, MAIN, OTHERS, PREDICTION = CCL25.id_field, CCL25.main.name, CCL25.others.name, CCL25.prediction_field
CANARY = "患者胸闷"
RIGHT = {"ZY1": ("I20.000", ("I10.x00x032", "E11.900")), "ZY2": ("I21.401", ("E11.900",)), "ZY3": ("I20.000", ("I49.900",)),
         "ZY4": ("I10.x00x032", ("E11.900",))}
OFFICIAL = {name: f"[{main}|{';'.join(others)}]" for name, (main, others) in RIGHT.items()}


@pytest.fixture
def gold():
    index = pd.Index(list(RIGHT), dtype=object, name=ID)
    mains, others = zip(*RIGHT.values(), strict=True)
    return pd.DataFrame({"主诉": "胸闷", MAIN: mains, OTHERS: others}, index, dtype=object)


def put(folder, content, name="pred.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def rows(answers):
    return [{ID: name, PREDICTION: answer} for name, answer in answers.items()]


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}{result.stderr}{result.exception!r}"
    return result


AS_COLUMNS = [{ID: name, MAIN: main, OTHERS: "; ".join(others)} for name, (main, others) in RIGHT.items()]
AS_OBJECTS = {name: {MAIN: main, OTHERS: list(others)} for name, (main, others) in RIGHT.items()}
FENCED = {name: f"```json\n{json.dumps(codes, ensure_ascii=False)}\n```" for name, codes in AS_OBJECTS.items()}


@pytest.mark.parametrize(("content", "name"), [
    (OFFICIAL, "object.json"),
    (json.dumps(OFFICIAL), "one-line-without-ending"),
    (json.dumps(OFFICIAL, indent=2), "object.jsonl"),
    ("\n".join(json.dumps({name: answer}) for name, answer in OFFICIAL.items()), "lines.jsonl"),
    ([{name: answer} for name, answer in OFFICIAL.items()], "array-of-pairs.json"),
    (AS_OBJECTS, "object-of-objects.json"),
    ({name: {PREDICTION: answer} for name, answer in OFFICIAL.items()}, "object-of-records.json"),
    (rows(AS_OBJECTS), "objects.json"),
    (rows(FENCED), "fenced-answers.json"),
    (rows({name: f"```\n{answer}\n```" for name, answer in OFFICIAL.items()}), "fenced-text.json"),
    (f"```json\n{json.dumps(rows(OFFICIAL), ensure_ascii=False, indent=1)}\n```\n", "fenced-file.json"),
    (AS_COLUMNS, "columns.json"),
    ([{("主要诊断编码" if key == MAIN else key): value for key, value in row.items()} for row in AS_COLUMNS], "official.json"),
    (pd.DataFrame(AS_COLUMNS).to_csv(index=False), "columns.csv"),
    (pd.DataFrame(AS_COLUMNS).assign(repeat=0, fold=1).to_csv(index=False), "cv-predictions.csv"),
], ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "")
def test_every_form_of_an_answer_is_read(tmp_path, gold, content, name):
    predicted = read_submission(put(tmp_path, content, name))
    assert dict(zip(predicted.index, predicted.itertuples(index=False, name=None), strict=True)) == RIGHT
    assert score(gold, predicted).acc == 1


def test_a_main_code_alone_is_read_and_told(tmp_path, gold):
    path = put(tmp_path, rows(OFFICIAL | {"ZY2": "[I21.401]", "ZY3": "I20.000"}))
    with pytest.warns(DataWarning, match=r"2 of 4 answers are a code for 主诊断编码 and no more, without a sign \|"):
        predicted = read_submission(path)
    assert predicted.loc["ZY2"].tolist() == ["I21.401", ()]
    assert score(gold, predicted).acc == (1 + 0.5 + 0.5 + 1) / 4
    with pytest.raises(DataError, match=r"record ZY1, field 预测结果: 0 signs \| instead of 1"):
        read_submission(put(tmp_path, rows({"ZY1": "I20.000;E11.900"})))  # which is the main one?


UNREAD = {"ZY1": "无法判断", "ZY2": None, "ZY3": "", "ZY4": "[I10.x00x032|高血压;E11.900]"}


def test_what_cannot_be_read_is_refused_with_the_remedy_or_counts_as_wrong(tmp_path, gold):
    path = put(tmp_path, rows(UNREAD))
    with pytest.raises(DataError, match="icdbase score --invalid-zero") as caught:
        read_submission(path)
    assert len(caught.value.problems) == 4 and "无法判断" not in str(caught.value)
    with pytest.warns(DataWarning, match="4 of 4 answers cannot be read and count as wrong: ZY1, ZY2, ZY3, ZY4"):
        predicted = read_submission(path, invalid="zero")
    assert n_unreadable(predicted) == 4
    scores = score(gold, predicted)
    # By hand: ZY4 has the right main code, and one right and one unreadable of the others: F1 = 2/3.
    assert scores.acc == pytest.approx((0.5 + 0.5 * 2 / 3) / 4) and scores.main_accuracy == 0.25
    codes = per_code_table(gold, predicted).set_index(["target", "code"])
    assert codes.loc[(MAIN, UNREADABLE), ["support", "predicted"]].tolist() == [0, 3]


def test_an_unreadable_answer_is_wrong_where_nothing_was_to_be_predicted(tmp_path):
    """F1 of two empty sets is 1: what cannot be read is no empty set."""
    columns = {target.name: ["J18.900"] if target.is_single else [()] for target in CCL26.targets}
    gold = pd.DataFrame(columns, pd.Index(["1"], dtype=object, name=CCL26.id_field), dtype=object)
    with pytest.warns(DataWarning, match="1 of 1 answers cannot be read"):
        predicted = read_submission(put(tmp_path, [{CCL26.id_field: "1", PREDICTION: "?"}]), CCL26, invalid="zero")
    assert score(gold, predicted, CCL26).acc == 0


def test_two_main_codes_cost_the_main_code_only(tmp_path, gold):
    path = put(tmp_path, rows(OFFICIAL | {"ZY1": "[I20.000;I21.401|I10.x00x032;E11.900]"}))
    with pytest.warns(DataWarning, match="cannot be read"):
        predicted = read_submission(path, invalid="zero")
    assert predicted.loc["ZY1"].tolist() == [UNREADABLE, ("I10.x00x032", "E11.900")]
    assert score(gold, predicted).acc == pytest.approx((0.5 + 3) / 4)


def test_score_prints_how_many_count_as_wrong(tmp_path, gold):
    write_records(gold, tmp_path / "gold.json")
    words = ["score", "--gold", tmp_path / "gold.json", "--pred", put(tmp_path, rows(OFFICIAL | {"ZY2": "", "ZY9": ""}))]
    assert "--invalid-zero" in run(*words, code=1).stderr
    assert "cannot be read, counted as wrong: 1\n" in run(*words, "--invalid-zero").stdout
    figures = json.loads(run(*words, "--invalid-zero", "--json").stdout)
    assert figures["n_invalid"] == 1 and figures["acc"] == 0.75
    with pytest.raises(UsageError, match="invalid must be 'raise' or 'zero'"):
        read_submission(tmp_path / "pred.json", invalid="skip")


def test_predictions_of_cv_are_scored_one_repeat_at_a_time(tmp_path, gold):
    table = pd.DataFrame(AS_COLUMNS)
    both = pd.concat([table.assign(repeat=0, fold=0), table.assign(repeat=1, fold=0)])
    path = put(tmp_path, both.to_csv(index=False), "predictions.csv")
    with pytest.raises(DataError, match=r"field repeat: 2 repeats of a cross-validation; .*cv\.json"):
        read_submission(path)


def test_the_file_that_cv_writes_is_scored(tmp_path, train):
    write_records(train.iloc[:60], tmp_path / "train.json")
    run("cv", "--train", tmp_path / "train.json", "--folds", 2, "--setting", "plain", "--out", tmp_path / "cv")
    figures = json.loads((tmp_path / "cv" / "cv.json").read_text("utf-8"))
    words = ["score", "--gold", tmp_path / "train.json", "--pred", tmp_path / "cv" / "predictions.csv", "--json"]
    assert json.loads(run(*words).stdout)["acc"] == pytest.approx(figures["acc"])


def test_the_platform_takes_none_of_these_forms(tmp_path, gold):
    for content, rule in (
        (OFFICIAL, "a JSON object instead of an array"),
        (AS_COLUMNS, "which icdbase score reads and the platform does not; each record is {病案标识: ..., 预测结果"),
        (rows(FENCED), "no code for 主诊断编码|signs"),
        (f"```json\n{json.dumps(rows(OFFICIAL), ensure_ascii=False)}\n```", "JSON array in a Markdown fence"),
    ):
        problems = check_submission(put(tmp_path, content), gold)
        assert problems and any(any(part in str(problem) for part in rule.split("|")) for problem in problems), rule


def test_no_text_of_a_record_is_shown(tmp_path, gold):
    for content in (
        rows({"ZY1": f"{CANARY}，考虑{CANARY}"}), {"ZY1": CANARY}, [{CANARY: CANARY}], {CANARY: [CANARY]},
        [{ID: "ZY1", MAIN: CANARY, OTHERS: CANARY}], f"```json\n{CANARY}\n```",
    ):
        with pytest.raises(DataError) as caught:
            read_submission(put(tmp_path, content))
        assert CANARY not in str(caught.value).replace(f"record {CANARY}", "")
