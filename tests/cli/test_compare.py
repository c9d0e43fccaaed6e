"""``compare`` and ``merge`` as typed: keys, names of systems, errors, the folder, the page."""

import json
import re

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from icdbase import read_records, read_submission, score, write_records, write_submission
from icdbase.cli.main import main
from icdbase.evaluation.scoring import record_scores
from icdbase.tasks.editions import CCL25

MAIN, OTHERS = CCL25.main.name, CCL25.others.name


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, f"{result.output}{result.stderr}{result.exception!r}"
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory, held_out):
    """Labelled records, and three systems that make different errors."""
    folder = tmp_path_factory.mktemp("compare")
    write_records(held_out, folder / "test.json")
    right = held_out[[MAIN, OTHERS]]
    wrong_main = right.assign(**{MAIN: ["I20.000"] * len(right)})
    fewer = right.assign(**{OTHERS: right[OTHERS].map(lambda codes: codes[:1])})
    for name, codes in (("good", right), ("mains", wrong_main), ("fewer", fewer)):
        write_submission(codes, folder / f"{name}.json")
    return folder


def gold_and(folder, *names):
    return ["--gold", folder / "test.json", *(word for name in names for word in ("--pred", folder / f"{name}.json"))]


def changed(folder, name, change):
    """Write a changed copy of a submission's rows."""
    rows = json.loads((folder / "fewer.json").read_text(encoding="utf-8"))
    change(rows)
    (folder / f"{name}.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return name


def test_json_has_the_promised_keys_and_the_figures_of_score(folder, held_out):
    result = json.loads(run("compare", *gold_and(folder, "good", "mains", "fewer"), "--json").stdout)
    assert list(result["systems"]) == ["good", "mains", "fewer"]
    for name, scores in result["systems"].items():
        alone = json.loads(run("score", *gold_and(folder, name), "--json").stdout)
        assert scores == alone
        assert {"acc", "main_accuracy", "other_f1", "macro_f1", "acc_interval"} <= set(scores)
    assert [(pair["a"], pair["b"]) for pair in result["pairs"]] == [("good", "mains"), ("good", "fewer"), ("mains", "fewer")]
    for pair in result["pairs"]:
        assert {"difference", "low", "high", "p", "p_holm"} <= set(pair)
        systems = [result["systems"][pair[side]]["acc"] for side in "ab"]
        assert pair["difference"] == pytest.approx(systems[0] - systems[1])
        assert pair["low"] <= pair["difference"] <= pair["high"]
    assert result["oracle"]["acc"] == 1


def test_tables_fit_eighty_columns(folder):
    printed = run("compare", *gold_and(folder, "good", "mains", "fewer")).stdout
    assert max(cell_len(line) for line in printed.splitlines() if "records of" not in line) <= 80
    for heading in ("Acc, a - b", "main accuracy, a - b", "other F1, a - b", "oracle", "records that differ most"):
        assert heading in printed


def test_the_same_file_twice(folder):
    result = json.loads(run("compare", *gold_and(folder, "mains", "mains"), "--json").stdout)
    (pair,) = result["pairs"]
    assert (pair["a"], pair["b"]) == ("mains", "mains (2)")
    assert (pair["difference"], pair["low"], pair["high"], pair["p"], pair["p_holm"]) == (0, 0, 0, 1, 1)
    assert result["records"] == []
    assert "records that differ" not in run("compare", *gold_and(folder, "mains", "mains")).stdout


def test_names(folder):
    words = gold_and(folder, "good", "mains")
    result = json.loads(run("compare", *words, "--name", "我们", "--name", "[LLM]", "--json").stdout)
    assert list(result["systems"]) == ["我们", "[LLM]"]
    assert "[LLM]" in run("compare", *words, "--name", "我们", "--name", "[LLM]").stdout
    assert "1 --name for 2 --pred; give one for each" in run("compare", *words, "--name", "x", code=2).stderr
    assert "give each its own with --name" in run("compare", *words, "--name", "x", "--name", "x", code=2).stderr
    assert "give --pred twice; icdbase score scores one" in run("compare", *gold_and(folder, "good"), code=2).stderr


@pytest.mark.parametrize(("change", "rule"), [
    (lambda rows: rows.pop(), "no prediction for 1 of 50 gold records"),
    (lambda rows: rows.append(rows[0]), "the id occurs again, first in record number 1"),
    (lambda rows: rows[0].update({CCL25.prediction_field: "不知道"}), "0 signs | instead of 1"),
    (lambda rows: [row.update({CCL25.id_field: f"X{n}"}) for n, row in enumerate(rows)], "no id matches"),
], ids=["missing", "double", "unreadable", "other ids"])
def test_a_bad_submission_is_refused_as_score_refuses_it(folder, change, rule):
    changed(folder, "bad", change)
    told = run("compare", *gold_and(folder, "good", "bad"), code=1).stderr
    assert f"{folder / 'bad.json'}: " in told
    assert rule in told
    assert rule in run("score", *gold_and(folder, "bad"), code=1).stderr


def test_bad_answers_count_as_wrong_when_asked(folder):
    lacking = gold_and(folder, "good", changed(folder, "lacking", lambda rows: rows.pop()))
    systems = json.loads(run("compare", *lacking, "--missing-zero", "--json").stdout)["systems"]
    assert systems["lacking"]["n_missing"] == 1
    unreadable = changed(folder, "unreadable", lambda rows: rows[0].update({CCL25.prediction_field: "不知道"}))
    printed = run("compare", *gold_and(folder, "good", unreadable), "--invalid-zero").stdout
    assert "unreadable: cannot be read, counted as wrong: 1" in printed


def test_other_ids_and_codes_outside_the_list_are_named(folder):
    def more(rows):
        rows.append({CCL25.id_field: "别的病历", CCL25.prediction_field: "[I20.000|E11.900]"})
        rows[0][CCL25.prediction_field] = "[I20.000|Z99.999]"

    told = run("compare", *gold_and(folder, "good", changed(folder, "more", more)))
    assert "more: 1 of the ids not among the gold records, not compared: 别的病历" in told.stderr
    assert f"1 code outside the candidate list of {OTHERS}: Z99.999 (1)" in told.stderr


def test_the_folder(folder, tmp_path, held_out):
    words = gold_and(folder, "good", "mains", "fewer")
    printed = run("compare", *words, "--out", tmp_path / "out", "--records", "3").stdout
    assert "compare.html" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["codes.csv", "compare.html", "compare.json", "pairs.csv", "records.csv"]
    written = json.loads((tmp_path / "out" / "compare.json").read_text(encoding="utf-8"))
    assert written == json.loads(run("compare", *words, "--json", "--records", "3").stdout)
    assert len(written["records"]) == 3
    records = (tmp_path / "out" / "records.csv").read_text(encoding="utf-8-sig").splitlines()
    assert records[0] == f"{CCL25.id_field},good,mains,fewer"
    assert len(records) == 1 + len(held_out)
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert re.findall(r'<h3 id="r\d+">([^<]+)<', page) == [record["id"] for record in written["records"]]


def test_records_are_quoted_only_when_asked(folder, tmp_path, held_out):
    words = [*gold_and(folder, "good", "mains"), "--out", tmp_path]
    run("compare", *words)
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    texts = [text[:30] for field in CCL25.text_fields for text in held_out[field] if len(text) > 40]
    assert not any(text in page for text in texts)
    assert "请按患者数据保管" in run("compare", *words, "--with-text", "--lang", "zh").stdout
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert any(text in page for text in texts)
    assert "it is patient data" in page
    assert '<html lang="zh-CN"' in page
    assert "add --out FOLDER" in run("compare", *gold_and(folder, "good", "mains"), "--with-text", code=2).stderr


def test_names_cannot_write_html(folder, tmp_path):
    run("compare", *gold_and(folder, "good", "mains"), "--name", "<script>alert(1)</script>", "--name", "=1+1", "--out", tmp_path)
    assert "<script>alert" not in (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert ",'=1+1" in (tmp_path / "pairs.csv").read_text(encoding="utf-8-sig")


def test_merge_without_labelled_records(folder, tmp_path, held_out):
    names = ("good", "mains", "fewer")
    run("merge", *gold_and(folder, *names)[2:], "--out", tmp_path / "all.json")
    accepted = run("check", "--input", folder / "test.json", "--pred", tmp_path / "all.json").stdout
    assert f"would be accepted, {len(held_out)} records" in accepted
    acc = record_scores(held_out, read_submission(tmp_path / "all.json"))["acc"]
    # Two of three are right on each target; where the set is empty, the platform asks for a code all the same.
    assert (acc == held_out[OTHERS].map(len).gt(0) / 2 + 0.5).all()


def test_merge_with_learned_weights(folder, tmp_path, held_out):
    words = [word for name in ("mains", "fewer") for option in ("--pred", "--dev-pred") for word in (option, folder / f"{name}.json")]
    result = run("merge", *words, "--gold", folder / "test.json", "--out", tmp_path / "both.json")
    assert "50 labelled records; weights learned on four fifths of them" in result.stdout
    gain = re.search(r"against (\w+), the best system: Acc ([+-][\d.]+), 95 % interval", result.stdout)
    alone = {name: score(held_out, read_submission(folder / f"{name}.json")).acc for name in ("mains", "fewer")}
    assert gain[1] == max(alone, key=alone.get)
    # One system has all sets right, the other all main codes: the weights take each for what it knows.
    assert float(gain[2]) > 0.2
    assert score(held_out, read_submission(tmp_path / "both.json")).acc > max(alone.values()) + 0.2
    assert max(cell_len(line) for line in result.stdout.splitlines() if str(tmp_path) not in line) <= 80


def test_merge_tells_what_is_wrong(folder, tmp_path):
    out = ["--out", tmp_path / "x.json"]
    pred = gold_and(folder, "good", "mains")[2:]
    assert "give --pred twice" in run("merge", *pred[:2], *out, code=2).stderr
    assert "--gold and --dev-pred go together" in run("merge", *pred, *out, "--gold", folder / "test.json", code=2).stderr
    dev = ["--gold", folder / "test.json", "--dev-pred", folder / "good.json"]
    assert "1 --dev-pred for 2 --pred" in run("merge", *pred, *out, *dev, code=2).stderr
    changed(folder, "lacks", lambda rows: rows.pop())
    lacking = gold_and(folder, "good", "lacks")[2:]
    told = run("merge", *lacking, *out, code=1).stderr
    assert re.search(r"lacks\.json: .*no prediction for 1 of the 50 records of \S*good\.json: \w+; .*--missing-zero", told)
    run("merge", *lacking, *out, "--missing-zero")
    assert len(read_submission(tmp_path / "x.json")) == 50
    told = run("merge", *pred, *out, *dev, "--dev-pred", folder / "lacks.json", code=1).stderr
    assert re.search(r"lacks\.json: no prediction for 1 of 50 gold records", told)
    write_submission(read_submission(folder / "good.json").rename("X{}".format), tmp_path / "others.json")
    told = run("merge", *pred, *out, *dev, "--dev-pred", tmp_path / "others.json", code=1).stderr
    assert re.search(r"others\.json: .*no id matches", told)
    write_records(read_records(folder / "test.json").iloc[:5], tmp_path / "few.json")
    few = ["--gold", tmp_path / "few.json", *dev[2:], "--dev-pred", folder / "mains.json"]
    assert "few.json: 5 labelled records, 20 at least to learn weights" in run("merge", *pred, *out, *few, code=1).stderr


OWN_TASK = """
name = "mine"
id_field = "id"
text_fields = ["text"]
code_system = "free"
[[targets]]
name = "finding"
kind = "multi"
weight = 0.5
min_codes = 0
[[targets]]
name = "label"
kind = "single"
weight = 0.3
[[targets]]
name = "urgent"
kind = "single"
weight = 0.2
"""


def test_a_task_of_your_own(tmp_path):
    def write(name, rows):
        (tmp_path / name).write_text("\n".join(["id,text,finding,label,urgent", *rows]), encoding="utf-8")
        return tmp_path / name

    (tmp_path / "mine.toml").write_text(OWN_TASK, encoding="utf-8")
    task = ["--task", tmp_path / "mine.toml"]
    gold = write("gold.csv", ["1,热三天,p;q,X,yes", "2,咳两天,,Y,no"])
    one = write("one.csv", ["1,,p,X,yes", "2,,,X,no"])
    two = write("two.csv", ["1,,p;q,X,no", "2,,q,Y,no"])
    for path in (one, two):  # a submission has no texts
        path.write_text(re.sub("^([^,]*),[^,]*,", r"\1,", path.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    words = ["--pred", one, "--pred", two]
    (pair,) = json.loads(run("compare", *task, "--gold", gold, *words, "--json").stdout)["pairs"]
    # Record 1: sets 2/3 and 1, urgent right and wrong; record 2: sets 1 and 0, label wrong and right.
    assert pair["other_f1"]["difference"] == pytest.approx((2 / 3 - 1 + 1 - 0) / 2)
    assert pair["main_accuracy"]["difference"] == -0.5
    assert pair["urgent_accuracy"]["difference"] == 0.5
    assert pair["difference"] == pytest.approx(0.5 * (2 / 3) / 2 - 0.3 / 2 + 0.2 / 2)
    run("merge", *task, *words, "--out", tmp_path / "both.json")
    assert "would be accepted, 2 records" in run("check", *task, "--input", gold, "--pred", tmp_path / "both.json").stdout
    assert [row["预测结果"] for row in json.loads((tmp_path / "both.json").read_text(encoding="utf-8"))] == ["[p;q|X|yes]", "[q|X|no]"]
