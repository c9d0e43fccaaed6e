"""Feed the readers of records and submissions with damaged files.

    python benchmarks/fuzz_readers.py [--inputs N] [--seconds S] [--seed N]

Good files of every format and encoding are damaged: bytes turned, cut, doubled
and spliced, values and names of JSON replaced, cells and parts of workbooks
changed, encodings mixed up.  Each input goes to one reader.  It must be read or
refused with an IcdbaseError; no message or warning may show the marker that
stands in every note; none may take longer than five seconds.  The last line
counts inputs and distinct outcomes.  Exit code 1 if anything else came out; the
inputs that did it are kept in --keep.
"""

import argparse
import copy
import io
import json
import random
import re
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
from openpyxl import Workbook

from icdbase.core.errors import DataError, IcdbaseError
from icdbase.records.records import check_frame, read_records
from icdbase.records.submissions import check_submission, read_submission
from icdbase.tasks.editions import CCL25

MARKER = "密语"
NOTE = f"{MARKER}，胸闷3天。{MARKER}，血钾3.1mmol/L；\n{MARKER}。"
SLOW = 5.0  # seconds
ID, MAIN, OTHERS, PREDICTION = CCL25.id_field, CCL25.main.name, CCL25.others.name, CCL25.prediction_field

TOKENS = (
    b'"', b",", b"\n", b"\r\n", b"{", b"}", b"[", b"]", b":", b";", b"|", b"\\", b"\\u", b"\\ud800", b"\xff", b"\0",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"NaN", b"null", b"1e999", b"-", b"0" * 400, b"[" * 2000, b"\t", b"PK\x03\x04",
    b"</c>", b"<row r=\"1048577\">", b"&#0;", b"&lol;", b"t=\"s\"", b"t=\"e\"", "；".encode(), "。".encode(), NOTE.encode(),
    "密".encode("gb18030"), "\u2028".encode(), b"\x1a", b"=1+1", b"'", b"<c r=\"ZZZ9\"><v>1</v></c>",
)  # fmt: skip
VALUES = (
    None, True, 7, 7.0, -1, 1e300, float("inf"), float("nan"), 10**30, "", " ", "nan", [], {}, [NOTE], {"a": NOTE}, [[1]],
    "I20.000", "i20.000；E11.900。", "I10.X00X032|", "[I20.000|E11.900]", "【i20.000｜】", "|", "||", "[]", "I10", NOTE, NOTE * 50,
    "\ud800", "\x00", "x" * 5000, "，" * 50, "=1", ["I20.000", None], [NOTE, 3], "2024-01-01", "1.0", "\ufeffZY1",
)  # fmt: skip
NAMES = (ID, MAIN, "主要诊断编码", OTHERS, PREDICTION, "主诉", "现病史", "主述", " 主诉", "\ufeff主诉", "", NOTE, "编号", "\ud800", "a")
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "big5", "cp1252")
ENDINGS = (".json", ".jsonl", ".csv", ".tsv", ".xlsx", ".txt", "")


def record(rng: random.Random, number: int) -> dict:
    row = {ID: f"ZY{number}", "主诉": NOTE, "现病史": NOTE * rng.randint(0, 3)}
    if rng.random() < 0.9:
        row |= {MAIN: rng.choice(CCL25.main.codes), OTHERS: rng.choice(["; ", "；"]).join(rng.sample(CCL25.others.codes, 3))}
    if rng.random() < 0.8:
        row |= {PREDICTION: f"[{rng.choice(CCL25.main.codes)}|{';'.join(rng.sample(CCL25.others.codes, 2))}]"}
    return row


def rows_of(rng: random.Random) -> list:
    """Some records, some of them changed in value or name."""
    rows = [record(rng, number) for number in range(rng.randint(1, 4))]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
        row = rng.choice(rows)
        if not isinstance(row, dict) or rng.random() < 0.1:
            rows[rng.randrange(len(rows))] = copy.deepcopy(rng.choice(VALUES))
        elif rng.random() < 0.7:
            row[rng.choice([*row, *NAMES])] = copy.deepcopy(rng.choice(VALUES))
        elif row:
            row[rng.choice(NAMES)] = row.pop(rng.choice(list(row)))
    return rows


def as_text(rng: random.Random, rows: list, layout: str) -> str:
    if layout == "array":
        return json.dumps(rows, ensure_ascii=rng.random() < 0.2, indent=rng.choice((None, 1)))
    if layout == "lines":
        return "\n".join(json.dumps(row, ensure_ascii=rng.random() < 0.2) for row in rows)
    columns = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    delimiter = rng.choice(",,\t;")
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows if isinstance(row, dict))]
    return "\n".join(delimiter.join('"' + str(cell).replace('"', '""') + '"' for cell in line) for line in lines)


def as_workbook(rng: random.Random, rows: list) -> bytes:
    """A workbook written by hand, so that anything may stand in it: openpyxl would refuse."""
    columns = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    lines = [columns, *([row.get(name) for name in columns] for row in rows if isinstance(row, dict))]
    sheet = ["<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"]
    for number, line in enumerate(lines, 1):
        sheet.append(f"<row r='{number}'>")
        for cell in line:
            text = str(cell).encode("ascii", "xmlcharrefreplace").decode() if rng.random() < 0.5 else str(cell)
            text = text.replace("<", "&lt;").encode("utf-8", "replace").decode()
            kind = rng.choice(("inlineStr", "inlineStr", "inlineStr", "n", "b", "s", "e", "d"))
            inner = f"<is><t>{text}</t></is>" if kind == "inlineStr" else f"<v>{text[:12]}</v>"
            sheet.append(f"<c t='{kind}'>{inner}</c>")
        sheet.append("</row>")
    return packed(BOOK | {"xl/worksheets/sheet1.xml": "".join([*sheet, "</sheetData></worksheet>"]).encode()})


