"""Counts to features: the chosen blocks, fitted on training counts and applied to any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.core.errors import ModelError, UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.features.base import FeatureId
from icdbase.features.concepts import ConceptBlock
from icdbase.features.counts import Counts
from icdbase.features.diagnosis_list import DiagnosisListBlock
from icdbase.features.fingerprints import differing_parts
from icdbase.features.measurements import MeasurementBlock
from icdbase.features.stated_codes import StatedCodesBlock, Statements, find_statements
from icdbase.features.words import WordBlock
from icdbase.tasks.task import BLOCKS

__all__ = ["BLOCKS", "FeatureBuilder", "Features"]


_BLOCKS = {
    "words": WordBlock, "concepts": ConceptBlock, "measurements": MeasurementBlock, "diagnosis_list": DiagnosisListBlock,
    "stated_codes": StatedCodesBlock,
}


@dataclass(frozen=True)
class Features:
    """Named blocks of features of the same records.

    Parameters
    ----------
    blocks : mapping of block name to matrix
        CSR matrix, or a dense array with NaN for what the record does not state.
    names : mapping of block name to array of str
        One name a column.
    """

    blocks: Mapping[str, sparse.csr_matrix | np.ndarray]
    names: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return next(iter(self.blocks.values())).shape[0]

    def take(self, rows) -> Features:
        """Return the features of some records, by position; of all of them in order, without a copy."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        return Features({name: block[rows] for name, block in self.blocks.items()}, self.names)

    def append(self, others: Features) -> Features:
        """Return these features with those of other records below."""
        stacked = {
            name: sparse.vstack([block, others.blocks[name]], format="csr") if sparse.issparse(block)
            else np.vstack([block, others.blocks[name]])
            for name, block in self.blocks.items()
        }
        return Features(stacked, self.names)

    def sparse(self) -> sparse.csr_matrix:
        """Return the sparse blocks side by side."""
        parts = [block for block in self.blocks.values() if sparse.issparse(block)]
        return sparse.hstack([sparse.csr_matrix((len(self), 0)), *parts], format="csr")

    def dense(self) -> np.ndarray:
        """Return the dense blocks side by side; NaN is what the record does not state."""
        parts = [block for block in self.blocks.values() if not sparse.issparse(block)]
        return np.hstack([np.zeros((len(self), 0), dtype=np.float32), *parts])


class FeatureBuilder(BaseEstimator):
    """Fit the chosen blocks on training counts; build features of any counts.

    Parameters
    ----------
    fields : sequence of str, optional
        Text fields to use; all of the task by default.
    blocks : sequence of str, optional
        Any of :data:`BLOCKS`, by default those of the task: ``words`` (TF-IDF of the whole record),
        ``concepts`` (medical concepts by status and by field),
        ``measurements`` (numbers with units), ``diagnosis_list`` (similarity of
        the listed admission diagnoses to code names), ``stated_codes`` (codes that concepts, listed
        diagnoses and values imply).
    min_df : int
        A word or concept in fewer training records is dropped.

    Attributes
    ----------
    blocks_ : dict of str to fitted block
        In the order of :data:`BLOCKS`; each builds its matrix from its part of
        the counts (``transform``) and names its columns (``feature_ids``).
    fields_ : tuple of str
    fingerprint_ : dict of str to str
        What made the counts that this was fitted on.
    """

    def __init__(self, *, fields=None, blocks=None, min_df=2):
        self.fields = fields
        self.blocks = blocks
        self.min_df = min_df

    @property
    def terms_(self) -> np.ndarray:
        """The vocabulary of the ``words`` block, sorted; empty where that block is not chosen."""
        return self.blocks_["words"].terms_ if "words" in self.blocks_ else np.array([], dtype=str)

    def fit(self, counts: Counts, y=None) -> FeatureBuilder:
        """Learn from the training rows.

        Raises
        ------
        UsageError
            On an unknown field or block, or ``min_df`` below one.
        """
        chosen = tuple(counts.task.blocks if self.blocks is None else self.blocks)
        for name in chosen:
            if name not in BLOCKS:
                raise UsageError(_("unknown feature block {!r}{}", name, did_you_mean(name, BLOCKS)))
        if not chosen:
            raise UsageError(_("no feature block chosen{}", did_you_mean("", BLOCKS)))
        if self.min_df < 1:
            raise UsageError(_("min_df must be at least 1, got {}", self.min_df))
        fields = self.fields_ = counts.task.check_fields(counts.task.text_fields if self.fields is None else self.fields)
        blocks = {name: _BLOCKS[name](fields=fields, min_df=self.min_df) for name in BLOCKS if name in chosen}
        self.blocks_ = {name: block.fit(getattr(counts, block.source)) for name, block in blocks.items()}
        self.fingerprint_ = dict(counts.fingerprint)
        return self

    def transform(self, counts: Counts) -> Features:
        """Build the chosen blocks.

        Returns
        -------
        Features

        Raises
        ------
        ModelError
            If the counts were made with another tokenizer or other tables than
            those of training.
        """
        check_is_fitted(self)
        if other := differing_parts(self.fingerprint_, counts.fingerprint):
            raise ModelError(_("the counts and the model differ in: {}; they have changed since training", ", ".join(other)))
        matrices = {name: block.transform(getattr(counts, block.source)) for name, block in self.blocks_.items()}
        names = {name: np.array([str(key) for key in block.feature_ids()], dtype=str) for name, block in self.blocks_.items()}
        return Features(matrices, names)

    def statements(self, counts: Counts) -> Statements | None:
        """Return which codes the chosen fields state; None without the block ``stated_codes``."""
        return find_statements(counts.stated, self.fields_) if "stated_codes" in self.blocks_ else None

    def fit_transform(self, counts: Counts, y=None) -> Features:
        """Fit on the counts and build their features."""
        return self.fit(counts, y).transform(counts)

    def feature_ids(self) -> tuple[list[FeatureId], list[FeatureId]]:
        """Return what the sparse and the dense columns of :class:`Features` are, in their order."""
        check_is_fitted(self)
        of = {name: block.feature_ids() for name, block in self.blocks_.items()}
        dense = of.pop("measurements", [])
        return [key for keys in of.values() for key in keys], dense
