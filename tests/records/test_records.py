"""Reading and writing records: every format, every spelling, and back again."""

import codecs
import datetime
import json
import random
import warnings
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from icdbase.core.errors import DataError, DataWarning, UsageError
from icdbase.evaluation.scoring import score
from icdbase.records.labels import LabelParser
from icdbase.records.records import check_frame, read_records, write_records
from icdbase.records.submissions import read_submission, write_submission
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import SINGLE, Target

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "sample_record.json"
ID, MAIN, OTHERS = CCL25.id_field, CCL25.main.name, CCL25.others.name

RECORDS = [
    {
        ID: "ZY001",
        **{field: f'{field}：胸闷、气促3天，血压150/90mmHg，“*”；\n第二行, "引号" = 1' for field in CCL25.text_fields},
        "主要诊断编码": "I20.000",
        OTHERS: "I10.X00X032； E11.900;I25.103。",
    },
    {ID: "0012", "主诉": "=1+1", "现病史": None, MAIN: "I21.401", OTHERS: ""},
    {ID: "1e5", "主诉": "心悸", MAIN: None, OTHERS: None},
]


def put(folder, name, content):
    path = folder / name
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return path


def as_json(rows):
    return json.dumps(rows, ensure_ascii=False)


@pytest.fixture
def frame(tmp_path):
    return read_records(put(tmp_path, "records.json", as_json(RECORDS)))


# --- one file, many formats -----------------------------------------------------------


def test_frame_of_a_plain_file(frame):
    assert frame.index.tolist() == ["ZY001", "0012", "1e5"] and frame.index.name == ID
    assert frame.columns.tolist() == [*CCL25.text_fields, MAIN, OTHERS]
    assert frame[MAIN].tolist() == ["I20.000", "I21.401", None]
    assert frame[OTHERS].tolist() == [("I10.x00x032", "E11.900", "I25.103"), (), None]
    assert frame.loc["0012", ["主诉", "现病史", "既往史"]].tolist() == ["=1+1", "", ""]
    assert set(frame.dtypes.astype(str)) == {"object"}


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("bom.json", lambda text: codecs.BOM_UTF8 + text.encode()),
        ("two_boms.json", lambda text: codecs.BOM_UTF8 * 2 + text.encode()),
        ("gb.json", lambda text: text.encode("gb18030")),
        ("utf16.json", lambda text: text.encode("utf-16")),
        ("utf16be.json", lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be")),
        ("utf32.json", lambda text: text.encode("utf-32")),
        ("no_ending", lambda text: text.encode()),
        ("wrong_ending.csv", lambda text: text.encode()),
    ],
)
def test_encodings_give_equal_frames(frame, tmp_path, name, encode):
    copy = put(tmp_path, name, encode(as_json(RECORDS)))
    pd.testing.assert_frame_equal(read_records(copy), frame)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.txt"])
def test_json_lines_give_an_equal_frame(frame, tmp_path, name, newline):
    lines = newline.join(as_json(row) for row in RECORDS) + newline
    pd.testing.assert_frame_equal(read_records(put(tmp_path, name, lines)), frame)


def test_one_json_line_is_a_file(tmp_path):
    assert read_records(put(tmp_path, "a.jsonl", as_json(RECORDS[2]))).index.tolist() == ["1e5"]


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv", ".tsv", ".xlsx"])
def test_written_copies_give_equal_frames(frame, tmp_path, ending):
    write_records(frame, tmp_path / f"copy{ending}")
    pd.testing.assert_frame_equal(read_records(tmp_path / f"copy{ending}"), frame)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize(("ending", "sep"), [(".csv", ","), (".tsv", "\t"), (".csv", ";"), (".txt", "\t")])
def test_tables_of_pandas_give_equal_frames(frame, tmp_path, encoding, ending, sep):
    path = tmp_path / f"pandas{ending}"
    pd.DataFrame(RECORDS).to_csv(path, sep=sep, index=False, encoding=encoding, lineterminator="\r\n")
    pd.testing.assert_frame_equal(read_records(path), frame)


def test_workbook_of_pandas_gives_an_equal_frame(frame, tmp_path):
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"说明": ["其他工作表"]}).to_excel(book, sheet_name="first", index=False)
        table = pd.DataFrame(RECORDS).assign(主诉=["x", "y", "z"])
        table.to_excel(book, sheet_name="records", index=False)
    found = read_records(tmp_path / "a.xlsx")
    pd.testing.assert_frame_equal(found.drop(columns="主诉"), frame.drop(columns="主诉"))


