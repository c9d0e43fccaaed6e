"""What classifiers are built of: sums by parts are sums of the whole, and nothing of the training is kept."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from scipy import sparse

from icdbase.features.blocks import Features
from icdbase.learning import column_selection
from icdbase.learning.calibration import CodeCalibrator
from icdbase.learning.column_selection import ColumnSelector, correlation, correlation_ratio
from icdbase.learning.out_of_fold import out_of_fold
from icdbase.learning.trees import BoostedTrees

DRAW = np.random.default_rng(0)


def some_sparse(n_records, n_columns, density, dtype):
    return sparse.csr_matrix(np.maximum(DRAW.random((n_records, n_columns)) - (1 - density), 0).astype(dtype))


def some_features(n_records, n_columns, density=0.2):
    blocks = {
        "words": some_sparse(n_records, n_columns, density, np.float32),
        "numbers": DRAW.normal(size=(n_records, 3)).astype(np.float32),
        "listed": some_sparse(n_records, 5, 0.3, np.float64),
    }
    return Features(blocks, {name: np.array([str(i) for i in range(b.shape[1])]) for name, b in blocks.items()})


def test_columns_are_chosen_and_taken_as_from_all_blocks_side_by_side(monkeypatch):
    features, Y = some_features(60, 20), DRAW.integers(0, 2, (60, 4)).astype(float)
    context = DRAW.random((60, 2))
    whole = np.hstack([features.sparse().toarray(), features.dense(), context])
    in_one_go = ColumnSelector(n_columns=6, min_support=1).fit(features, Y, context)
    monkeypatch.setattr(column_selection, "_AT_ONCE", 7)
    in_parts = ColumnSelector(n_columns=6, min_support=1).fit(features, Y, context)
    assert in_parts.union_.tolist() == in_one_go.union_.tolist()
    assert (in_parts.n_sparse_, in_parts.n_dense_) == (25, 5)
    assert (in_parts.transform(features, context) == whole[:, in_parts.union_].astype(np.float32)).all()


def ratio_column_by_column(X, Y, n_bins):
    """What correlation_ratio computes, as its definition has it: one column after the other."""
    n_records = len(X)
    spread = ((Y - Y.mean(axis=0)) ** 2).sum(axis=0)
    ratio = np.zeros((X.shape[1], Y.shape[1]))
    for column, values in enumerate(X.T):
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, n_bins + 1)[1:-1])) if np.isfinite(values).any() else []
        _, bins = np.unique(np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="left")), return_inverse=True)
        size = np.bincount(bins)
        if len(size) < 2:
            continue
        inside = sparse.csr_matrix((np.ones(n_records), (bins, np.arange(n_records)))) @ Y
        between = (inside**2 / size[:, None]).sum(axis=0) - Y.sum(axis=0) ** 2 / n_records
        by_chance = (len(size) - 1) * (spread - between) / max(n_records - len(size), 1)
        ratio[column] = np.sqrt(np.clip((between - by_chance) / np.maximum(spread, 1e-6), 0, 1))
    return ratio


@pytest.mark.parametrize("n_codes", [1, 2, 30])
@pytest.mark.parametrize("missing", [0, 0.3, 0.95])
@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_correlation_ratio_of_all_columns_is_that_of_each_to_the_last_bit(n_codes, missing, decimals):
    draw = np.random.default_rng([n_codes, int(100 * missing), decimals])
    for n_records, n_columns, dtype, n_bins in ((2, 3, np.float64, 8), (60, 130, np.float32, 8), (97, 20, np.float64, 5)):
        X = draw.normal(size=(n_records, n_columns)).round(decimals).astype(dtype)
        X[draw.random(X.shape) < missing] = np.nan
        X[:, 0], X[:, 1] = np.nan, 1
        X[:, 2] = draw.choice([-np.inf, np.inf], n_records)
        Y = draw.integers(0, 2, (n_records, n_codes)).astype(float)
        expected = ratio_column_by_column(X, Y, n_bins)
        assert correlation_ratio(X, Y, n_bins).tobytes() == expected.tobytes()
        assert n_records == 2 or missing or expected[3:].any()


@pytest.mark.parametrize("at_once", [7, 60, 1000])
def test_sparse_correlation_by_parts(monkeypatch, at_once):
    monkeypatch.setattr(column_selection, "_AT_ONCE", at_once)
    X, Y = some_features(60, 20).blocks["words"], DRAW.integers(0, 2, (60, 4)).astype(float)
    expected = correlation(X.toarray().astype(float), Y)
    assert column_selection._sparse_correlation(X, Y) == pytest.approx(expected, abs=1e-6)
    support = (X.toarray() != 0).sum(axis=0)
    least = int(np.median(support))
    chosen = column_selection._sparse_correlation(X, Y, least)
    assert (chosen[support < least] == 0).all() and chosen[support >= least].any(axis=1).all()


def test_choosing_columns_does_not_copy_the_features(monkeypatch):
    features, Y = some_features(20_000, 200), DRAW.integers(0, 2, (20_000, 4)).astype(float)
    size = features.blocks["words"].data.nbytes + features.blocks["words"].indices.nbytes
    monkeypatch.setattr(column_selection, "_AT_ONCE", 1000)
    chooser = ColumnSelector(n_columns=10)
    tracemalloc.start()
    try:
        chooser.fit(features, Y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.7 * size  # the dense columns among it; with all blocks side by side it is 3.5 times as much


def test_all_records_in_order_are_no_copy():
    features = some_features(10, 5)
    assert features.take(np.arange(10)) is features
    assert len(features.take(np.arange(9))) == 9
    assert (features.take(np.arange(10)[::-1]).blocks["numbers"] == features.blocks["numbers"][::-1]).all()


def test_a_fitted_booster_holds_no_training_records():
    X = DRAW.normal(size=(100, 3)).astype(np.float32)
    trees = BoostedTrees(n_estimators=3).fit(X, X[:, 0] > 0)
    assert getattr(trees.booster_, "train_set", None) is None


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_model_of_a_fold_is_let_go_when_its_margins_are_known(n_jobs):
    class Model:
        pass

    alive = []

    def fit_predict(train, test):
        model = Model()
        alive.append(weakref.ref(model))
        return model, test + 0.5

    model, margins = out_of_fold(fit_predict, np.arange(12) % 4, n_jobs)
    gc.collect()
    assert margins.tolist() == (np.arange(12) + 0.5).tolist()
    assert len(alive) == 5 and [one() for one in alive if one() is not None] == [model]


def test_no_probability_is_above_what_coders_code():
    """A sixth of the findings are overlooked, however plain: 0.9 and more must not be promised."""
    draw = np.random.default_rng(0)
    margins = draw.normal(size=(3000, 4)) * 4
    p = (1 - 1 / 6) / (1 + np.exp(-margins))
    truth = (draw.random(p.shape) < p).astype(float)
    calibrated = CodeCalibrator().fit(margins, truth)
    assert calibrated.lapse_ == pytest.approx(1 / 6, abs=0.02) and calibrated.slope_ == pytest.approx(1, abs=0.1)
    assert np.abs(calibrated.transform(margins) - p).max() < 0.03


def test_lapses_in_an_exclusive_group():
    draw = np.random.default_rng(1)
    margins = draw.normal(size=(4000, 3)) * 3
    odds = np.exp(margins)
    p = 0.85 * odds / (1 + odds.sum(axis=1, keepdims=True))
    picked = (draw.random((4000, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    truth = (picked[:, None] == np.arange(3)).astype(float)
    calibrated = CodeCalibrator(groups=["grade"] * 3).fit(margins, truth)
    assert calibrated.lapse_ == pytest.approx(0.15, abs=0.03)
    assert np.abs(calibrated.transform(margins) - p).max() < 0.05
