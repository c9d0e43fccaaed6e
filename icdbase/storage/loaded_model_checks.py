"""A model that was just loaded: do its parts fit together, and can it predict?

What does not fit is refused when the model is loaded, not at the first patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.errors import ModelError
from icdbase.core.language import _
from icdbase.features.familiarity import REASONS, Familiarity
from icdbase.features.stated_codes import KINDS
from icdbase.learning.classifiers import CodeSetClassifier, SingleCodeClassifier
from icdbase.learning.codes_by_name import N_SHARES
from icdbase.learning.logistic import PerCodeLogistic
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.statement_rule import StatementRule
from icdbase.learning.target_models import SetTargetModel, SingleTargetModel
from icdbase.learning.trees import MulticlassTrees
from icdbase.tasks.task import Target, Task

__all__ = ["OWN_TYPES", "check_loaded_model"]

OWN_TYPES = frozenset(
    {
        "icdbase.coder.IcdCoder",
        "icdbase.features.blocks.FeatureBuilder",
        "icdbase.features.concepts.ConceptBlock",
        "icdbase.features.diagnosis_list.DiagnosisListBlock",
        "icdbase.features.familiarity.Familiarity",
        "icdbase.features.measurements.MeasurementBlock",
        "icdbase.features.stated_codes.StatedCodesBlock",
        "icdbase.features.words.WordBlock",
        "icdbase.learning.calibration.CodeCalibrator",
        "icdbase.learning.calibration.TemperatureScaler",
        "icdbase.learning.classifiers.CodeSetClassifier",
        "icdbase.learning.classifiers.SingleCodeClassifier",
        "icdbase.learning.codes_by_name.CodesByName",
        "icdbase.learning.column_selection.ColumnSelector",
        "icdbase.learning.logistic.PerCodeLogistic",
        "icdbase.learning.logistic.StackingLogistic",
        "icdbase.learning.multiclass_linear.MulticlassLogistic",
        "icdbase.learning.multiclass_linear.MulticlassRidge",
        "icdbase.learning.statement_rule.StatementRule",
        "icdbase.learning.target_models.SetTargetModel",
        "icdbase.learning.target_models.SingleTargetModel",
        "icdbase.learning.trees.BoostedTrees",
        "icdbase.learning.trees.MulticlassTrees",
        "icdbase.learning.trees.PerCodeTrees",
        "icdbase.tasks.task.Target",
        "icdbase.tasks.task.Task",
        "sklearn.feature_extraction.text.TfidfTransformer",
    }
)
"""All classes that a saved coder is made of, besides plain containers and arrays."""

_MOST_IDF = 100.0  # 1 + log(n) of n records
_WORDS_TRIED = 1000


def check_loaded_model(coder: IcdCoder, card: Mapping) -> None:
    """Compare a coder with its card, check its parts, and let it predict two records.

    One record is empty, the other holds words of the coder's own vocabulary.

    Raises
    ------
    ModelError
        If the coder and its card, or the parts of the coder, do not fit together.
    """
    _check_task(coder, card)
    _check_features(coder)
    for target in coder.task.targets:
        _check_target_model(coder.models_[target.name], target)
    own_words = "，".join(coder.features_.terms_[:_WORDS_TRIED].tolist())
    codes = {name: [None, next(iter(codes), None)] for name, codes in coder.codes_.items()}
    texts = dict.fromkeys(coder.task.text_fields, "") | {coder.features_.fields_[0]: ["", own_words]}
    _check_familiarity(coder)
    coder.predict(pd.DataFrame({coder.task.id_field: ["1", "2"], **texts, **codes}))


def _misfit() -> ModelError:
    return ModelError(_("damaged, its parts do not fit together"))


def _check_task(coder: IcdCoder, card: Mapping) -> None:
    targets = tuple(replace(target) for target in coder.task.targets if isinstance(target, Target))
    coder.task = replace(coder.task, targets=targets)  # their own checks run again
    if not isinstance(coder.task, Task) or len(targets) != len(coder.models_):
        raise ModelError(_("holds no task of ours"))
    found = {"task": coder.task.name, "codes": {target: len(codes) for target, codes in coder.codes_.items()}}
    for name, value in found.items():
        if card.get(name) != value:
            raise ModelError(_("the card's {} are another model's", name))


def _check_features(coder: IcdCoder) -> None:
    words, task = coder.features_.blocks_.get("words"), coder.task
    pairs = (*task.code_names.items(), *task.exclusive_groups.items())
    texts = [*task.text_fields, *(text for pair in pairs for text in pair)]
    if not all(isinstance(text, str) for text in texts):
        raise _misfit()
    if words is not None:
        idf = words.tfidf_.idf_
        if idf.shape != words.terms_.shape or not ((idf >= 0) & (idf < _MOST_IDF)).all():
            raise _misfit()


def _check_familiarity(coder: IcdCoder) -> None:
    limits = coder.familiarity_.limits_ if isinstance(coder.familiarity_, Familiarity) else None
    if not isinstance(limits, dict) or not all(name in REASONS and type(value) is float for name, value in limits.items()):
        raise _misfit()


def _check_target_model(model: SingleTargetModel | SetTargetModel, target: Target) -> None:
    kind, classifiers = (
        (SingleTargetModel, SingleCodeClassifier) if target.is_single else (SetTargetModel, (CodeSetClassifier, type(None)))
    )
    if not isinstance(model, kind) or not isinstance(model.classifier_, classifiers) or model.target != target:
        raise _misfit()
    model.target = target  # checked, not the one of the file
    by_name = model.codes_by_name_
    fits = by_name is None or by_name.shares_.shape == (N_SHARES,)
    if model.classifier_ is None:  # the set was empty in every training record
        fits = fits and not len(model.codes_)
    elif target.is_single:
        fits = fits and _single_fits(model.classifier_, len(model.codes_))
    else:
        fits = fits and _set_fits(model.classifier_, len(model.codes_))
    if not fits:
        raise _misfit()


def _single_fits(classifier: SingleCodeClassifier, n_codes: int) -> bool:
    """Check what arithmetic would stretch to fit: one number for each code."""
    models = classifier.base_models_
    fits = classifier.classes_.shape == (n_codes,) and len(classifier.weights_) == len(models)
    return fits and (n_codes == 1) == (not models) and all(_n_classes(model) == n_codes for model in models)


def _n_classes(model: MulticlassTrees | MulticlassLogistic | MulticlassRidge) -> int:
    if isinstance(model, MulticlassTrees):
        return model.trees_.n_classes
    return len(model.coef_) if model.intercept_.shape == (len(model.coef_),) else 0


def _set_fits(classifier: CodeSetClassifier, n_codes: int) -> bool:
    n_seen, rule = len(classifier.seen_), classifier.rule_
    n_calibrated = n_seen if rule is None else n_codes
    calibrator = classifier.calibrator_
    fits = calibrator.offsets_.shape == (n_calibrated,) and calibrator.shape_.shape == (3,) and n_codes == classifier.n_codes_
    if rule is not None:
        fits = fits and isinstance(rule, StatementRule) and rule.weights_.shape == (n_codes, len(KINDS))
        fits = fits and all(each.shape == (n_codes,) for each in (rule.seen_, rule.gain_, rule.bias_))
    linear = [classifier.stacker_] if classifier.stacker_ is not None else []
    if isinstance(classifier.base_model_, PerCodeLogistic):
        linear.append(classifier.base_model_)
    return fits and all(len(model.coef_) == n_seen and model.intercept_.shape == (n_seen,) for model in linear)
