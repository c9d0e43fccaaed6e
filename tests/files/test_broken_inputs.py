"""Broken files: each is refused with file, record, field and remedy, and without the note.

Every note here holds the canary; no message may.
"""

import io
import json
import os
import warnings
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icdbase.core.errors import DataError, DataWarning, Problem, grouped
from icdbase.records.records import read_records, write_records
from icdbase.records.submissions import check_submission, read_submission, write_submission
from icdbase.records.task_proposal import propose_task
from icdbase.tasks.editions import CCL25

ID, MAIN, OTHERS, PREDICTION = CCL25.id_field, CCL25.main.name, CCL25.others.name, CCL25.prediction_field
CANARY = "金丝雀"
NOTE = f"{CANARY}胸闷3天"


def record(name="ZY1", **fields):
    return {ID: name, "主诉": NOTE, MAIN: "I20.000", OTHERS: "E11.900", **fields}


def as_json(*rows):
    return json.dumps(rows, ensure_ascii=False, indent=1)


def workbook(*rows):
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def archive(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name in names:
            packed.writestr(name, NOTE)
    return file.getvalue()


WHOLE = as_json(record("ZY1"), record("ZY2"), record("ZY3"))
HEADER = f"{ID},主诉,{MAIN},{OTHERS}\n"
ROW = f"ZY1,{NOTE},I20.000,E11.900\n"

# name of the file: content, and what the message must hold (place, rule, remedy)
BROKEN = {
    # no file to speak of
    "empty.json": ("", ["the file is empty", "saved completely"]),
    "blank.csv": (" \n\r\n", ["the file is empty"]),
    "only_mark.json": (b"\xef\xbb\xbf", ["the file is empty"]),
    "no_record.json": ("[]", ["no record in the file", "right file"]),
    "only_header.csv": (HEADER, ["only a header, no record", "saved completely"]),
    "only_header.xlsx": (workbook([ID, "主诉"]), ["only a header, no record"]),
    "empty.xlsx": (workbook(), ["no record in the file"]),
    # no text
    "word.docx": (archive("word/document.xml"), ["this is a Word document", "JSON, CSV or .xlsx"]),
    "packed.json": (archive("train.json"), ["this is a zip archive"]),
    "cut.xlsx": (workbook([ID, "主诉"], ["ZY1", NOTE])[:900], ["damaged workbook", "again"]),
    "hollow.xlsx": (archive("xl/workbook.xml"), ["the workbook cannot be opened", "save it again"]),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ["Office file (.xls, .doc)", "save it as .xlsx"]),
    "paper.pdf": (b"%PDF-1.7\n" + NOTE.encode(), ["this is a PDF"]),
    "train.json.gz": (b"\x1f\x8b\x08\x00" + NOTE.encode(), ["a gzip archive", "unpack it first"]),
    "nul.csv": ((HEADER + ROW).encode() + b"\0\0", ["NUL byte at byte offset", "UTF-8"]),
    "nul16.csv": ((HEADER + ROW + "\0").encode("utf-16"), ["NUL byte in line 3", "again"]),
    "bytes.csv": (
        (HEADER + ROW).encode("gb18030") + b"\xff\xff",
        ["nor GB18030 (byte offset ", "save the file as UTF-8"],
    ),
    "damaged.csv": ((HEADER + ROW).encode() + b"\xe9\x87\n", ["damaged UTF-8 at byte offset ", "again"]),
    "damaged_mark.json": (b"\xef\xbb\xbf[\xff]", ["marked as UTF-8 but damaged at byte offset 4"]),
    "half.json": (WHOLE.encode("utf-16")[:-1], ["marked as UTF-16-LE but damaged at byte offset"]),
    # JSON
    "cut.json": (WHOLE[:-40], ["record number 3", "malformed JSON at line 17 column", "ends too early", "cut off"]),
    "cut_at_text.json": (WHOLE[:40], ["record number 1", "line 4 column", "ends too early"]),
    "comma.json": (WHOLE.replace("},", "}", 1), ["malformed JSON at line 8 column 2", "repair this place"]),
    "quote.json": (WHOLE.replace("胸闷", '"胸闷', 1), ["record number 1", "malformed JSON at line 4 column"]),
    "object.json": (json.dumps(record()), ["a JSON object instead of an array", "wrap it in [ ]", ".jsonl"]),
    "wrapped.json": ('{"data": ' + WHOLE + "}", ["a JSON object instead of an array", "[ {...}, {...} ]"]),
    "numbers.json": ('[1, "' + NOTE + '", null]', ["record number 2: a text instead of an object", "3 problems"]),
    "nested.json": ("[" * 100_000, ["JSON nested too deeply", "flat objects"]),
    "text.json": (NOTE, ["starts with neither [ nor {", "name the file .csv"]),
    "twice.json": (WHOLE.replace('"主诉"', f'"主诉": "{NOTE}", "主诉"', 1), ["number 1, field 主诉: the field occurs"]),
    "line.jsonl": (
        json.dumps(record("ZY1")) + "\n" + '{"主诉": "' + NOTE + "\n" + json.dumps(record("ZY1")) + "\n[]\n",
        ["record number 2: malformed JSON at line 2 column 8", "record number 4: a list", "record ZY1 (number 3)"],
    ),
    # tables
    "ragged.csv": (
        HEADER + "ZY0,,,\n" + f"ZY1,{NOTE},{NOTE},I20.000,E11.900\n",
        ["number 2: line 3 has 5 cells, the header 4"],
    ),
    "short.csv": (HEADER + ROW + f"ZY2,{NOTE}\n", ["record number 2: line 3 has 2 cells", "quote cells"]),
    "quote.csv": (
        HEADER + f'ZY1,"{NOTE},I20.000,E11.900\n',
        ["number 1: the quote opened in the row that starts at line 2"],
    ),
    "quotes.csv": (HEADER + f'ZY1,"{NOTE}"胸痛",I20.000,E11.900\n', ["malformed CSV in the row that starts at line 2"]),
    "columns.csv": (f"{ID},主诉,主诉\nZY1,{NOTE},{NOTE}\n", ["field 主诉: the column occurs twice; keep one"]),
    "columns.xlsx": (workbook([ID, "主诉", " 主诉"], ["ZY1", NOTE, NOTE]), ["field 主诉: the column occurs twice"]),
    "no_header.csv": (ROW + ROW, ["none of the text fields is there", "in the first line"]),
    "title.csv": (
        f"{CANARY}科病案,,,\n{HEADER}{ROW}",
        ["the header is in line 2, not in the first; delete what is above it"],
    ),
    "title.tsv": (f"{CANARY}科\n\n" + (HEADER + ROW).replace(",", "\t"), ["the header is in line 3, not in the first"]),
    "title.xlsx": (
        workbook([f"{CANARY}科"], ["2025年"], [ID, "主诉"], ["ZY1", NOTE]),
        ["the header is in row 3, not in the first; delete what is above it"],
    ),
    "near_key.json": (
        as_json({"序号": 1, "科室": "x", ID: "ZY1", "主述": NOTE}),
        ["none of the text fields is there; the field '主述' may be meant: name it 主诉"],
    ),
    "near_header.csv": (f"{ID},主述\nZY1,{NOTE}\n", ["none of the text fields", "column 2 may be meant: name it 主诉"]),
    "other.json": (as_json({ID: "ZY1", NOTE: NOTE}), ["none of the text fields is there; name the columns 主诉"]),
    # ids
    "no_id.json": (as_json({"主诉": NOTE}), ["field 病案标识: the id is missing, for there is no such column; give every"]),
    "id_by_another_name.json": (
        as_json({"住院号": "1", "主诉": NOTE}, {"住院号": "2", "主诉": NOTE}),
        ["field 病案标识: the id is missing, for there is no such column; the field '住院号' may be meant: name it 病案标识"],
    ),
    "id_by_another_name.csv": (
        f"序号,patient_id,主诉\n1,ZY1,{NOTE}\n2,ZY2,{NOTE}\n",
        ["no such column; column 1 or column 2 may be meant: name it 病案标识"],
    ),
    "rounded_id.csv": (
        HEADER + "".join(f"2.025E+14,{NOTE},I20.000,E11.900\n" for _ in range(9)),
        ["field 病案标识: the id is a rounded number: 2.025E+14: 9 records, e.g. number 1", "as text; leave no record out"],
    ),
    "rounded_id.xlsx": (
        workbook([ID, "主诉"], [202501010000001230.0, NOTE], [202501010000001230.0, NOTE]),
        ["the id is a rounded number: 2025010100000012", "a spreadsheet has shortened it"],
    ),
    "null_id.json": (as_json(record(None)), ["record number 1, field 病案标识: the id is missing"]),
    "list_id.json": (as_json(record([NOTE])), ["record number 1, field 病案标识: a list instead of an id"]),
    "same_id.json": (as_json(record(), record()), ["record ZY1 (number 2)", "first in record number 1", "keep one of"]),
    "text_ids.json": (
        as_json(record(NOTE + "。"), record(NOTE + "。")),
        ["record number 2, field 病案标识: the id occurs again"],
    ),
    "broken_id.json": (
        as_json(record("ZY1")).replace("ZY1", "ZY\\ud800"),
        ["field 病案标识: the id holds a broken char"],
    ),
    # fields
    "list.json": (as_json(record(现病史=[NOTE])), ["record ZY1, field 现病史: a list instead of text; join its items"]),
    "dict.json": (as_json(record(现病史={"a": NOTE})), ["record ZY1, field 现病史: an object instead of text"]),
    "names.json": (
        as_json(record(**{OTHERS: f"E11.900;{NOTE}"})),
        ["ZY1, field 其他诊断编码: a text of 7 characters is no ICD code"],
    ),
    "swapped.json": (
        as_json(record(**{MAIN: NOTE})),
        ["ZY1, field 主诊断编码: a text of 7 characters is no ICD code; write ICD"],
    ),
    "malformed.json": (as_json(record(**{OTHERS: "E11.9000000"})), ["'E11.9000000' is no ICD code"]),
    "label_object.json": (as_json(record(**{MAIN: {"a": NOTE}})), ["field 主诊断编码: an object is no ICD code"]),
    "label_number.json": (as_json(record(**{OTHERS: [12, NOTE]})), ["'12' is no ICD code", "2 problems"]),
    "mains.json": (
        as_json(record(**{MAIN: "I20.000;I21.401"})),
        ["field 主诊断编码: 2 codes where one", "move the others"],
    ),
    "two_mains.json": (
        as_json(record(主要诊断编码="I21.401")),
        ["主诊断编码 and 主要诊断编码 hold different codes", "keep the right"],
    ),
}


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def check_message(error, path, parts):
    message = str(error)
    assert error.exit_code == 1
    assert message.startswith(f"{path}: ")
    assert CANARY not in message and all(CANARY not in str(problem) for problem in error.problems)
    for part in parts:
        assert part in message
    assert all(problem.remedy for problem in error.problems)


