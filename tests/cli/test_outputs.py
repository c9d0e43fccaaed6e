"""Outputs that cannot be written: said before the work begins, without a traceback, and nothing is lost."""

import ctypes
import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from icdbase import IcdCoder, read_records, save, write_records
from icdbase.cli.main import main
from icdbase.core.atomic_files import atomic_write, check_output
from icdbase.core.errors import DataError
from icdbase.core.terminal import exit_on_error
from icdbase.report import terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, plain_coder, train, held_out):
    """Records, a model, a submission, a file named ``file``."""
    folder = tmp_path_factory.mktemp("outputs")
    write_records(train.iloc[:60], folder / "train.json")
    write_records(held_out.iloc[:5], folder / "test.json")
    save(plain_coder, folder / "model")
    run("predict", "--model", folder / "model", "--input", folder / "test.json", "--out", folder / "pred.json")
    (folder / "file").write_text("somebody's")
    return folder


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}{result.stderr}{result.exception!r}"
    return result


REPORT = ["report", "--model", "{f}/model", "--gold", "{f}/test.json", "--pred", "{f}/pred.json", "--out"]
PREDICT = ["predict", "--model", "{f}/model", "--input", "{f}/test.json", "--out"]
TWO = ["--pred", "{f}/pred.json"] * 2
EXPERIMENT = ["--train", "{f}/train.json", "--folds", "2", "--out"]


@pytest.mark.parametrize("words", [
    ["train", "--train", "{f}/train.json", "--model", "{f}/file/model"],
    [*REPORT, "{f}/file/terminal.html"],
    [*PREDICT, "."],
    [*PREDICT, "{f}"],
    [*PREDICT, "{f}/file/pred.json"],
    [*PREDICT, "{f}", "--top", "2"],
    [*PREDICT, "{f}/file/top.csv", "--top", "2"],
    ["cv", *EXPERIMENT, "{f}/file/cv"],
    ["ablate", *EXPERIMENT, "{f}/file/fields"],
    ["curve", *EXPERIMENT, "{f}/file/curve"],
    ["baselines", *EXPERIMENT, "{f}/file/table"],
    ["tune", *EXPERIMENT, "{f}/file/tune"],
    ["synth", "--n", "30", "--out", "{f}/file/data"],
    ["init-task", "{f}/train.json", "--out", "{f}/file/mine.toml"],
    ["compare", "--gold", "{f}/test.json", *TWO, "--out", "{f}/file/both"],
    ["merge", *TWO, "--out", "{f}/file/both.json"],
], ids=lambda words: f"{words[0]} {words[-1][-12:]}")
def test_the_output_is_tried_before_the_work(folder, monkeypatch, words):
    def work(*unused, **ignored):
        raise AssertionError("the work began")

    for name in ("fit", "predict_proba", "count"):
        monkeypatch.setattr(IcdCoder, name, work)
    before = sorted(folder.rglob("*"))
    told = run(*(word.format(f=folder) for word in words), code=1).stderr
    assert "the file cannot be written (" in told and "Traceback" not in told
    assert "name another folder" in told or "name a file in it" in told
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("out", ["file/runs", "file"])
def test_run_baseline_tries_its_outputs_first(folder, out, monkeypatch, capsys):
    words = ["--train", folder / "train.json", "--test", folder / "test.json", "--out", folder / out]
    monkeypatch.setattr(sys, "argv", ["run_baseline.py", *map(str, words)])
    monkeypatch.setattr(IcdCoder, "fit", None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "run_baseline.py"), run_name="__main__")
    printed = capsys.readouterr()
    assert ended.value.code == 1 and "name another folder" in printed.err and "Traceback" not in printed.err
    assert not printed.out


def test_a_device_is_not_replaced_by_a_file():
    with atomic_write(os.devnull) as file:
        file.write("new")
    assert not Path(os.devnull).is_file()


