"""Many classes in a spaced, inflected language: the linear learner, and the benchmark that needs it."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import sparse

from icdbase import IcdCoder, get_task, load, read_records, save
from icdbase.cli import main
from icdbase.explain import explain
from icdbase.features import Features
from icdbase.linear import ClassLogits, kinship

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "rumedtop3.py"
# An invented language: stems and endings, and what each code complains of.
COMPLAINTS = {
    "J06": ["tusar", "gorlim", "nosak"], "J20": ["tusar", "grudel", "hripan"], "M54": ["spinul", "bolim", "nogat"],
    "M17": ["kolenk", "bolim", "hodub"], "I10": ["davlen", "golov", "shumar"], "G43": ["golov", "svetil", "toshn"],
}
ENDINGS = ["a", "u", "omi", "eh", ""]


def lines(n, seed):
    rng = np.random.default_rng(seed)
    for number in range(n):
        code = str(rng.choice(list(COMPLAINTS)))
        stems = [*rng.choice(COMPLAINTS[code], 2, replace=False), *rng.choice(["dnei", "silno", "vecher"], 1)]
        yield {
            "idx": f"q{seed}-{number}",
            "symptoms": " ".join(f"{stem}{rng.choice(ENDINGS)}" for stem in stems) + ".",
            "code": code,
        }


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rumedtop3")
    for split, n, seed in (("train", 100, 0), ("dev", 40, 1), ("test", 30, 2)):
        text = "".join(json.dumps(line) + "\n" for line in lines(n, seed))
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def fitted(data):
    task = get_task(BENCHMARK.with_suffix(".toml"))
    train = read_records(data / "train.jsonl", task, require_labels=True)
    return IcdCoder(task=task, main_learner="linear", n_folds=2).fit(train)


def test_the_benchmark_ends_with_its_two_figures(data, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), "--data", str(data), "--split", "test"])
    runpy.run_path(str(BENCHMARK), run_name="__main__")
    name, accuracy, first, hit, second = capsys.readouterr().out.splitlines()[-1].split()
    assert (name, accuracy, hit) == ("test", "accuracy", "hit@3")
    assert 0.9 <= float(first) <= float(second) <= 1


def test_a_linear_coder_explains_itself_and_is_kept(fitted, data, tmp_path):
    dev = read_records(data / "dev.jsonl", fitted.task)
    told = explain(fitted, dev.iloc[0], ["J06", "M54"])
    for code in told.codes:
        assert sum(item.contribution for item in (*code.evidence, *code.unplaced)) == pytest.approx(code.margin, abs=1e-5)
    loaded = load(save(fitted, tmp_path))
    np.testing.assert_array_equal(loaded.predict_proba(dev)["code"], fitted.predict_proba(dev)["code"])


def test_train_takes_the_task_file_and_the_learner(data, tmp_path):
    task = str(BENCHMARK.with_suffix(".toml"))
    asked = ["train", "--task", task, "--main-learner", "linear", "--n-jobs", "1"]
    done = CliRunner().invoke(main, [*asked, "--train", str(data / "dev.jsonl"), "--model", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    assert load(tmp_path / "m").main_learner == "linear"


def test_codes_that_begin_alike_share_a_row():
    assert kinship(["J06", "J20", "M54", "M57"]).tolist() == [
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
        [1, 1, 0, 0], [0, 0, 1, 1],  # the letter
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1],  # letter and digit; three characters part all
    ]
    assert kinship(["a", "b"]).tolist() == [[1, 0], [0, 1]]


def features(X):
    return Features({"words": sparse.csr_matrix(X)}, {"words": np.array([f"w{i}" for i in range(X.shape[1])])})


def test_without_kin_it_is_scikit_learns_multinomial_regression():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(60, 12))) * (rng.random((60, 12)) < 0.5)
    y = rng.integers(0, 3, 60)
    oracle = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(X, y)
    margins = ClassLogits(C=2.0).fit(features(X), y, ["A", "B", "C"]).margins(features(X))
    expected = oracle.decision_function(X)
    centred = [m - m.mean(axis=1, keepdims=True) for m in (margins, expected)]
    np.testing.assert_allclose(*centred, atol=0.02)


def test_the_span_and_the_columns_give_the_same_model(monkeypatch):
    rng = np.random.default_rng(1)
    X = rng.random((40, 30)) * (rng.random((40, 30)) < 0.3)
    y, classes = rng.integers(0, 4, 40), ["A0", "A1", "B0", "B1"]
    in_the_span = ClassLogits().fit(features(X), y, classes)
    monkeypatch.setattr("icdbase.linear.LARGEST_SPAN", 10)
    on_columns = ClassLogits().fit(features(X), y, classes)
    np.testing.assert_allclose(in_the_span.coef_, on_columns.coef_, atol=0.05)


def test_a_rare_code_leans_on_its_kin():
    """Of two codes seen once each, the one whose neighbour has the word is told."""
    X = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [0, 0], [0, 0]])
    labels = np.array([0, 0, 0, 2, 2, 2, 1, 3])
    margins = ClassLogits().fit(features(X), labels, ["J06", "J20", "M17", "M54"]).margins(features(X))
    assert (margins[:3, 1] > margins[:3, 3]).all() and (margins[3:6, 3] > margins[3:6, 1]).all()


def test_no_column_at_all_is_the_frequency_of_the_classes():
    y = np.array([0, 0, 0, 1])
    margins = ClassLogits().fit(features(np.zeros((4, 0))), y, ["A", "B"]).margins(features(np.zeros((1, 0))))
    assert margins[0, 0] - margins[0, 1] == pytest.approx(np.log(3), abs=0.02)