def empty_book() -> dict[str, bytes]:
    book, file = Workbook(), io.BytesIO()
    book.active.append(["a"])
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


BOOK = empty_book()


def damaged(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 8))):
        at, size = rng.randint(0, len(data)), rng.choice((0, 1, 1, 2, 5, 40, 400))
        how = rng.randrange(5)
        if how == 0:
            data = data[:at] + rng.choice(TOKENS) + data[at:]
        elif how == 1:
            data = data[:at] + data[at + size :]
        elif how == 2:
            data = data[:at] + rng.choice(TOKENS) + data[at + size :]
        elif how == 3:
            data = data[:at] + data[at : at + size] * rng.choice((2, 3, 30)) + data[at + size :]
        elif data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    return data[: rng.randint(0, len(data))] if rng.random() < 0.1 else data


def new_input(rng: random.Random) -> tuple[bytes, str]:
    """Bytes of a file and the ending of its name."""
    rows, how = rows_of(rng), rng.random()
    if how < 0.1:
        data = as_workbook(rng, rows)
        if rng.random() < 0.5:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                parts = {name: archive.read(name) for name in archive.namelist()}
            name = rng.choice(list(parts))
            data = packed(parts | {name: damaged(rng, parts[name])})
        else:
            data = damaged(rng, data)
        return data, rng.choice((".xlsx", ".xlsx", ".xlsx", ".json"))
    layout, ending = rng.choice((("array", ".json"), ("array", ".json"), ("lines", ".jsonl"), ("table", ".csv"), ("table", ".tsv")))
    encoding = "utf-8" if rng.random() < 0.6 else rng.choice(ENCODINGS)
    data = as_text(rng, rows, layout).encode(encoding, "surrogatepass" if encoding.startswith("utf-") else "replace")
    return damaged(rng, data), ending if rng.random() < 0.8 else rng.choice(ENDINGS)


RECORDS = check_frame(
    pd.DataFrame({ID: [f"ZY{number}" for number in range(4)], "主诉": [NOTE] * 4})
)
READERS = {
    "read_records": read_records,
    "read_records, labels": lambda path: read_records(path, require_labels=True),
    "read_submission": read_submission,
    "check_submission": lambda path: check_submission(path, RECORDS),
}


def said(error: IcdbaseError) -> list[str]:
    problems = getattr(error, "problems", ())
    return [str(error), *map(str, problems)]


def outcome(path: Path, reader: str) -> tuple[str, list[str]]:
    """Return a name of what came out, and all that was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = READERS[reader](path)
            texts = [str(problem) for problem in result] if isinstance(result, list) else []
            name = "problems: " + template(texts[0]) if texts else "read"
        except IcdbaseError as error:
            texts = said(error)
            name = f"{type(error).__name__}: " + template(str(error.problems[0]) if isinstance(error, DataError) else texts[0])
    texts += [str(warning.message) for warning in caught]
    return f"{reader}: {name}", texts


def template(message: str) -> str:
    """What is left of a message without places, numbers and codes: its kind."""
    message = re.sub(r"record [^,:]*", "record", message)
    return re.sub(r"'[^']*'|\(.*?\)|[\d.]+|[A-Z]\S*\d\S*", "_", message)[:120]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1200, help="stop after so long, whatever the number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="folder for the inputs that did harm")
    args = parser.parse_args()
    start, found, failures, slowest, count = time.monotonic(), Counter(), Counter(), 0.0, 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        for count in range(1, args.inputs + 1):
            rng = random.Random(f"{args.seed}-{count}")
            data, ending = new_input(rng)
            reader = rng.choice(list(READERS))
            path = Path(folder) / f"input{ending}"
            path.write_bytes(data)
            begin = time.process_time()
            try:
                name, texts = outcome(path, reader)
                trouble = "leak" if any(MARKER in text for text in texts) else ""
            except Exception as error:
                trouble = f"{type(error).__name__} at {traceback.extract_tb(error.__traceback__)[-1].name}"
                name = f"{reader}: {trouble}"
            took = time.process_time() - begin
            slowest = max(slowest, took)
            trouble = trouble or ("slow" if took > SLOW else "")
            found[name] += 1
            if trouble:
                failures[trouble] += 1
                args.keep.mkdir(parents=True, exist_ok=True)
                (args.keep / f"{re.sub(r'[^A-Za-z]+', '-', trouble)}-{args.seed}-{count}{ending}").write_bytes(data)
                if failures[trouble] <= 3:
                    print(f"input {count}, {reader}: {trouble}", file=sys.stderr)
            path.unlink()
            if time.monotonic() - start > args.seconds:
                break
    for name, times in failures.most_common():
        print(f"{times:,} times {name}")
    read = sum(times for name, times in found.items() if name.endswith(": read"))
    print(f"seed {args.seed}: {count:,} inputs in {time.monotonic() - start:.0f} s, {read:,} read, {count - read:,} refused,"
          f" {len(found):,} distinct outcomes, slowest {slowest:.2f} s of CPU, {sum(failures.values()):,} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
