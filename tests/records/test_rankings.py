"""Ranked codes: written, read again in every format, and refused where they are none."""

import json

import pandas as pd
import pytest

from icdbase.core.errors import DataError
from icdbase.records.rankings import read_top, write_top
from icdbase.tasks.editions import CCL25

MAIN, OTHERS = (target.name for target in CCL25.targets)
TOP = pd.DataFrame({
    MAIN: [(("I20.000", 0.75), ("I10.x00x032", 0.2)), (("I48.x01", 0.6), ("I20.000", 0.3))],
    OTHERS: [(("E11.900", 0.9),), ()],
}, index=["001", "002"])


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "xlsx"])
def test_what_was_written_is_read(tmp_path, ending):
    write_top(TOP, tmp_path / f"top.{ending}", CCL25)
    read = read_top(tmp_path / f"top.{ending}", CCL25)
    expected = TOP.map(lambda listed: tuple(code for code, _ in listed))
    pd.testing.assert_frame_equal(read, expected)


def test_another_system_may_list_codes_alone(tmp_path):
    rows = [{"病案标识": "001", MAIN: ["i20.000"], OTHERS: ["Ｅ11.900", "I10.x00x032"]}]
    (tmp_path / "top.json").write_text(json.dumps(rows), encoding="utf-8")
    assert read_top(tmp_path / "top.json", CCL25).loc["001"].tolist() == [("I20.000",), ("E11.900", "I10.x00x032")]


@pytest.mark.parametrize(("text", "message"), [
    ('[{"病案标识": "1", "text": "x"}]', "no ranked codes"),
    (f'[{{"病案标识": "1", "{MAIN}": "I20.000"}}]', "no list of codes"),
    (f'[{{"病案标识": "1", "{MAIN}": ["I20.000"]}}, {{"病案标识": "1", "{MAIN}": []}}]', "the id comes twice"),
    (f'[{{"{MAIN}": ["I20.000"], "病案标识": ""}}]', "the id is missing"),
    (f'[{{"病案标识": "1", "target": "{MAIN}", "rank": "first", "code": "I20.000"}}]', "a whole number as rank"),
])
def test_files_that_are_no_rankings(tmp_path, text, message):
    (tmp_path / "top.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_top(tmp_path / "top.json", CCL25)
