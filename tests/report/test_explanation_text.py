"""The tables of `icdbase explain`: figures add up, numbers stay, the terminal's width is kept."""

import re

import pytest
import sklearn.utils
from click.testing import CliRunner
from rich.cells import cell_len
from sklearn.utils.discovery import all_estimators

import icdbase
from icdbase.cli.explain import explain as explain_command
from icdbase.explain.explanation import explain
from icdbase.report.evidence import _shortened, explanation_text
from icdbase.tasks.editions import CCL25


@pytest.fixture(scope="module")
def told(coder, held_out):
    return explain(coder, held_out.iloc[[0]], n_near=1)


def lines_of(told, width=100, **options):
    return [(code, explanation_text(code, told.texts, single=code.target == CCL25.main.name, width=width, **options).split("\n"))
            for code in told.codes]


def test_the_figures_lead_from_the_evidence_to_the_margin_and_the_probability(told):
    for code, lines in lines_of(told):
        figures = [float(line.split()[0]) for line in lines[3:] if line.split()[0][0] in "+-"]
        assert sum(figures[:-1]) == pytest.approx(code.margin, abs=0.01 * len(figures))
        assert figures[-1] == round(code.margin, 2)
        assert lines[-1].split()[0] == f"{code.probability:.3f}"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_width_is_kept_and_used(width, language, told):
    longest = 0
    for _, lines in lines_of(told, width, language=language):
        assert max(map(cell_len, lines[2:])) <= width
        longest = max(longest, *map(cell_len, lines[2:]))
    assert longest > 0.8 * min(width, 150)


def test_of_long_words_the_number_stays():
    words = "高敏肌钙蛋白I定量测定（化学发光法，急诊）1.13ng/mL，明显高于参考范围上限，复查"
    assert "1.13ng/mL" in _shortened(words, 24)
    assert cell_len(_shortened(words, 24)) <= 24
    assert _shortened("TnI 1.13ng/mL", 24) == "TnI 1.13ng/mL"


def test_chinese_has_no_english_words(told):
    for _, lines in lines_of(told, language="zh"):
        assert {"贡献", "字段", "证据"} <= set(lines[2].split()) <= {"贡献", "删去后", "字段", "证据", "状态"}
        assert not re.search(r"\b(margin|probability|gold|prior|places|present|negated)\b", "\n".join(lines))


def test_gold_and_colour(told):
    code = told.codes[0]
    text = explanation_text(code, told.texts, gold={code.code}, single=True, colour=True)
    assert "gold: yes" in text
    assert "\x1b[32m" in text
    assert "\x1b[" not in explanation_text(code, told.texts, single=True)
    assert "gold: no" in explanation_text(code, told.texts, gold=set(), single=True)


def test_command(coder, held_out, tmp_path):
    icdbase.save(coder, tmp_path / "model")
    icdbase.write_records(held_out.iloc[:2], tmp_path / "a.json")
    arguments = [f"--model={tmp_path / 'model'}", f"--input={tmp_path / 'a.json'}", "--record", held_out.index[0], "--lang", "zh"]
    result = CliRunner().invoke(explain_command, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"真实 主诊断编码  {held_out.iloc[0]['主诊断编码']}\n")
    assert all(code in result.stdout.split("\n")[1] for code in held_out.iloc[0]["其他诊断编码"])
    assert "排列" in result.stdout
    assert "\x1b" not in result.stdout
    assert sklearn.utils.all_estimators is all_estimators  # set aside only while skops is imported


def test_the_doctors_own_diagnosis_is_named(coder):
    told = explain(coder, {"主诉": "头晕", "既往史": "2型糖尿病", "入院诊断": "1.2型糖尿病"}, ["E11.900"])
    lines = explanation_text(told.codes[0], told.texts).split("\n")
    assert [line.split()[-1] for line in lines if "入院诊断" in line and "【" in line] == ["diagnosis"]
    assert [line.split()[-1] for line in lines if "既往史" in line and "【" in line] == ["historical"]
