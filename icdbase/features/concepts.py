"""The ``concepts`` block: mentions of medical concepts by status, by field, and by the code that they imply."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from icdbase.clinical.concepts import STATUSES, ConceptSpotter, assert_status
from icdbase.core.errors import ModelError
from icdbase.features.feature_id import AFFIRMED, FeatureId
from icdbase.features.field_counts import CsrBuilder, FieldCounts, document_frequency
from icdbase.features.texts import OriginalText, Span, TextBatch
from icdbase.tasks.task import Task

__all__ = ["ConceptBlock", "ConceptCounts", "ConceptExtractor"]

_CONCEPT = itemgetter(2)
"""The concept of a mention (start, end, concept)."""

_KIND = "concept"


@dataclass(frozen=True, eq=False)
class ConceptCounts(FieldCounts):
    """Mentions by field; column ``concept * len(STATUSES) + status``.

    Parameters
    ----------
    names : array of str, shape (n_concepts,)
    implied_codes : tuple of str
        The one code that each concept implies, or "".
    """

    implied_codes: tuple[str, ...]


class ConceptExtractor:
    """Spot mentions of concepts and their status: count them, or locate them in one record.

    Parameters
    ----------
    task : Task
    spotter : ConceptSpotter
    """

    def __init__(self, task: Task, spotter: ConceptSpotter):
        self.spotter = spotter
        self.implied_codes = spotter.implied_codes(task.code_names)
        self._rows = {field: CsrBuilder() for field in task.text_fields}
        self._statuses = {field: array("i") for field in task.text_fields}  # one a mention
        self._n_records = 0

    def _mentions(self, batch: TextBatch) -> Iterator[tuple[list[tuple[int, int, int]], list[int]]]:
        """Return for each text its mentions (start, end, concept) and their statuses."""
        mentions = list(map(self.spotter.spot, batch.texts, batch.marked))
        return zip(mentions, map(assert_status, batch.texts, mentions, batch.roles, batch.marked), strict=True)

    def count(self, batch: TextBatch):
        """Add the mentions of some records to the counts."""
        for field, (mentions, statuses) in zip(batch.fields, self._mentions(batch), strict=True):
            self._rows[field].add(list(map(_CONCEPT, mentions)))
            self._statuses[field].fromlist(statuses)
        self._n_records += batch.n_records

    def counts(self) -> ConceptCounts:
        """Return what was counted so far."""
        by_field, names = {}, np.array(self.spotter.names, dtype=object)
        for field, rows in self._rows.items():
            rows.columns = len(STATUSES) * np.array(rows.columns, dtype=np.int32) + np.array(self._statuses[field], dtype=np.int32)
            by_field[field] = rows.matrix(len(STATUSES) * len(names))
        return ConceptCounts(self._n_records, names, by_field, self.implied_codes)

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        """Yield every feature that a mention of one record enters, with the span of the mention."""
        for original, (mentions, statuses) in zip(originals, self._mentions(batch), strict=True):
            for (start, end, concept), status in zip(mentions, statuses, strict=True):
                span, name, code = original.span(start, end), self.spotter.names[concept], self.implied_codes[concept]
                yield _by_status(name, STATUSES[status]), span
                if STATUSES[status] in AFFIRMED:
                    yield _by_field(name, original.field), span
                    if code:
                        yield _by_code(code), span


class ConceptBlock(BaseEstimator):
    """Choose columns of concepts; build their matrix.

    Columns are mentions by concept and status, affirmed mentions by concept and
    field, and affirmed concepts by the code that they imply, which lets rare
    concepts of one code add up.

    Parameters
    ----------
    fields : sequence of str
    min_df : int
        A column with fewer training records is dropped.

    Attributes
    ----------
    names_, implied_codes_ : array of str, shape (n_concepts,)
        The concepts that the tables held when this was fitted.
    columns_ : dict of str to int array
        The columns that are kept, by ``status``, ``field`` and ``code``.
    """

    source = "concepts"

    def __init__(self, *, fields, min_df):
        self.fields = fields
        self.min_df = min_df

    def fit(self, counts: ConceptCounts) -> ConceptBlock:
        """Choose columns by the training rows."""
        self.names_, self.implied_codes_ = counts.names.astype(str), np.array(counts.implied_codes, dtype=str)
        self.columns_ = {
            part: np.flatnonzero(document_frequency(counted) >= self.min_df) for part, counted in self._parts(counts).items()
        }
        return self

    def transform(self, counts: ConceptCounts) -> sparse.csr_matrix:
        """Return log(1 + count) of the kept columns.

        Raises
        ------
        ModelError
            If the concept tables are not those of training.
        """
        if self.names_.tolist() != counts.names.tolist() or self.implied_codes_.tolist() != list(counts.implied_codes):
            raise ModelError("the tables of concepts have changed since it was trained")
        counted = self._parts(counts)
        chosen = sparse.hstack([counted[part][:, columns] for part, columns in self.columns_.items()], format="csr")
        return chosen.log1p().astype(np.float32)

    def feature_ids(self) -> list[FeatureId]:
        """Return what each column is."""
        names, statuses, columns = self.names_.tolist(), len(STATUSES), self.columns_
        fields = [divmod(column, len(names)) for column in columns["field"].tolist()]
        return [
            *(_by_status(names[column // statuses], STATUSES[column % statuses]) for column in columns["status"].tolist()),
            *(_by_field(names[concept], self.fields[field]) for field, concept in fields),
            *(_by_code(code) for code in self._codes()[columns["code"]].tolist()),
        ]

    def _parts(self, counts: ConceptCounts) -> dict[str, sparse.csr_matrix]:
        """Mentions by concept and status, affirmed mentions by field and concept, affirmed concepts by code."""
        by_status = counts.whole_record(self.fields)
        affirmed = np.array([STATUSES.index(status) for status in AFFIRMED])[:, None]
        affirmed = affirmed + len(STATUSES) * np.arange(len(self.names_))
        by_field = [sum(counts[field][:, columns] for columns in affirmed) for field in self.fields]
        has_concept = sum(by_status[:, columns] for columns in affirmed).sign()
        implies = sparse.csr_matrix(self.implied_codes_[:, None] == self._codes(), dtype=np.float32)
        return {"status": by_status, "field": sparse.hstack(by_field, format="csr"), "code": has_concept @ implies}

    def _codes(self) -> np.ndarray:
        """Return the codes that some concept implies, sorted."""
        return np.unique(self.implied_codes_[self.implied_codes_ != ""])


def _by_status(concept: str, status: str) -> FeatureId:
    return FeatureId(_KIND, concept, status)


def _by_field(concept: str, field: str) -> FeatureId:
    return FeatureId(_KIND, concept, f"@{field}")


def _by_code(code: str) -> FeatureId:
    return FeatureId(_KIND, code, "implied")
