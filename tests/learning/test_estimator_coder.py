"""Coders from scikit-learn classifiers and from systems of one's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from icdbase import CCL25, CCL26, IcdCoder, make_records, official_scorer
from icdbase.core.errors import DataError, UsageError
from icdbase.experiments.ablation import ablate
from icdbase.experiments.cross_validation import cross_validate
from icdbase.experiments.learning_curve import learning_curve
from icdbase.experiments.result_text import ablation_text
from icdbase.features.blocks import FeatureBuilder
from icdbase.learning.estimator_coder import EstimatorCoder
from icdbase.learning.tuned_estimators import TunedSetModel, label_scores, several_labels
from icdbase.learning.user_system import SystemCoder
from icdbase.tasks.task import Target

MAIN, OTHERS = CCL25.main.name, CCL25.others.name


@pytest.fixture(scope="module")
def counted(train, held_out):
    coder = IcdCoder(n_jobs=1)
    return coder.count(train.iloc[:60]), coder.count(held_out.iloc[:20])


def lean(**changed):
    return EstimatorCoder(LinearSVC(), n_jobs=1, **changed)


def test_without_a_grid_the_main_code_is_that_of_scikit_learn_on_the_same_features(counted):
    fit, test = counted
    builder = FeatureBuilder(blocks=("words",)).fit(fit)
    by_hand = LinearSVC(random_state=0).fit(builder.transform(fit).sparse(), fit.labels[MAIN].to_numpy(str))
    assert lean().fit(fit).predict(test)[MAIN].tolist() == by_hand.predict(builder.transform(test).sparse()).tolist()


def test_predictions_have_the_form_of_the_task_and_never_repeat_the_main_code(counted):
    fit, test = counted
    predicted = lean().fit(fit).predict(test)
    assert predicted.columns.tolist() == [MAIN, OTHERS] and predicted.index.equals(test.labels.index)
    for main, others in predicted.itertuples(index=False):
        assert main in CCL25.main.codes and main not in others
        assert others and len(set(others)) == len(others) and set(others) <= set(CCL25.others.codes)


def test_parameters_and_threshold_are_chosen_for_each_target_and_the_same_again(counted):
    fit, test = counted
    coder = lean(grid={"C": (0.01, 1.0)}, thresholds=(-0.5, 0.0)).fit(fit)
    chosen = {name: model.parameters_ for name, model in coder.models_.items()}
    assert chosen[MAIN]["C"] in (0.01, 1.0) and chosen[OTHERS]["estimator__C"] in (0.01, 1.0)
    assert coder.models_[OTHERS].threshold_ in (-0.5, 0.0)
    again = clone(coder).fit(fit)
    pd.testing.assert_frame_equal(coder.predict(test), again.predict(test))


def test_a_hopeless_parameter_is_not_chosen(counted):
    fit, _ = counted
    coder = lean(grid={"C": (1e-9, 1.0)}).fit(fit)
    assert [list(model.parameters_.values()) for model in coder.models_.values()] == [[1.0], [1.0]]


@pytest.mark.parametrize("others", [
    KNeighborsClassifier(3), DecisionTreeClassifier(max_depth=3), RidgeClassifier(), GaussianNB(),
    OneVsRestClassifier(LogisticRegression()),
])
def test_any_classifier_serves_sparse_or_dense_one_label_or_several(counted, others):
    fit, test = counted
    coder = EstimatorCoder(LinearSVC(), others, blocks=("diagnosis_list",), n_jobs=1).fit(fit)
    assert coder.predict(test)[OTHERS].map(len).min() >= 1
    assert coder.models_[OTHERS].dense_ == isinstance(others, GaussianNB)


def test_scores_of_several_labels_at_once_are_those_of_one_vs_rest():
    rng = np.random.default_rng(0)
    X, Y = rng.random((40, 3)), rng.integers(0, 2, (40, 4))
    Y[:, 1] = 0  # a code that no record of the fold carries
    neighbours = KNeighborsClassifier(5)
    each = np.column_stack([label_scores(OneVsRestClassifier(neighbours).fit(X, Y[:, [j]]), "predict_proba", X, 1) for j in (0, 2, 3)])
    together = label_scores(clone(neighbours).fit(X, Y), "predict_proba", X, 4)
    np.testing.assert_allclose(together[:, [0, 2, 3]], each)
    assert not together[:, 1].any()
    assert several_labels(neighbours) is neighbours and several_labels(LinearSVC()) is not neighbours


def test_all_blocks_leave_no_gap(counted):
    fit, test = counted
    coder = lean(blocks=None).fit(fit)
    X = coder._features(test)
    assert np.isfinite(X.data).all() and X.shape[1] > FeatureBuilder(blocks=("words",)).fit(fit).transform(test).sparse().shape[1]


def test_a_code_outside_the_candidates_is_not_learned():
    target = Target(OTHERS, "multi", 0.5, ("A", "B"))
    labels = pd.Series([("A", "Z"), ("B",), ("A",), ("B", "Z")] * 3)
    X = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1]] * 3)
    from scipy import sparse

    model = TunedSetModel(target=target, estimator=LogisticRegression()).fit(sparse.csr_matrix(X), labels, np.arange(12) % 3)
    assert model.codes_.tolist() == ["A", "B"]


def test_a_task_with_operations_and_empty_targets():
    records = make_records(80, random_state=0, task="ccl26")
    predicted = EstimatorCoder(LinearSVC(), task=CCL26, n_jobs=1).fit(records.iloc[:60]).predict(records.iloc[60:])
    assert predicted.columns.tolist() == [target.name for target in CCL26.targets]
    single = [target.name for target in CCL26.targets if target.may_be_empty and target.is_single]
    assert predicted[single[0]].isna().any()


def test_errors_say_what_to_do(counted):
    fit, _ = counted
    with pytest.raises(UsageError, match=r"EstimatorCoder\(main="):
        EstimatorCoder().fit(fit)
    with pytest.raises(UsageError, match="lacks fit"):
        SystemCoder(object()).fit(make_records(5, random_state=0))


# --- in the experiments ---------------------------------------------------------------


class SameForAll:
    """A system of one's own: the codes of the first training record for everyone."""

    def __init__(self, leave_out=0):
        self.leave_out = leave_out

    def fit(self, records):
        assert {MAIN, OTHERS} <= set(records)
        self.codes = records[[MAIN, OTHERS]].iloc[0]

    def predict(self, records):
        assert not {MAIN, OTHERS} & set(records)
        self.seen = records
        kept = records.index[self.leave_out :][::-1]  # order does not matter
        return pd.DataFrame([self.codes] * len(kept), index=kept)


