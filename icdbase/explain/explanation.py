"""Why this code: what speaks for it and against it, and where it stands in the record.

Every part of the model is either a sum or a set of trees, and a prediction of
trees is a sum too (SHAP values: Lundberg et al. 2020, "From local explanations
to global understanding with explainable AI for trees", Nat Mach Intell 2:56;
LightGBM computes them exactly).  So the margin - the log-odds that enter the
calibrated probability, before the softmax within an exclusive group - is a sum
of contributions of features, and each feature stands somewhere in the text, or
is told to stand nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from scipy.special import logit
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from icdbase.coder import IcdCoder
from icdbase.core.errors import UsageError, did_you_mean
from icdbase.explain.contributions import Contributions
from icdbase.explain.locations import FeatureId, LocatedRecord, locate_features
from icdbase.learning.details import PredictionDetails
from icdbase.learning.target_models import NO_CODE
from icdbase.records.records import check_frame

__all__ = ["CodeExplanation", "Evidence", "Explanation", "Unplaced", "explain"]


@dataclass(frozen=True)
class Evidence:
    """A span of a record and what it adds to the margin of a code.

    Parameters
    ----------
    field : str
    start, end : int
        Offsets into the original text of the field.
    text : str
        The words; like the features left out of ``repr``, for they are patient data.
    contribution : float
        In log-odds; positive speaks for the code.
    strength : float
        What the findings that stand here contribute at all their places: a
        disease that is told six times, in three fields, is not weak for it.
    status : str
        Of the concept that is mentioned here: present, negated, ...; else empty.
    features : tuple of (kind, name, contribution)
        The features that stand here.
    """

    field: str
    start: int
    end: int
    text: str = field(repr=False)
    contribution: float
    strength: float
    status: str
    features: tuple[tuple[str, str, float], ...] = field(repr=False)

    @property
    def negated(self) -> bool:
        return self.status == "negated"

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        features = [{"kind": kind, "name": name, "contribution": value} for kind, name, value in self.features]
        return {
            "field": self.field, "start": self.start, "end": self.end, "text": self.text,
            "contribution": self.contribution, "strength": self.strength, "status": self.status, "negated": self.negated, "features": features,
        }


@dataclass(frozen=True)
class Unplaced:
    """A contribution that stands nowhere in the text.

    Parameters
    ----------
    kind : {"bias", "context", "absent", "limit"}
        What the code has before anything is read; what other models say of the
        record; what the record does not say; what the cut of a tree's margin
        at ``MARGIN_LIMIT`` takes away.
    name : str
    contribution : float
    """

    kind: str
    name: str
    contribution: float


@dataclass(frozen=True)
class CodeExplanation:
    """One code of one target.

    Parameters
    ----------
    target, code, name : str
    predicted : bool
    probability : float
        Calibrated, as ``predict_proba`` returns it.
    margin : float
        Log-odds that enter the probability, before the softmax over the classes
        of a single target or over an exclusive group.  Of a single target they
        are relative to the mean over its classes, which the softmax ignores.
    evidence : tuple of Evidence
        The strongest first, the strongest objection last.
    unplaced : tuple of Unplaced
        Largest first.
    """

    target: str
    code: str
    name: str
    predicted: bool
    probability: float
    margin: float
    evidence: tuple[Evidence, ...]
    unplaced: tuple[Unplaced, ...]

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        return {
            "target": self.target, "code": self.code, "name": self.name, "predicted": self.predicted,
            "probability": self.probability, "margin": self.margin,
            "evidence": [item.to_dict() for item in self.evidence],
            "unplaced": [{"kind": u.kind, "name": u.name, "contribution": u.contribution} for u in self.unplaced],
        }


@dataclass(frozen=True)
class Explanation:
    """Codes of a record with their evidence.

    Parameters
    ----------
    record : str
        Record id.
    codes : tuple of CodeExplanation
    texts : mapping of field to str
        The original text that the spans point into; not in ``repr`` or :meth:`to_dict`.
    """

    record: str
    codes: tuple[CodeExplanation, ...]
    texts: Mapping[str, str] = field(repr=False, hash=False)

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON; the evidence holds words of the record."""
        return {"record": self.record, "codes": [code.to_dict() for code in self.codes]}


