"""The ``diagnosis_list`` block: how well the items of a list of diagnoses fit the names of codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from icdbase.clinical.diagnosis_lists import DiagnosisLinker, Item, split_diagnoses
from icdbase.clinical.operations import OperationFinder
from icdbase.core.errors import ModelError
from icdbase.features.feature_id import FeatureId
from icdbase.features.field_counts import CsrBuilder, FieldCounts
from icdbase.features.texts import OriginalText, Span, TextBatch

__all__ = ["DiagnosisListBlock", "DiagnosisListExtractor", "NamedCodeExtractor"]

_KIND = "listed diagnosis"


class NamedCodeExtractor:
    """Link the names in some fields to codes: score the codes, or locate their names in one record.

    Parameters
    ----------
    finder : DiagnosisLinker or OperationFinder
        Reads its ``fields``.
    kind : str
        Of the features.
    """

    def __init__(self, finder: DiagnosisLinker | OperationFinder, kind: str):
        self.finder, self.kind = finder, kind
        self._rows = {field: CsrBuilder() for field in finder.fields}
        self._n_records = 0

    def count(self, batch: TextBatch):
        """Add the scores of some records."""
        for field, text in zip(batch.fields, batch.texts, strict=True):
            if field in self._rows:
                self._rows[field].add(*self.finder.scores(text))
        self._n_records += batch.n_records

    def counts(self) -> FieldCounts:
        """Return the best score of each code so far, columns in the order of ``task.code_names``."""
        names = np.array(list(self.finder.task.code_names), dtype=object)
        return FieldCounts(self._n_records, names, {field: rows.matrix(len(names)) for field, rows in self._rows.items()})

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        """Yield every code that one record names, with the span of the name."""
        for text, original in zip(batch.texts, originals, strict=True):
            for item, code in self._names(text) if original.field in self._rows else ():
                yield FeatureId(self.kind, code, f"@{original.field}"), original.span(item.start, item.end)

    def _names(self, text: str) -> Iterable[tuple[Item, str]]:
        raise NotImplementedError


class DiagnosisListExtractor(NamedCodeExtractor):
    """Link the items of lists of diagnoses.

    Parameters
    ----------
    finder : DiagnosisLinker
    """

    def __init__(self, finder: DiagnosisLinker):
        super().__init__(finder, _KIND)

    def _names(self, text: str) -> list[tuple[Item, str]]:
        """Return each code with the items that fit it best."""
        links, best = self.finder.link(text), defaultdict(float)
        for _, code, score in links:
            best[code] = max(best[code], score)
        items = split_diagnoses(text)
        return [(items[index], code) for index, code, score in links if score == best[code]]


class DiagnosisListBlock(BaseEstimator):
    """Put the scores of the listed diagnoses side by side, a column for each field and code.

    Parameters
    ----------
    fields : sequence of str

    Attributes
    ----------
    fields_ : tuple of str
        Those of ``fields`` that hold a list of diagnoses.
    codes_ : array of str
    """

    source = "listed"

    def __init__(self, *, fields):
        self.fields = fields

    def fit(self, counts: FieldCounts) -> DiagnosisListBlock:
        """Remember fields and codes."""
        self.fields_ = tuple(field for field in counts if field in self.fields)
        self.codes_ = counts.names.astype(str)
        return self

    def transform(self, counts: FieldCounts) -> sparse.csr_matrix:
        """Return scores in [0, 1].

        Raises
        ------
        ModelError
            If the codes are not those of training.
        """
        if self.codes_.tolist() != counts.names.tolist():
            raise ModelError("the codes of the task have changed since it was trained")
        scores = [counts[field] for field in self.fields_]
        return sparse.hstack([sparse.csr_matrix((counts.n_records, 0)), *scores], format="csr")

    def feature_ids(self) -> list[FeatureId]:
        """Return what each column is."""
        return [FeatureId(_KIND, code, f"@{field}") for field in self.fields_ for code in self.codes_.tolist()]
