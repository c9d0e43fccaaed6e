"""The ``stated_codes`` block: the codes that concepts, listed diagnoses and measured values imply, each source alike.

A rare finding that one doctor names, another measures and a third lists gives one column, not three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from icdbase.clinical.implied_codes import MIN_LINK, load_value_rules
from icdbase.clinical.measurements.finder import MEASUREMENTS
from icdbase.clinical.measurements.summary import summary_matrix
from icdbase.features.base import FeatureBlock, FeatureId, FieldCounts, check_names, document_frequency, stated_code
from icdbase.features.concepts import ConceptCounts, status_columns
from icdbase.features.measurements import MeasurementTable

__all__ = ["KINDS", "STATING", "StatedCodesBlock", "StatedCounts", "Statements", "find_statements", "stated_matrix"]

STATING = ("present", "listed", "historical", "value")
"""Kinds of statements that imply a code: of a present or past disease, in a list of diagnoses, by a value."""

KINDS = (*STATING, "uncertain", "negated", "other", "similar")
"""All kinds: also in doubt, denied, of a relative or resolved, and a listed name that is only like the code's."""

MIN_SIMILAR = 0.5


class StatedCounts(NamedTuple):
    """The parts of counts that imply codes."""

    concepts: ConceptCounts
    listed: FieldCounts
    measurements: MeasurementTable


def stated_matrix(counts: StatedCounts, fields: tuple[str, ...]) -> sparse.csr_matrix:
    """Return how many concepts, lists and values of a record imply each code.

    Parameters
    ----------
    counts : StatedCounts
    fields : tuple of str
        The fields to read.

    Returns
    -------
    CSR matrix (n_records, n_codes)
        Columns in the order of ``counts.listed.names``.  What is in doubt or denied does not count.
    """
    codes, concepts = counts.listed.names.astype(str), counts.concepts
    by_status = concepts.whole_record(fields)
    implied = {"present": concepts.implied_codes, "historical": concepts.past_codes}
    stated = _by_value(counts.measurements, fields, codes)
    for status, of_concept in implied.items():
        stated = stated + by_status[:, status_columns(concepts, status)].sign() @ _implies(of_concept, codes)
    for field in counts.listed:
        if field in fields:
            stated = stated + _at_least(counts.listed[field], MIN_LINK)
    return stated.tocsr()


@dataclass(frozen=True, eq=False)
class Statements:
    """Which codes the records state, and how.

    Parameters
    ----------
    codes : array of str, shape (n_codes,)
    kinds : mapping of each of :data:`KINDS` to CSR matrix (n_records, n_codes) of 0 and 1
    """

    codes: np.ndarray
    kinds: Mapping[str, sparse.csr_matrix]

    def of(self, codes: Sequence[str]) -> np.ndarray:
        """Return a bool array (n_records, n_codes, n_kinds) for some codes; an unknown one is never stated."""
        column = {code: number for number, code in enumerate(self.codes.tolist())}
        known = np.array([code in column for code in codes], dtype=bool)
        columns = [column[code] for code in codes if code in column]
        stated = np.zeros((self.kinds[KINDS[0]].shape[0], len(codes), len(KINDS)), dtype=bool)
        for number, kind in enumerate(KINDS):
            stated[:, known, number] = self.kinds[kind][:, columns].toarray() > 0
        return stated


def find_statements(counts: StatedCounts, fields: tuple[str, ...]) -> Statements:
    """Return which codes the records state, by kind, as far as some fields show it."""
    codes, concepts = counts.listed.names.astype(str), counts.concepts
    lists = [field for field in counts.listed if field in fields]
    scores = [counts.listed[field] for field in lists]
    implies, was = _implies(concepts.implied_codes, codes), _implies(concepts.past_codes, codes)

    def mentioned(among, *statuses, implied=implies) -> sparse.csr_matrix:
        none, by_field = sparse.csr_matrix((len(counts.measurements), len(codes)), dtype=np.float32), concepts
        return sum((by_field[field][:, status_columns(concepts, status)] @ implied for field in among for status in statuses), none)

    kinds = {
        "present": mentioned([field for field in fields if field not in lists], "present"),
        "listed": sum((_at_least(each, MIN_LINK) for each in scores), mentioned(lists, "present")),
        "historical": mentioned(fields, "historical", implied=was),
        "value": _by_value(counts.measurements, fields, codes),
        "uncertain": mentioned(fields, "uncertain"), "negated": mentioned(fields, "negated"),
        "other": mentioned(fields, "family", "resolved"),
    }
    near = sum((_at_least(each, MIN_SIMILAR) for each in scores), mentioned(())).sign()
    kinds["similar"] = near - near.multiply(kinds["listed"].sign())
    return Statements(codes, kinds)


def _implies(codes, known: np.ndarray) -> sparse.csr_matrix:
    """Return which concept (row) implies which code (column)."""
    return sparse.csr_matrix(np.array(codes, dtype=str)[:, None] == known, dtype=np.float32)


def _at_least(scores: sparse.csr_matrix, limit: float) -> sparse.csr_matrix:
    kept = (scores >= limit).astype(np.float32)
    kept.eliminate_zeros()
    return kept


def _by_value(measured: MeasurementTable, fields: tuple[str, ...], codes: np.ndarray) -> sparse.csr_matrix:
    """Return which values imply which code alone, by the rules of ``implied_values.csv``."""
    matrix = summary_matrix(measured.names, *measured.in_fields(fields), len(measured))
    column = {measurement.name: number for number, measurement in enumerate(MEASUREMENTS)}
    implied = np.zeros((len(measured), len(codes)), dtype=np.float32)
    for rule in load_value_rules():
        if len(rule.codes) == 1:
            values = matrix[:, column[rule.measurement]]
            implied[np.ix_((values >= rule.at_least) & (values < rule.below), codes == rule.codes[0])] = 1
    return sparse.csr_matrix(implied)


class StatedCodesBlock(FeatureBlock):
    """log(1 + number) of statements that imply a code.

    Attributes
    ----------
    codes_ : array of str, shape (n_codes,)
    implied_codes_, past_codes_ : array of str, shape (n_concepts,)
        What the concepts implied when this was fitted, now and where they are past.
    columns_ : int array
        The codes that are kept.
    """

    source = "stated"

    def fit(self, counts: StatedCounts) -> StatedCodesBlock:
        self.codes_ = counts.listed.names.astype(str)
        self.implied_codes_, self.past_codes_ = (
            np.array(codes, dtype=str) for codes in (counts.concepts.implied_codes, counts.concepts.past_codes)
        )
        self.columns_ = np.flatnonzero(document_frequency(stated_matrix(counts, self.fields)) >= self.min_df)
        return self

    def transform(self, counts: StatedCounts) -> sparse.csr_matrix:
        check_names(self.codes_, counts.listed.names)
        check_names(self.implied_codes_, counts.concepts.implied_codes)
        check_names(self.past_codes_, counts.concepts.past_codes)
        return stated_matrix(counts, self.fields)[:, self.columns_].log1p().astype(np.float32)

    def feature_ids(self) -> list[FeatureId]:
        return [stated_code(code) for code in self.codes_[self.columns_].tolist()]
