"""Why this code: the evidence for it and against it, with spans of the record.

Every part of the model is a sum or a set of trees, and a prediction of trees is
a sum too (SHAP values: Lundberg et al. 2020, "From local explanations to global
understanding with explainable AI for trees", Nat Mach Intell 2:56; LightGBM
computes them exactly).  So the margin - the log-odds that enter the calibrated
probability, before the softmax within an exclusive group - is a sum of
contributions of features.  A feature either has spans in the text or is listed
as unplaced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pandas as pd
from scipy.special import logit
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from icdbase.coder import IcdCoder
from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.explain.contributions import Contributions
from icdbase.explain.deletion import with_tested_evidence
from icdbase.explain.evidence import CodeExplanation, Evidence, Explanation, Unplaced
from icdbase.explain.locations import LocatedRecord, locate_features
from icdbase.features.base import FeatureId
from icdbase.learning.prediction_details import PredictionDetails
from icdbase.records.records import check_frame
from icdbase.tasks.codes import NO_CODE

__all__ = ["CodeExplanation", "Evidence", "Explanation", "Unplaced", "explain"]

LEAST_SHARE = 0.1
"""Share of the strength of a span from which on a finding counts as what the span is about."""


def explain(coder: IcdCoder, record, codes: Iterable[str] | None = None, *, n_near: int = 0, n_tried: int = 10) -> Explanation:
    """Return the evidence for and against codes of one record.

    Parameters
    ----------
    coder : IcdCoder
        Fitted.
    record : mapping, pandas.Series or one-row pandas.DataFrame
        As a row of :func:`icdbase.read_records`; labels are not read.
    codes : iterable of str, optional
        Codes to explain, in every target that has them; those predicted by default.
    n_near : int
        Explain so many codes of each target besides: the most probable of those
        that could have been predicted and were not.
    n_tried : int
        Of each predicted code, delete up to so many of the strongest spans, one at a time,
        until the code becomes less probable; that span is listed first.  If none helps,
        the strongest finding is deleted in all its places.

    Returns
    -------
    Explanation

    Raises
    ------
    UsageError
        On more than one record, or a code that the coder does not know or has
        never seen.

    Notes
    -----
    Contributions add up to the margin.  The contribution of a feature with
    several spans is divided equally among them; features of one span are added.
    A word inside a term, a number or a listed diagnosis belongs to that.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(60, random_state=0)
    >>> coder = IcdCoder().fit(records)
    >>> code = explain(coder, {"主诉": "反复胸闷、心悸2年", "既往史": "否认糖尿病史"}, ["E11.900"]).codes[0]
    >>> round(sum(item.contribution for item in (*code.evidence, *code.unplaced)) - code.margin, 6) + 0.0
    0.0
    """
    check_is_fitted(coder)
    frame = _one_row(record, coder.task)
    texts = {name: frame.iloc[0][name] for name in coder.features_.fields_}
    details = coder.details(frame)
    predicted = coder.decode(details.probabilities).iloc[0]
    wanted = _wanted(coder, predicted, codes, details.probabilities)
    if n_near > 0:
        wanted = list(dict.fromkeys(wanted + _near(coder, predicted, details, n_near)))
    explained = []
    with threadpool_limits(1):
        located = locate_features(texts, coder.task, concept_tables=coder.concept_tables, tokenizer=coder.tokenizer)
        contributions = Contributions(coder, details)
        for target, code in wanted:
            probability = float(details.probabilities[target].iloc[0][code])
            learned = code in coder.codes_[target]
            margin, parts = contributions.of(target, code) if learned else _by_name(code, probability, located)
            explained.append(CodeExplanation(
                target, code, coder.task.code_names.get(code, ""),
                code == predicted[target] or code in _as_set(predicted[target]),
                probability, margin, _evidence(parts, located, texts), _unplaced(parts, located),
            ))
    tested = iter(with_tested_evidence(coder, frame, [code for code in explained if code.predicted], n_tried))
    return Explanation(
        str(frame.index[0]), tuple(next(tested) if code.predicted else code for code in explained), texts,
        {target: p.iloc[0].to_dict() for target, p in details.probabilities.items()}, coder.unlike(details.counts).iloc[0],
    )


def _by_name(code: str, probability: float, located: LocatedRecord) -> tuple[float, dict[FeatureId, float]]:
    """Return margin and contributions of a code that no model learned: its names in the record share the margin."""
    margin = float(logit(probability))
    names = [key for key in located.spans if key.kind in ("listed diagnosis", "named operation") and key.name == code]
    return margin, {key: margin / len(names) for key in names}


def _one_row(record, task) -> pd.DataFrame:
    if isinstance(record, pd.DataFrame):
        frame = record
    elif isinstance(record, pd.Series):
        frame = record.to_frame().T
        if record.name is None and task.id_field not in record.index:
            frame.index = ["1"]
    elif isinstance(record, Mapping):
        frame = pd.DataFrame([dict(record)])
        if task.id_field not in record:
            frame.index = ["1"]
    else:
        raise UsageError(_("a record must be a mapping, Series or one-row DataFrame, got {}", type(record).__name__))
    if len(frame) != 1:
        raise UsageError(_("explain takes one record, got {}; choose one with records.loc[[id]]", len(frame)))
    labels = [spelling for target in task.targets for spelling in target.spellings]
    return check_frame(frame.drop(columns=[name for name in labels if name in frame]), task)


def _as_set(value) -> tuple:
    """The codes of a prediction; "no code" of a single target is the class of the empty text."""
    return value if isinstance(value, tuple) else (value or NO_CODE,)


def _wanted(
    coder: IcdCoder, predicted: pd.Series, codes: Iterable[str] | None, probabilities: Mapping[str, pd.DataFrame]
) -> list[tuple[str, str]]:
    if codes is None:
        return [(target.name, code) for target in coder.task.targets for code in _as_set(predicted[target.name])]
    known = {target: set(p.columns) - _without_evidence(coder, target, p) for target, p in probabilities.items()}
    wanted = []
    for code in dict.fromkeys(coder.task.canonical_code(code) for code in codes):
        targets = [target.name for target in coder.task.targets if code in known[target.name]]
        if not targets and any(code in unseen for unseen in coder.unseen_codes_.values()):
            raise UsageError(_("code {} cannot be explained: no training record carries it, and this record does not state it", code))
        if not targets:
            raise UsageError(_("unknown code {!r}{}", code, did_you_mean(code, sorted(set().union(*known.values())))))
        wanted += [(target, code) for target in targets]
    return wanted


def _without_evidence(coder: IcdCoder, target: str, probabilities: pd.DataFrame) -> set[str]:
    """Return the codes without a training record that the record does not state."""
    return {code for code in coder.unseen_codes_[target] if not probabilities[code].any()}


def _near(coder: IcdCoder, predicted: pd.Series, details: PredictionDetails, n: int) -> list[tuple[str, str]]:
    near = []
    for target in coder.task.targets:
        p = details.probabilities[target.name].iloc[0]
        out = set(_as_set(predicted[target.name])) | _without_evidence(coder, target.name, details.probabilities[target.name])
        if not target.is_single:
            out |= set(p.index[details.excluded[target.name].iloc[0]])
        near += [(target.name, code) for code in p.sort_values(ascending=False, kind="stable").index if code not in out][:n]
    return near


def _evidence(parts: Mapping[FeatureId, float], located: LocatedRecord, texts: Mapping[str, str]) -> tuple[Evidence, ...]:
    """Divide each contribution among the spans of its feature; add the features of a span."""
    of_finding: defaultdict[tuple, float] = defaultdict(float)
    for key, value in parts.items():
        if key in located.spans:
            of_finding[key.finding] += value
    evidence = []
    for keys, spans in located.features_at.items():  # spans with the same features are computed once
        here = [key for key in keys if key in parts]
        if here:
            features = [(key.kind, str(key), parts[key] / len(located.spans[key])) for key in here]
            contribution = sum(value for _, _, value in features)
            strengths = {finding: of_finding[finding] for finding in sorted({key.finding for key in here})}
            strength = sum(strengths.values())
            findings = frozenset(finding for finding, value in strengths.items() if value > LEAST_SHARE * strength)
            features = tuple(sorted(features, key=lambda item: -abs(item[2])))
            listed = any(key.kind == "listed diagnosis" for key in keys)
            evidence += [
                Evidence(*span, texts[span.field][span.start : span.end], contribution, strength, located.status(span), features,
                         findings, listed=listed)
                for span in spans
            ]
    return tuple(sorted(evidence, key=lambda item: (-item.strength, item.field, item.start, item.end)))


def _unplaced(parts: Mapping[FeatureId, float], located: LocatedRecord) -> tuple[Unplaced, ...]:
    """Return the contributions of features without a span."""
    kinds = ("bias", "context", "limit")
    unplaced = [
        Unplaced(key.kind if key.kind in kinds else "absent", str(key), value)
        for key, value in parts.items() if key not in located.spans
    ]
    return tuple(sorted(unplaced, key=lambda item: (-abs(item.contribution), item.kind, item.name)))
