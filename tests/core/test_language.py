"""Messages in Chinese: every message has its translation, with the same values, and the locale or --lang asks for it."""

import ast
import importlib.util
import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.mofile import read_mo
from click.testing import CliRunner
from rich.cells import cell_len

from icdbase.cli.main import main
from icdbase.core.errors import Problem
from icdbase.core.language import asked_language

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("messages", ROOT / ".ci/messages.py")
catalogue = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(catalogue)

ENGLISH_ONLY = {
    "icdbase/clinical/measurements": "names of columns",
    "icdbase/demo": "answers of the server, which the page translates",
    "icdbase/evaluation/resampling.py": "called from Python only",
    "icdbase/experiments/markup.py": "a comment of LaTeX",
    "icdbase/experiments/plots.py": "axes of plots",
    "icdbase/experiments/shapley_plots.py": "axes of plots",
    "icdbase/experiments/shapley_text.py": "the sentence for a paper, which has both languages",
    "icdbase/experiments/variants.py": "names of variants",
    "icdbase/explain/contributions.py": "names of parts of a margin; report/evidence.py has them in both languages",
    "icdbase/learning/booster_text.py": "why a model file is hostile",
    "icdbase/learning/candidates/classifier.py": "called from Python only",
    "icdbase/learning/tuned_estimators.py": "a pattern of a warning",
    "icdbase/report/evidence.py": "has both languages",
    "icdbase/report/headline.py": "has both languages",
    "icdbase/report/pages.py": "called from Python only",
    "icdbase/report/shapley_html.py": "has both languages",
    "icdbase/synthetic": "the measurements of synth --describe, and what only developers see",
    "icdbase/tasks/english_names.py": "has both languages",
}
"""Files whose sentences are not translated, and why."""

NO_MESSAGES = re.compile(
    "icdbase (train|compare|predict|score|report) |'?module |Unterminated|Invalid control|unexpected end|Extra data|JSON (array|object)"
    "|one (JSON|code)|unreachable|a code must be|expected |a tuple|{record} is unlike"
)
"""Commands, names, and errors that only Python users see."""

KNOWN = catalogue.messages()

SENTENCE = re.compile("[a-z]{2,},? [a-z]{2,} [a-z]")


def in_chinese(*words, **environment):
    locale = {"LC_ALL": None, "LC_MESSAGES": None, "LANGUAGE": None, "LANG": "zh_CN.UTF-8"} | environment
    return CliRunner(env=locale).invoke(main, list(map(str, words)))


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('[{"病案标识": "ZY7", "主诉": "胸闷", "主诊断编码": "高血压"}]', encoding="utf-8")
    return path


def test_every_message_is_translated():
    known = catalogue.read_catalogue()
    lacking = [text for text in KNOWN if not (text in known and all(known[text].string))]
    assert not lacking, f"run .ci/messages.py, translate in {catalogue.CATALOGUE.name}: {lacking}"
    assert {message.id for message in known if message.id} == set(KNOWN), "run .ci/messages.py: messages that are no more"


def translations(of) -> dict:
    """English to Chinese; messages with a plural are lists in the one file and tuples in the other."""
    pairs = ((message.id, message.string) for message in of if message.id)
    return {english if isinstance(english, str) else tuple(english): "".join(chinese) for english, chinese in pairs}


def test_compiled_catalogue_is_that_of_the_source():
    with catalogue.CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    assert translations(compiled) == translations(catalogue.read_catalogue()), "run .ci/messages.py"


def places(text: str) -> list[tuple]:
    """The values of a template with their formats, in the order of the values."""
    parts = [(name, form, conversion) for _, name, form, conversion in Formatter().parse(text) if name is not None]
    assert len({name == "" for name, *_ in parts}) < 2, f"number all values or none: {text}"
    return sorted((name or str(number), form, conversion or "") for number, (name, form, conversion) in enumerate(parts))


def test_translations_hold_the_same_values():
    templates = [(message.id, message.string) for message in catalogue.read_catalogue() if isinstance(message.id, str)]
    for english, chinese in templates:
        if re.search(r"{[\d!:]*[^{}\s]*}", english) and '{"' not in english and "{one/two}" not in english:
            assert places(english) == places(chinese), english
        assert re.findall(r"%(?:\(\w+\))?[sr]", english) == re.findall(r"%(?:\(\w+\))?[sr]", chinese), english
        assert set(re.findall(r"--[a-z][a-z-]+", english)) == set(re.findall(r"--[a-z][a-z-]+", chinese)), english


