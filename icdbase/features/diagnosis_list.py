"""The ``diagnosis_list`` block: how well the items of a list of diagnoses fit the names of codes.

Operations are linked to codes the same way.  They are no block: :mod:`icdbase.learning.codes_by_name` reads them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from scipy import sparse

from icdbase.clinical.diagnosis_lists import DiagnosisLinker, Item, split_diagnoses
from icdbase.clinical.implied_codes import MIN_LINK
from icdbase.clinical.operations import OperationFinder
from icdbase.features.base import CsrBuilder, FeatureBlock, FeatureId, FieldCounts, check_names, stated_code
from icdbase.features.texts import OriginalText, Span, TextBatch

__all__ = ["DiagnosisListBlock", "DiagnosisListExtractor", "OperationExtractor"]


class _NamedCodeExtractor:
    """Link the names in some fields to codes: score the codes, or locate their names in one record."""

    def __init__(self, finder: DiagnosisLinker | OperationFinder):
        self.finder = finder
        self._rows = {field: CsrBuilder() for field in finder.fields}
        self._n_records = 0

    def count(self, batch: TextBatch):
        for field, text in zip(batch.fields, batch.texts, strict=True):
            if field in self._rows:
                self._rows[field].add(*self.finder.scores(text))
        self._n_records += batch.n_records

    def counts(self) -> FieldCounts:
        names = np.array(list(self.finder.task.code_names), dtype=object)
        return FieldCounts(self._n_records, names, {field: rows.matrix(len(names)) for field, rows in self._rows.items()})

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        for text, original in zip(batch.texts, originals, strict=True):
            for item, code in self._names(text) if original.field in self._rows else ():
                yield FeatureId(self.kind, code, f"@{original.field}"), original.span(item.start, item.end)

    def _names(self, text: str) -> Iterable[tuple[Item, str]]:
        raise NotImplementedError


class DiagnosisListExtractor(_NamedCodeExtractor):
    """Link the items of lists of diagnoses."""

    kind = "listed diagnosis"

    def _names(self, text: str) -> list[tuple[Item, str]]:
        """Return each code with the items that fit it best."""
        links, best = self.finder.link(text), defaultdict(float)
        for _, code, score in links:
            best[code] = max(best[code], score)
        items = split_diagnoses(text)
        return [(items[index], code) for index, code, score in links if score == best[code]]

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        """Yield the fit of each name, and the codes that are stated by it."""
        yield from super().locate(batch, originals)
        for text, original in zip(batch.texts, originals, strict=True):
            items = split_diagnoses(text) if original.field in self._rows else []
            for index, code, score in self.finder.link(text) if items else ():
                if score >= MIN_LINK:
                    yield stated_code(code), original.span(items[index].start, items[index].end)


class OperationExtractor(_NamedCodeExtractor):
    """Link the operations that a text says were done."""

    kind = "named operation"

    def _names(self, text: str) -> Iterator[tuple[Item, str]]:
        return ((item, code) for item, code, _ in self.finder.find(text))


class DiagnosisListBlock(FeatureBlock):
    """Scores of the listed diagnoses in [0, 1]; a column for each code of each field that is such a list.

    Attributes
    ----------
    fields_ : tuple of str
    codes_ : array of str
    """

    source = "listed"

    def fit(self, counts: FieldCounts) -> DiagnosisListBlock:
        self.fields_ = tuple(field for field in counts if field in self.fields)
        self.codes_ = counts.names.astype(str)
        return self

    def transform(self, counts: FieldCounts) -> sparse.csr_matrix:
        check_names(self.codes_, counts.names)
        return sparse.hstack([sparse.csr_matrix((counts.n_records, 0)), *(counts[field] for field in self.fields_)], format="csr")

    def feature_ids(self) -> list[FeatureId]:
        kind = DiagnosisListExtractor.kind
        return [FeatureId(kind, code, f"@{field}") for field in self.fields_ for code in self.codes_.tolist()]
