"""The margin of a code as a sum over features: SHAP values of trees, weights of logistic regressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from icdbase.coder import IcdCoder
from icdbase.features.base import FeatureId, stated_code
from icdbase.learning.classifiers import CodeSetClassifier, SingleCodeClassifier
from icdbase.learning.logistic import MARGIN_LIMIT, PerCodeLogistic
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.prediction_details import PredictionDetails
from icdbase.learning.trees import BoostedTrees, MulticlassTrees, PerCodeTrees

__all__ = ["Contributions"]

_BIAS = FeatureId("bias", "before anything is read")


class Contributions:
    """The margin of any code of one record, as a sum over features.

    Parameters
    ----------
    coder : IcdCoder
        Fitted.
    details : PredictionDetails
        Of one record, as ``coder.details`` returns them.
    """

    def __init__(self, coder: IcdCoder, details: PredictionDetails):
        self.coder, self.details = coder, details
        self.features, self.context = details.features, details.context
        self._computed: dict[int, tuple] = {}
        sparse, dense = coder.features_.feature_ids()
        singles = [target.name for target in coder.task.targets if target.is_single]
        self.context_ids = [] if self.context is None else [
            FeatureId("context", f"{name}={code}") for name in singles for code in coder.codes_[name]
        ]
        self.ids = [*sparse, *dense, *self.context_ids]

    def of(self, target: str, code: str) -> tuple[float, dict[FeatureId, float]]:
        """Return the margin, and the contributions that add up to it."""
        model = self.coder.models_[target].classifier_
        codes = self.coder.codes_[target]
        position = codes.tolist().index(code)
        if isinstance(model, SingleCodeClassifier):
            return self._of_class(model, position)
        return self._of_set(model, position, codes)

    def _of_class(self, model: SingleCodeClassifier, position: int) -> tuple[float, dict[FeatureId, float]]:
        if not model.base_models_:
            return 0.0, {FeatureId("bias", "the only code"): 0.0}
        by_base_model, margins = self._once(model, self._class_shares)
        parts = [
            # The softmax ignores what all classes share.
            (key, weight * share / model.scaler_.temperature_)
            for weight, (keys, shares) in zip(model.weights_, by_base_model, strict=True)
            for key, share in zip([*keys, _BIAS], (shares - shares.mean(axis=0))[position], strict=True)
        ]
        return float((margins[position] - margins.mean()) / model.scaler_.temperature_), _summed(parts)

    def _class_shares(self, model: SingleCodeClassifier) -> tuple[list, np.ndarray]:
        """Return the shares of each base model, and the margins (n_classes,)."""
        return [self._shares(base_model) for base_model in model.base_models_], model.margins(self.features)[0]

    def _shares(self, model: MulticlassTrees | MulticlassLogistic | MulticlassRidge) -> tuple[list[FeatureId], np.ndarray]:
        """Return the features of a base model, and their shares (n_classes, n_features + 1), the bias last."""
        if isinstance(model, MulticlassTrees):
            shares = _shap(model.trees_, model.columns_.transform(self.features))
            return [self.ids[column] for column in model.columns_.union_], shares.reshape(model.trees_.n_classes, -1)
        row = self.features.sparse()
        shares = np.column_stack([model.coef_[:, row.indices] * row.data, model.intercept_])
        return [self.ids[column] for column in row.indices], shares

    def _of_set(self, model: CodeSetClassifier, position: int, codes: np.ndarray) -> tuple[float, dict[FeatureId, float]]:
        X, stated, margins = self._once(model, lambda model: self._set_inputs(model, codes))
        rule, calibrator, own = model.rule_, model.calibrator_, int(np.searchsorted(model.seen_, position))
        parts, code = self._of_own_model(model, own, X) if position in model.seen_ else [], own
        if rule is not None:
            parts, code = [(key, value * rule.gain_[position]) for key, value in parts], position
            parts += [(stated_code(codes[position]), stated[0, position] @ rule.weights_[position]), (_BIAS, rule.bias_[position])]
        parts = [(key, value * calibrator.slope_) for key, value in parts]
        parts.append((_BIAS, calibrator.offsets_[code]))
        return float(margins[code]), _summed(parts)

    def _of_own_model(self, model: CodeSetClassifier, position: int, X) -> list[tuple[FeatureId, float]]:
        """Return what adds up to the log-odds of a code's own model; by its position among the codes with a record."""
        by_trees = isinstance(model.base_model_, PerCodeTrees)
        parts = (self._of_trees if by_trees else self._of_weights)(model.base_model_, position, X)
        margin = sum(value for _, value in parts)
        clipped = float(np.clip(margin, -MARGIN_LIMIT, MARGIN_LIMIT))
        if clipped != margin:
            parts.append((FeatureId("limit", f"cut at ±{MARGIN_LIMIT:g}"), clipped - margin))
        if model.stacker_ is not None:
            weights = model.stacker_.coef_[position]
            parts = [(key, value * weights[0]) for key, value in parts]
            parts.append((_BIAS, model.stacker_.intercept_[position]))
            if self.context is not None:
                parts += zip(self.context_ids, weights[1:] * self.context[0], strict=True)
        return parts

    def _set_inputs(self, model: CodeSetClassifier, codes: np.ndarray) -> tuple:
        """Return the input of the base model, what is stated (1, n_codes, n_kinds), and the calibrated margins (n_codes,)."""
        by_trees = isinstance(model.base_model_, PerCodeTrees)
        X = model.base_model_.columns_.transform(self.features, self.context) if by_trees else self.features.sparse()
        stated = None if model.rule_ is None else self.details.statements.of(codes)
        margins = model.margins(self.features, self.context, stated)[0]
        return X, stated, model.calibrator_.slope_ * margins + model.calibrator_.offsets_

    def _of_trees(self, model: PerCodeTrees, position: int, X) -> list[tuple[FeatureId, float]]:
        columns = model.columns_.of_code_[position]
        shares = _shap(model.trees_[position], X[:, columns])
        keys = [self.ids[column] for column in model.columns_.union_[columns]]
        return [*zip(keys, shares[:-1], strict=True), (_BIAS, shares[-1])]

    def _of_weights(self, model: PerCodeLogistic, position: int, X) -> list[tuple[FeatureId, float]]:
        values = X.data * model.coef_[position][X.indices]
        keys = [self.ids[column] for column in X.indices]
        return [*zip(keys, values, strict=True), (_BIAS, model.intercept_[position])]

    def _once(self, model, compute) -> tuple:
        """Return what a method computes for a model; compute it for the first code only."""
        if id(model) not in self._computed:
            self._computed[id(model)] = compute(model)
        return self._computed[id(model)]


def _shap(trees: BoostedTrees, X: np.ndarray) -> np.ndarray:
    return trees.booster_.predict(X, pred_contrib=True, num_threads=1)[0]


def _summed(parts: Iterable[tuple[FeatureId, float]]) -> dict[FeatureId, float]:
    total: defaultdict[FeatureId, float] = defaultdict(float)
    for key, value in parts:
        total[key] += float(value)
    return {key: value for key, value in total.items() if value}
