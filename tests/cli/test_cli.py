"""The verbs as typed: exit codes, streams, files; run_baseline.py does the same job."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from icdbase import read_records, read_submission, score, write_records
from icdbase.cli.main import main
from icdbase.evaluation.scoring import record_scores
from icdbase.tasks.editions import CCL25

ROOT = Path(__file__).parents[2]
KEYS = ["acc", "main_accuracy", "other_f1", "acc_recall_variant", "micro_f1", "macro_f1", "acc_interval"]


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output + result.stderr
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory, held_out, few_codes):
    """Official files, a model and a submission, made by the verbs themselves; ``few.json`` for what is fitted again."""
    folder = tmp_path_factory.mktemp("cli")
    write_records(few_codes[:40], folder / "few.json")
    write_records(few_codes, folder / "train.json")
    write_records(held_out, folder / "test.json")
    trained = run("train", "--train", folder / "train.json", "--model", folder / "model", "--seed", "0")
    assert "60 records" in trained.stdout and "predicted only where a record states them" in trained.stdout
    run("predict", "--model", folder / "model", "--input", folder / "test.json", "--out", folder / "pred.json")
    return folder


def test_records_unlike_the_training_records_are_said(folder, tmp_path, held_out):
    odd = held_out.iloc[:2].assign(**dict.fromkeys(CCL25.text_fields, "") | {"主诉": "转移性右下腹痛1天"})
    write_records(odd, tmp_path / "odd.json")
    files = ["--model", folder / "model", "--input", tmp_path / "odd.json"]
    for more in ([], ["--top", "2"]):
        said = " ".join(run("predict", *files, "--out", tmp_path / f"pred{len(more)}.jsonl", *more).stderr.split())
        assert f"2 of 2 records are unlike the training records, their codes are a guess: {odd.index[0]} (little text)" in said
    told = run("explain", *files, "--record", odd.index[0]).stdout
    assert told.startswith(f"{odd.index[0]} is unlike the training records (little text): its codes are a guess\n")


def test_score_in_words_and_in_json(folder, held_out):
    arguments = ["score", "--gold", folder / "test.json", "--pred", folder / "pred.json"]
    figures = json.loads(run(*arguments, "--json").stdout)
    assert list(figures)[: len(KEYS)] == KEYS or set(KEYS) <= set(figures)
    assert figures["acc"] == score(held_out, read_submission(folder / "pred.json")).acc
    assert f"{figures['acc']:.3f}" in run(*arguments).stdout
    assert "I25.103" in run(*arguments, "--per-code").stdout
    assert len(json.loads(run(*arguments, "--per-code", "--json").stdout)["per_code"]) == 58


def test_a_skipped_record_is_refused_or_scored_zero(folder, held_out):
    rows = json.loads((folder / "pred.json").read_text(encoding="utf-8"))
    (folder / "skipped.json").write_text(json.dumps(rows[1:], ensure_ascii=False), encoding="utf-8")
    arguments = ["score", "--gold", folder / "test.json", "--pred", folder / "skipped.json"]
    assert "--missing-zero" in run(*arguments, code=1).stderr
    figures = json.loads(run(*arguments, "--missing-zero", "--json").stdout)
    of_first = record_scores(held_out, read_submission(folder / "pred.json"))["acc"].iloc[0]
    whole = json.loads(run(*arguments[:-1], folder / "pred.json", "--json").stdout)["acc"]
    assert figures["n_missing"] == 1 and figures["acc"] == pytest.approx(whole - of_first / len(held_out))
    assert "without prediction, scored 0: 1" in run(*arguments, "--missing-zero", "--per-code").stdout


def test_tables_fit_eighty_columns(folder):
    printed = run("score", "--gold", folder / "test.json", "--pred", folder / "pred.json", "--per-code").stdout
    assert max(cell_len(line) for line in printed.splitlines() if "records of" not in line) <= 80


def test_check(folder):
    assert "would be accepted, 50 records" in run(
        "check", "--input", folder / "test.json", "--pred", folder / "pred.json"
    ).stdout
    rows = json.loads((folder / "pred.json").read_text(encoding="utf-8"))
    (folder / "short.json").write_text(json.dumps(rows[1:], ensure_ascii=False), encoding="utf-8")
    refused = run("check", "--input", folder / "test.json", "--pred", folder / "short.json", code=1)
    assert rows[0]["病案标识"] in refused.stderr and not refused.stdout
    as_json = run("check", "--input", folder / "test.json", "--pred", folder / "short.json", "--json", code=1)
    assert json.loads(as_json.stdout)["accepted"] is False


def test_a_chosen_field_and_the_plain_setting(folder, tmp_path):
    run("train", "--train", folder / "few.json", "--model", tmp_path / "m", "--fields", "入院诊断，主诉", "--setting", "plain")
    card = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    assert card["fields"] == ["主诉", "入院诊断"] and card["parameters"]["boosted_features"] is False


@pytest.fixture
def own_table(folder, tmp_path):
    """A concept table, and records in which its term is written now and then."""
    table = tmp_path / "our_department.csv"
    table.write_text("concept,kind,codes,forms\n科室自定病,disease,E11.900,自定症{甲/乙}\n心房颤动,,,我院简称房F\n", encoding="utf-8")
    records = read_records(folder / "few.json")
    told = [("自定症甲，" if "E11.900" in codes else "") + text
            for codes, text in zip(records["其他诊断编码"], records["入院情况"], strict=True)]
    write_records(records.assign(入院情况=told), tmp_path / "told.json")
    return table


def test_a_model_carries_the_concept_tables_it_was_trained_with(own_table, tmp_path, monkeypatch):
    told = tmp_path / "told.json"
    run("train", "--train", told, "--model", tmp_path / "first", "--setting", "plain", "--concepts", own_table)
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    own_table.unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    card = json.loads(Path("model.json").read_text(encoding="utf-8"))
    ((copied, name),) = card["concept_tables"].items()
    assert name == "our_department.csv" and "自定症" in Path(copied).read_text(encoding="utf-8")
    run("predict", "--model", ".", "--input", told, "--out", tmp_path / "pred.json")
    record = next(r for r, text in read_records(told)["入院情况"].items() if "自定症甲" in text)
    words = ["explain", "--model", ".", "--input", told, "--record", record, "--code", "E11.900", "--json"]
    evidence = json.loads(run(*words).stdout)["codes"][0]["evidence"]
    assert any(item["text"] == "自定症甲" and "科室自定病" in str(item["features"]) for item in evidence)


@pytest.mark.parametrize("words", [
    ["train", "--model", "m"], ["cv", "--out", "c"], ["ablate", "--out", "a"], ["curve", "--out", "l"],
], ids=lambda words: words[0])
def test_a_concept_table_is_looked_through_before_the_work(folder, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("own.csv").write_text("怪病,disease,,\n", encoding="utf-8")
    told = run(*words, "--train", folder / "train.json", "--concepts", "own.csv", code=1).stderr
    assert "own.csv: line 1: the header is not concept,kind,codes,forms; add it" in told
    assert "nowhere.csv" in run(*words, "--train", folder / "train.json", "--concepts", "nowhere.csv", code=1).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


def test_experiments_read_concept_tables(own_table, tiny_setting, tmp_path):
    told, out, factors = tmp_path / "told.json", tmp_path / "run", tmp_path / "f.json"
    factors.write_text('{"concepts": {"blocks": ["concepts"]}}', encoding="utf-8")
    run("ablate", "--train", told, "--out", out, "--setting", tiny_setting, "--folds", "2", "--factors", factors,
        "--concepts", own_table, "--n-jobs", "1")
    assert json.loads((out / "run.json").read_text("utf-8"))["parameters"]["concept_tables"] == [str(own_table.resolve())]
    assert "same figures" in run("ablate", "--rerun", out / "run.json", "--n-jobs", "1").stderr
    assert "--concepts does not go with --rerun" in run(
        "ablate", "--rerun", out / "run.json", "--concepts", own_table, code=2).stderr


def copies(records, folder):
    """One file in every form that is seen in the wild."""
    write_records(records, folder / "copy.json")
    text = (folder / "copy.json").read_text(encoding="utf-8")
    forms = {"bom.json": "utf-8-sig", "gb.json": "gb18030"}
    for name, encoding in forms.items():
        (folder / name).write_text(text, encoding=encoding)
    for ending in ("jsonl", "csv", "tsv", "xlsx"):
        write_records(records, folder / f"copy.{ending}")
    return [folder / name for name in forms] + sorted(folder.glob("copy.*"))


def test_every_form_of_a_file_gives_the_same_predictions(folder, held_out):
    predicted = set()
    for path in copies(held_out[:5], folder):
        run("predict", "--model", folder / "model", "--input", path, "--out", folder / "again.json")
        predicted.add((folder / "again.json").read_bytes())
    assert len(predicted) == 1


def test_the_papers_sample_record_is_read_predicted_and_scored(folder, tmp_path):
    sample = ROOT / "tests" / "data" / "sample_record.json"
    predicted = run("predict", "--model", folder / "model", "--input", sample, "--out", tmp_path / "p.json")
    assert "1 prediction:" in predicted.stdout and "J81.x00x002" in predicted.stderr
    scored = run("score", "--gold", sample, "--pred", tmp_path / "p.json", "--json")
    assert 0 <= json.loads(scored.stdout)["other_f1"] <= 1 and json.loads(scored.stdout)["main_accuracy"] == 0


@pytest.fixture(scope="module")
def parts(folder, held_out, few_codes):
    """The same records in two files each, and lines of the command that name both."""
    write_records(few_codes[:25], folder / "few-1.json")
    write_records(few_codes[25:40], folder / "few-2.csv")
    write_records(few_codes[:35], folder / "train-1.json")
    write_records(few_codes[35:], folder / "train-2.csv")
    write_records(held_out[:20], folder / "test-1.json")
    write_records(held_out[20:], folder / "test-2.xlsx")
    return {
        option: [option, folder / f"{name}-1.json", option, next(folder.glob(f"{name}-2.*"))]
        for option, name in (("--train", "train"), ("--gold", "test"), ("--input", "test"))
    } | {"few": ["--train", folder / "few-1.json", "--train", folder / "few-2.csv"]}


def test_several_files_are_joined_in_their_order(folder, parts, tmp_path):
    trained = run("train", *parts["--train"], "--model", tmp_path / "m", "--setting", "plain", "--fields", "主诉")
    assert "train-1.json" in trained.stdout and "train-2.csv: 60 records" in trained.stdout
    cards = [json.loads((place / "model.json").read_text(encoding="utf-8")) for place in (folder / "model", tmp_path / "m")]
    assert cards[0]["training_data"] == cards[1]["training_data"]
    scored = [run("score", *words, "--pred", folder / "pred.json", "--json").stdout
              for words in (["--gold", folder / "test.json"], parts["--gold"])]
    assert scored[0] == scored[1]
    assert "would be accepted, 50 records" in run("check", *parts["--input"], "--pred", folder / "pred.json").stdout


def test_experiments_join_files_and_groups_and_can_be_repeated(folder, parts, tiny_setting, tmp_path):
    words = ["--folds", 2, "--setting", tiny_setting, "--n-jobs", 1]
    grouped = [*words, "--group", "病案标识", "--json"]
    assert run("cv", *parts["few"], *grouped).stdout == run("cv", "--train", folder / "few.json", *grouped).stdout
    run("curve", *parts["few"], *words, "--sizes", "20", "--out", tmp_path / "curve")
    (tmp_path / "f.json").write_text('{"words": {"blocks": ["words"]}}', encoding="utf-8")
    run("ablate", *parts["few"], *words, "--factors", tmp_path / "f.json", "--out", tmp_path / "a")
    card = json.loads((tmp_path / "a" / "run.json").read_text(encoding="utf-8"))
    assert [Path(path).name for path in card["train"]] == ["few-1.json", "few-2.csv"]
    assert "same figures" in run("ablate", "--rerun", tmp_path / "a" / "run.json", "--n-jobs", 1).stderr


def test_a_file_option_that_takes_one_file_is_refused_twice(folder):
    words = ["predict", "--model", folder / "model", "--input", folder / "test.json", "--out", "p.json"]
    assert "--input takes one value here, got 2" in run(*words, "--input", "b.json", code=2).stderr


def test_synth_writes_the_official_files(tmp_path):
    printed = run("synth", "--n", "30", "--seed", "4", "--out", tmp_path).stdout
    assert "ICD-Coding-train.json" in printed
    assert "主诊断编码" in read_records(tmp_path / "ICD-Coding-test.json")
    assert "主诊断编码" not in read_records(tmp_path / "ICD-Coding-test-input.json")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "--train", "nowhere.json", "--model", "m"], 1, "nowhere.json"),
        (["train", "--train", "{folder}/pred.json", "--model", "m"], 1, "pred.json"),
        (["train", "--train", "{folder}/train.json", "--model", "m", "--fields", "主述"], 2, "did you mean '主诉'"),
        (["train", "--train", "{folder}/train.json", "--model", "m", "--setting", "plane"], 2, "did you mean 'plain'"),
        (["train", "--train", "{folder}/train.json", "--model", "{folder}"], 2, "is no model folder, it holds"),
        (["predict", "--model", "nowhere", "--input", "{folder}/test.json", "--out", "o.json"], 1, "icdbase train"),
        (["score", "--gold", "{folder}/pred.json", "--pred", "{folder}/test.json"], 1, "pred.json: this is a submission"),
        (["synth", "--n", "30"], 2, "--out"),
        (["trian"], 2, "No such command"),
        (["train"], 2, "Missing option"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_misuse_is_explained_and_leaves_nothing(folder, tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    result = run(*(word.format(folder=folder) for word in words), code=code)
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", sorted(main.commands))
def test_help_has_examples(verb):
    text = run(verb, "--help").stdout
    assert f"icdbase {verb} " in text and "Examples:" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80


def run_baseline(monkeypatch, capsys, *words):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["run_baseline.py", *map(str, words)])
    runpy.run_path("run_baseline.py", run_name="__main__")
    return capsys.readouterr()


def test_run_baseline_does_the_same_job(folder, parts, held_out, tmp_path, monkeypatch, capsys):
    names = ("test-a.json", "test-b.xlsx", "test-ab.json")
    for name, some in zip(names, (held_out[:8], held_out[8:12], held_out[:12]), strict=True):
        write_records(some, folder / name)
    run("predict", "--model", folder / "model", "--input", folder / names[2], "--out", folder / "pred-ab.json")
    given = [word for name in names[:2] for word in ("--test", folder / name)]
    done = run_baseline(monkeypatch, capsys, *parts["--train"], *given, "--out", tmp_path)
    assert (tmp_path / "predictions.json").read_bytes() == (folder / "pred-ab.json").read_bytes()
    assert (tmp_path / "model" / "model.json").is_file()
    assert set(KEYS) <= set(json.loads((tmp_path / "scores.json").read_text(encoding="utf-8")))
    assert "majority baseline" in done.out and "icdbase check --input" in done.out
    assert done.err.startswith("fitting and predicting, ")  # off a terminal there is no bar
    assert f"report       {tmp_path / 'report.html'}" in done.out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "majority baseline" in page
    assert f"--train {folder / 'train-1.json'} --train {folder / 'train-2.csv'} --test" in page


def test_run_baseline_explains_a_bad_file(folder, tmp_path, monkeypatch, capsys):
    words = ["--train", "nowhere.json", "--test", folder / "test.json", "--out", tmp_path / "out"]
    with pytest.raises(SystemExit) as ended:
        run_baseline(monkeypatch, capsys, *words)
    printed = capsys.readouterr().err
    assert ended.value.code == 1 and "nowhere.json" in printed and "Traceback" not in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_says_that_it_installs_before_it_does():
    # `make test` hands MAKELEVEL and MAKEFLAGS on, and make then prints its folder before anything else.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-n", "-B", ".venv/.ready"]
    done = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=True)
    first, *others = done.stdout.splitlines()
    assert "setting up .venv" in first and any("pip install" in line for line in others)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_record_of_the_readme_has_all_fields(name, tmp_path):
    shown = (ROOT / name).read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    (tmp_path / "one.json").write_text(shown, encoding="utf-8")
    frame = read_records(tmp_path / "one.json", require_labels=True)
    assert set(json.loads(shown)[0]) == {CCL25.id_field, *CCL25.text_fields, *(target.name for target in CCL25.targets)}
    assert frame.shape == (1, 13) and all(frame.iloc[0][field] for field in CCL25.text_fields)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/clinical-knowledge.md"])
def test_every_icdbase_line_of_the_readme_parses(name):
    lines = re.findall(r"^icdbase (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert lines
    for line in lines:
        verb, *words = line.split("  #")[0].split()
        command = main.commands[verb]
        command.make_context(verb, words)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_powershell_line_of_the_readme_parses_and_no_shell_runs_it(name):
    block = re.search(r"^```powershell\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
    programs = [line.split()[0].removeprefix(".venv\\Scripts\\") for line in block.splitlines()]
    assert programs == ["python", "pip", *["icdbase"] * 5]
    for line in block.splitlines()[2:]:
        verb, *words = line.replace("\\", "/").split()[1:]
        main.commands[verb].make_context(verb, words)
    run_lines = runpy.run_path(str(ROOT / ".ci" / "readme_lines.py"))["commands"](ROOT / name)
    assert run_lines and not any("Scripts" in line for line in run_lines)
