"""Counts in the making, row by row, as arrays: Python objects would take ten times the memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["CsrBuilder", "MeasurementBuilder", "MeasurementTable", "concatenate", "vstack_renumbered"]


class CsrBuilder:
    """A sparse matrix in the making; without values each column counts one."""

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


def vstack_renumbered(parts: Sequence[sparse.csr_matrix], columns: Sequence[np.ndarray], n_columns: int) -> sparse.csr_matrix:
    """Put matrices one under the other, the columns of each renumbered.

    >>> one, two = sparse.csr_matrix([[1, 2]]), sparse.csr_matrix([[3, 0]])
    >>> vstack_renumbered([one, two], [np.array([0, 1]), np.array([2, 1])], 3).toarray().tolist()
    [[1, 2, 0], [0, 0, 3]]
    """
    moved = [
        sparse.csr_matrix((part.data, to[part.indices].astype(np.int32), part.indptr), shape=(part.shape[0], n_columns))
        for part, to in zip(parts, columns, strict=True)
    ]
    whole = sparse.vstack(moved, format="csr")
    whole.sort_indices()
    return whole


@dataclass(frozen=True)
class MeasurementTable:
    """The measurements of each record, without their places.

    Parameters
    ----------
    names, fields : tuple of str
        Quantities and fields by number.
    name_of : int16 array of shape (n_numbers,)
    field_of : int16 array of shape (n_numbers,)
    values : float64 array of shape (n_numbers,)
    ends : int64 array of shape (n_records + 1,)
        Record ``row`` has the numbers from ``ends[row]`` up to ``ends[row + 1]``.
    """

    names: tuple[str, ...]
    fields: tuple[str, ...]
    name_of: np.ndarray
    field_of: np.ndarray
    values: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends) - 1

    def in_fields(self, fields: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return quantity, record and value of each number told in some fields, in text order."""
        kept = np.isin(self.field_of, [number for number, name in enumerate(self.fields) if name in fields])
        row_of = np.repeat(np.arange(len(self)), np.diff(self.ends))
        return self.name_of[kept], row_of[kept], self.values[kept]

    def take(self, rows: np.ndarray) -> MeasurementTable:
        """Return the numbers of some records, by position, in that order."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        lengths = np.diff(self.ends)[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        at = np.arange(ends[-1]) + np.repeat(self.ends[:-1][rows] - ends[:-1], lengths)
        return MeasurementTable(self.names, self.fields, self.name_of[at], self.field_of[at], self.values[at], ends)

    def keep(self, in_field: np.ndarray, measured: np.ndarray) -> MeasurementTable:
        """Return the numbers of kept fields (n_fields, n_records) and kept quantities (n_records, n_names)."""
        row_of = np.repeat(np.arange(len(self)), np.diff(self.ends))
        kept = in_field[self.field_of, row_of] & measured[row_of, self.name_of]
        ends = np.concatenate([[0], np.cumsum(np.bincount(row_of[kept], minlength=len(self)))])
        return MeasurementTable(self.names, self.fields, self.name_of[kept], self.field_of[kept], self.values[kept], ends)


def concatenate(parts: Sequence[MeasurementTable]) -> MeasurementTable:
    """Put the numbers of records one under the other."""
    number: dict[str, int] = {}
    to = [np.array([number.setdefault(name, len(number)) for name in part.names], dtype=np.int16) for part in parts]
    starts = np.cumsum([0] + [part.ends[-1] for part in parts])
    return MeasurementTable(
        tuple(number), parts[0].fields,
        np.concatenate([names[part.name_of] for names, part in zip(to, parts, strict=True)]),
        np.concatenate([part.field_of for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([[0], *(part.ends[1:] + start for part, start in zip(parts, starts, strict=False))]),
    )


class MeasurementBuilder:
    """:class:`MeasurementTable` in the making."""

    def __init__(self, fields: Sequence[str]):
        self.names: dict[str, int] = {}
        self.fields = {name: number for number, name in enumerate(fields)}
        self.name_of, self.field_of, self.values, self.ends = array("h"), array("h"), array("d"), array("q", [0])

    def add(self, found: Iterable[tuple[str, Iterable[tuple]]]):
        """Add a record: the numbers (name, value, start, end) of each field."""
        for field, numbers in found:
            for name, value, _, _ in numbers:
                self.name_of.append(self.names.setdefault(name, len(self.names)))
                self.field_of.append(self.fields[field])
                self.values.append(value)
        self.ends.append(len(self.values))

    def numbers(self) -> MeasurementTable:
        """Return the records so far."""
        return MeasurementTable(
            tuple(self.names), tuple(self.fields),
            np.array(self.name_of, dtype=np.int16), np.array(self.field_of, dtype=np.int16),
            np.array(self.values, dtype=np.float64), np.array(self.ends, dtype=np.int64),
        )