def test_a_system_of_ones_own_is_fitted_as_a_copy_and_sees_the_chosen_fields_only(train, held_out):
    system = SameForAll()
    coder = SystemCoder(system, fields=("主诉",)).fit(train)
    predicted = coder.predict(held_out)
    assert predicted.index.equals(held_out.index) and predicted[MAIN].eq(train[MAIN].iloc[0]).all()
    assert not hasattr(system, "codes")
    seen = coder.system_.seen
    assert seen["主诉"].equals(held_out["主诉"]) and not seen["现病史"].any()
    assert official_scorer(coder, held_out) > 0


def test_a_system_that_leaves_records_out_is_an_error_with_its_id(train, held_out):
    with pytest.raises(DataError, match=f"no prediction for 2 of 50 records, e.g. .*{held_out.index[0]}"):
        SystemCoder(SameForAll(leave_out=2)).fit(train).predict(held_out)


def test_experiments_take_both_kinds(few_codes):
    few = few_codes.iloc[:40]
    result = ablate(lean(fields=("主诉", "入院诊断")), few, n_folds=2, n_jobs=1)
    assert "Reference: EstimatorCoder(fields=['主诉', '入院诊断'], main='LinearSVC()')." in ablation_text(result).replace("\n", " ")
    assert "without words" in ablate(lean(blocks=("words", "concepts")), few, "blocks", n_folds=2, n_jobs=1).record_scores
    assert ablate(SystemCoder(SameForAll(), fields=("主诉", "入院诊断")), few, n_folds=2, n_jobs=1).table["difference"].iloc[1] == 0
    assert learning_curve(lean(), few, n_folds=2, sizes=[10, 20], n_jobs=1).table["n_train"].tolist() == [10, 20]


def test_known_estimators_are_stored_and_code_of_ones_own_is_computed_anew(few_codes, tmp_path, monkeypatch):
    few, fits = few_codes.iloc[:30], []
    for kind, coder in {"estimator": lean(), "own": SystemCoder(SameForAll())}.items():
        fit = type(coder).fit
        monkeypatch.setattr(type(coder), "fit", lambda self, *a, fit=fit, kind=kind, **k: (fits.append(kind), fit(self, *a, **k))[1])
        for _ in range(2):
            cross_validate(coder, few, n_folds=2, n_jobs=1, folder=tmp_path)
    assert fits.count("estimator") == 2 and fits.count("own") == 4
