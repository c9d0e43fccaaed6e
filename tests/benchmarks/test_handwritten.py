"""The benchmark of free prose reads a folder that it is given, and says so where it is absent."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from icdbase.tasks.editions import CCL25

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "handwritten.py"


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), *map(str, words)])
    monkeypatch.syspath_prepend(BENCHMARK.parent)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCHMARK), run_name="__main__")
    return ended.value.code


def test_reading_alone(tmp_path, monkeypatch, capsys):
    texts = dict.fromkeys(CCL25.text_fields, "") | {"诊疗经过": "脂肪肝，血钾3.1mmol/L。"}
    row = {"病案标识": "1", **texts, "主诊断编码": "I20.000", "其他诊断编码": "K76.000;E87.600", "书写者": "Z"}
    (tmp_path / "dev.json").write_text(json.dumps([row], ensure_ascii=False), encoding="utf-8")
    assert run(monkeypatch, "--data", tmp_path, "--parts", "reading", "--missed") == 0
    printed = capsys.readouterr().out
    assert "extraction recall 0.667" in printed
    assert "1 I20.000 不稳定型心绞痛" in printed


def test_without_the_records_it_says_so(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "--data", tmp_path) == 0
    assert "nothing measured" in capsys.readouterr().out


def test_an_unknown_part_is_refused(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "--data", tmp_path, "--parts", "writing") == 2
    assert "writing is none of" in capsys.readouterr().err
