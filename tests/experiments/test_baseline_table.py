"""The baseline table: the same for every way to run it, and a system that fails leaves the others alone."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import RidgeClassifier
from test_cross_validation import SMALL, small_records

from icdbase import CCL25, CCL26, make_records, read_submission, score, write_records
from icdbase.cli.main import main
from icdbase.core.errors import DataError, UsageError
from icdbase.evaluation.baselines import majority_predictions
from icdbase.evaluation.resampling import paired_bootstrap
from icdbase.experiments import system_runs
from icdbase.experiments.baseline_systems import BASELINES, build_systems
from icdbase.experiments.baseline_table import run_baselines
from icdbase.experiments.exports import write_baselines
from icdbase.experiments.result_text import baselines_text
from icdbase.learning.estimator_coder import EstimatorCoder

COSTS = ["seconds", "cpu_seconds", "peak_mib"]
LEAN = {"majority": "majority", "ridge": RidgeClassifier()}


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError("no sense\nin these labels")


@pytest.fixture(scope="module")
def two():
    records = make_records(75, random_state=1)
    return records.iloc[:50], records.iloc[50:]


@pytest.fixture(scope="module")
def result(two):
    return run_baselines(*two, LEAN, fresh_processes=False)


def test_the_table_says_what_score_and_the_paired_bootstrap_say(two, result):
    train, test = two
    majority, ridge = result.table.to_dict(orient="records")
    codes = {"majority": majority_predictions(train, test), "ridge": EstimatorCoder(RidgeClassifier()).fit(train).predict(test)}
    for row, (name, predicted) in zip((majority, ridge), codes.items(), strict=True):
        scores = score(test, predicted)
        assert row["system"] == name
        assert [row[each] for each in ("acc", "main_accuracy", "other_f1", "macro_f1")] == pytest.approx(
            [scores.acc, scores.main_accuracy, scores.other_f1, scores.macro_f1])
    assert result.best == "ridge" and pd.isna(ridge["difference"]) and pd.isna(ridge["p_holm"])
    paired = paired_bootstrap(*(result.record_scores[name] for name in ("majority", "ridge")), n_bootstrap=2000)
    assert (majority["difference"], majority["low"], majority["high"]) == paired
    assert 0 < majority["p"] <= majority["p_holm"] <= 1


def test_cross_validation_tests_every_record_once_on_the_same_folds(two):
    train, _ = two
    result = run_baselines(train, systems=LEAN, n_folds=3, fresh_processes=False)
    assert (result.n_train, result.n_test, result.n_folds) == (50, 50, 3)
    assert all(codes.index.equals(train.index) for codes in result.predictions.values())
    assert len({str(main) for main in result.predictions["ridge"].iloc[:, 0]}) > 1


def test_fresh_processes_give_the_same_measure_memory_and_may_die(two, result):
    class Deadly(Broken):
        def fit(self, X, y):
            import os

            os._exit(3)

    fresh = run_baselines(*two, {"deadly": Deadly(), "ridge": LEAN["ridge"]}, n_jobs=2)
    assert fresh.predictions["ridge"].equals(result.predictions["ridge"])
    assert fresh.table["peak_mib"].gt(10).all() and result.table["peak_mib"].isna().all()
    assert fresh.to_dict().keys() == result.to_dict().keys()
    assert list(fresh.failures) == ["deadly"] and "exit code 3" in fresh.failures["deadly"]


def test_a_system_that_fails_is_named_and_the_others_go_on(two, tmp_path):
    result = run_baselines(*two, {"broken": Broken(), **LEAN}, folder=tmp_path, fresh_processes=False)
    assert result.failures == {"broken": "ValueError: no sense in these labels"}
    assert result.table["system"].tolist() == ["majority", "ridge"]
    assert "broken failed: ValueError: no sense in these labels" in baselines_text(result)
    with pytest.raises(DataError, match="broken: ValueError: no sense"):
        run_baselines(*two, {"broken": Broken()}, fresh_processes=False)


def test_an_interrupted_run_computes_only_what_is_missing(two, result, tmp_path, monkeypatch):
    fitted, plain = [], system_runs._fit_and_predict

    def counting(coder, *rest):
        fitted.append(type(coder).__name__)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return plain(coder, *rest)

    monkeypatch.setattr(system_runs, "_fit_and_predict", counting)
    with pytest.raises(KeyboardInterrupt):
        run_baselines(*two, LEAN, folder=tmp_path, fresh_processes=False)
    for _ in range(2):
        again = run_baselines(*two, LEAN, folder=tmp_path, fresh_processes=False)
    assert len(fitted) == 3, "one before the interruption, the interrupted one, and that one again"
    pd.testing.assert_frame_equal(again.table.drop(columns=COSTS), result.table.drop(columns=COSTS))
    assert again.table["cpu_seconds"].gt(0).all()


def test_files_hold_the_table_and_each_submission_has_its_score(two, result, tmp_path):
    written = write_baselines(result, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "submissions", "baselines-table.tex", *(f"baselines.{ending}" for ending in ("csv", "json", "md", "tex", "png", "svg"))}
    assert json.loads(written["JSON"].read_text("utf-8"))["table"][1]["system"] == "ridge"
    for row in result.table.to_dict(orient="records"):
        codes = read_submission(written["submissions"] / f"{row['system']}.json")
        assert score(two[1], codes).acc == row["acc"]


def test_the_text_fits_80_columns(result):
    assert max(map(len, baselines_text(result).splitlines())) <= 80


def test_errors_come_before_the_work(two):
    train, test = two
    with pytest.raises(UsageError, match="unknown system 'sbm'; did you mean 'svm'"):
        run_baselines(train, test, ["sbm"])
    with pytest.raises(UsageError, match="list has no fit"):
        build_systems({"mine": []})
    with pytest.raises(UsageError, match="of the task ccl26"):
        build_systems({"mine": EstimatorCoder(RidgeClassifier(), task=CCL26)})
    with pytest.raises(DataError, match=f"2 of 27 test records are training records too, e.g. .*{train.index[0]}"):
        run_baselines(train, pd.concat([train.iloc[:2], test]), LEAN)


def test_every_built_in_system_can_be_built():
    coders = build_systems()
    assert list(coders) == list(BASELINES) == ["majority", "knn", "nb", "lr", "svm", "lightgbm", "plain", "icdbase"]
    assert all(coder.task == CCL25 and coder.random_state == 0 for coder in coders.values())


def test_all_built_in_systems_finish_on_a_task_of_ones_own_and_read_the_text(tmp_path):
    records = small_records(80, 0)
    result = run_baselines(records.iloc[:50], records.iloc[50:], task=SMALL, fresh_processes=False)
    assert not result.failures and result.table["system"].tolist() == list(BASELINES)
    majority, *others = result.table["acc"]
    assert min(others) > majority + 0.1
    write_baselines(result, tmp_path, SMALL)
    assert len(list((tmp_path / "submissions").iterdir())) == 8


def test_one_system_alone_has_nothing_to_be_compared_with(two):
    text = baselines_text(run_baselines(*two, ["majority"], fresh_processes=False))
    assert "Holm" not in text and "MiB" not in text and "50 training records, 25 test records; seed 0." in text


# --- the verb -------------------------------------------------------------------------


@pytest.fixture
def files(two, tmp_path, monkeypatch):
    monkeypatch.setattr(system_runs, "_in_fresh_processes", system_runs._here)
    paths = tmp_path / "训练.json", tmp_path / "test.json"
    for frame, path in zip(two, paths, strict=True):
        write_records(frame, path)
    return list(map(str, paths))


def invoke(*words):
    return CliRunner().invoke(main, ["baselines", *words])


def test_the_verb_prints_json_and_writes_its_folder(files, two, tmp_path):
    out = tmp_path / "out"
    done = invoke("--train", files[0], "--test", files[1], "--systems", "knn，majority", "--json", "--out", str(out))
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["table"]
    assert [row["system"] for row in rows] == ["knn", "majority"]
    assert json.loads((out / "run.json").read_text("utf-8"))["command"] == "baselines"
    assert score(two[1], read_submission(out / "submissions" / "knn.json")).acc == rows[0]["acc"]


def test_the_verb_names_what_failed_and_exits_with_1(files, monkeypatch):
    monkeypatch.setitem(BASELINES, "nb", lambda **common: EstimatorCoder(RidgeClassifier(alpha=-1), **common))
    done = invoke("--train", files[0], "--test", files[1], "--systems", "majority,nb")
    assert done.exit_code == 1 and "nb failed: " in done.stdout and "'alpha'" in done.stdout
    assert " majority " in done.stdout


@pytest.mark.parametrize(("words", "message"), [
    (["--systems", "svn"], "unknown system 'svn'; did you mean 'svm'"),
    (["--systems", ","], "no system named; known: majority"),
])
def test_misuse_exits_with_2(files, words, message):
    done = invoke("--train", files[0], *words)
    assert done.exit_code == 2 and message in done.stderr