def test_workbook_cells_of_other_types(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append([ID, " 主诉\ufeff", "现病史", "既往史", "个人史", "婚姻史", "家族史", None, "备注"])
    day = datetime.datetime(2024, 1, 1)
    book.active.append([20001.0, "a_x000D_b", 36.5, day, day.replace(hour=9), True, "=A2&1", None, "无"])
    book.active.append([None] * 9)
    book.save(tmp_path / "a.xlsx")
    frame = read_records(tmp_path / "a.xlsx")
    expected = ["a\rb", "36.5", "2024-01-01", "2024-01-01 09:00:00", "True", "=A2&1"]
    assert frame.iloc[0, :6].tolist() == expected and frame.index.tolist() == ["20001"]


def test_formulas_give_the_value_that_excel_stored(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    for row in ([ID, "主诉", "现病史"], ["ZY1", '="胸"&"闷"', "=1+1"]):
        book.active.append(row)
    book.save(tmp_path / "plain.xlsx")
    with ZipFile(tmp_path / "plain.xlsx") as plain, ZipFile(tmp_path / "stored.xlsx", "w") as stored:
        for name in plain.namelist():
            xml = plain.read(name)
            if name.endswith("sheet1.xml"):
                assert b'<c r="B2"><f>' in xml
                xml = xml.replace(b'<c r="B2"', b'<c r="B2" t="str"').replace(b"<v />", "<v>胸闷</v>".encode(), 1)
                xml = xml.replace(b"<v></v>", "<v>胸闷</v>".encode(), 1)
            stored.writestr(name, xml)
    assert read_records(tmp_path / "stored.xlsx").loc["ZY1", ["主诉", "现病史"]].tolist() == ["胸闷", "=1+1"]


def test_standard_input(frame, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(as_json(RECORDS).encode("gb18030"))))
    pd.testing.assert_frame_equal(read_records("-"), frame)


def test_a_long_note_in_a_csv(tmp_path):
    text = "胸闷，" * 100_000
    put(tmp_path, "a.csv", f"{ID},主诉\nZY1,{text}\n")
    assert read_records(tmp_path / "a.csv").loc["ZY1", "主诉"] == text


def test_raw_line_breaks_inside_json_strings(tmp_path):
    path = put(tmp_path, "a.json", f'[{{"{ID}": "ZY1", "主诉": "胸闷\n气促\t3天"}}]')
    assert read_records(path).loc["ZY1", "主诉"] == "胸闷\n气促\t3天"


# --- values ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("E11.900", ("E11.900",)),
        ("e11.900;I10.X00x032", ("E11.900", "I10.x00x032")),
        ("E11.900；I49.900。", ("E11.900", "I49.900")),
        ("E11.900, I49.900，I48.x01、K76.000|J18.900;", ("E11.900", "I49.900", "I48.x01", "K76.000", "J18.900")),
        ("E11.900｜Ｉ４９．９００", ("E11.900", "I49.900")),
        ("E11.900\r\nI49.900\n", ("E11.900", "I49.900")),
        ("E11.900 I49.900", ("E11.900", "I49.900")),
        (" I10. x00x032 ", ("I10.x00x032",)),
        ("E11.900;E11.900;e11.900", ("E11.900",)),
        ("['E11.900', 'I49.900']", ("E11.900", "I49.900")),
        (["E11.900", "i49.900", None, "E11.900"], ("E11.900", "I49.900")),
        ([], ()),
        ("[]", ()),
        ("", ()),
        (" ; ", ()),
        (None, None),
        (float("nan"), None),
        ("nan", None),
        ("None", None),
        ("NULL", None),
    ],
)
def test_spellings_of_other_codes(tmp_path, value, expected):
    rows = [{ID: "ZY1", "主诉": "胸闷", MAIN: "I20.000", OTHERS: value}]
    assert read_records(put(tmp_path, "a.json", as_json(rows)))[OTHERS].tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("M81400/3; m8140／3；C34.900", ("M81400/3", "M8140/3", "C34.900")),
        ("E11.301+H36.0*、E11.301† H36.0＊", ("E11.301+H36.0*",)),
        ("e14.300X071＋h36.0*；E11.3†;H36.0*", ("E14.300x071+H36.0*", "E11.3+", "H36.0*")),
    ],
)
def test_spellings_of_morphology_and_of_pairs(value, expected):
    assert LabelParser(CCL25).read(value) == (expected, [])


