"""The ``concepts`` block: mentions of medical concepts by status and by field."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from scipy import sparse

from icdbase.clinical.concepts import STATUSES, ConceptSpotter, assert_status
from icdbase.clinical.implied_codes import STATED
from icdbase.features.base import (
    AFFIRMED,
    CsrBuilder,
    FeatureBlock,
    FeatureId,
    FieldCounts,
    check_names,
    document_frequency,
    stated_code,
)
from icdbase.features.texts import OriginalText, Span, TextBatch
from icdbase.tasks.task import Task

__all__ = ["ConceptBlock", "ConceptCounts", "ConceptExtractor", "status_columns"]

_CONCEPT = itemgetter(2)  # of a mention (start, end, concept)


@dataclass(frozen=True, eq=False)
class ConceptCounts(FieldCounts):
    """Mentions by field; column ``concept * len(STATUSES) + status``."""

    implied_codes: tuple[str, ...]
    past_codes: tuple[str, ...]
    """The one code that each concept implies, or "", and the one that it implies where it is past."""


class ConceptExtractor:
    """Spot mentions of concepts and their status: count them, or locate them in one record."""

    def __init__(self, task: Task, spotter: ConceptSpotter):
        self.spotter = spotter
        self.implied_codes = spotter.implied_codes(task.code_names)
        self.past_codes = spotter.past_codes(task.code_names)
        self._rows = {field: CsrBuilder() for field in task.text_fields}
        self._statuses = {field: array("i") for field in task.text_fields}  # one a mention
        self._n_records = 0

    def _mentions(self, batch: TextBatch) -> Iterator[tuple[list[tuple[int, int, int]], list[int]]]:
        """Return for each text its mentions (start, end, concept) and their statuses."""
        mentions = list(map(self.spotter.spot, batch.texts, batch.marked))
        return zip(mentions, map(assert_status, batch.texts, mentions, batch.roles, batch.marked), strict=True)

    def count(self, batch: TextBatch):
        for field, (mentions, statuses) in zip(batch.fields, self._mentions(batch), strict=True):
            self._rows[field].add(list(map(_CONCEPT, mentions)))
            self._statuses[field].fromlist(statuses)
        self._n_records += batch.n_records

    def counts(self) -> ConceptCounts:
        by_field, names = {}, np.array(self.spotter.names, dtype=object)
        for field, rows in self._rows.items():
            rows.columns = len(STATUSES) * np.array(rows.columns, dtype=np.int32) + np.array(self._statuses[field], dtype=np.int32)
            by_field[field] = rows.matrix(len(STATUSES) * len(names))
        return ConceptCounts(self._n_records, names, by_field, self.implied_codes, self.past_codes)

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        for original, (mentions, statuses) in zip(originals, self._mentions(batch), strict=True):
            for (start, end, concept), status in zip(mentions, statuses, strict=True):
                span, name = original.span(start, end), self.spotter.names[concept]
                code = (self.past_codes if STATUSES[status] == "historical" else self.implied_codes)[concept]
                yield _by_status(name, STATUSES[status]), span
                if STATUSES[status] in AFFIRMED:
                    yield _by_field(name, original.field), span
                if code and STATUSES[status] in STATED:
                    yield stated_code(code), span


class ConceptBlock(FeatureBlock):
    """log(1 + count) of mentions by concept and status, and of affirmed mentions by concept and field.

    Attributes
    ----------
    names_ : array of str, shape (n_concepts,)
        The concepts that the tables held when this was fitted.
    columns_ : dict of str to int array
        The columns that are kept, by ``status`` and ``field``.
    """

    source = "concepts"

    def fit(self, counts: ConceptCounts) -> ConceptBlock:
        self.names_ = counts.names.astype(str)
        self.columns_ = {
            part: np.flatnonzero(document_frequency(counted) >= self.min_df) for part, counted in self._parts(counts).items()
        }
        return self

    def transform(self, counts: ConceptCounts) -> sparse.csr_matrix:
        check_names(self.names_, counts.names)
        counted = self._parts(counts)
        chosen = sparse.hstack([counted[part][:, columns] for part, columns in self.columns_.items()], format="csr")
        return chosen.log1p().astype(np.float32)

    def feature_ids(self) -> list[FeatureId]:
        names, statuses, columns = self.names_.tolist(), len(STATUSES), self.columns_
        fields = [divmod(column, len(names)) for column in columns["field"].tolist()]
        return [
            *(_by_status(names[column // statuses], STATUSES[column % statuses]) for column in columns["status"].tolist()),
            *(_by_field(names[concept], self.fields[field]) for field, concept in fields),
        ]

    def _parts(self, counts: ConceptCounts) -> dict[str, sparse.csr_matrix]:
        """Mentions by concept and status, affirmed mentions by field and concept."""
        affirmed = [status_columns(counts, status) for status in AFFIRMED]
        by_field = [sum(counts[field][:, columns] for columns in affirmed) for field in self.fields]
        return {"status": counts.whole_record(self.fields), "field": sparse.hstack(by_field, format="csr")}


def status_columns(counts: ConceptCounts, status: str) -> np.ndarray:
    """Return the column of each concept's mentions of a status."""
    return STATUSES.index(status) + len(STATUSES) * np.arange(len(counts.names))


def _by_status(concept: str, status: str) -> FeatureId:
    return FeatureId("concept", concept, status)


def _by_field(concept: str, field: str) -> FeatureId:
    return FeatureId("concept", concept, f"@{field}")
