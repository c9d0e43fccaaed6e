"""Choose for each code the columns that its trees see: those that correlate with it most."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from icdbase.core.errors import ModelError
from icdbase.core.language import _
from icdbase.features.blocks import Features

__all__ = ["FEW_PER_LEAF", "ColumnSelector"]

FEW_PER_LEAF = 5
"""With few records, a leaf of a tree, and a chosen column, has at least one in this many of them."""

_AT_ONCE = 10_000
"""Records that are summed at a time."""

_COLUMNS_AT_ONCE = 64
"""Columns that are put into bins at a time."""


class ColumnSelector(BaseEstimator):
    """Select for each code the columns that correlate with it most in the training records.

    Small trees on sixty columns are faster and better than on some thousand:
    most features are unrelated to most codes.

    Parameters
    ----------
    n_columns : int
        Columns per code.
    min_support : int
        A sparse column with a value in fewer training records is not selected.

    Attributes
    ----------
    union_ : int array of shape (n_union,)
        Columns that any code uses; those of the sparse blocks are numbered first, then the dense ones.
    of_code_ : list of int array
        Positions in ``union_``, code by code.
    n_sparse_, n_dense_ : int
        Number of columns of the training features.
    """

    def __init__(self, *, n_columns=60, min_support=5):
        self.n_columns = n_columns
        self.min_support = min_support

    def fit(self, features: Features, Y: np.ndarray, context: np.ndarray | None = None) -> ColumnSelector:
        """Choose by absolute correlation with the 0/1 codes Y (n_records, n_codes)."""
        words, dense = _parts(features, context)
        min_support = min(self.min_support, max(len(Y) // FEW_PER_LEAF, 2))
        self.n_sparse_, self.n_dense_ = sum(block.shape[1] for block in words), dense.shape[1]
        strength = [_sparse_correlation(block, Y, min_support) for block in words]
        strength = np.vstack([*strength, np.maximum(correlation(dense, Y), correlation_ratio(dense, Y))])
        ranked = np.sort(np.argsort(-strength, axis=0, kind="stable")[: self.n_columns], axis=0)
        self.union_ = np.unique(ranked)
        self.of_code_ = [np.searchsorted(self.union_, columns) for columns in ranked.T]
        return self

    def transform(self, features: Features, context: np.ndarray | None = None) -> np.ndarray:
        """Return the selected columns as a dense float32 array (n_records, n_union)."""
        words, dense = _parts(features, context)
        if (sum(block.shape[1] for block in words), dense.shape[1]) != (self.n_sparse_, self.n_dense_):
            raise ModelError(_("it was fitted on another number of features"))
        if len(self.union_) and not 0 <= self.union_.min() <= self.union_.max() < self.n_sparse_ + self.n_dense_:
            raise ModelError(_("it chooses columns that are not there"))
        chosen = np.empty((len(features), len(self.union_)), dtype=np.float32)
        first = 0
        for block in (*words, dense):
            here = (first <= self.union_) & (self.union_ < first + block.shape[1])
            columns = block[:, self.union_[here] - first]
            chosen[:, here] = columns.toarray() if sparse.issparse(columns) else columns
            first += block.shape[1]
        return chosen


def _parts(features: Features, context: np.ndarray | None) -> tuple[list[sparse.csr_matrix], np.ndarray]:
    """Return the sparse blocks as a list, without a copy, and all dense columns."""
    dense = features.dense()
    sparse_blocks = [block for block in features.blocks.values() if sparse.issparse(block)]
    return sparse_blocks, dense if context is None else np.hstack([dense, context])


def correlation(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Absolute correlation of each column of X with each of Y; missing values count as the mean.

    >>> correlation(np.array([[1.0, 5], [np.nan, 5], [3, 5]]), np.array([[0.0], [0], [1]])).round(2).tolist()
    [[0.87], [0.0]]
    """
    known = ~np.isnan(X)
    mean = np.where(known, X, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, X - mean, 0)
    spread = np.sqrt((centred**2).sum(axis=0))
    return np.abs(centred.T @ (Y - Y.mean(axis=0))) / _scale(spread, Y)


