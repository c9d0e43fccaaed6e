"""A task from a TOML file: what it may say, and what is said when it is wrong."""

import json
from pathlib import Path

import pandas as pd
import pytest

from icdbase import IcdCoder, get_task, load, read_records, save, score
from icdbase.core.errors import DataError, UsageError
from icdbase.experiments.cross_validation import cross_validate
from icdbase.explain.explanation import explain
from icdbase.tasks.editions import CCL25

WHOLE = '''\
name = "triage"
id_field = "visit"
text_fields = ["complaint", "adm_dx"]
separators = "/"
code_system = "free"
tokenizer = "ngrams:3-4"
blocks = ["words", "diagnosis_list"]
code_table = "codes.csv"

[reads_like]
adm_dx = "入院诊断"

[[targets]]
name = "disease"
kind = "single"
weight = 0.7
aliases = ["dx"]

[[targets]]
name = "further"
kind = "multi"
weight = 0.3
min_codes = 0
open = true
'''
CODES = "target,code,name,exclusive_group\ndx,Flu,Influenza,\ndisease,Cold (common),,\nfurther,Cough,Cough,g\n"


def write(folder, text, codes=CODES):
    (folder / "codes.csv").write_text(codes, encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_that_a_file_can_say(tmp_path):
    task = get_task(write(tmp_path, WHOLE))
    assert (task.name, task.id_field, task.text_fields) == ("triage", "visit", ("complaint", "adm_dx"))
    assert (task.tokenizer, task.blocks, task.separators) == ("ngrams:3-4", ("words", "diagnosis_list"), "/")
    disease, further = task.targets
    assert disease.codes == ("Flu", "Cold (common)") and disease.aliases == ("dx",) and disease.weight == 0.7
    assert further.codes == () and further.min_codes == 0 and task.known_codes == {"further": ("Cough",)}
    assert task.code_names == {"Flu": "Influenza", "Cough": "Cough"} and task.exclusive_groups == {"Cough": "g"}
    assert task.reads_like == {"adm_dx": "入院诊断"}


def test_a_base_gives_what_is_not_said(tmp_path):
    task = get_task(write(tmp_path, 'base = "ccl25"\ntokenizer = "characters"\n'))
    assert (task.name, task.tokenizer) == ("mine", "characters")
    assert (task.targets, task.text_fields, task.code_names) == (CCL25.targets, CCL25.text_fields, CCL25.code_names)


@pytest.mark.parametrize(("text", "message"), [
    ("a = " + "[" * 100_000, "nested too deeply"),
    ("a = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
    ("a = " + "9" * 10_000, "a number of thousands of digits"),
    (WHOLE.replace("0.7", "nan"), "line 16: target disease: weight must not be negative or infinite, got nan"),
    (WHOLE.replace("0.7", "inf"), "line 16: target disease: weight must not be negative or infinite, got inf"),
    ('text_fields = ["a", "b", "a"]\n[[targets]]\nname = "c"\nkind = "single"', "column 'a' is used twice"),
])  # fmt: skip
def test_a_file_made_to_harm(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"mine\.toml: .*{message}"):
        get_task(write(tmp_path, text))


def test_thousands_of_fields(tmp_path):
    names = [f"f{number}" for number in range(20_000)]
    task = get_task(write(tmp_path, f"text_fields = {json.dumps(names)}\n[[targets]]\nname = 'c'\nkind = 'single'\n"))
    assert len(task.text_fields) == 20_000


def test_get_task_knows_names_and_says_which():
    assert get_task("ccl25") is CCL25
    with pytest.raises(UsageError, match="did you mean 'ccl25'"):
        get_task("cl25")
    with pytest.raises(DataError, match=r"nowhere\.toml: no such file"):
        get_task("nowhere.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "triage"', "name = triage", r"not TOML: .*line 1"),
        ("id_field", "id_feld", "line 2: unknown key 'id_feld'; did you mean 'id_field'"),
        ('text_fields = ["complaint", "adm_dx"]', "", "text_fields is missing"),
        ('["complaint", "adm_dx"]', '"complaint"', "line 3: text_fields must be a list of texts"),
        ('["complaint", "adm_dx"]', "[]", "line 3: text_fields is empty"),
        ('["complaint", "adm_dx"]', '["complaint",\n  "adm_dx",\n  "visit"]', "line 5: column 'visit' is used twice"),
        ('"/"', '""', "line 4: separators must hold"),
        ('"free"', '"fre"', "line 5: unknown code_system 'fre'; did you mean 'free'"),
        ('"ngrams:3-4"', '"ngram"', "line 6: unknown tokenizer 'ngram'; did you mean 'ngrams'"),
        ('"ngrams:3-4"', '"ngrams:4-3"', "line 6: tokenizer 'ngrams:4-3': write the lengths"),
        ('"ngrams:3-4"', '"regex:("', "line 6: tokenizer 'regex:.': not a regular expression"),
        ('"ngrams:3-4"', '"jieba:2"', "line 6: tokenizer 'jieba:2': jieba takes no argument"),
        ('["words", "diagnosis_list"]', '["words",\n  "word"]', "line 8: unknown blocks 'word'; did you mean 'words'"),
        ('"codes.csv"', '"code.csv"', "line 8: no such file"),
        ('adm_dx = "入院诊断"', 'adm = "入院诊断"', "line 11: reads_like: 'adm' is no text field; did you mean 'adm_dx'"),
        ('adm_dx = "入院诊断"', 'adm_dx = "入院"', "line 11: reads_like: '入院' is no field of the evaluation"),
        ('kind = "multi"', 'kind = "multiple"', "line 21: unknown kind 'multiple'; did you mean 'multi'"),
        ('kind = "multi"', "", "line 19: kind is missing"),
        ("weight = 0.3", "weight = -1", "line 22: target further: weight must not be negative"),
        ("weight = 0.3", 'weight = "3"', "line 22: weight must be a number"),
        ("weight = 0.3", "", "line 19: weight is missing, other targets have one"),
        ("min_codes = 0", "min_codes = true", "line 23: min_codes must be a whole number"),
        ('name = "triage"', 'base = "ccl2"', "line 1: unknown task 'ccl2'"),
    ],
)
def test_errors_point_at_the_line(tmp_path, old, new, message):
    assert old in WHOLE
    with pytest.raises(DataError, match=message):
        get_task(write(tmp_path, WHOLE.replace(old, new)))


def test_several_errors_are_told_together(tmp_path):
    broken = WHOLE.replace("id_field", "id_feld").replace('kind = "multi"', 'kind = "many"')
    with pytest.raises(DataError, match="2 problems") as caught:
        get_task(write(tmp_path, broken))
    assert [str(problem)[:8] for problem in caught.value.problems] == ["line 2: ", "line 21:"]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ("target,name\ndisease,Flu\n", "field code: the column is missing"),
        ("target,code\nillness,Flu\n", "codes.csv: record number 1, field target: no such target"),
        ("target,code\ndisease,Flu\ndisease,\n", "record number 2, field code: the code is missing"),
    ],
)
def test_errors_in_the_table_of_codes(tmp_path, codes, message):
    with pytest.raises(DataError, match=message):
        get_task(write(tmp_path, WHOLE, codes))