def explain(coder: IcdCoder, record, codes: Iterable[str] | None = None, *, n_near: int = 0) -> Explanation:
    """Say for codes of one record what speaks for and against them.

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
    Contributions add up to the margin.  A feature that stands at several places
    gives each an equal part; features of one span are added, and a word inside
    a term, a number or a listed diagnosis belongs to it.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(60, random_state=0)
    >>> coder = IcdCoder().fit(records)
    >>> told = explain(coder, {"主诉": "反复胸闷、心悸2年", "既往史": "否认糖尿病史"}, ["E11.900"]).codes[0]
    >>> round(sum(item.contribution for item in (*told.evidence, *told.unplaced)) - told.margin, 6) + 0.0
    0.0
    """
    check_is_fitted(coder)
    frame = _one_row(record, coder.task)
    details = coder.details(frame)
    probabilities = details.probabilities
    with threadpool_limits(1):
        predicted = coder.decode(probabilities).iloc[0]
        wanted = _wanted(coder, predicted, codes, probabilities)
        if n_near > 0:
            wanted = list(dict.fromkeys(wanted + _near(coder, predicted, details, n_near)))
        texts = {name: frame.iloc[0][name] for name in coder.features_.fields_}
        places = locate_features(
            texts, coder.task, concept_tables=coder.concept_tables, tokenizer=coder.tokenizer
        )
        parts = Contributions(coder, details)
        told = []
        for target, code in wanted:
            if code in coder.codes_[target]:
                margin, contributions = parts.of(target, code)
            else:  # known by name only
                margin = float(logit(probabilities[target].iloc[0][code]))
                keys = [key for key in places.spans if key.kind in ("listed diagnosis", "named operation") and key.name == code]
                contributions = {key: margin / len(keys) for key in keys}
            evidence, unplaced = _placed(contributions, places, texts)
            told.append(CodeExplanation(
                target, code, coder.task.code_names.get(code, ""),
                code == predicted[target] or code in _as_set(predicted[target]),
                float(probabilities[target].iloc[0][code]), margin, evidence, unplaced,
            ))
    return Explanation(str(frame.index[0]), tuple(told), texts)


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
        raise UsageError(f"a record must be a mapping, Series or one-row DataFrame, got {type(record).__name__}")
    if len(frame) != 1:
        raise UsageError(f"explain takes one record, got {len(frame)}; choose one with records.loc[[id]]")
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
    known = {target: set(p.columns) - set(coder.unseen_codes_[target]) for target, p in probabilities.items()}
    wanted = []
    for code in dict.fromkeys(coder.task.canonical_code(code) for code in codes):
        targets = [target.name for target in coder.task.targets if code in known[target.name]]
        if not targets and any(code in unseen for unseen in coder.unseen_codes_.values()):
            raise UsageError(f"code {code} is never predicted: no training record carries it; train on records that do")
        if not targets:
            raise UsageError(f"unknown code {code!r}{did_you_mean(code, sorted(set().union(*known.values())))}")
        wanted += [(target, code) for target in targets]
    return wanted


def _near(coder: IcdCoder, predicted: pd.Series, details: PredictionDetails, n: int) -> list[tuple[str, str]]:
    near = []
    for target in coder.task.targets:
        p = details.probabilities[target.name].iloc[0]
        out = set(_as_set(predicted[target.name])) | set(coder.unseen_codes_[target.name])
        if not target.is_single:
            out |= set(p.index[details.excluded[target.name].iloc[0]])
        near += [(target.name, code) for code in p.sort_values(ascending=False, kind="stable").index if code not in out][:n]
    return near


def _placed(contributions: Mapping[FeatureId, float], places: LocatedRecord, texts: Mapping[str, str]):
    """Share contributions among the places of each feature; what has none is told apart."""
    total: defaultdict[tuple, float] = defaultdict(float)
    unplaced, evidence = [], []
    for key, value in contributions.items():
        if places.spans.get(key):
            total[key.finding] += value
        else:
            kind = key.kind if key.kind in ("bias", "context", "limit") else "absent"
            unplaced.append(Unplaced(kind, str(key), value))
    for keys, spans in places.features_at.items():  # spans at which the same stands: computed once
        here = [key for key in keys if key in contributions]
        if here:
            features = [(key.kind, str(key), contributions[key] / len(places.spans[key])) for key in here]
            added = sum(value for _, _, value in features)
            strength = sum(total[finding] for finding in sorted({key.finding for key in here}))
            features = tuple(sorted(features, key=lambda item: -abs(item[2])))
            evidence += [
                Evidence(*span, texts[span.field][span.start : span.end], added, strength, places.status(span), features)
                for span in spans
            ]
    return (
        tuple(sorted(evidence, key=lambda item: (-item.strength, item.field, item.start, item.end))),
        tuple(sorted(unplaced, key=lambda item: (-abs(item.contribution), item.kind, item.name))),
    )