@pytest.mark.filterwarnings("ignore:.*outside the candidate list")
def test_a_pair_is_one_code_everywhere_and_comes_back_from_every_format(tmp_path):
    rows = [{ID: "ZY1", "主诉": "视物模糊", MAIN: "E11.301†H36.0*", OTHERS: "M81400/3;A01.001†"}]
    frame = read_records(put(tmp_path, "a.json", as_json(rows)))
    assert frame[[MAIN, OTHERS]].iloc[0].tolist() == ["E11.301+H36.0*", ("M81400/3", "A01.001+")]
    for name in ("b.json", "b.csv", "b.xlsx"):
        write_records(frame, tmp_path / name)
        pd.testing.assert_frame_equal(read_records(tmp_path / name), frame)
    write_submission(frame[[MAIN, OTHERS]], tmp_path / "pred.json")
    written = json.loads((tmp_path / "pred.json").read_text(encoding="utf-8"))
    assert written[0]["预测结果"] == "[E11.301+H36.0*|M81400/3;A01.001+]"
    assert score(frame, read_submission(tmp_path / "pred.json")).acc == 1
    parts = pd.DataFrame({MAIN: ["E11.301+"], OTHERS: [("M8140/3", "A01.001")]}, index=frame.index)
    assert score(frame, parts).acc == 0  # another spelling of a part is another code


def test_a_task_whose_separators_hold_the_plus_reads_a_pair_as_two_codes():
    task = replace(CCL25, separators=";,+")
    assert LabelParser(task).read("E11.301†H36.0*; I10.x00") == (("E11.301", "H36.0*", "I10.x00"), [])


def test_blank_others_of_an_uncoded_record_are_missing(tmp_path):
    path = put(tmp_path, "a.csv", f"{ID},主诉,{MAIN},{OTHERS}\nZY1,胸闷,,\nZY2,胸痛,I20.000,\n")
    assert read_records(path)[OTHERS].tolist() == [None, ()]


def test_file_without_labels_has_no_label_columns(tmp_path):
    frame = read_records(put(tmp_path, "a.json", as_json([{ID: "ZY1", "主诉": "胸闷"}])))
    assert frame.columns.tolist() == list(CCL25.text_fields)


def test_both_spellings_of_the_main_code(tmp_path):
    rows = [
        {ID: "ZY1", "主诉": "a", MAIN: "i20.000", "主要诊断编码": "I20.000"},
        {ID: "ZY2", "主诉": "b", MAIN: "", "主要诊断编码": "I21.401"},
    ]
    assert read_records(put(tmp_path, "a.json", as_json(rows)))[MAIN].tolist() == ["I20.000", "I21.401"]


def test_numbers_and_blanks_where_text_is_expected(tmp_path):
    text = f'[{{" {ID}　": 20001.0, "主诉": 3.0, "现病史": 36.50, "既往史": NaN, "个人史": 1e400, "家族史": true}}]'
    row = read_records(put(tmp_path, "a.json", text)).reset_index().loc[0]
    expected = ["20001", "3", "36.50", "", "1e400", "True"]
    assert row[[ID, "主诉", "现病史", "既往史", "个人史", "家族史"]].tolist() == expected


def test_ids_are_trimmed(tmp_path):
    rows = [{ID: " ZY1\t", "主诉": " a "}]
    frame = read_records(put(tmp_path, "a.json", as_json(rows)))
    assert frame.index.tolist() == ["ZY1"] and frame["主诉"].tolist() == [" a "]


def test_half_characters_and_nul_are_replaced(tmp_path):
    path = put(tmp_path, "a.json", f'[{{"{ID}": "ZY1", "主诉": "胸\\ud800闷\\u0000"}}]')
    assert read_records(path)["主诉"].tolist() == ["胸\ufffd闷\ufffd"]


def test_sample_record_of_the_overview_paper():
    if not SAMPLE.exists():
        pytest.skip("the sample record lies beside the repository, not in it")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = read_records(SAMPLE, require_labels=True)
    assert [str(warning.message).partition("list of ")[2] for warning in caught] == [
        "主诊断编码: J81.x00x002 (1)",
        "其他诊断编码: I50.903 (1)",
    ]
    assert frame[MAIN].tolist() == ["J81.x00x002"] and len(frame[OTHERS].iloc[0]) == 7


