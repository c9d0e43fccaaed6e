"""Simulated records beside one's own: chosen by cross-validation, marked, and refused for other tasks."""

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner

from icdbase import CCL25, IcdCoder, load, make_records, write_records
from icdbase.cli.main import main
from icdbase.evaluation.scoring import record_scores
from icdbase.experiments.added_records import add_records
from icdbase.experiments.result_text import added_text
from icdbase.records.origin import synthetic_share
from icdbase.storage.model_folder import load_with_card


def lean(**changed):
    return IcdCoder(**{"blocks": ("concepts",), "boosted_features": False, "main_learner": "linear", "thinned_share": 0,
                       "n_folds": 2, "n_jobs": 1} | changed)


@pytest.fixture(scope="module")
def own():
    records = make_records(40, 5)
    records.attrs.clear()  # as a hospital's own: without the mark of synthetic records
    return records


@pytest.fixture(scope="module")
def added(own):
    return add_records(lean(), own, make_records(80, 6), n_folds=2, groups=np.arange(40) // 2, n_jobs=1)


def test_so_many_are_added_as_score_best_on_ones_own(added, own):
    tried = added.table
    assert tried["n_added"].tolist() == [0, 20, 80]
    assert tried.loc[0, ["difference", "low", "high"]].tolist() == [0, 0, 0]
    assert added.n_added == tried.loc[tried["acc"].idxmax(), "n_added"] > 0, "40 records are few: 80 simulated ones help"
    assert len(added.records) == 40 + added.n_added and added.records.index.is_unique
    assert added.records.index[:40].equals(own.index)


def test_the_first_row_is_plain_cross_validation(added, own):
    from icdbase.learning.folds import make_folds

    folds, scores = make_folds(own, CCL25, 2, 0, np.arange(40) // 2), []
    for fold in (0, 1):
        coder = lean().fit(own[folds != fold], groups=(np.arange(40) // 2)[folds != fold])
        scores.append(record_scores(own[folds == fold], coder.predict(own[folds == fold]))["acc"])
    assert added.table.loc[0, "acc"] == pytest.approx(np.concatenate(scores).mean())


def test_groups_go_on_and_the_mark_says_some(added):
    assert len(added.groups) == len(added.records) and len(set(added.groups)) == 20 + added.n_added
    assert synthetic_share(added.records) == "some"
    assert f"used: {added.n_added} simulated records" in added_text(added)


def test_what_does_not_help_is_not_added(added):
    table = added.table.assign(acc=[0.9, 0.8, 0.7])
    none = dataclasses.replace(added, table=table, n_added=0)
    assert "do not help here" in added_text(none)


def test_only_the_simulated_departments_can_be_added(own, tmp_path):
    (tmp_path / "mine.toml").write_text('base = "ccl25"\nname = "mine"\n', encoding="utf-8")
    write_records(own, tmp_path / "own.json")
    result = CliRunner().invoke(main, ["train", "--task", str(tmp_path / "mine.toml"), "--train", str(tmp_path / "own.json"),
                                       "--model", str(tmp_path / "m"), "--add-synthetic", "20"])
    assert result.exit_code == 2 and "cannot be simulated, only those of ccl25 or ccl26" in result.stderr


def test_others_with_an_id_of_ones_own_are_left_out(own):
    again = add_records(lean(), own.iloc[:20], own, n_folds=2, n_jobs=1)
    assert again.table["n_added"].tolist() == [0, 5, 20] and again.records.index.is_unique


def test_the_verb_trains_with_them_and_the_card_says_so(own, tmp_path, tiny_setting):
    write_records(own, tmp_path / "own.json")
    words = ["train", "--train", tmp_path / "own.json", "--model", tmp_path / "m", "--setting", tiny_setting,
             "--add-synthetic", 40, "--n-jobs", 1]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "simulated records added" in result.output
    _, card = load_with_card(tmp_path / "m")
    assert card["options"] == {"add_synthetic": 40} and card["training_data"]["records"] >= 40
    assert load(tmp_path / "m").predict(own.iloc[:1]).shape == (1, 2)
