"""The codes that a record states, each with what states it: concepts, listed diagnoses and measured values.

A statement with one code implies it outright; one with several codes (a pressure of
190 mmHg: hypertension grade 3, whichever its risk) says that it is one of them.
What a department's coders do with what is stated is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from icdbase.clinical.assertion import STATUSES, assert_status
from icdbase.clinical.concepts import STATING_KINDS, ConceptSpotter, load_past_codes
from icdbase.clinical.diagnosis_lists import DiagnosisLinker, split_diagnoses
from icdbase.clinical.measurements.finder import find_measurements
from icdbase.clinical.measurements.summary import summarise
from icdbase.clinical.tables import read_table

__all__ = ["MIN_LINK", "STATED", "Statement", "ValueRule", "load_value_rules", "statements"]

STATED = frozenset({"present", "historical"})
"""Statuses of a mention that states a disease of the patient."""

MIN_LINK = 0.75
"""Score from which a listed diagnosis implies the code it is linked to."""


class Statement(NamedTuple):
    """What implies a code, or one of several codes.

    Parameters
    ----------
    codes : tuple of str
    source : {"concept", "list", "value"}
    name : str
        Concept, item of the list, or measurement.
    status : str
        One of :data:`icdbase.clinical.assertion.STATUSES`; a measured value is ``present``.
    field : str
        Empty for a measurement, which may come from several fields.
    """

    codes: tuple[str, ...]
    source: str
    name: str
    status: str
    field: str


class ValueRule(NamedTuple):
    """Values of a measurement, from ``at_least`` up to below ``below``, that imply one of some codes."""

    measurement: str
    at_least: float
    below: float
    codes: tuple[str, ...]


@cache
def load_value_rules() -> tuple[ValueRule, ...]:
    """Return the rules of ``implied_values.csv``.

    >>> [rule.codes for rule in load_value_rules() if rule.measurement == "potassium_min"]
    [('E87.600',)]
    """
    return tuple(
        ValueRule(row["measurement"], float(row["at_least"] or "-inf"), float(row["below"] or "inf"), tuple(row["codes"].split("|")))
        for row in read_table("implied_values.csv")
    )


def statements(texts: Mapping[str, str], linker: DiagnosisLinker) -> list[Statement]:
    """Return all that implies a code of the linker's task, whatever its status.

    Parameters
    ----------
    texts : mapping of field to normalised text
    linker : DiagnosisLinker
        Its task has the codes, its spotter the concepts.

    Examples
    --------
    >>> from icdbase.clinical.concepts import load_concepts
    >>> from icdbase.tasks.editions import CCL25
    >>> linker = DiagnosisLinker(CCL25, load_concepts())
    >>> found = statements({"既往史": "否认糖尿病", "诊疗经过": "血钾3.1mmol/l,脂肪肝"}, linker)
    >>> [(one.codes, one.source, one.status) for one in found]
    [(('E14.900x001', 'E11.900'), 'concept', 'negated'), (('K76.000',), 'concept', 'present'), (('E87.600',), 'value', 'present')]
    """
    task = linker.task
    found = [
        statement for field, text in texts.items()
        for statement in _by_concept(field, text, linker.spotter, task.reads_like.get(field, field))
    ]
    found += [statement for field, text in texts.items() if field in linker.fields for statement in _by_list(field, text, linker)]
    measured = summarise(find_measurements(texts, task.reads_like))
    known = frozenset(linker.codes)
    return [one._replace(codes=codes) for one in (*found, *_by_value(measured)) if (codes := tuple(filter(known.__contains__, one.codes)))]


def _by_concept(field: str, text: str, spotter: ConceptSpotter, role: str) -> Iterator[Statement]:
    mentions = spotter.spot(text)
    for (_, _, number), status in zip(mentions, assert_status(text, mentions, role), strict=True):
        concept = spotter.concepts[number]
        if STATUSES[status] == "historical" and (code := load_past_codes().get(concept.name)):
            yield Statement((code,), "concept", concept.name, STATUSES[status], field)
        elif concept.kind in STATING_KINDS:
            yield Statement(concept.codes, "concept", concept.name, STATUSES[status], field)


def _by_list(field: str, text: str, linker: DiagnosisLinker) -> Iterator[Statement]:
    items = split_diagnoses(text)
    for item, code, score in linker.link(text):
        if score >= MIN_LINK:
            yield Statement((code,), "list", items[item].text, "present", field)


def _by_value(measured: Mapping[str, float]) -> Iterator[Statement]:
    for rule in load_value_rules():
        if rule.at_least <= measured.get(rule.measurement, float("nan")) < rule.below:
            yield Statement(rule.codes, "value", rule.measurement, "present", "")