# --- several files --------------------------------------------------------------------


def test_several_files_are_one_frame(tmp_path):
    first = put(tmp_path, "a.json", as_json([{ID: "ZY1", "主诉": "胸闷", MAIN: "I20.000", OTHERS: "I10.x00x032"}]))
    second = put(tmp_path, "b.csv", f"{ID},现病史\nZY2,气促\n")
    frame = read_records([first, second])
    assert frame.index.tolist() == ["ZY1", "ZY2"] and frame.index.name == ID
    assert frame.columns.tolist() == [*CCL25.text_fields, MAIN, OTHERS]
    assert frame.loc["ZY2", ["主诉", "现病史", MAIN, OTHERS]].tolist() == ["", "气促", None, None]
    pd.testing.assert_frame_equal(read_records((first,)), read_records(first))
    with pytest.raises(DataError, match=r"b\.csv: 2 problems"):
        read_records([first, second], require_labels=True)
    with pytest.raises(UsageError, match="no file to read"):
        read_records([])


def test_an_id_in_two_files_is_an_error_that_names_both(tmp_path):
    first = put(tmp_path, "a.json", as_json([{ID: "ZY1", "主诉": "胸闷"}, {ID: "ZY2", "主诉": "胸闷"}]))
    second = put(tmp_path, "b.json", as_json([{ID: "ZY3", "主诉": "胸闷"}, {ID: "ZY2", "主诉": "胸闷"}]))
    with pytest.raises(DataError) as caught:
        read_records([first, second])
    assert str(caught.value).startswith(f"{second}: record ZY2, field {ID}: the id occurs in {first} too; name each file once")


# --- warnings -------------------------------------------------------------------------


def test_codes_outside_the_candidates_are_kept_and_counted(tmp_path):
    rows = [
        {ID: "ZY1", "主诉": "a", OTHERS: "J81.x00x002;E11.900"},
        {ID: "ZY2", "主诉": "b", OTHERS: "J81.x00x002;M54.500"},
    ]
    path = put(tmp_path, "a.json", as_json(rows))
    message = r"a\.json: 2 codes outside the candidate list of 其他诊断编码: J81\.x00x002 \(2\), M54\.500 \(1\)$"
    with pytest.warns(DataWarning, match=message) as caught:
        frame = read_records(path)
    assert len(caught) == 1 and frame[OTHERS].iloc[0] == ("J81.x00x002", "E11.900")


def test_repeated_main_code_is_kept_and_counted(tmp_path):
    rows = [{ID: "ZY1", "主诉": "a", MAIN: "I20.000", OTHERS: "I20.000;E11.900"}]
    path = put(tmp_path, "a.json", as_json(rows))
    with pytest.warns(DataWarning, match="1 record repeats 主诊断编码 among 其他诊断编码: ZY1"):
        assert read_records(path)[OTHERS].iloc[0] == ("I20.000", "E11.900")


def test_misspelt_text_field_is_pointed_out(tmp_path):
    path = put(tmp_path, "a.csv", f"{ID},主述,现病史\nZY1,a,b\n")
    with pytest.warns(DataWarning, match="no field 主诉; column 2 may be meant: name it 主诉"):
        read_records(path)


def test_extra_columns_are_ignored_silently(tmp_path):
    path = put(tmp_path, "a.csv", f"序号,{ID},主诉,科室,科室,\n1,ZY1,胸闷,a,b,\n")
    assert read_records(path).columns.tolist() == list(CCL25.text_fields)


# --- frames of one's own --------------------------------------------------------------


def test_check_frame_normalises_and_leaves_the_original_alone():
    own = pd.DataFrame(
        {
            ID: [1.0, 2.0, 3.0],
            "主诉": ["胸闷", np.nan, pd.NA],
            "年龄": [70, 71, 72],
            "主要诊断编码": ["i20.000", None, np.nan],
            OTHERS: ["E11.900; I49.900", ["K76.000"], None],
        }
    )
    before = own.copy(deep=True)
    checked = check_frame(own)
    assert checked.index.tolist() == ["1", "2", "3"]
    assert checked.columns.tolist() == [*CCL25.text_fields, MAIN, OTHERS]
    assert checked["主诉"].tolist() == ["胸闷", "", ""] and set(checked["家族史"]) == {""}
    assert checked[MAIN].tolist() == ["I20.000", None, None]
    assert checked[OTHERS].tolist() == [("E11.900", "I49.900"), ("K76.000",), None]
    pd.testing.assert_frame_equal(own, before)
    pd.testing.assert_frame_equal(check_frame(checked), checked)


