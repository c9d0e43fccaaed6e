"""What an explanation consists of: spans with their contributions, codes, the record's texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from icdbase.features.texts import Span

__all__ = ["CodeExplanation", "Evidence", "Explanation", "Unplaced"]


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
        In log-odds; positive supports the code.
    strength : float
        The contributions of the same findings, added over the whole record: a
        disease that is mentioned six times, in three fields, is not weak for it.
    status : str
        Of the concept that is mentioned here: present, negated, ...; else empty.
    features : tuple of (kind, name, contribution)
        The features that have this span.
    findings : frozenset
        The findings that make up most of ``strength``; see :attr:`icdbase.features.base.FeatureId.finding`.
    drop : float or None
        What the probability of the code loses when the words are deleted; None if that was not tried.
    n_deleted : int
        Spans deleted for ``drop``: this one, or all places of its findings if no span matters by itself.
    listed : bool
        Whether the span is a diagnosis in a doctor's list, which is read as its code.
    """

    field: str
    start: int
    end: int
    text: str = field(repr=False)
    contribution: float
    strength: float
    status: str
    features: tuple[tuple[str, str, float], ...] = field(repr=False)
    findings: frozenset = field(default=frozenset(), repr=False)
    drop: float | None = None
    n_deleted: int = 1
    listed: bool = False

    @property
    def span(self) -> Span:
        return Span(self.field, self.start, self.end)

    @property
    def negated(self) -> bool:
        return self.status == "negated"

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON."""
        features = [{"kind": kind, "name": name, "contribution": value} for kind, name, value in self.features]
        return {
            "field": self.field, "start": self.start, "end": self.end, "text": self.text,
            "contribution": self.contribution, "strength": self.strength, "status": self.status, "negated": self.negated,
            "listed": self.listed, "features": features, "drop": self.drop, "n_deleted": self.n_deleted,
        }


@dataclass(frozen=True)
class Unplaced:
    """A contribution without a span in the text.

    Parameters
    ----------
    kind : {"bias", "context", "absent", "limit"}
        The intercept; the probabilities of the single targets' codes; features
        that the record does not have; what the limit ``MARGIN_LIMIT`` of the
        base model's margin takes away.
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
        The strongest first, the strongest objection last; but of a predicted code the
        first is the strongest span that matters, see ``n_tried`` of :func:`explain`.
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
    probabilities : mapping of target name to mapping of code to float
        Of all codes that the coder knows; not in ``repr`` or :meth:`to_dict`.
    unlike : str
        Why the record is unlike the training records, empty if it is not; see :meth:`icdbase.IcdCoder.unlike`.
    """

    record: str
    codes: tuple[CodeExplanation, ...]
    texts: Mapping[str, str] = field(repr=False, hash=False)
    probabilities: Mapping[str, Mapping[str, float]] = field(repr=False, hash=False)
    unlike: str = ""

    def to_dict(self) -> dict:
        """Return plain values, ready for JSON; the evidence holds words of the record."""
        return {"record": self.record, "unlike": self.unlike, "codes": [code.to_dict() for code in self.codes]}
