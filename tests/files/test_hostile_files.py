"""Files made to harm: small ones that unpack to large ones, and texts that might take for ever."""

import importlib
import io
import json
import os
import pkgutil
import re
import subprocess
import sys
import zipfile

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

import icdbase
from icdbase.core.errors import DataError
from icdbase.core.terminal import exit_on_error
from icdbase.files import workbooks
from icdbase.files.rows import read_rows
from icdbase.records.records import read_records
from icdbase.tasks.editions import CCL25

HEAD = "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"
TAIL = "</sheetData></worksheet>"
HEADER = "".join(f"<c t='inlineStr'><is><t>{name}</t></is></c>" for name in (CCL25.id_field, "主诉"))


def workbook(path, rows, before=""):
    from openpyxl import Workbook

    file = io.BytesIO()
    Workbook().save(file)
    with zipfile.ZipFile(file) as book, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as hostile:
        for name in book.namelist():
            sheet = f"{before}{HEAD}<row r='1'>{HEADER}</row>{rows}{TAIL}"
            hostile.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else book.read(name))
    return path


ENTITIES = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))


@pytest.mark.parametrize(
    ("rows", "before", "message"),
    [
        ("<row r='999999999'><c><v>1</v></c></row>", "", "more than 500 rows"),
        ("<row r='2'><c r='ZZZ2'><v>1</v></c></row>", "", "more than 4,096 columns"),
        ("".join(f"<row r='{n}'><c r='AA{n}'><v>1</v></c></row>" for n in range(2, 400)), "", "more than 5,000 cells"),
        (" " * 3_000_000, "", "unpacks to more than 2,000,000 bytes"),
        ("<row><c t='inlineStr'><is><t>&a9;</t></is></c></row>", f"<!DOCTYPE a [<!ENTITY a0 'aaaaaaaaaa'>{ENTITIES}]>",
         "cannot be opened"),
        ("<row><c t='inlineStr'><is><t>&a;</t></is></c></row>", "<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
         "cannot be opened"),
    ],
    ids=["far row", "wide row", "many cells", "bomb", "entities of entities", "entity of a file"],
)  # fmt: skip
def test_a_workbook_that_unpacks_to_too_much(tmp_path, monkeypatch, rows, before, message):
    monkeypatch.setattr(workbooks, "MAX_ROWS", 500)
    monkeypatch.setattr(workbooks, "MAX_CELLS", 5_000)
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 2_000_000)
    path = workbook(tmp_path / "a.xlsx", rows, before)
    assert path.stat().st_size < 20_000
    with pytest.raises(DataError, match=f"the workbook .*{message}"):
        read_records(path)


def test_a_small_workbook_that_unpacks_to_a_large_one(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "FREE_RATIO", 100_000)
    path = workbook(tmp_path / "a.xlsx", "<row/>" * 200_000)
    with pytest.raises(DataError, match=f"the workbook unpacks to more than {100 * path.stat().st_size:,} bytes; save its"):
        read_records(path)


def test_links_to_other_files_are_not_followed(tmp_path):
    link = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    path = workbook(tmp_path / "a.xlsx", "<row><c t='inlineStr'><is><t>1</t></is></c><c t='inlineStr'><is><t>胸闷</t></is></c></row>")
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    reference = f"<externalReferences><externalReference xmlns:r='{link}' r:id='rId9'/></externalReferences><calcPr"
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(b"<calcPr", reference.encode())
    target = f"<Relationship Id='rId9' Type='{link}/externalLink' Target='file:///etc/passwd' TargetMode='External'/></Relationships>"
    name = "xl/_rels/workbook.xml.rels"
    parts[name] = parts[name].replace(b"</Relationships>", target.encode())
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    assert read_records(path)["主诉"].tolist() == ["胸闷"]


