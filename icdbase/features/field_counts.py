"""Counts of a corpus field by field; accumulated as arrays, since Python objects would take ten times the memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

__all__ = ["CsrBuilder", "FieldCounts", "document_frequency"]


class CsrBuilder:
    """Accumulate the rows of a sparse matrix; without values each column counts one."""

    def __init__(self):
        self.columns, self.values, self.ends = array("i"), array("f"), array("q", [0])

    def add(self, columns: Sequence[int], values: Iterable[float] = ()):
        """Add a row; a column that occurs twice counts twice."""
        self.columns.fromlist(columns)
        self.values.extend(values)
        self.ends.append(len(self.columns))

    def matrix(self, n_columns: int) -> sparse.csr_matrix:
        """Return the rows so far, indices sorted."""
        columns, ends = np.array(self.columns, dtype=np.int32), np.array(self.ends, dtype=np.int64)
        values = np.array(self.values, dtype=np.float32) if self.values else np.ones(len(columns), dtype=np.float32)
        matrix = sparse.csr_matrix((values, columns, ends), shape=(len(ends) - 1, n_columns))
        matrix = matrix.tocsc().tocsr()  # sorts the columns of a row in linear time
        matrix.sum_duplicates()
        return matrix


@dataclass(frozen=True, eq=False)
class FieldCounts(Mapping):
    """A mapping of field to CSR matrix (n_records, n_columns).

    Parameters
    ----------
    n_records : int
    names : array of str, dtype object
        What is counted: tokens, concepts or codes.
    by_field : mapping of str to CSR matrix
    """

    n_records: int
    names: np.ndarray
    by_field: Mapping[str, sparse.csr_matrix]

    def __getitem__(self, field: str) -> sparse.csr_matrix:
        return self.by_field[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_field)

    def __len__(self) -> int:
        return len(self.by_field)

    def take(self, rows: np.ndarray) -> FieldCounts:
        """Return the counts of some records, by position, in that order."""
        return replace(self, n_records=len(rows), by_field={field: counts[rows] for field, counts in self.items()})

    def whole_record(self, fields: Sequence[str]) -> sparse.csr_matrix:
        """Return the sum over some fields."""
        first, *rest = (self[field] for field in fields)
        return sum(rest, start=first)

    @staticmethod
    def concatenate(parts: Sequence[FieldCounts]) -> FieldCounts:
        """Put counts of the same columns one under the other."""
        by_field = {field: sparse.vstack([part[field] for part in parts], format="csr") for field in parts[0]}
        return replace(parts[0], n_records=sum(part.n_records for part in parts), by_field=by_field)


def document_frequency(counts: sparse.csr_matrix) -> np.ndarray:
    """Return the number of records that have each column."""
    return np.bincount(counts.indices, minlength=counts.shape[1])
