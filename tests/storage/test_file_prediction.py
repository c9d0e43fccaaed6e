"""Long files: read in parts, predicted in batches, gone on with after a kill; the output is always the same."""

import errno
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
import sklearn.base
from hypothesis import given, settings
from hypothesis import strategies as st

import icdbase
from icdbase.clinical.measurements.finder import find_measurements
from icdbase.core.errors import DataError, DataWarning, UsageError
from icdbase.features import counts as counting
from icdbase.files import json_streams
from icdbase.files.json_streams import is_stream
from icdbase.records.batches import RecordBatches
from icdbase.records.frames import FRAME
from icdbase.storage import file_prediction
from icdbase.tasks.editions import CCL25
from icdbase.text.normalization import normalize


@pytest.fixture
def long_files(monkeypatch):
    """Every file is long, and read in blocks of some characters."""
    monkeypatch.setattr(json_streams, "SHORT", 0)
    monkeypatch.setattr(json_streams, "_BLOCK", 37)


@pytest.fixture(scope="module")
def job(tmp_path_factory, plain_coder, held_out):
    """A model folder, a file of records, and what the one-shot path predicts for it."""
    folder = tmp_path_factory.mktemp("bulk")
    icdbase.save(plain_coder, folder / "model")
    icdbase.write_records(held_out, folder / "in.json")
    icdbase.write_submission(plain_coder.predict(held_out), folder / "expected.json")
    return folder


def run(job, out, size, n_jobs=1, name="in.json"):
    return icdbase.predict_file(job / "model", job / name, out, batch_size=size, n_jobs=n_jobs)


