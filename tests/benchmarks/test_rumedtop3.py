"""Many classes in a spaced, inflected language: the linear learner, and the benchmark that needs it."""

import copy
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import sparse

from icdbase import IcdCoder, get_task, load, read_records, save
from icdbase.cli.main import main
from icdbase.core.errors import ModelError
from icdbase.explain.explanation import explain
from icdbase.features.blocks import Features
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge, shared_prefixes

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "rumedtop3.py"
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
    assert shared_prefixes(["J06", "J20", "M54", "M57"]).tolist() == [
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
        [1, 1, 0, 0], [0, 0, 1, 1],  # the letter
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1],  # letter and digit; three characters part all
    ]
    assert shared_prefixes(["a", "b"]).tolist() == [[1, 0], [0, 1]]


def features(X):
    return Features({"words": sparse.csr_matrix(X)}, {"words": np.array([f"w{i}" for i in range(X.shape[1])])})


def test_without_kin_it_is_scikit_learns_multinomial_regression():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(60, 12))) * (rng.random((60, 12)) < 0.5)
    y = rng.integers(0, 3, 60)
    oracle = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(X, y)
    margins = MulticlassLogistic(C=2.0).fit(features(X), y, ["A", "B", "C"]).margins(features(X))
    expected = oracle.decision_function(X)
    centred = [m - m.mean(axis=1, keepdims=True) for m in (margins, expected)]
    np.testing.assert_allclose(*centred, atol=0.02)


def test_the_span_and_the_columns_give_the_same_model(monkeypatch):
    rng = np.random.default_rng(1)
    X = rng.random((40, 30)) * (rng.random((40, 30)) < 0.3)
    y, classes = rng.integers(0, 4, 40), ["A0", "A1", "B0", "B1"]
    readers = MulticlassLogistic(), MulticlassRidge()
    in_the_span = [reader.fit(features(X), y, classes).coef_ for reader in readers]
    monkeypatch.setattr("icdbase.learning.multiclass_linear.LARGEST_SPAN", 10)
    for reader, coef in zip(readers, in_the_span, strict=True):
        np.testing.assert_allclose(reader.fit(features(X), y, classes).coef_, coef, atol=0.05)


def test_a_rare_code_leans_on_its_kin():
    """Of two codes seen once each, the one whose neighbour has the word is told."""
    X = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [0, 0], [0, 0]])
    labels = np.array([0, 0, 0, 2, 2, 2, 1, 3])
    margins = MulticlassLogistic().fit(features(X), labels, ["J06", "J20", "M17", "M54"]).margins(features(X))
    assert (margins[:3, 1] > margins[:3, 3]).all() and (margins[3:6, 3] > margins[3:6, 1]).all()


def test_balanced_least_squares_is_its_normal_equations():
    rng = np.random.default_rng(3)
    X, y = rng.random((30, 8)), np.repeat([0, 1, 2], [20, 6, 4])
    weight = np.array([20, 6, 4])[y] ** -0.5
    weight = np.diag(weight / weight.mean())
    truth = 10 * np.eye(3)[y]
    expected = np.linalg.solve(X.T @ weight @ X + 2 * np.eye(8), X.T @ weight @ (truth - truth.mean(axis=0)))
    ridge = MulticlassRidge(alpha=2.0, balance=0.5).fit(features(X), y, ["A", "B", "C"])
    np.testing.assert_allclose(ridge.coef_, expected.T, atol=1e-4)
    np.testing.assert_allclose(ridge.margins(features(X)), X @ expected + truth.mean(axis=0), atol=1e-4)


def test_balance_lets_the_rare_class_be_heard():
    X, y = np.ones((10, 1)), np.array([0] * 9 + [1])
    plain, balanced = (MulticlassRidge(balance=b).fit(features(X), y, ["A", "B"]).margins(features(X[:1]))[0] for b in (0, 1))
    assert plain[0] > plain[1] and balanced[1] - balanced[0] > plain[1] - plain[0]


def test_no_column_at_all_is_the_frequency_of_the_classes():
    y = np.array([0, 0, 0, 1])
    margins = MulticlassLogistic().fit(features(np.zeros((4, 0))), y, ["A", "B"]).margins(features(np.zeros((1, 0))))
    assert margins[0, 0] - margins[0, 1] == pytest.approx(np.log(3), abs=0.02)
    ridge = MulticlassRidge().fit(features(np.zeros((4, 0))), y, ["A", "B"])
    np.testing.assert_allclose(ridge.margins(features(np.zeros((1, 0)))), [[7.5, 2.5]])


def test_the_linear_coder_hears_both_models_and_does_not_care_for_order_or_threads(fitted, data):
    train, dev = (read_records(data / f"{split}.jsonl", fitted.task) for split in ("train", "dev"))
    model = fitted.models_["code"].classifier_
    assert [type(reader) for reader in model.base_models_] == [MulticlassLogistic, MulticlassRidge] and min(model.weights_) > 0
    again = IcdCoder(task=fitted.task, main_learner="linear", n_folds=2, n_jobs=2).fit(train)
    np.testing.assert_array_equal(again.predict_proba(dev)["code"], fitted.predict_proba(dev)["code"])
    backwards = fitted.predict_proba(dev[::-1])["code"]
    np.testing.assert_array_equal(backwards[::-1], fitted.predict_proba(dev)["code"])


def test_a_ridge_of_another_number_of_codes_is_refused(fitted, tmp_path):
    other = copy.deepcopy(fitted)
    other.models_["code"].classifier_.base_models_[1].coef_ = other.models_["code"].classifier_.base_models_[1].coef_[1:]
    with pytest.raises(ModelError, match="do not fit together"):
        load(save(other, tmp_path))


def test_cross_validation_stays_in_the_training_file(data, tmp_path, monkeypatch, capsys):
    (tmp_path / "train.jsonl").write_bytes((data / "dev.jsonl").read_bytes())
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), "--data", str(tmp_path), "--split", "cv"])
    runpy.run_path(str(BENCHMARK), run_name="__main__")
    assert re.search(r"^cv: 40 records, 6 codes(?s:.)*\ncv accuracy 0\.[5-9]\d+ hit@3 (0\.[89]|1\.0)", capsys.readouterr().out)