def test_check_output_leaves_nothing_and_names_what_is_wrong(tmp_path, monkeypatch):
    assert check_output(tmp_path / "a" / "b.json") == tmp_path / "a" / "b.json"
    assert check_output(tmp_path / "a" / "b", folder=True) == tmp_path / "a" / "b"
    with pytest.raises(DataError, match=r"name a file in it, .*out\.json say"):
        check_output(tmp_path)
    with pytest.raises(DataError, match="cannot be written"):
        check_output(tmp_path / ("a" * 300))

    def refuse(*unused, **ignored):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("icdbase.core.atomic_files.tempfile.TemporaryFile", refuse)
    with pytest.raises(DataError, match=r"\(Permission denied\); check the folder, its permissions"):
        check_output(tmp_path / "b.json")
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path):
    path = tmp_path / ("长" * 80 + ".json")  # 245 bytes of 255
    with atomic_write(path) as file:
        file.write("[]")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def locked(monkeypatch, name, n_refusals):
    """Let the file of a name be held by another program, as Excel does on Windows; return the pauses made."""
    replace, pauses, left = Path.replace, [], [n_refusals]

    def refusing(self, target):
        if Path(target).name == name and left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access is denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    monkeypatch.setattr("icdbase.core.atomic_files.time.sleep", pauses.append)
    return pauses


def test_a_file_that_is_held_for_a_moment_is_waited_for(tmp_path, monkeypatch, held_out):
    pauses = locked(monkeypatch, "a.xlsx", 2)
    write_records(held_out, tmp_path / "a.xlsx")
    assert len(pauses) == 2 and [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]


def test_what_excel_keeps_from_being_replaced_is_not_lost(tmp_path, monkeypatch, held_out):
    (tmp_path / "a.csv").write_text("old")
    locked(monkeypatch, "a.csv", 99)
    with pytest.raises(DataError, match=r"a\.csv: the file cannot be replaced; close a\.csv in the program") as caught:
        write_records(held_out, tmp_path / "a.csv")
    (kept,) = [path for path in tmp_path.iterdir() if path.name != "a.csv"]
    assert str(kept) in str(caught.value) and kept.suffix == ".csv" and (tmp_path / "a.csv").read_text() == "old"
    assert read_records(kept).equals(held_out)


def test_another_drive_of_windows_has_no_relative_path(tmp_path, monkeypatch):
    def other_drive(path):
        raise ValueError("path is on mount 'C:', start on mount 'D:'")

    monkeypatch.setattr("os.path.relpath", other_drive)
    monkeypatch.setattr("shutil.which", lambda name: None)
    lines = terminal.next_commands({"predictions": "p", "model": "m"}, "test.json", "ccl25", "ZY1")
    assert lines[0].startswith(f"{Path(sys.executable).parent / 'icdbase'} check")


def test_redirected_output_in_a_western_code_page(folder):
    words = ["score", "--gold", folder / "test.json", "--pred", folder / "pred.json", "--json"]
    done = subprocess.run([sys.executable, "-c", "from icdbase.cli.main import main; main()", *words], capture_output=True,
                          env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0, done.stderr
    assert "主诊断编码" in json.loads(done.stdout.decode("utf-8"))["per_target"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_a_western_code_page_becomes_utf_8(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with exit_on_error():
        print("主诊断")
    stream.flush()
    assert stream.buffer.getvalue().decode("utf-8").startswith("主诊断")


def test_a_chinese_code_page_stays(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="gbk")
    monkeypatch.setattr(sys, "stdout", stream)
    with exit_on_error():
        print("主诊断 𠮷")
    stream.flush()
    assert stream.buffer.getvalue().decode("gbk").startswith("主诊断 \\U00020bb7")


@pytest.mark.parametrize(("code_page", "encoding"), [(65001, "utf-8"), (936, "gbk")])
def test_redirected_output_on_windows_follows_the_console(monkeypatch, code_page, encoding):
    kernel = SimpleNamespace(GetConsoleOutputCP=lambda: code_page)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr("icdbase.core.terminal.sys.platform", "win32")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="gbk")
    monkeypatch.setattr(sys, "stdout", stream)
    with exit_on_error():
        print("主诊断")
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding).strip() == "主诊断"


def test_an_error_of_the_system_is_one_line(capsys):
    with pytest.raises(SystemExit) as caught, exit_on_error():
        raise OSError(24, "Too many open files", "cells")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: cells: Too many open files; check the path, its permissions and the disk\n"
    with pytest.raises(BrokenPipeError), exit_on_error():
        raise BrokenPipeError(32, "Broken pipe")