def test_there_are_enough_of_them():
    assert len(BROKEN) > 30 and all(parts for _, parts in BROKEN.values())


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused(tmp_path, name):
    content, parts = BROKEN[name]
    path = put(tmp_path, name, content)
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
        read_records(path, require_labels=False)
    check_message(caught.value, path, parts)
    assert list(tmp_path.iterdir()) == [path]


SUBMISSION_FAULTS = [name for name, (_, parts) in BROKEN.items() if not any("field" in part for part in parts)]


@pytest.mark.parametrize("name", SUBMISSION_FAULTS)
def test_broken_submission_is_refused(tmp_path, name):
    path = put(tmp_path, name, BROKEN[name][0])
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
        read_submission(path)
    check_message(caught.value, path, [])
    problems = check_submission(path, pd.DataFrame({ID: ["ZY1"], "主诉": [NOTE]}))
    assert problems and not any(CANARY in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (NOTE, "0 signs | instead of 1; write [A|B;C]"),
        (f"[{NOTE}|E11.900]", "a text of 7 characters is no code for 主诊断编码"),
        (f"[I20.000|{NOTE};{NOTE}a]", "a text of 8 characters is no code for 其他诊断编码"),
        ([NOTE], "a list instead of text"),
        (None, "the prediction is missing"),
    ],
)
def test_broken_prediction_is_refused(tmp_path, value, part):
    path = put(tmp_path, "pred.json", as_json({ID: "ZY1", PREDICTION: value}))
    with pytest.raises(DataError, match=r"pred\.json: (record ZY1, field 预测结果: |2 problems)") as caught:
        read_submission(path)
    check_message(caught.value, path, [part, "record ZY1, field 预测结果"])


