"""A table of one's own on the command line: init-task, --task on the verbs, --top."""

import html
import json
import shlex

import pandas as pd
import pytest
from click.testing import CliRunner

from icdbase import CCL25, IcdCoder, get_task, load, read_records, save, write_records
from icdbase.cli.main import main
from icdbase.core.errors import DataError, UsageError
from icdbase.records.rankings import write_top
from icdbase.records.task_proposal import propose_task

COMPLAINTS = {"fever and cough since monday": ("red", "J11.1, R05"), "crushing chest pain": ("green", "I21.9"),
              "short of breath, swollen legs": ("red", "I50.9, I10"), "sore throat and hoarse voice": ("green", "")}


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output + result.stderr
    return result


def rows(n=24):
    texts = list(COMPLAINTS.items())
    return [
        {"visit": f"v{number}", "complaint": f"{text}, day {number % 3}", "age": 20 + number % 7, "sex": "mf"[number % 2],
         "triage code": triage, "diagnoses": diagnoses}
        for number, (text, (triage, diagnoses)) in enumerate(texts[number % 4] for number in range(n))
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, its proposed task, a model and a submission, made by the verbs."""
    folder = tmp_path_factory.mktemp("own")
    pd.DataFrame(rows()).to_csv(folder / "visits.csv", index=False, sep=";")
    said = run("init-task", folder / "visits.csv", "--out", folder / "mine.toml")
    assert f"icdbase train --task {folder / 'mine.toml'}" in said.stdout
    task = ["--task", folder / "mine.toml"]
    run("train", *task, "--train", folder / "visits.csv", "--model", folder / "m", "--setting", "plain")
    run("predict", "--model", folder / "m", "--input", folder / "visits.csv", "--out", folder / "pred.json")
    return folder


def test_the_proposed_task(folder):
    task = get_task(folder / "mine.toml")
    assert (task.id_field, task.text_fields, task.tokenizer) == ("visit", ("complaint",), "regex")
    assert [(target.name, target.kind, target.min_codes) for target in task.targets] == [
        ("diagnoses", "multi", 0), ("triage code", "single", 1)]
    assert '"age", "sex"' in (folder / "mine.toml").read_text(encoding="utf-8")


def test_every_verb_takes_the_task(folder, tiny_setting):
    task = ["--task", folder / "mine.toml"]
    run("check", *task, "--input", folder / "visits.csv", "--pred", folder / "pred.json")
    scored = json.loads(run(
        "score", *task, "--gold", folder / "visits.csv", "--pred", folder / "pred.json", "--json").stdout)
    assert scored["other_f1"] > 0.7
    run("cv", *task, "--train", folder / "visits.csv", "--folds", 2, "--setting", tiny_setting, "--n-jobs", 1)
    out = folder / "runs"
    factors = folder / "factors.json"
    factors.write_text('{"no groups": {"exclusive_groups": false}}', encoding="utf-8")
    words = ["--folds", 2, "--setting", tiny_setting, "--n-jobs", 1]
    run("ablate", *task, "--train", folder / "visits.csv", "--out", out, "--factors", factors, *words)
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["options"]["task"] == str(folder / "mine.toml")
    again = run("ablate", "--rerun", out / "run.json", "--n-jobs", 1)
    assert "same figures" in again.stderr
    refused = run("ablate", *task, "--rerun", out / "run.json", code=2)
    assert "--task does not go with --rerun" in refused.stderr
    unknown = run("train", "--task", "ccl27", "--train", "x", "--model", "m", code=2)
    assert "did you mean 'ccl2" in unknown.stderr


def test_the_most_probable_codes_as_lines_table_and_text(folder):
    words = ["predict", "--model", folder / "m", "--input", folder / "visits.csv", "--top", "2", "--out"]
    run(*words, folder / "top.jsonl")
    first = json.loads((folder / "top.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert list(first) == ["visit", "diagnoses", "triage code"] and len(first["diagnoses"]) == 2
    assert sum(item["probability"] for item in first["triage code"]) == pytest.approx(1, abs=1e-5)
    run(*words, folder / "top.csv")
    table = pd.read_csv(folder / "top.csv")
    assert table.columns.tolist() == ["visit", "target", "rank", "code", "name", "probability"]
    assert len(table) == 24 * 4 and set(table["rank"]) == {1, 2}
    shown = run(*words, "-").stdout
    assert "triage code" in shown and "v23" in shown
    refused = run("predict", "--model", folder / "m", "--input", folder / "visits.csv", "--out", "-", code=2)
    assert "only --top prints a table" in refused.stderr


def test_the_most_probable_codes_are_scored(folder, tmp_path):
    ranked = {"visit": [f"v{n}" for n in range(24)], "diagnoses": [["R05", "J11.1"]] * 24, "triage code": [["red", "green"]] * 24}
    pd.DataFrame(ranked).to_json(tmp_path / "top.jsonl", orient="records", lines=True)
    words = ["score", "--task", folder / "mine.toml", "--gold", folder / "visits.csv", "--top", tmp_path / "top.jsonl"]
    assert json.loads(run(*words, "--json").stdout)["triage code"]["map"] == 0.75
    assert "MAP" in run(*words).stdout
    assert "--top" in run(*words[:5], code=2).stderr


def test_a_target_without_codes_has_its_key_in_the_lines(folder, tmp_path):
    top = pd.DataFrame({"diagnoses": [(), (("R05", 0.5),)], "triage code": [(("red", 1.0),), ()]}, index=["v1", "v2"])
    write_top(top, tmp_path / "top.jsonl", get_task(folder / "mine.toml"))
    lines = [json.loads(line) for line in (tmp_path / "top.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [list(line) for line in lines] == [["visit", "diagnoses", "triage code"]] * 2
    assert lines[0]["diagnoses"] == [] == lines[1]["triage code"] and lines[1]["diagnoses"][0]["code"] == "R05"


def train_line(folder, model, tmp_path):
    """The line of a report that says how its model was trained."""
    run("report", "--model", model, "--gold", folder / "visits.csv", "--pred", folder / "pred.json",
        "--train", folder / "visits.csv", "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    (line,) = (line for line in html.unescape(page).splitlines() if "icdbase train " in line)
    return line[line.index("icdbase train ") :]


@pytest.mark.parametrize("options", [
    ("--setting", "plain"), ("--seed", 3, "--min-df", 1, "--main-learner", "linear", "--fields", "complaint", "--group", "age"),
])
def test_the_report_says_every_option_that_trains_the_model_again(folder, tmp_path, options):
    model, again = tmp_path / "model one", tmp_path / "again"
    run("train", "--task", folder / "mine.toml", "--train", folder / "visits.csv", "--model", model, *options)
    _, *words = shlex.split(train_line(folder, model, tmp_path))
    assert str(folder / "mine.toml") in words
    words[words.index("--model") + 1] = again
    run(*words)
    cards = [json.loads((path / "model.json").read_text(encoding="utf-8")) for path in (model, again)]
    first, second = ({name: card[name] for name in card if name not in ("model", "sha256")} for card in cards)
    assert first == second
    records = read_records(folder / "visits.csv", get_task(folder / "mine.toml"))
    for target, p in load(model).predict_proba(records).items():
        pd.testing.assert_frame_equal(p, load(again).predict_proba(records)[target], check_exact=True)


def test_the_report_says_what_no_option_sets(folder, tmp_path):
    task = get_task(folder / "mine.toml")
    coder = IcdCoder(task=task, decoding="top_k:3", min_df=3, n_folds=2).fit(read_records(folder / "visits.csv", task))
    line = train_line(folder, save(coder, tmp_path / "m"), tmp_path)
    assert line.endswith("--min-df 3 --task TASK.toml  # and, in Python only, IcdCoder(decoding='top_k:3', n_folds=2)")


def test_predict_top_agrees_with_predict_proba(folder):
    coder = load(folder / "m")
    records = read_records(folder / "visits.csv", coder.task)
    top, p = coder.predict_top(records, 1), coder.predict_proba(records)
    assert [listed[0][0] for listed in top["triage code"]] == p["triage code"].idxmax(axis=1).tolist()
    assert [listed[0][1] for listed in top["diagnoses"]] == p["diagnoses"].max(axis=1).tolist()
    with pytest.raises(UsageError, match="k must be at least 1"):
        coder.predict_top(records, 0)


def test_what_init_task_says_of_known_and_hopeless_files(folder, tmp_path, records):
    write_records(records[:3], tmp_path / "official.json")
    assert 'base = "ccl25"' in propose_task(tmp_path / "official.json")
    assert "is there already" in run("init-task", folder / "visits.csv", "--out", folder / "mine.toml", code=2).stderr
    assert "must end in .toml" in run("init-task", folder / "visits.csv", "--out", folder / "mine.txt", code=2).stderr
    for text, message in [
        ("v1,fever since monday\nv2,cough\nJ11.1,x\n", None),
        ("1,fever,J11.1\n2,cough,R05\n", "looks like no header"),
        ("name,note\na,fever\na,fever\n", "no column has another value in each record"),
        ("id,age\n1,30\n2,40\n", "no column looks like text"),
    ]:
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        if message:
            with pytest.raises(DataError, match=message):
                propose_task(tmp_path / "t.csv")


def test_codes_outside_the_candidates_get_open_targets(tmp_path, tiny_setting, train):
    records = train.iloc[:60].copy()
    records.iloc[:12, records.columns.get_loc(CCL25.main.name)] = "I25.103"
    write_records(records, tmp_path / "mine.json")
    words = ["--train", tmp_path / "mine.json", "--setting", tiny_setting]
    closed = run("train", *words, "--model", tmp_path / "closed")
    assert "12 of 60 training records have codes outside the candidate list of 主诊断编码" in closed.stderr
    assert "主诊断编码: not learned and never predicted, outside the candidate list: I25.103 (12)" in closed.stdout
    card = json.loads((tmp_path / "closed" / "model.json").read_text(encoding="utf-8"))
    assert card["outside_codes"][CCL25.main.name] == {"I25.103": 12}
    cv = run("cv", *words, "--folds", 2, "--n-jobs", 1)
    assert cv.stderr.count("12 of 60 training records") == 1 and "of 30 training records" not in cv.stderr

    proposed = run("init-task", tmp_path / "mine.json").stdout
    assert "will do" not in proposed and "I25.103" not in proposed
    (tmp_path / "open.toml").write_text(proposed, encoding="utf-8")
    opened = run("train", "--task", tmp_path / "open.toml", *words, "--model", tmp_path / "open")
    assert "not learned" not in opened.stderr + opened.stdout
    coder = load(tmp_path / "open")
    assert "I25.103" in coder.codes_[CCL25.main.name]
    assert [(t.weight, t.aliases) for t in coder.task.targets] == [(t.weight, t.aliases) for t in CCL25.targets]


def test_morphology_and_pairs_are_proposed_as_codes(tmp_path):
    table = [{"id": n, "note": f"a long enough note number {n} of someone",
              "main": ["E11.301+H36.0*", "C34.900"][n % 2], "others": ["I10.x00 H35.000", "M81400/3;C77.100"][n % 2]}
             for n in range(20)]
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "t.toml").write_text(propose_task(tmp_path / "t.csv"), encoding="utf-8")
    task = get_task(tmp_path / "t.toml")
    assert [(target.name, target.kind) for target in task.targets] == [("main", "single"), ("others", "multi")]
    assert (task.code_system, task.separators) == ("icd", ";")
    frame = read_records(tmp_path / "t.csv", task)
    assert frame["main"].iloc[0] == "E11.301+H36.0*" and frame["others"].iloc[1] == ("M81400/3", "C77.100")
    for table_row in table:
        table_row["others"] = "I10.x00/H35.000"
    pd.DataFrame(table).to_csv(tmp_path / "slash.csv", index=False)
    assert 'separators = "/"' in propose_task(tmp_path / "slash.csv")


def test_free_labels_that_hold_their_own_commas(tmp_path):
    table = [{"id": n, "note": f"a long enough note number {n} of someone", "disease": ["Angina, stable", "Flu"][n % 2]}
             for n in range(20)]
    pd.DataFrame(table).to_excel(tmp_path / "t.xlsx", index=False)
    (tmp_path / "t.toml").write_text(propose_task(tmp_path / "t.xlsx"), encoding="utf-8")
    task = get_task(tmp_path / "t.toml")
    assert task.code_system == "free" and task.targets[0].kind == "single"
    assert set(read_records(tmp_path / "t.xlsx", task)["disease"]) == {"Angina, stable", "Flu"}


@pytest.mark.filterwarnings("ignore:\\d+ training records. from fewer than 18")
def test_codes_never_seen_are_found_by_name_and_rare_ones_left_out(tmp_path, monkeypatch):
    text = ('id_field = "id"\ntext_fields = ["入院诊断"]\ncode_table = "c.csv"\n'
            '[[targets]]\nname = "codes"\nkind = "multi"\nmin_codes = 0\nopen = true\n')
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    names = {"K76.000": "脂肪肝", "E78.500": "高脂血症", "M10.900": "痛风", "H40.900": "青光眼"}
    listed = "\n".join(f"codes,{code},{name}" for code, name in names.items())
    (tmp_path / "c.csv").write_text("target,code,name\n" + listed, encoding="utf-8")
    task = get_task(tmp_path / "t.toml")
    train = pd.DataFrame([
        {"id": n, "入院诊断": "1.脂肪肝 2.高脂血症" if n % 2 else "痛风" if n == 4 else "心悸",
         "codes": ["K76.000", "E78.500"] if n % 2 else ["M10.900"] if n == 4 else []} for n in range(16)])
    new = pd.DataFrame({"id": ["a", "b"], "入院诊断": ["1.青光眼 2.脂肪肝", "心悸"]})
    coder = IcdCoder(task=task, n_folds=2, boosted_features=False).fit(train)
    assert coder.codes_["codes"].tolist() == ["E78.500", "K76.000"]
    codes = coder.predict(new)["codes"]
    assert "H40.900" in codes["a"] and codes["b"] == ()
    assert coder.predict_proba(new[1:])["codes"].columns.tolist() == ["E78.500", "K76.000"]
    monkeypatch.setattr("icdbase.learning.target_models.MIN_RECORDS", 1)
    without = IcdCoder(task=task, n_folds=2, boosted_features=False, codes_by_name=False).fit(train)
    assert "M10.900" in without.codes_["codes"] and "H40.900" not in without.predict(new)["codes"]["a"]


@pytest.mark.filterwarnings("ignore:\\d+ training records. from fewer than 18")
def test_an_open_set_that_is_always_empty(tmp_path):
    text = ('id_field = "id"\ntext_fields = ["note"]\n[[targets]]\nname = "main"\nkind = "single"\n'
            '[[targets]]\nname = "others"\nkind = "multi"\nmin_codes = 0\n')
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    from icdbase import save

    table = pd.DataFrame([{"id": n, "note": "胸痛" if n % 2 else "咳嗽", "main": "I20.000" if n % 2 else "J18.900",
                           "others": ""} for n in range(12)])
    coder = IcdCoder(task=get_task(tmp_path / "t.toml"), n_folds=2).fit(table)
    save(coder, tmp_path / "m")
    assert load(tmp_path / "m").predict(table)["others"].tolist() == [()] * 12
