"""Tables of text: figures whole at every width, names wrapped, Chinese counted as two."""

import json
import os
import re

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from icdbase import get_task, score, write_records, write_submission
from icdbase.cli.main import main
from icdbase.core.text_tables import table
from icdbase.evaluation.score_tables import score_table
from icdbase.report import terminal

LONG = "qwen2.5-7b-instruct-lora-rank16-epoch3-lr1e4-seed0-pred.json"
assert len(LONG) == 60
FIGURES = [f"{number:+.3f} to {number + 0.01:+.3f}" for number in (-0.176, 0.002)]


def joined(text):
    """The text without the places at which it was broken."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", [LONG, "不同模型在测试集上的预测结果（第二次运行，去掉诊疗经过）", "a b", "x" * 90])
def test_figures_are_whole_and_names_are_too(width, name):
    printed = table(["system", "Acc", "95 % interval", "p Holm"],
                    [[name, "0.859", FIGURES[0], "<= 0.0011"], ["majority", "0.298", FIGURES[1], "-"]], width=width)
    for figure in ("0.859", "0.298", "<= 0.0011", *FIGURES):
        assert re.search(rf"(?<!\S){re.escape(figure)}(?!\S)", printed), printed
    assert "…" not in printed
    if width >= 40:
        assert max(map(cell_len, printed.splitlines())) <= width
    names = re.sub(r"^( ?\S+(?: \S+)*) {2,}.*", r"\1", printed, flags=re.MULTILINE)  # figures stand in its first line
    assert joined(name) in joined(names) or joined(name) in joined(printed)


@given(st.lists(st.lists(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Mn", "Cf"]), max_size=40),
                         min_size=3, max_size=3), min_size=1, max_size=4),
       st.integers(1, 90))
def test_no_text_is_lost_at_any_width(rows, width):
    printed = table(["甲", "b", "c"], rows, width=width)
    for character in "".join(map("".join, rows)):
        assert character.isspace() or character in printed


def test_columns_of_figures_are_on_the_right_and_names_that_begin_with_a_digit_are_not():
    lines = table(["code", "n", "name"], [["E11.900", "7", "2型糖尿病"], ["I10.x00x032", "1,234", "3级高血压"]]).splitlines()
    assert lines == [
        " code             n  name", " E11.900          7  2型糖尿病", " I10.x00x032  1,234  3级高血压",
    ]


def test_markup_and_line_ends_in_a_name_are_text():
    assert table(["system", "Acc"], [["[red]a[/b]\nb", "0.1"]]).splitlines()[1] == " [red]a[/b] b  0.1"


@pytest.fixture
def files(tmp_path, coder, held_out):
    write_records(held_out, tmp_path / "gold.json")
    write_submission(coder.predict(held_out), tmp_path / LONG)
    return tmp_path


@pytest.mark.parametrize("columns", [None, "40", "80", "200"])
def test_score_shows_every_figure_beside_a_long_file_name(files, monkeypatch, columns):
    monkeypatch.chdir(files)
    words = ["score", "--gold", "gold.json", "--pred", LONG]
    done = CliRunner(env={"COLUMNS": columns}).invoke(main, words, catch_exceptions=False)
    figures = json.loads(CliRunner().invoke(main, [*words, "--json"], catch_exceptions=False).stdout)
    low, high = figures["acc_interval"]
    expected = [figures["acc"], figures["main_accuracy"], figures["other_f1"], figures["acc_recall_variant"]]
    for figure in (*(f"{value:.3f}" for value in expected), f"{low:.3f}-{high:.3f}"):
        assert figure in done.stdout.split()
    widest = max(map(cell_len, done.stdout.splitlines()))
    assert (widest > 80 and LONG in done.stdout) if columns is None else widest <= int(columns)


def test_the_terminals_width_is_used(monkeypatch, train):
    task = get_task("ccl25")
    scores = {LONG: score(train, train, task, n_bootstrap=1)}
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True, raising=False)
    for columns in (40, 72, 130):
        monkeypatch.setattr("shutil.get_terminal_size", lambda *_, columns=columns, **__: os.terminal_size((columns, 24)))
        assert max(map(cell_len, score_table(scores).splitlines())) <= columns
    assert LONG in score_table(scores)
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: False, raising=False)
    assert LONG in score_table(scores)  # what is redirected is not wrapped


def test_an_ablation_shows_every_p(monkeypatch):
    from icdbase.experiments.result_text import _ABLATION_COLUMNS, formatted_cells

    row = {"acc": 0.866, "difference": -0.01, "low": -0.02, "high": -0.001, "p": 0.001, "p_holm": 0.0011,
           "main_difference": 0.001, "other_difference": -0.02}
    variants = ["reference", "boosted_features=False, main_informs_others=False", "without exclusive_groups, calibrate"]
    headings, rows = formatted_cells(pd.DataFrame([{"variant": variant, **row} for variant in variants]), _ABLATION_COLUMNS)
    monkeypatch.setenv("COLUMNS", "80")
    assert table(headings, rows).split().count("0.0011") == len(variants)
    monkeypatch.setenv("COLUMNS", "40")
    assert table(headings, rows).split().count("0.0011") == len(variants)