def test_all_problems_come_at_once_grouped_and_up_to_a_limit(tmp_path):
    rows = [record(f"ZY{number}", **{MAIN: NOTE}) for number in range(30)]
    path = put(tmp_path, "many.json", as_json(*rows, "text", record("ZY0", 主诉=[NOTE])))
    with pytest.raises(DataError, match=r"many\.json: 33 problems") as caught:
        read_records(path)
    grouped = "  - field 主诊断编码: a text of 7 characters is no ICD code: 30 records, e.g. ZY0, ZY1, ZY2; write ICD"
    check_message(caught.value, path, ["  - record number 31: a text instead", grouped])
    assert str(caught.value).index("number 31") < str(caught.value).index("30 records")
    assert len(caught.value.problems) == 33

    many_kinds = [Problem("a list instead of text", "ZY1", f"field{'x' * number}") for number in range(33)]
    assert "... and 13 more" in str(DataError("a.json", many_kinds))


def test_problems_are_grouped_by_rule_and_the_rare_one_comes_first():
    brackets = [Problem("the brackets [ ] are missing", f"ZY{n}", PREDICTION, f"write [I{n:02}.000|]") for n in range(482)]
    codes = [Problem(f"'I10.{n}999' is no ICD code", f"ZY{n}", MAIN, "write ICD codes") for n in range(4)]
    rare = [Problem("3 of 485 records have no prediction: ZY482, ZY483, ZY484", field=ID, remedy="predict every record")]
    assert grouped([*brackets, *codes, *rare]) == [
        "field 病案标识: 3 of 485 records have no prediction: ZY482, ZY483, ZY484; predict every record",
        "field 主诊断编码: 4 records, e.g. ZY0: 'I10.0999' is no ICD code, ZY1: 'I10.1999' is no ICD code, "
        "ZY2: 'I10.2999' is no ICD code; write ICD codes",
        "field 预测结果: the brackets [ ] are missing: 482 records, e.g. ZY0, ZY1, ZY2; write [I00.000|]",
    ]
    assert grouped(codes[:3]) == list(map(str, codes[:3]))


