"""The search for parameters: nested, resumable, and plain about no gain; its file is read by --setting."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from test_cross_validation import FIELDS, SMALL, small_records

from icdbase import SETTINGS, IcdCoder, load, write_records
from icdbase.cli.main import main
from icdbase.cli.options import new_coder
from icdbase.core.errors import DataError, UsageError
from icdbase.experiments import tuning
from icdbase.experiments.exports import write_tune
from icdbase.experiments.result_text import tune_text
from icdbase.experiments.settings_file import read_setting, write_setting
from icdbase.experiments.trials import TrialRunner
from icdbase.experiments.tuning import SPACE, candidate_settings, tune

LEAN = {"blocks": ("words",), "main_learner": "trees:3", "boosted_features": False, "thinned_share": 0.0, "n_folds": 2}
DECODING = {"decoding": ("top_k:1", "expected_f1")}
TASK = """
text_fields = ["甲栏", "乙栏", "丙栏"]
id_field = "病案标识"
[[targets]]
name = "主诊断编码"
kind = "single"
weight = 0.5
[[targets]]
name = "其他诊断编码"
kind = "multi"
weight = 0.5
"""


def lean(**changed):
    return IcdCoder(task=SMALL, n_jobs=1, **LEAN, **changed)


@pytest.fixture(scope="module")
def records():
    return small_records(60, 0)


@pytest.fixture(scope="module")
def found(records):
    """A search that starts from a field that tells nothing."""
    return tune(lean(fields=FIELDS[:1]), records, n_candidates=3, n_folds=2, n_jobs=1, space={"fields": (FIELDS[:1], FIELDS)})


def test_candidates_differ_from_the_reference_and_from_each_other_and_follow_the_seed():
    plain = IcdCoder(**SETTINGS["plain"])
    first = candidate_settings(plain, 18, 0)
    assert first[0] == {} and len(first) == 18 == len(set(map(repr, first)))
    assert first == candidate_settings(plain, 18, 0) != candidate_settings(plain, 18, 1)
    everything = candidate_settings(plain, 10**6, 0)
    assert len(everything) == np.prod([len(values) for values in SPACE.values()]), "the reference is one of the grid here"
    assert not any(change.get("blocks") == ("words", "concepts") for change in everything)
    with pytest.raises(UsageError, match="at least 2"):
        candidate_settings(plain, 1, 0)
    with pytest.raises(UsageError, match="unknown parameter 'decodin'; did you mean 'decoding'"):
        candidate_settings(plain, 2, 0, {"decodin": ("top_k",)})


def test_a_search_finds_what_is_plainly_better_and_says_by_how_much(found):
    assert found.best == {"fields": FIELDS} and found.best_of_fold == [found.best] * 2
    assert found.gained and 0 < found.low < found.gain < found.high
    assert found.gain == pytest.approx(found.acc - found.reference_acc)
    assert found.setting["fields"] == list(FIELDS) and found.setting["blocks"] == ["words"]
    assert found.search["round"].tolist() == [1, 1, 2, 2, 3, 3]
    assert "The search gains" in tune_text(found)


def test_no_gain_is_said_plainly_and_a_second_run_computes_nothing(records, tmp_path, monkeypatch):
    how = {"n_candidates": 2, "n_folds": 2, "n_jobs": 1, "folder": tmp_path, "space": {"fields": (FIELDS, FIELDS[:1])}}
    result = tune(lean(fields=FIELDS), records, **how)
    assert not result.gained and result.best == {} and result.gain == 0
    assert "No gain: nothing was better than the reference" in " ".join(tune_text(result).split())
    written = write_tune(result, tmp_path)
    assert read_setting(written["setting"]) == LEAN | {"fields": FIELDS}
    json.loads(written["JSON"].read_text("utf-8"))
    monkeypatch.setattr(IcdCoder, "fit", None)
    again = tune(lean(fields=FIELDS), records, **how)
    assert again.to_dict() == result.to_dict()
    pd.testing.assert_frame_equal(again.search, result.search)


def test_the_search_of_a_fold_never_sees_its_test_records(records, monkeypatch):
    seen, plain = [], TrialRunner.run
    monkeypatch.setattr(TrialRunner, "run", lambda self, trials: (seen.append((self.stage, trials)), plain(self, trials))[1])
    tune(lean(), records, n_candidates=2, n_folds=2, n_jobs=1, space=DECODING)
    nested = next(trials for stage, trials in seen if stage == "nested test")
    held_out = [set(trial.test) for trial in nested[:2]]
    for stage, trials in seen:
        if stage == "nested test":
            assert all(not set(trial.train) & set(trial.test) for trial in trials)
            continue
        searches = np.array_split(np.arange(len(trials)), 3)  # all records, then each outer fold
        for fold, places in zip(held_out, searches[1:], strict=True):
            assert all(not fold & {*trials[place].train, *trials[place].test} for place in places)
    sizes = [len(trials[0].train) for stage, trials in seen if stage != "nested test"]
    assert sizes == sorted(sizes) and sizes[0] < sizes[1] < sizes[2] == 30


# --- settings files -------------------------------------------------------------------


@pytest.mark.parametrize(("text", "message"), [
    ("[setting]\nexclusive_group = true", "field exclusive_group: unknown parameter; did you mean 'exclusive_groups'"),
    ("[setting]\nexclusive_groups = 1", "field exclusive_groups: true or false is wanted"),
    ("[setting]\nfields = [1]", "field fields: a list of texts is wanted"),
    ('[setting]\ndecoding = "best"', "field decoding: .*best"),
    ("[setting]\nrandom_state = 3", "field random_state: .*give it with --seed"),
    ("exclusive_groups = true", r"no table \[setting\]"),
    ("[setting", "not TOML"),
])
def test_a_bad_settings_file_is_refused_with_parameter_and_remedy(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"mine.toml: .*{message}"):
        read_setting(path)


def test_options_of_the_command_line_override_a_settings_file(tmp_path):
    path = str(write_setting({"main_learner": "linear", "min_df": 5, "thinned_share": 1}, tmp_path / "mine.toml"))
    coder = new_coder(path, 7, min_df=3, main_learner=None)
    assert (coder.main_learner, coder.min_df, coder.thinned_share, coder.random_state) == ("linear", 3, 1, 7)
    with pytest.raises(DataError, match="no such file"):
        new_coder(str(tmp_path / "none.toml"), 0)
    with pytest.raises(UsageError, match=r"unknown setting 'plane'; did you mean 'plain'\?; or a .toml file"):
        new_coder("plane", 0)


def test_the_verb_writes_a_file_that_train_reads(records, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "SPACE", DECODING)
    monkeypatch.setattr(tuning.tune, "__kwdefaults__", tuning.tune.__kwdefaults__ | {"space": DECODING})
    train, task = tmp_path / "train.json", tmp_path / "small.toml"
    start = write_setting(LEAN | {"decoding": "top_k:1"}, tmp_path / "start.toml")
    write_records(records, train, SMALL)
    task.write_text(TASK, encoding="utf-8")
    data = ["--train", train, "--task", task, "--n-jobs", 1]

    def invoke(*words):
        done = CliRunner().invoke(main, list(map(str, words)))
        assert done.exit_code == 0, done.output
        return done

    done = invoke("tune", *data, "--setting", start, "--folds", 2, "--candidates", 2, "--out", tmp_path / "t")
    assert max(map(len, done.stdout.split("\n\nsetting ")[0].splitlines())) <= 80
    chosen = read_setting(tmp_path / "t" / "setting.toml")
    invoke("train", *data, "--setting", tmp_path / "t" / "setting.toml", "--model", tmp_path / "m")
    fitted = load(tmp_path / "m")
    assert {name: getattr(fitted, name) for name in chosen} == chosen
    assert Path(tmp_path / "t" / "run.json").exists()