@pytest.mark.parametrize("place", ["openpyxl.load_workbook", "pathlib.Path.read_bytes"])
def test_too_little_memory_is_no_damage(tmp_path, monkeypatch, place):
    path = workbook(tmp_path / "a.xlsx", "")

    def too_large(*_, **__):
        raise MemoryError

    monkeypatch.setattr(place, too_large)
    with pytest.raises(DataError, match="not enough memory to"):
        read_records(path)


@pytest.mark.parametrize(("error", "what"), [
    (MemoryError, "not enough memory"), (TerminatedWorkerError, "a worker process was killed, mostly for memory"),
])  # fmt: skip
def test_too_little_memory_anywhere_else(capsys, error, what):
    with pytest.raises(SystemExit) as caught, exit_on_error():
        raise error
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {what}; close other programs, or give --n-jobs 1")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of addresses is Linux's")
def test_a_real_limit_of_memory(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    code = "import resource, sys, icdbase.cli.main as c; resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20)); c.main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "score", f"--gold={path}", f"--pred={path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    assert (done.returncode, done.stderr) == (1, f"error: {path}: not enough memory to read the file; split it, or close other programs\n")


def test_a_wide_row_far_down_does_not_widen_the_others(tmp_path):
    rows = "".join(f"<row r='{n}'><c t='inlineStr'><is><t>ZY{n}</t></is></c></row>" for n in range(2, 50))
    path = workbook(tmp_path / "a.xlsx", rows + "<row r='50'><c r='AZ50'><v>1</v></c></row>")
    read = read_rows(path, [CCL25.id_field, "主诉"])
    assert [len(row) for _, row in read.records] == [2] * 48
    assert "row 50 has 52 cells, the header 2" in str(read.problems[0])


class Counted(str):
    """A name that counts how often it is compared."""

    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.comparisons += 1
        return str.__eq__(self, other)


def test_repeated_names_are_found_in_one_pass(monkeypatch):
    from icdbase.files import json_rows

    monkeypatch.setattr(json_rows, "clean_name", Counted)
    pairs = [(f"name{number}", 1) for number in range(300)] * 2
    assert len(json_rows._as_object(pairs).twice) == 300
    assert Counted.comparisons < 10 * len(pairs)


def test_thousands_of_columns_are_not_all_compared(tmp_path, monkeypatch):
    from icdbase.records import checks

    asked = []
    monkeypatch.setattr(checks.difflib, "get_close_matches", lambda *args, **_: asked.append(args) or [])
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{CCL25.id_field: "1", "主诉": ""} | {f"c{n}": 1 for n in range(3000)}]), encoding="utf-8")
    read_records(path)
    assert 0 < len(asked) <= len(CCL25.text_fields) * checks._COMPARED


# --- no pattern can run away ----------------------------------------------------------

def patterns():
    for module in pkgutil.walk_packages(icdbase.__path__, "icdbase."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name.removeprefix('icdbase.')}.{name}", value


def repetitions(parsed, inside=0):
    """Yield how deep each repetition without limit lies in others."""
    parser = re._parser if sys.version_info >= (3, 11) else importlib.import_module("sre_parse")
    for op, argument in parsed:
        here = inside
        if str(op) in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            here += argument[1] == parser.MAXREPEAT
            if here > inside:
                yield here
        for item in argument if isinstance(argument, tuple | list) else (argument,):
            branches = item if isinstance(item, list) else [item]
            for branch in branches:
                if isinstance(branch, parser.SubPattern):
                    yield from repetitions(branch, here)


def test_no_repetition_stands_in_a_repetition():
    """(a+)+b takes exponential time; here is none, but for the masks, behind which nothing can fail."""
    parser = re._parser if sys.version_info >= (3, 11) else importlib.import_module("sre_parse")
    found = dict(patterns())
    assert len(found) > 30
    nested = {name for name, value in found.items() if max(repetitions(parser.parse(value.pattern)), default=0) > 1}
    assert nested == {"text.normalization._MASK"}
    assert found["text.normalization._MASK"].pattern.endswith(")+")