ROWS = [
    {"visit": f"v{number}", "complaint": f"{word} since monday", "adm_dx": "", "dx": disease, "further": further}
    for number, (word, disease, further) in enumerate(
        [("fever and aches", "Flu", "Cough/Fatigue"), ("running nose", "Cold (common)", ""),
         ("feverish", "Flu", "Cough"), ("nose runs", "Cold (common)", "Cough")] * 6
    )
]


def test_the_whole_way_on_a_table_of_ones_own(tmp_path):
    task = get_task(write(tmp_path, WHOLE))
    pd.DataFrame(ROWS).to_csv(tmp_path / "rows.csv", index=False)
    records = read_records(tmp_path / "rows.csv", task, require_labels=True)
    assert records["disease"].iloc[1] == "Cold (common)" and records["further"].iloc[0] == ("Cough", "Fatigue")
    coder = IcdCoder(task=task, n_folds=2, boosted_features=False).fit(records)
    save(coder, tmp_path / "model", records=records)
    loaded = load(tmp_path / "model")
    assert loaded.task == task
    codes = loaded.predict(records)
    assert score(records, codes, task, n_bootstrap=1).main_accuracy == 1.0
    flu = explain(loaded, records.iloc[0]).codes[0]
    assert flu.code == "Flu" and "fev" in "".join(item.text for item in flu.evidence if item.contribution > 0)
    assert json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))["task"] == "triage"


def test_a_task_of_one_multi_target_can_be_cross_validated(tmp_path):
    text = 'id_field = "visit"\ntext_fields = ["complaint"]\ncode_system = "free"\nseparators = "/"\n'
    task = get_task(write(tmp_path, text + '[[targets]]\nname = "further"\nkind = "multi"\nmin_codes = 0\n'))
    pd.DataFrame(ROWS).to_json(tmp_path / "rows.json", orient="records")
    records = read_records(tmp_path / "rows.json", task, require_labels=True)
    result = cross_validate(IcdCoder(task=task, n_folds=2, boosted_features=False), records, n_folds=2, n_jobs=1)
    assert result.scores.main_accuracy is None and 0 < result.scores.other_f1 <= 1


def test_the_example_of_the_documentation_is_a_task(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    codes = "target,code,name\ndiagnoses,I10.x00x002,高血压\n"
    task = get_task(write(tmp_path, example, codes))
    assert [target.name for target in task.targets] == ["triage code", "diagnoses"]
    assert task.known_codes == {"diagnoses": ("I10.x00x002",)} and task.reads_like == {"adm_dx": "入院诊断"}