def sentences(path: Path) -> list[str]:
    """The texts of a module that look like a sentence and are not looked up in the catalogue."""
    tree, exempt = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        # Help is looked up where click shows it; what is compiled is a pattern.
        if is_docstring or called in {"_", "N_", "option", "train_option", "examples", "compile"}:
            exempt |= set(ast.walk(node))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in exempt)
    return [text for text in texts if isinstance(text, str) and SENTENCE.search(text) and not NO_MESSAGES.match(text) and text not in KNOWN]


def test_no_sentence_bypasses_the_catalogue():
    untranslated = {
        path.relative_to(ROOT).as_posix(): found
        for path in sorted((ROOT / "icdbase").rglob("*.py")) if (found := sentences(path))
    }
    listed = {path: [place for place in ENGLISH_ONLY if path.startswith(place)] for path in untranslated}
    assert not {path: untranslated[path] for path, places in listed.items() if not places}, "write _(...) around them"
    assert set(ENGLISH_ONLY) == {place for places in listed.values() for place in places}, "translated by now: not in the list"


# --- what a user sees -----------------------------------------------------------------


def test_a_broken_file_is_named_in_chinese_with_the_same_facts(broken, tmp_path):
    result = in_chinese("train", "--train", broken, "--model", tmp_path / "model")
    assert result.exit_code == 1
    title, column, code = result.stderr.splitlines()
    assert title == f"错误：{broken}：2 个问题"
    assert column == "  - 字段 其他诊断编码：缺少标签列；请加上标签列 其他诊断编码"
    assert code.startswith("  - 病历 ZY7，字段 主诊断编码：不是 ICD 编码：长 3 个字符的文本；请写 ICD 编码，例如 I10.x00x032")
    assert "高血压" not in result.stderr


@pytest.mark.parametrize("words", [["--lang", "zh", "train"], ["train", "--lang", "zh"], ["train", "--lang=zh"]])
def test_lang_asks_for_chinese_wherever_it_stands(words, broken, tmp_path):
    result = CliRunner().invoke(main, [*words, "--train", str(broken), "--model", str(tmp_path / "model")])
    assert result.stderr.startswith("错误：")
    assert "在带标签的病历上训练模型。" in CliRunner().invoke(main, [*words, "--help"]).stdout


@pytest.mark.parametrize(("environment", "language"), [
    ({"LANG": "zh_CN.UTF-8"}, "zh"),
    ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
    ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
    ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh"),
    ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh"}, "en"),
    ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C", "LANGUAGE": "zh"}, "en"),
    ({"LANG": "C"}, "en"),
    ({"LANG": "fr_FR.UTF-8"}, "en"),
    ({}, "en"),
])
def test_language_of_the_environment(monkeypatch, environment, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert asked_language() == language


def test_python_users_read_english(broken):
    in_chinese("--help")
    assert str(Problem("text missing", "ZY1", "主诉", "add it")) == "record ZY1, field 主诉: text missing; add it"


@pytest.mark.parametrize("verb", ["", *main.commands])
def test_chinese_help_fits_eighty_columns(verb):
    result = in_chinese(*filter(None, [verb]), "--help", COLUMNS="80")
    assert "用法：" in result.stdout and "显示本说明并退出。" in result.stdout
    lines = result.stdout.splitlines()
    assert not [line for line in lines if cell_len(line) > 80]
    assert not [line for line in lines if re.match(r"\s*[，。；：、）]", line)], "a line begins with punctuation"


def test_misuse_is_explained_in_chinese():
    assert "错误：没有命令 'trian'。 是否应为 'train'？" in in_chinese("trian").stderr
    assert "错误：缺少选项 '--train'" in in_chinese("train", "--model", "m").stderr


def test_problems_of_one_kind_share_a_line_in_chinese(tmp_path):
    path = tmp_path / "many.json"
    records = ", ".join(f'{{"病案标识": "ZY{number}", "主诉": "胸闷", "主诊断编码": "I20.000", "其他诊断编码": "高血压"}}' for number in range(9))
    path.write_text(f"[{records}]", encoding="utf-8")
    lines = in_chinese("train", "--train", path, "--model", tmp_path / "model").stderr.splitlines()
    assert len(lines) == 2
    assert "9 份病历，例如 ZY0, ZY1, ZY2；请写 ICD 编码" in lines[1]