def correlation_ratio(X: np.ndarray, Y: np.ndarray, n_bins: int = 8) -> np.ndarray:
    """Correlation ratio of each column of X, in bins, with each of Y, corrected for chance.

    The correlation ratio (Pearson 1905) over quantile bins, where missing
    values are a bin of their own, minus its expectation under independence (epsilon
    squared, Kelley 1935).  Unlike a correlation it finds a code that goes with a
    middle value, such as hypertension grade 2.

    >>> grade = np.array([[1.0], [2], [3]] * 20)
    >>> second = grade == 2.0
    >>> correlation(grade, second).round(2).tolist(), correlation_ratio(grade, second).round(2).tolist()
    ([[0.0]], [[1.0]])
    """
    n_records = len(X)
    spread, expected = ((Y - Y.mean(axis=0)) ** 2).sum(axis=0), Y.sum(axis=0) ** 2 / n_records
    ratio = np.zeros((X.shape[1], Y.shape[1]))
    for begin in range(0, X.shape[1], _COLUMNS_AT_ONCE):
        size, inside = _sums_in_bins(X[:, begin : begin + _COLUMNS_AT_ONCE], Y, n_bins)
        for column in np.flatnonzero((size > 0).sum(axis=1) > 1):
            filled = size[column] > 0
            between = (inside[column, filled] ** 2 / size[column, filled, None]).sum(axis=0) - expected
            n_filled = filled.sum()
            by_chance = (n_filled - 1) * (spread - between) / max(n_records - n_filled, 1)
            ratio[begin + column] = np.sqrt(np.clip((between - by_chance) / np.maximum(spread, 1e-6), 0, 1))
    return ratio


def _sums_in_bins(X: np.ndarray, Y: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the records in each bin (n_columns, n_bins + 1), and the sums of Y over them (n_columns, n_bins + 1, n_codes)."""
    missing, finite, at = np.isnan(X), np.isfinite(X).any(axis=0), np.linspace(0, 1, n_bins + 1)[1:-1]
    n_known, bins = (~missing).sum(axis=0), np.asfortranarray(~missing, dtype=np.int16)
    for n in np.unique(n_known[finite]):  # np.nanquantile is slow: it takes the columns one by one
        these = np.flatnonzero(finite & (n_known == n))
        edges = np.quantile(np.sort(X[:, these], axis=0)[:n], at, axis=0)
        bins[:, these] += sum((edge < X[:, these]).astype(np.int16) for edge in edges)
    size = np.stack([np.bincount(column, minlength=n_bins + 1) for column in bins.T])
    members = np.argsort(bins, axis=0, kind="stable").T.ravel()
    ends = np.concatenate([[0], size.ravel().cumsum()])
    sums = sparse.csr_matrix((np.ones(len(members)), members, ends), shape=(size.size, len(X))) @ Y
    return size, sums.reshape(*size.shape, -1)


def _sparse_correlation(X: sparse.csr_matrix, Y: np.ndarray, min_support: int = 0) -> np.ndarray:
    """Compute :func:`correlation` of a sparse matrix; 0 for columns with a value in fewer than ``min_support`` records."""
    (n_records, n_columns), n_codes = X.shape, Y.shape[1]
    support, total, squares = np.zeros(n_columns, dtype=int), np.zeros(n_columns), np.zeros(n_columns)
    products = np.zeros((n_columns, n_codes))
    # In parts: each sum copies its operand in double precision.
    for begin in range(0, n_records, _AT_ONCE):
        part = X[begin : begin + _AT_ONCE].astype(np.float64)
        support += np.bincount(part.indices, minlength=n_columns)
        total += np.bincount(part.indices, part.data, n_columns)
        squares += np.bincount(part.indices, part.data**2, n_columns)
        products += part.T @ Y[begin : begin + _AT_ONCE]
    mean = total / max(n_records, 1)
    spread = np.sqrt(np.maximum(squares - n_records * mean**2, 0))
    strength = np.abs(products - np.outer(mean, Y.sum(axis=0))) / _scale(spread, Y)
    strength[support < min_support] = 0
    return strength


def _scale(spread: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the product of the spreads, above zero for constant columns too."""
    return np.maximum(np.outer(spread, np.sqrt(((Y - Y.mean(axis=0)) ** 2).sum(axis=0))), 1e-6)