def test_records_without_labels_where_training_needs_them(tmp_path):
    path = put(tmp_path, "a.json", as_json(record(), record("ZY2", **{MAIN: None}), record("ZY3", **{OTHERS: "null"})))
    read_records(path)
    with pytest.raises(DataError, match=r"a\.json: 2 problems") as caught:
        read_records(path, require_labels=True)
    parts = ["record ZY2, field 主诊断编码: the label is missing; add the code", "record ZY3, field 其他诊断编码"]
    check_message(caught.value, path, parts)


def test_a_file_without_label_columns_where_training_needs_them(tmp_path):
    path = put(tmp_path, "a.csv", f"{ID},主诉,主诊断代码\nZY1,{NOTE},I20.000\n")
    read_records(path)
    with pytest.raises(DataError, match=r"a\.csv: 2 problems") as caught:
        read_records(path, require_labels=True)
    parts = [
        "field 主诊断编码: the label column is missing; column 3 may be meant: name it 主诊断编码",
        "field 其他诊断编码: the label column is missing; add the label column 其他诊断编码",
    ]
    check_message(caught.value, path, parts)


def test_a_label_column_is_called_as_the_file_calls_it(tmp_path):
    path = put(tmp_path, "a.csv", f"{ID},主诉,主要诊断编码,{OTHERS}\nZY1,{NOTE},,\nZY2,{NOTE},I20.000,\n")
    with pytest.raises(DataError) as caught:
        read_records(path, require_labels=True)
    assert [(problem.record, problem.field) for problem in caught.value.problems] == [("ZY1", "主要诊断编码"), ("ZY1", OTHERS)]
    path = put(tmp_path, "b.csv", f"{ID},主诉,主要诊断编码\nZY1,{NOTE},I25.103\n")
    with pytest.warns(DataWarning, match="outside the candidate list of 主要诊断编码: I25.103"):
        read_records(path)


def test_only_the_missing_id_column_is_named_not_each_record(tmp_path):
    path = put(tmp_path, "a.json", as_json(*({"主诉": NOTE} for _ in range(30))))
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert len(caught.value.problems) == 1


def test_a_title_above_the_header_is_named_whatever_the_columns(tmp_path):
    path = put(tmp_path, "t.csv", "our visits,,\nvisit,complaint,code\nv1,fever,J11.1\nv2,cough,R05\n")
    with pytest.raises(DataError, match="the header is in line 2, not in the first"):
        propose_task(path)


SEEDS = (
    WHOLE.encode(),
    WHOLE.encode("gb18030"),
    "\n".join(json.dumps(record(name), ensure_ascii=False) for name in "ab").encode(),
    (HEADER + ROW + ROW.replace("ZY1", "ZY2").replace(NOTE, f'"{NOTE}\n"')).encode(),
    workbook(list(record()), list(record().values())),
)
PIECES = (b'"', b",", b"\n", b"{", b"}", b"[", b"]", b"\xff", b"\0", b"\\", b";", b"1e9", b"NaN", b"\\ud800", b"\xe9")