@pytest.mark.parametrize("size", [7, 500])
def test_the_output_does_not_depend_on_the_batch_size(job, tmp_path, long_files, size):
    assert run(job, tmp_path / "pred.json", size) == 50
    assert (tmp_path / "pred.json").read_bytes() == (job / "expected.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["pred.json"]


def test_nor_on_processes(job, tmp_path, monkeypatch):
    monkeypatch.setattr(file_prediction, "MIN_RECORDS_FOR_PROCESSES", 10)
    run(job, tmp_path / "pred.json", 20, n_jobs=2)
    assert (tmp_path / "pred.json").read_bytes() == (job / "expected.json").read_bytes()


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_other_formats_of_input_and_output(job, tmp_path, long_files, held_out, plain_coder, ending):
    icdbase.write_records(held_out, job / f"in.{ending}")
    assert is_stream(job / f"in.{ending}") == (ending == "jsonl")
    run(job, tmp_path / f"pred.{ending}", 7, name=f"in.{ending}")
    icdbase.write_submission(plain_coder.predict(held_out), tmp_path / f"expected.{ending}")
    assert (tmp_path / f"pred.{ending}").read_bytes() == (tmp_path / f"expected.{ending}").read_bytes()


def test_probabilities_do_not_depend_on_order_or_company(coder, held_out):
    whole = coder.predict_proba(held_out)
    backwards = coder.predict_proba(held_out[::-1])
    alone = [coder.predict_proba(held_out.iloc[[row]]) for row in range(5)]
    for target, p in whole.items():
        assert (backwards[target][::-1].to_numpy() == p.to_numpy()).all()
        assert (pd.concat([single[target] for single in alone]).to_numpy() == p.iloc[:5].to_numpy()).all()


def test_counting_does_not_depend_on_processes(coder, held_out, monkeypatch):
    alone = coder.count(held_out)
    monkeypatch.setattr(counting, "MIN_RECORDS_FOR_PROCESSES", 10)
    monkeypatch.setattr(counting, "_CHUNK", 7)
    together = sklearn.base.clone(coder).set_params(n_jobs=2).count(held_out)
    assert together.words.names.tolist() == alone.words.names.tolist()
    assert together.labels.equals(alone.labels)
    assert together.labels.index.dtype == alone.labels.index.dtype == object
    for block in ("words", "concepts", "listed"):
        for field, counts in getattr(alone, block).items():
            other = getattr(together, block)[field]
            assert (other.shape, other.indptr.tolist()) == (counts.shape, counts.indptr.tolist())
            assert (other.indices.tolist(), other.data.tolist()) == (counts.indices.tolist(), counts.data.tolist())
    rows = [3, 0, 49]
    told = numbers_of(alone, rows)
    assert told == numbers_of(together, rows) == numbers_of(together.take(rows), range(3))
    assert told == [
        [(one.name, one.field, one.value) for one in find_measurements(dict(zip(CCL25.text_fields, texts, strict=True)))]
        for texts in (map(normalize, held_out.iloc[row][list(CCL25.text_fields)]) for row in rows)
    ]


def numbers_of(counts, rows):
    found = counts.measurements
    numbers = [
        (found.names[name], found.fields[field], value)
        for name, field, value in zip(found.name_of, found.field_of, found.values.tolist(), strict=True)
    ]
    return [numbers[found.ends[row] : found.ends[row + 1]] for row in rows]


def test_records_unlike_the_training_records_are_named(job, tmp_path, held_out):
    odd = held_out.iloc[:4].copy()
    odd.iloc[1, : len(CCL25.text_fields)] = ""
    odd.iloc[1, odd.columns.get_loc("主诉")] = "头痛"
    icdbase.write_records(odd, tmp_path / "in.json")
    named = rf"1 of 4 records is unlike the training records, its codes are a guess: {odd.index[1]} \(little text\)"
    for size in (2, 4):
        with pytest.warns(DataWarning, match=named):
            icdbase.predict_file(job / "model", tmp_path / "in.json", tmp_path / "pred.json", batch_size=size, n_jobs=1)
    assert {tuple(row) for row in json.loads((tmp_path / "pred.json").read_text("utf-8"))} == {("病案标识", "预测结果")}


def test_many_unlike_records_are_counted():
    told = file_prediction.unlike_message(dict.fromkeys(map(str, range(12)), "unknown words"), 2000)
    assert told.startswith("12 of 2,000 records are unlike the training records, their codes are a guess: 0 (unknown words), ")
    assert told.endswith("9 (unknown words), and 2 more")


# --- stopped and gone on with ----------------------------------------------------------


KILLED = """
import os, signal, sys
from icdbase.storage import file_prediction
append, calls = file_prediction._PartFile.append, []
def killed(self, rows):
    append(self, rows)
    calls.append(rows)
    if len(calls) == 3:
        self.file.write('{"病案标识": "torn'.encode())
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
file_prediction._PartFile.append = killed
file_prediction.predict_file(*sys.argv[1:], batch_size=7, n_jobs=1)
"""


def test_killed_and_gone_on_with(job, tmp_path, monkeypatch):
    out = tmp_path / "pred.json"
    arguments = [job / "model", job / "in.json", out]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, stderr=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = (tmp_path / "pred.json.part").read_bytes()
    assert left.count(b"\n") == 1 + 3 * 7
    assert not left.endswith(b"\n")
    assert not out.exists()

    predicted = []
    append = file_prediction._PartFile.append
    monkeypatch.setattr(file_prediction._PartFile, "append", lambda part, rows: (predicted.extend(rows), append(part, rows)))
    assert run(job, out, 11) == 50
    assert len(predicted) == 50 - 3 * 7
    assert out.read_bytes() == (job / "expected.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["pred.json"]


def test_killed_before_the_part_file_went(job, tmp_path, monkeypatch):
    monkeypatch.setattr(file_prediction._PartFile, "remove", lambda part: None)
    run(job, tmp_path / "pred.json", 20)
    monkeypatch.setattr(file_prediction, "_predicted", lambda coder, frames, n_records, n_jobs: iter(()))
    assert run(job, tmp_path / "pred.json", 20) == 50
    assert (tmp_path / "pred.json").read_bytes() == (job / "expected.json").read_bytes()


@pytest.fixture(scope="module")
def left_over(job):
    """The first line of a part file that was not removed."""
    with pytest.MonkeyPatch.context() as unfinished:
        unfinished.setattr(file_prediction._PartFile, "remove", lambda part: None)
        run(job, job / "whole.json", 20)
    return (job / "whole.json.part").read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize("what", ["input", "model", "icdbase-part", "libraries", None])
def test_of_another_job_nothing_is_taken_over(job, left_over, tmp_path, what):
    """Another input, model, code or version of a library; None: the same job, from which a row is taken."""
    part, out = tmp_path / "pred.json.part", tmp_path / "pred.json"
    header = json.loads(left_over)
    if what == "libraries":
        header["libraries"]["lightgbm"] = "0.0.1"
    elif what:
        header[what] = "0"
    part.write_text(json.dumps(header) + '\n{"病案标识": "strange", "预测结果": "[]"}\n', encoding="utf-8")
    if what is None:
        run(job, out, 20)
    else:
        name = {"icdbase-part": "version of icdbase"}.get(what, what)
        with pytest.warns(DataWarning, match=f"made with another {name}: it is not used"):
            run(job, out, 20)
    assert (out.read_bytes() == (job / "expected.json").read_bytes()) == (what is not None)


def test_a_damaged_first_line_is_said(job, tmp_path):
    (tmp_path / "pred.json.part").write_text('{\n{"病案标识": "strange"}\n', encoding="utf-8")
    with pytest.warns(DataWarning, match="is damaged:"):
        run(job, tmp_path / "pred.json", 20)
    assert (tmp_path / "pred.json").read_bytes() == (job / "expected.json").read_bytes()


class Stopped(Exception):
    """What interrupts a run in the tests."""


@pytest.fixture
def stopped(monkeypatch):
    """Run until some batches are in the part file."""
    def start(job, out, size, batches=2, name="in.json", then=None):
        append, calls = file_prediction._PartFile.append, []

        def broken(part, rows):
            append(part, rows)
            calls.append(rows)
            if len(calls) == batches:
                (then or stop)()

        def stop():
            raise Stopped

        with monkeypatch.context() as patch:
            patch.setattr(file_prediction._PartFile, "append", broken)
            return run(job, out, size, name=name)

    return start


def other_text(path, original):
    """Write the same ids with another text, and give the file back its size and its times."""
    text = original.read_text(encoding="utf-8")
    at = text.index("胸", len(text) // 2)  # behind what is predicted first, within what is not
    path.write_text(text[:at] + "腹" + text[at + 1 :], encoding="utf-8")
    times = original.stat()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size and path.stat().st_mtime_ns == times.st_mtime_ns


@pytest.mark.parametrize("ending", ["json", "csv"])  # read in parts, and as a whole
def test_an_input_changed_before_the_run_goes_on(job, tmp_path, long_files, held_out, stopped, ending):
    original = job / f"a.{ending}"
    icdbase.write_records(held_out, original)
    (tmp_path / original.name).write_bytes(original.read_bytes())
    os.utime(tmp_path / original.name, ns=(original.stat().st_atime_ns, original.stat().st_mtime_ns))
    out = tmp_path / "pred.json"
    with pytest.raises(Stopped):
        stopped(job, out, 20, name=tmp_path / original.name)
    other_text(tmp_path / original.name, original)
    with pytest.warns(DataWarning, match="made with another input: it is not used, all records are predicted anew"):
        run(job, out, 20, name=tmp_path / original.name)


@pytest.mark.parametrize("change", [other_text, lambda path, _: path.write_text("[{", encoding="utf-8")], ids=["text", "torn"])
def test_an_input_changed_while_it_is_read(job, tmp_path, long_files, stopped, change):
    source, out = tmp_path / "in.json", tmp_path / "pred.json"
    source.write_bytes((job / "in.json").read_bytes())
    out.write_text("old", encoding="utf-8")
    with pytest.raises(DataError, match=r"in\.json: the file has changed while it was read; run again when no program"):
        stopped(job, out, 20, name=source, batches=1, then=lambda: change(source, job / "in.json"))
    assert out.read_text(encoding="utf-8") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"in.json", "pred.json"}


def test_a_damaged_part_file_is_used_up_to_the_damage(job, tmp_path, stopped):
    out, part = tmp_path / "pred.json", tmp_path / "pred.json.part"
    with pytest.raises(Stopped):
        stopped(job, out, 10)
    lines = part.read_bytes().splitlines(keepends=True)
    assert len(lines) == 21
    part.write_bytes(b"".join(lines[:5]) + bytes(len(lines[5]) - 1) + b"\n" + b"".join(lines[6:]))
    assert run(job, out, 10) == 50
    assert out.read_bytes() == (job / "expected.json").read_bytes()


def test_no_room_in_the_middle(job, tmp_path, monkeypatch):
    """The old output stays; with room again the run goes on behind the last whole line."""
    out = tmp_path / "pred.json"
    out.write_text("old", encoding="utf-8")
    fsync = os.fsync

    def full(handle):
        if (tmp_path / "pred.json.part").stat().st_size > 2000:
            os.ftruncate(handle, 1990)  # the last line is torn
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"pred\.json\.part: .*\(No space left on device\); make room; the same command goes on"):
        run(job, out, 7)
    monkeypatch.undo()
    assert out.read_text(encoding="utf-8") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"pred.json", "pred.json.part"}
    assert run(job, out, 7) == 50
    assert out.read_bytes() == (job / "expected.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["pred.json"]


def test_a_second_run_of_the_same_output_is_refused(job, tmp_path, stopped):
    out = tmp_path / "pred.json"

    def second():
        with pytest.raises(DataError, match=r"pred\.json: another run is writing here; wait until it has ended"):
            run(job, out, 3)

    assert stopped(job, out, 20, then=second) == 50
    assert out.read_bytes() == (job / "expected.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["pred.json"]


def test_usage(job, tmp_path):
    with pytest.raises(UsageError, match="batch_size must be at least 1, got 0"):
        run(job, tmp_path / "pred.json", 0)
    with pytest.raises(DataError, match="cannot be written"):
        run(job, "/dev/null/pred.json", 20)


# --- the reader beside the reader of short files ---------------------------------------


def outcome(path, read):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels, which only a short file is searched for
        try:
            return read(path)
        except DataError as error:
            return [str(problem) for problem in error.problems]


def in_parts(path):
    frame = pd.concat(list(RecordBatches(path).frames(2)))
    return frame.set_axis(frame.index.astype(object))


def assert_reads_the_same(path: Path, content: str | bytes):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    whole, parts = outcome(path, icdbase.read_records), outcome(path, in_parts)
    if isinstance(whole, list):
        assert parts == whole
    else:
        fields = list(CCL25.text_fields)
        pd.testing.assert_frame_equal(parts[fields], whole[fields])


RECORD = '{"病案标识": "%s", "主诉": "胸闷3天，\\n加重", "现病史": null, "主诊断编码": "I20.000"}'
THREE = f"[{RECORD % 1},\n {RECORD % 2} ,\n\n{RECORD % 3}]"


@pytest.mark.parametrize("content", [
    THREE,
    "\ufeff \n" + THREE + "\n\n",
    THREE.replace("\\n", "\n"),
    THREE.replace("胸闷3天，", "胸闷" * 200),
    "[]",
    "[1, 22]",
    f"[{RECORD % 1}, 7, {RECORD % 2}]",
    THREE[:-1],
    THREE[:-20],
    THREE[:60],
    THREE + "x",
    THREE.replace("} ,", "} "),
    THREE.replace("},", "};", 1),
    THREE.replace("}]", "},]"),
    THREE.replace('"现病史": null', '"现病史" null', 1),
    THREE.replace('"2"', '"1"'),
    THREE.replace('"2"', '""'),
    THREE.replace("null", "[1]", 1),
    THREE.replace("null", "NaN"),
    THREE.replace("I20.000", "胸闷", 1),
    THREE.replace("主诉", "现病史"),
    THREE.replace("现病史", "主述").replace('"主诉', '"主速'),
    THREE.replace("胸闷", "胸\0闷"),
    THREE.encode().replace("加重".encode(), b"\xe5\x8a"),
    "\n".join(RECORD % number for number in range(5)),
    "\n" + "\n\n".join(RECORD % number for number in range(5)) + "\n",
    "\n".join([RECORD % 1, (RECORD % 2)[:-5], RECORD % 3, "[]"]),
], ids=range(27))
def test_long_files_are_read_as_short_ones(tmp_path, long_files, content):
    assert_reads_the_same(tmp_path / "a.json", content)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(THREE) - 1), sign=st.sampled_from(['"', "{", "}", "[", "]", ",", ":", "\\", "\n", "x", ""]))
