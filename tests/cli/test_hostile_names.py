"""Ids, names, codes and file names made to harm: shown as what they are on every surface, obeyed on none."""

import csv
import json
import os
import re
import shlex
import warnings
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import icdbase
from icdbase.cli.main import main
from icdbase.core.terminal import printable
from icdbase.core.text_tables import table
from icdbase.experiments.markup import to_latex, to_markdown
from icdbase.report.terminal import next_commands, quoted

BELL, RTL = "\x1b]0;gone\x07", "\u202e"
MARKUP = "[/b][link=http://evil.example]x[/link]"
SCRIPT = "<img src=x onerror=alert(1)>"
TEX = r"\input{secret}$x^2$"
FORMULA = "=HYPERLINK(A1)"
HOSTILE = [BELL, RTL, MARKUP, SCRIPT, TEX, FORMULA, "\x9b2J", "a\rb", "`x`|*y*"]
FIELD, MAIN, OTHERS = "主诉" + SCRIPT + BELL, MARKUP + RTL + "主", FORMULA + RTL + "其他"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A task of one's own, records and a model, hostile wherever a name can be."""
    place = tmp_path_factory.mktemp("hostile")
    rows = [{"id": f"{n}{HOSTILE[n % len(HOSTILE)]}", FIELD: f"胸痛{n % 5}天" if n % 2 else "心悸", MAIN: f"M{n % 2}{SCRIPT}",
             OTHERS: f"O{n % 2}{RTL}"} for n in range(18)]
    (place / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    codes = pd.DataFrame({"code": [f"M{n}{SCRIPT}" for n in (0, 1)] + [f"O{n}{RTL}" for n in (0, 1)],
                          "name": [BELL, MARKUP, RTL + FORMULA, TEX], "target": [MAIN] * 2 + [OTHERS] * 2})
    codes.to_csv(place / "codes.csv", index=False)
    toml = (f'name = {json.dumps("t" + BELL)}\ntext_fields = [{json.dumps(FIELD)}]\ncode_system = "free"\n'
            f'tokenizer = "characters"\nblocks = ["words"]\ncode_table = "codes.csv"\n')
    for name, kind in ((MAIN, "single"), (OTHERS, "multi")):
        toml += f'[[targets]]\nname = {json.dumps(name)}\nkind = "{kind}"\n'
    (place / "task.toml").write_text(toml, encoding="utf-8")
    return place


def run(place, *arguments, code=0):
    """Run a verb in the folder; what it prints may steer no terminal."""
    before = Path.cwd()
    os.chdir(place)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    finally:
        os.chdir(before)
    assert result.exit_code == code, (result.output, result.exception)
    assert not OBEYED.search(result.output), ascii(result.output)
    return result.output


def test_every_verb(place):
    data = ("--task", "task.toml")
    run(place, "train", *data, "--setting", "plain", "--train", "rows.json", "--model", "model")
    assert "never" not in run(place, "predict", "--model", "model", "--input", "rows.json", "--out", "pred.json")
    assert r"\u202e" in run(place, "score", *data, "--gold", "rows.json", "--pred", "pred.json", "--per-code")
    told = run(place, "score", *data, "--gold", "rows.json", "--pred", "pred.json", "--per-code", "--json")
    assert BELL in {row["name"] for row in json.loads(told)["per_code"]}
    run(place, "check", *data, "--input", "rows.json", "--pred", "pred.json")
    assert "[/b]" in run(place, "predict", "--model", "model", "--input", "rows.json", "--top", 2, "--out", "-")
    run(place, "explain", "--model", "model", "--input", "rows.json", "--record", f"1{RTL}")
    run(place, "explain", "--model", "model", "--input", "rows.json", "--record", f"1{RTL}", "--json")
    run(place, "cv", *data, "--train", "rows.json", "--setting", "plain", "--folds", 2, "--n-jobs", 1, "--out", "cv")
    run(place, "report", "--model", "model", "--gold", "rows.json", "--pred", "pred.json", "--out", "page.html", "--with-text")
    page = (place / "page.html").read_text("utf-8")
    assert not OBEYED.search(page)
    assert "<img" not in page and "&lt;img src=x onerror=alert(1)&gt;" in page
    for path in (place / "cv").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert cells and not [cell for cell in cells if cell.startswith(("=", "@", "\t"))]


@pytest.mark.parametrize("name", [f"a{BELL}{RTL}.json", "[b].json", "a\rb.json", os.fsdecode(b"a\xff.json"), "a\nb.json"])
def test_file_names(place, name):
    (place / name).write_bytes((place / "rows.json").read_bytes())
    run(place, "predict", "--model", "model" if (place / "model").exists() else trained(place), "--input", name, "--out", "p.json")
    run(place, "score", "--task", "task.toml", "--gold", name, "--pred", "p.json")
    run(place, "report", "--model", "model", "--gold", name, "--pred", "p.json", "--out", f"{name}.html")
    (place / name).write_text("{", encoding="utf-8")
    run(place, "score", "--task", "task.toml", "--gold", name, "--pred", "p.json", code=1)


def trained(place):
    run(place, "train", "--task", "task.toml", "--setting", "plain", "--train", "rows.json", "--model", "model")
    return "model"


def test_a_proposed_task_says_what_the_columns_are_called(tmp_path):
    names = ["id", 'te"xt\n[[targets]]\x7f\x85\u202e\x1b', "c'''\\"]
    rows = [{names[0]: f"v{n}", names[1]: f"fever for {n} days and other complaints", names[2]: f"A0{n % 2}.000"} for n in range(30)]
    (tmp_path / "a;b.json").write_text(json.dumps(rows), encoding="utf-8")
    printed = run(tmp_path, "init-task", "a;b.json")
    assert "--train 'a;b.json'" in run(tmp_path, "init-task", "a;b.json", "--out", "t.toml")
    task = icdbase.get_task(tmp_path / "t.toml")
    assert (task.text_fields, task.targets[0].name) == ((names[1],), names[2])
    assert printed == (tmp_path / "t.toml").read_text("utf-8")



def test_tables_for_papers():
    note = "Different: x\n\\input{secret}\n<script>"
    rows = [[name, "+0.1"] for name in HOSTILE]
    latex, markdown = to_latex(["variant", "x"], rows, [note]), to_markdown(["variant", "x"], rows, [note])
    assert not OBEYED.search(latex + markdown)
    assert len(latex.splitlines()) == len(rows) + 8 and len(markdown.splitlines()) == len(rows) + 4
    assert not [line for line in latex.splitlines() if "input" in line.partition("%")[0].replace(r"\textbackslash{}input", "")]
    assert not re.search(r"(?<!\\)[<*`$\[]", markdown)
    assert r"\`x\`\|\*y\*" in markdown


def test_a_table_of_text_shows_brackets():
    assert table(["[/b]"], [["[red]x", "[/]"][:1]], title="[/i]").split("\n") == ["[/i]", " [/b]", " [red]x"]


def test_what_is_to_be_typed_next_runs_nothing_else(tmp_path):
    paths = {"predictions": tmp_path / "a b.json", "model": tmp_path / "$(touch x)"}
    lines = next_commands(paths, "a;b.json", "ccl25", "1`touch y`")
    for line in lines:
        assert shlex.split(line)[1] in ("check", "explain")
    assert [shlex.split(line)[-1] for line in lines] == [str(paths["predictions"]), "1`touch y`"]
    assert quoted("病案1") == "病案1"


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx"])
def test_no_formula_reaches_excel_and_every_text_comes_back(tmp_path, ending):
    texts = ["=1+1", "'=1", "''@a", "+86", "-3.5%", "-", "++", "－2级", "-cmd|' /C calc'!A0", "'胸闷'", "@x", "\t=1", "＝A1"]
    ids = [f"{mark}ZY{n}" for n, mark in enumerate("=+-@'", 1)]
    records = pd.DataFrame({"主诉": texts}, index=pd.Index((ids * 3)[: len(texts)]) + pd.Index(map(str, range(len(texts)))))
    path = tmp_path / f"a.{ending}"
    icdbase.write_records(records.rename_axis("病案标识"), path)
    assert icdbase.read_records(path)["主诉"].to_dict() == records["主诉"].to_dict()
    if ending == "xlsx":
        from openpyxl import load_workbook

        assert {cell.data_type for row in load_workbook(path)["records"].iter_rows(max_col=2) for cell in row} == {"s"}
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file, delimiter="\t" if ending == "tsv" else ",") for cell in row]
    assert {cell for cell in cells if cell.startswith(tuple("=+-@\t＝＋－＠"))} == {"-3.5%", "+86", "-", "++"}


def test_printable_json_is_the_same_json():
    value = {"a": "".join(map(chr, [*range(0x20, 0x300), *range(0x2000, 0x2070), 0xD800])), '\\': '\\"'}
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


def test_nothing_is_printed_past_the_guard():
    """Verbs print with `options.echo`; errors and warnings with `terminal.exit_on_error`."""
    package = Path(icdbase.__file__).parent
    found = {path.name for path in package.rglob("*.py") for line in path.read_text("utf-8").splitlines()
             if re.search(r"click\.echo\(|(?<![\w.])print\(", line) and not line.lstrip().startswith((">>>", "..."))}
    assert found == {"options.py", "terminal.py"}