@settings(max_examples=300, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES)), min_size=1, max_size=4),
)
def test_whatever_the_damage_no_note_is_shown(tmp_path_factory, seed, damage):
    for place, cut, piece in damage:
        start = int(place * len(seed))
        seed = seed[:start] + piece + seed[start + cut :]
    path = put(tmp_path_factory.getbasetemp(), "damaged", seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            read_records(path)
        except DataError as error:
            check_message(error, path, [])
    assert not any(CANARY in str(warning.message) for warning in caught)


# --- places ---------------------------------------------------------------------------


def test_a_path_that_is_not_there(tmp_path):
    put(tmp_path, "ICD-Coding-train.json", WHOLE)
    path = tmp_path / "ICD-coding-train.json"
    with pytest.raises(DataError, match=r"no such file; check the path; did you mean 'ICD-Coding-train\.json'\?"):
        read_records(path)
    with pytest.raises(DataError, match=r"no such file; check the path; the folder .* is not there either"):
        read_records(tmp_path / "nowhere" / "a.json")


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match="this is a folder, not a file; name the file inside it"):
        read_records(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = put(tmp_path, "a.json", WHOLE)
    path.chmod(0)
    with pytest.raises(DataError, match="no permission to read the file"):
        read_records(path)


def test_no_permission_whoever_runs_this(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(DataError, match="no permission to read the file; ask its owner"):
        read_records(tmp_path / "a.json")


# --- writers leave nothing behind -----------------------------------------------------


@pytest.fixture
def frame(tmp_path_factory):
    path = put(tmp_path_factory.mktemp("good"), "good.json", WHOLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_records(path)


class DiskFull(OSError):
    def __init__(self):
        super().__init__(28, "No space left on device")


def fail_midway(monkeypatch, error):
    """Let every writer fail after its first bytes."""

    def write(file, *args):
        file.write(b"half" if "b" in file.mode else "half")
        raise error

    monkeypatch.setattr("icdbase.files.rows._write", write)


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv", ".tsv", ".xlsx"])
@pytest.mark.parametrize("write", [write_records, write_submission])
def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch, frame, write, ending):
    path = put(tmp_path, f"out{ending}", "old")
    fail_midway(monkeypatch, DiskFull())
    with pytest.raises(DataError, match=r"the file cannot be written \(No space left on device\); check the folder"):
        write(frame, path)
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "old"


@pytest.mark.parametrize("write", [write_records, write_submission])
def test_an_interruption_leaves_nothing(tmp_path, monkeypatch, frame, write):
    fail_midway(monkeypatch, KeyboardInterrupt("Ctrl-C"))
    with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
        write(frame, tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_records, write_submission])
def test_a_folder_in_the_way(tmp_path, frame, write):
    (tmp_path / "out.json").mkdir()
    with pytest.raises(DataError, match=r"out\.json: the file cannot be written \("):
        write(frame, tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_bad_label_is_told_once(tmp_path):
    path = tmp_path / "named.json"
    path.write_text(as_json(record(**{MAIN: "高血压"})), encoding="utf-8")
    with pytest.raises(DataError, match="is no ICD code") as caught:
        read_records(path, require_labels=True)
    assert "the label is missing" not in str(caught.value)


def test_what_excel_cannot_hold(tmp_path, frame):
    long = frame.assign(现病史=NOTE * 5_000)
    with pytest.raises(DataError, match="35000 characters do not fit into an Excel cell, the limit is 32767"):
        write_records(long, tmp_path / "out.xlsx")
    with pytest.raises(DataError, match=r"old Excel files cannot be written; name the file \.xlsx"):
        write_records(frame, tmp_path / "out.xls")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_frame_is_not_written(tmp_path, frame):
    with pytest.raises(
        DataError, match="record ZY1, field 主诊断编码: a text of 7 characters is no ICD code"
    ) as caught:
        write_records(frame.assign(**{MAIN: NOTE}), tmp_path / "out.json")
    check_message(caught.value, "DataFrame", ["3 problems"])
    assert list(tmp_path.iterdir()) == []


def test_a_note_where_the_id_belongs_is_shown_by_nobody():
    """In a shifted table the notes are ids; what is said later of the records does not show them."""
    from icdbase import IcdCoder, score
    from icdbase.records.checks import main_repeated

    note = f"{NOTE}，{CANARY}。"
    frame = pd.DataFrame({MAIN: ["I20.000"], OTHERS: [("I20.000",)]}, index=pd.Index([note], name=ID))
    assert main_repeated(frame, CCL25) == [f"1 record repeats {MAIN} among {OTHERS}: number 1"]
    unlabelled = frame.assign(**{MAIN: [None], "主诉": NOTE})
    for refused in (
        lambda: score(frame, frame.set_axis(["ZY1"]).rename_axis(ID)),
        lambda: score(unlabelled, frame),
        lambda: score(frame, frame.assign(**{MAIN: [7]})),
        lambda: score(frame, pd.concat([frame, frame])),
        lambda: IcdCoder().fit(unlabelled),
    ):
        with pytest.raises(DataError, match=r"\(a text\)") as caught:
            refused()
        assert CANARY not in str(caught.value)
