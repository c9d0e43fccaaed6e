"""A synthetic record says that it is one, through files, frames and model cards."""

import json

import pandas as pd
import pytest

import icdbase
from icdbase.records.origin import mark_synthetic, synthetic_share
from icdbase.records.records import check_frame
from icdbase.records.task_proposal import propose_task
from icdbase.storage.model_card import new_card
from icdbase.synthetic import write_corpus
from icdbase.tasks.editions import CCL25

REAL = {"病案标识": "1", "主诉": "胸闷3天", "主诊断编码": "I20.000", "其他诊断编码": "E11.900"}


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path, 3)


def real_file(folder):
    path = folder / "real.json"
    path.write_text(json.dumps([REAL], ensure_ascii=False), encoding="utf-8")
    return path


def test_every_synthetic_record_is_marked_and_read_as_such(corpus):
    for path in corpus:
        assert all(row["来源"] == "模拟" for row in json.loads(path.read_text(encoding="utf-8")))
        assert synthetic_share(icdbase.read_records(path)) == "all"


def test_the_mark_is_no_column_and_changes_no_record(corpus):
    labelled = [path for path in corpus if "input" not in path.name]
    read = icdbase.read_records(labelled)
    assert list(read.columns) == [*CCL25.text_fields, *(target.name for target in CCL25.targets)]
    pd.testing.assert_frame_equal(read.sort_index(), icdbase.make_records(3).sort_index(), check_index_type=False)


def test_real_records_are_not_marked_and_joined_ones_in_part(corpus, tmp_path):
    real = real_file(tmp_path)
    assert synthetic_share(icdbase.read_records(real)) == ""
    assert synthetic_share(icdbase.read_records([corpus[0], real])) == "some"
    assert synthetic_share(icdbase.read_records([path for path in corpus if "input" not in path.name])) == "all"


def test_a_file_of_both_is_marked_in_part(tmp_path):
    path = tmp_path / "both.json"
    path.write_text(json.dumps([REAL, {**REAL, "病案标识": "2", "来源": "模拟"}, {**REAL, "病案标识": "3", "来源": "门诊"}],
                               ensure_ascii=False), encoding="utf-8")
    assert synthetic_share(icdbase.read_records(path)) == "some"


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "xlsx"])
def test_what_is_written_keeps_the_mark(ending, tmp_path):
    icdbase.write_records(icdbase.make_records(2), tmp_path / f"a.{ending}")
    assert synthetic_share(icdbase.read_records(tmp_path / f"a.{ending}")) == "all"


@pytest.mark.parametrize("task", ["ccl25", "ccl26"])
def test_rows_and_copies_keep_the_mark(task):
    records = icdbase.make_records(4, task=task)
    assert synthetic_share(records.iloc[:2].drop(columns=["主诉"])) == "all"
    assert synthetic_share(check_frame(records, icdbase.get_task(task))) == "all"


def test_the_model_card_keeps_it(coder, train):
    assert new_card(coder, b"", {}, train, None, None)["training_data"]["synthetic"] == "all"
    assert "synthetic" not in new_card(coder, b"", {}, mark_synthetic(train.copy(), ""), None, None)["training_data"]


def test_a_task_proposed_for_synthetic_records_has_no_target_of_the_mark(tmp_path):
    path = tmp_path / "own.csv"
    rows = "".join(f"{number},胸闷伴心悸{number}天，活动后加重，休息后缓解，无放射痛,I20.00{number % 3},模拟\n" for number in range(12))
    path.write_text("编号,病情,诊断,来源\n" + rows, encoding="utf-8")
    assert 'name = "来源"' not in propose_task(path)
    assert 'name = "诊断"' in propose_task(path)
