"""What the feature blocks share: names of features, counts by field, extractors, blocks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from icdbase.core.errors import ModelError
from icdbase.core.language import _

__all__ = ["AFFIRMED", "CsrBuilder", "FeatureBlock", "FeatureId", "FieldCounts", "check_names", "document_frequency",
           "stated_code"]

AFFIRMED = ("present", "uncertain", "historical")
"""Statuses of a mention that affirm its concept."""


class FeatureId(NamedTuple):
    """What a feature is: its kind, its name, and a detail such as a status or a field.

    Columns of a matrix and spans of a text carry the same ids.
    """

    kind: str
    name: str
    detail: str = ""

    @property
    def finding(self) -> tuple[str, str, str]:
        """What the feature is about: a concept is one finding in whatever field, unless it is denied.

        >>> FeatureId("concept", "糖尿病", "@既往史").finding == FeatureId("concept", "糖尿病", "historical").finding
        True
        """
        affirmed = self.detail.startswith("@") or self.detail in AFFIRMED
        return self.kind, self.name, "" if affirmed else self.detail

    def __str__(self) -> str:
        return f"{self.name} {self.detail}".rstrip()


def stated_code(code: str) -> FeatureId:
    """Return the feature of a code that the record states."""
    return FeatureId("stated code", code)


class CsrBuilder:
    """Accumulate the rows of a sparse matrix in arrays: Python objects would take ten times the memory."""

    def __init__(self):
        self.columns, self.values, self.ends = array("i"), array("f"), array("q", [0])

    def add(self, columns: Sequence[int], values: Iterable[float] = ()):
        """Add a row; without values each column counts one, one that occurs twice counts twice."""
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

    def keep(self, fields: Mapping[str, np.ndarray]) -> FieldCounts:
        """Return the counts as if some records lacked some fields; by field a bool array (n_records,)."""
        return replace(self, by_field={field: _kept_rows(counts, fields[field]) for field, counts in self.items()})

    def whole_record(self, fields: Sequence[str]) -> sparse.csr_matrix:
        """Return the sum over some fields."""
        first, *rest = (self[field] for field in fields)
        return sum(rest, start=first)

    @staticmethod
    def concatenate(parts: Sequence[FieldCounts]) -> FieldCounts:
        """Put counts one under the other; names keep the order in which a single pass would meet them."""
        names, columns = parts[0].names, [None] * len(parts)
        if not all(np.array_equal(part.names, names) for part in parts):
            number: dict[str, int] = {}
            columns = [np.array([number.setdefault(name, len(number)) for name in part.names], dtype=np.int32) for part in parts]
            names = np.array(list(number), dtype=object)
        by_field = {
            field: sparse.vstack([_moved(part[field], to, len(names)) for part, to in zip(parts, columns, strict=True)], format="csr")
            for field in parts[0]
        }
        for matrix in by_field.values():
            matrix.sort_indices()
        return replace(parts[0], n_records=sum(part.n_records for part in parts), names=names, by_field=by_field)


def _kept_rows(matrix: sparse.csr_matrix, kept: np.ndarray) -> sparse.csr_matrix:
    """Empty the other rows.

    >>> _kept_rows(sparse.csr_matrix([[1, 2], [3, 0]]), np.array([False, True])).toarray().tolist()
    [[0, 0], [3, 0]]
    """
    lengths = np.diff(matrix.indptr)
    entries = np.repeat(kept, lengths)
    ends = np.concatenate([[0], np.cumsum(lengths * kept)])
    return sparse.csr_matrix((matrix.data[entries], matrix.indices[entries], ends), shape=matrix.shape)


def _moved(matrix: sparse.csr_matrix, to: np.ndarray | None, n_columns: int) -> sparse.csr_matrix:
    """Give the columns of a matrix new numbers, or leave them.

    >>> _moved(sparse.csr_matrix([[3, 1]]), np.array([2, 0], dtype=np.int32), 3).toarray().tolist()
    [[1, 0, 3]]
    """
    if to is None:
        return matrix
    return sparse.csr_matrix((matrix.data, to[matrix.indices], matrix.indptr), shape=(matrix.shape[0], n_columns))


class FeatureBlock(BaseEstimator):
    """Counts to columns: ``fit`` chooses them, ``transform`` builds their matrix, ``feature_ids`` names them in order.

    Parameters
    ----------
    fields : sequence of str
    min_df : int
        A word or concept in fewer training records is dropped.
    """

    def __init__(self, *, fields, min_df=2):
        self.fields = fields
        self.min_df = min_df


def check_names(fitted: np.ndarray, here: Sequence[str]):
    """Raise ModelError where a table has changed since training: its columns would mean something else."""
    if fitted.tolist() != list(here):
        raise ModelError(_("the tables of concepts or measurements have changed since it was trained"))


def document_frequency(counts: sparse.csr_matrix) -> np.ndarray:
    """Return the number of records that have each column."""
    return np.bincount(counts.indices, minlength=counts.shape[1])