@pytest.mark.parametrize("others", [("E11.900",), {"E11.900"}, np.array(["E11.900"]), pd.Series(["E11.900"])])
def test_check_frame_takes_any_collection_of_codes(others):
    own = pd.DataFrame({"主诉": ["a"], OTHERS: [others]}, index=["ZY1"])
    assert check_frame(own)[OTHERS].tolist() == [("E11.900",)]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ([1, 2], "DataFrame: got list instead of a DataFrame"),
        (pd.DataFrame({"主诉": ["a"]}), "DataFrame: field 病案标识: no record ids; name a column or the index"),
        (pd.DataFrame({"主诉": ["a"]}, index=pd.MultiIndex.from_tuples([(1, 2)])), "no record ids; name a column"),
        (pd.DataFrame({"主诉": ["a"]}, index=pd.Index(["x"], name="id")), "no record ids; name a column"),
        (pd.DataFrame({ID: [], "主诉": []}), "DataFrame: no record in the frame"),
        (pd.DataFrame({ID: ["a", "a"], "主诉": ["x", "y"]}), "the id occurs again, first in record number 1"),
        (pd.DataFrame({ID: ["a"], "主诉": [["x"]]}), "record a, field 主诉: a list instead of text"),
        (pd.DataFrame({ID: ["a"], "主述": ["x"]}), "none of the text fields is there; column 2 may be meant"),
        (pd.DataFrame([["a", "x", "y"]], columns=[ID, "主诉", "主诉"]), "field 主诉: the column occurs twice"),
    ],
)
def test_check_frame_says_what_is_wrong(own, message):
    with pytest.raises(DataError, match=message):
        check_frame(own)


def test_a_task_of_ones_own(tmp_path):
    task = replace(
        CCL25, id_field="id", text_fields=("symptoms",), targets=(Target("code", SINGLE, 1.0, ("no-icd", "M54")),)
    )
    path = put(tmp_path, "a.csv", "id,symptoms,code\n1,боль,NO-ICD\n2,кашель,m54\n")
    assert read_records(path, task)["code"].tolist() == ["no-icd", "M54"]


# --- round trips ----------------------------------------------------------------------

ids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20)
codes = st.sampled_from(CCL25.others.codes)
notes = st.one_of(
    st.text(max_size=40),
    st.sampled_from(['"', "=1+1", "#N/A", "_x000D_", "\r\n", "\ufeff", "a\u2028b", "'", "\t;,|", "\x0b", "𠮷", "nan"]),
    st.text(st.characters(categories=["Cs", "Cc"]), max_size=5),
)
rows = st.fixed_dictionaries(
    {
        "主诉": notes,
        "出院医嘱": notes,
        MAIN: st.none() | st.sampled_from(CCL25.main.codes),
        OTHERS: st.none() | st.lists(codes, unique=True, max_size=4).map(tuple),
    }
)


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv", ".tsv", ".xlsx"])
@settings(max_examples=30, deadline=None)
@given(data=st.lists(rows, min_size=1, max_size=4), names=st.lists(ids, min_size=4, max_size=4, unique=True))
def test_what_is_written_is_read_again(tmp_path_factory, ending, data, names):
    own = pd.DataFrame(data).assign(**{ID: names[: len(data)]})
    try:
        frame = check_frame(own)
    except DataError:
        reject()  # ids that are equal after trimming, or blank, or spell "nan"
    path = tmp_path_factory.getbasetemp() / f"round{ending}"
    write_records(frame, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        pd.testing.assert_frame_equal(read_records(path), frame)


def test_a_very_long_note_survives(frame, tmp_path):
    text = "".join(random.Random(0).choices('胸闷，\n"x', k=300_000))
    frame = check_frame(frame.assign(现病史=text))
    for ending in (".json", ".csv"):
        write_records(frame, tmp_path / f"long{ending}")
        pd.testing.assert_frame_equal(read_records(tmp_path / f"long{ending}"), frame)