def test_a_slip_of_the_pen_anywhere_is_told_the_same(tmp_path_factory, at, sign):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_streams, "SHORT", 0)
        patch.setattr(json_streams, "_BLOCK", 37)
        assert_reads_the_same(tmp_path_factory.mktemp("slip") / "a.json", THREE[:at] + sign + THREE[at + 1 :])


def test_so_many_problems_are_enough(tmp_path, long_files, monkeypatch):
    monkeypatch.setattr("icdbase.records.batches.CHECKED_AT_ONCE", 2)
    monkeypatch.setattr("icdbase.records.batches.MOST_PROBLEMS", 3)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(RECORD % "" for _ in range(50)), encoding="utf-8")
    with pytest.raises(DataError, match="4 problems") as caught:
        RecordBatches(path)
    assert caught.value.path != FRAME


class _Watched(str):
    """A text that adds up how many characters are searched for line breaks."""

    searched = 0

    def count(self, what, start=0, end=None):
        type(self).searched += (len(self) if end is None else end) - start
        return super().count(what, start, end)


def test_a_block_of_many_small_records_is_searched_once(tmp_path):
    window = json_streams._Window(iter([]))
    text = _Watched("[" + ",\n".join(['{"a": "1"}'] * 2000) + "]")
    window.text, window.ended = text, True
    assert len(list(json_streams._array_items(window, tmp_path / "a.json"))) == 2000
    assert 0 < _Watched.searched <= 2 * len(text)
