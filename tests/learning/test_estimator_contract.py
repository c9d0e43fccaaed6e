"""The contract of all estimators in learning: parameters, clone, fit, attributes, the same result twice, no records, pickle."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from test_learners import some_features

from icdbase.features.stated_codes import KINDS
from icdbase.learning.calibration import CodeCalibrator, TemperatureScaler
from icdbase.learning.classifiers import CodeSetClassifier, SingleCodeClassifier
from icdbase.learning.column_selection import ColumnSelector
from icdbase.learning.logistic import PerCodeLogistic, StackingLogistic
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.statement_rule import StatementRule
from icdbase.learning.trees import BoostedTrees, MulticlassTrees, PerCodeTrees

FEATURES = some_features(40, 12)
DENSE = FEATURES.dense()
LABELS = np.arange(40) % 3
CLASSES = np.array(["I20", "I21", "M54"])
Y = (LABELS[:, None] == np.arange(3)).astype(float)
MARGINS = 2 * Y - 1 + DENSE[:, :3] / 4
FOLDS = np.arange(40) // 3 % 2
CONTEXT = DENSE[:, :2]
STATED = np.zeros((40, 3, len(KINDS)), dtype=bool)
STATED[:, :, 0] = Y * (DENSE[:, :3] > -1)

# What each is fitted on, and the name and input of what it returns.
CASES = [
    (TemperatureScaler(), (MARGINS, LABELS), "transform", (MARGINS,)),
    (CodeCalibrator(groups=["g", "g", None]), (MARGINS, Y), "transform", (MARGINS,)),
    (ColumnSelector(n_columns=4), (FEATURES, Y, CONTEXT), "transform", (FEATURES, CONTEXT)),
    (PerCodeLogistic(), (FEATURES, Y, CONTEXT), "margins", (FEATURES, CONTEXT)),
    (StackingLogistic(), (MARGINS, Y, CONTEXT), "margins", (MARGINS, CONTEXT)),
    (StatementRule(), (MARGINS, Y, STATED, FOLDS), "margins", (MARGINS, STATED)),
    (MulticlassLogistic(), (FEATURES, LABELS, CLASSES), "margins", (FEATURES,)),
    (MulticlassRidge(), (FEATURES, LABELS, CLASSES), "margins", (FEATURES,)),
    (BoostedTrees(n_classes=3, n_estimators=3), (DENSE, LABELS), "margins", (DENSE,)),
    (MulticlassTrees(n_estimators=3), (FEATURES, LABELS, CLASSES), "margins", (FEATURES,)),
    (PerCodeTrees(n_estimators=3), (FEATURES, Y, CONTEXT), "margins", (FEATURES, CONTEXT)),
    (SingleCodeClassifier(learner="both", n_estimators=3), (FEATURES, CLASSES[LABELS], FOLDS), "predict_proba", (FEATURES,)),
    (CodeSetClassifier(), (FEATURES, Y > 0, FOLDS, CONTEXT), "predict_proba", (FEATURES, CONTEXT)),
    (CodeSetClassifier(), (FEATURES, Y > 0, FOLDS, CONTEXT, STATED), "predict_proba", (FEATURES, CONTEXT, STATED)),
    (CodeSetClassifier(boosted_features=False), (FEATURES, Y > 0, FOLDS), "predict_proba", (FEATURES,)),
]


def head(value, n):
    """The first records of an input."""
    return value.take(np.arange(n)) if hasattr(value, "take") and not isinstance(value, np.ndarray) else value[:n]


@pytest.mark.parametrize(("estimator", "training", "method", "given"), CASES, ids=lambda value: getattr(type(value), "__name__", ""))
def test_contract(estimator, training, method, given):
    parameters = estimator.get_params()
    assert clone(estimator).get_params() == parameters
    assert clone(estimator).set_params(**parameters).get_params() == parameters

    fitted = clone(estimator)
    assert fitted.fit(*training) is fitted
    assert fitted.get_params() == parameters
    learned = set(vars(fitted)) - set(parameters)
    assert learned and all(name.endswith("_") and not name.startswith("_") for name in learned)

    result = getattr(fitted, method)(*given)
    assert len(result) == 40 and np.isfinite(result).sum() > 0
    again = getattr(clone(estimator).fit(*training), method)(*given)
    np.testing.assert_array_equal(result, again)
    np.testing.assert_array_equal(result, getattr(pickle.loads(pickle.dumps(fitted)), method)(*given))
    alone = getattr(fitted, method)(*(head(value, 1) for value in given))
    np.testing.assert_array_equal(result[:1], alone)
    nothing = getattr(fitted, method)(*(head(value, 0) for value in given))
    assert nothing.shape == (0, *result.shape[1:])
