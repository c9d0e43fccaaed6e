"""The margin of a code as a sum over features: SHAP values of trees, weights of logistic regressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from icdbase.coder import IcdCoder
from icdbase.explain.locations import FeatureId, feature_ids
from icdbase.learning.classifiers import CodeSetClassifier, SingleCodeClassifier
from icdbase.learning.details import PredictionDetails
from icdbase.learning.logistic import MARGIN_LIMIT
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.trees import BoostedTrees, MulticlassTrees, PerCodeTrees

__all__ = ["Contributions"]

_BIAS = FeatureId("bias", "before anything is read")


class Contributions:
    """The margin of any code of one record, part by part.

    Parameters
    ----------
    coder : IcdCoder
        Fitted.
    details : PredictionDetails
        Of one record, as ``coder.details`` returns them.
    """

    def __init__(self, coder: IcdCoder, details: PredictionDetails):
        self.coder, self.features, self.context = coder, details.features, details.context
        self._of_model: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        sparse, dense = feature_ids(coder.features_, coder.task)
        singles = [target.name for target in coder.task.targets if target.is_single]
        self.context_keys = [] if self.context is None else [
            FeatureId("context", f"{name}={code}") for name in singles for code in coder.codes_[name]
        ]
        self.keys = [*sparse, *dense, *self.context_keys]

    def of(self, target: str, code: str) -> tuple[float, dict[FeatureId, float]]:
        """Return the margin, and the contributions that add up to it."""
        model = self.coder.models_[target].classifier_
        position = list(self.coder.codes_[target]).index(code)
        if isinstance(model, SingleCodeClassifier):
            return self._single(model, position)
        return self._multi(model, int(np.searchsorted(model.seen_, position)))

    def _single(self, model: SingleCodeClassifier, position: int) -> tuple[float, dict[FeatureId, float]]:
        if not model.base_models_:
            return 0.0, {FeatureId("bias", "the only code"): 0.0}
        told, margins = self._seen(model)
        parts = [
            # The softmax does not see what all classes share.
            (key, weight * share / model.scaler_.temperature_)
            for weight, (keys, shares) in zip(model.weights_, told, strict=True)
            for key, share in zip([*keys, _BIAS], (shares - shares.mean(axis=0))[position], strict=True)
        ]
        return float((margins[position] - margins.mean()) / model.scaler_.temperature_), _summed(parts)

    def _shares(self, reader: MulticlassTrees | MulticlassLogistic | MulticlassRidge) -> tuple[list[FeatureId], np.ndarray]:
        """Return the features a reader of classes hears, and what each adds to each class, the bias last."""
        if isinstance(reader, MulticlassTrees):
            shares = _shap(reader.trees_, reader.columns_.transform(self.features))
            return [self.keys[column] for column in reader.columns_.union_], shares.reshape(reader.trees_.n_classes, -1)
        row = self.features.sparse()
        shares = np.column_stack([reader.coef_[:, row.indices] * row.data, reader.intercept_])
        return [self.keys[column] for column in row.indices], shares

    def _multi(self, model: CodeSetClassifier, position: int) -> tuple[float, dict[FeatureId, float]]:
        read = self._read_by_trees if isinstance(model.base_model_, PerCodeTrees) else self._read_by_weights
        parts = read(model, position)
        margin = sum(value for _, value in parts)
        clipped = float(np.clip(margin, -MARGIN_LIMIT, MARGIN_LIMIT))
        if clipped != margin:
            parts.append((FeatureId("limit", f"cut at ±{MARGIN_LIMIT:g}"), clipped - margin))
        if model.stacker_ is not None:
            weights = model.stacker_.coef_[position]
            parts = [(key, value * weights[0]) for key, value in parts]
            parts.append((_BIAS, model.stacker_.intercept_[position]))
            if self.context is not None:
                parts += zip(self.context_keys, weights[1:] * self.context[0], strict=True)
        parts = [(key, value * model.calibrator_.slope_) for key, value in parts]
        parts.append((_BIAS, model.calibrator_.offsets_[position]))
        return float(self._seen(model)[1][position]), _summed(parts)

    def _read_by_trees(self, model: CodeSetClassifier, position: int) -> list[tuple[FeatureId, float]]:
        reader = model.base_model_
        columns = reader.columns_.of_code_[position]
        shares = _shap(reader.trees_[position], self._seen(model)[0][:, columns])
        keys = [self.keys[column] for column in reader.columns_.union_[columns]]
        return [*zip(keys, shares[:-1], strict=True), (_BIAS, shares[-1])]

    def _read_by_weights(self, model: CodeSetClassifier, position: int) -> list[tuple[FeatureId, float]]:
        reader, row = model.base_model_, self._seen(model)[0]
        values = row.data * reader.coef_[position][row.indices]
        keys = [self.keys[column] for column in row.indices]
        return [*zip(keys, values, strict=True), (_BIAS, reader.intercept_[position])]

    def _seen(self, model) -> tuple:
        """Return what a model sees of the record, and its own margins; computed once."""
        if id(model) not in self._of_model:
            if isinstance(model, SingleCodeClassifier):
                X = [self._shares(reader) for reader in model.base_models_]
                margins = model.margins(self.features)[0]
            else:
                reader = model.base_model_
                by_trees = isinstance(reader, PerCodeTrees)
                X = reader.columns_.transform(self.features, self.context) if by_trees else self.features.sparse()
                margins = reader.margins(self.features, self.context)
                if model.stacker_ is not None:
                    margins = model.stacker_.margins(margins, self.context)
                margins = model.calibrator_.slope_ * margins[0] + model.calibrator_.offsets_
            self._of_model[id(model)] = X, margins
        return self._of_model[id(model)]


def _shap(trees: BoostedTrees, X: np.ndarray) -> np.ndarray:
    return trees.booster_.predict(X, pred_contrib=True, num_threads=1)[0]


def _summed(parts: Iterable[tuple[FeatureId, float]]) -> dict[FeatureId, float]:
    total: defaultdict[FeatureId, float] = defaultdict(float)
    for key, value in parts:
        total[key] += float(value)
    return {key: value for key, value in total.items() if value}
