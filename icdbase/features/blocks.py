"""Records to numbers, in named blocks.

A corpus is read once: :func:`count_records` normalises, tokenises and spots
everything and keeps the counts field by field.  Whatever is fitted later -
folds, fields, blocks - is a slice of these counts, and vocabulary and IDF are
learned from the training rows of the slice alone, so nothing leaks and nothing
is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from icdbase.clinical.concepts import STATUSES
from icdbase.clinical.measurements.finder import MEASUREMENTS
from icdbase.clinical.measurements.summary import summary_matrix
from icdbase.core.errors import ModelError, UsageError, did_you_mean
from icdbase.features.counts import Counts
from icdbase.features.fingerprints import differing_parts
from icdbase.tasks.task import BLOCKS

__all__ = ["BLOCKS", "FeatureBuilder", "Features"]


@dataclass(frozen=True)
class Features:
    """Named blocks of features of the same records.

    Parameters
    ----------
    blocks : mapping of block name to matrix
        CSR matrix, or a dense array with NaN for what the record does not say.
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
        """Return the dense blocks side by side; NaN is what the record does not say."""
        parts = [block for block in self.blocks.values() if not sparse.issparse(block)]
        return np.hstack([np.zeros((len(self), 0), dtype=np.float32), *parts])


class FeatureBuilder(BaseEstimator):
    """Learn vocabulary and weights on training counts; build features of any counts.

    Parameters
    ----------
    fields : sequence of str, optional
        Text fields to use; all of the task by default.
    blocks : sequence of str, optional
        Any of :data:`BLOCKS`, by default those of the task: ``words`` (TF-IDF of the whole record),
        ``concepts`` (medical concepts by status, by field, and by the code they
        speak for, which lets rare ones of a code join forces),
        ``measurements`` (numbers with units), ``diagnosis_list`` (similarity of
        the listed admission diagnoses to code names).
    min_df : int
        A word or concept in fewer training records is dropped.

    Attributes
    ----------
    blocks_ : tuple of str
    terms_ : array of str
        Vocabulary of the ``words`` block, sorted.
    columns_ : dict of str to int array
        Columns of the concept counts that are kept.
    concept_names_, implied_codes_, measurement_names_ : array of str
        What the tables knew of when this was fitted.
    fingerprint_ : dict of str to str
        What made the counts that this was fitted on.
    """

    def __init__(self, *, fields=None, blocks=None, min_df=2):
        self.fields = fields
        self.blocks = blocks
        self.min_df = min_df

    def fit(self, counts: Counts, y=None) -> FeatureBuilder:
        """Learn from the training rows.

        Raises
        ------
        UsageError
            On an unknown field or block, or ``min_df`` below one.
        """
        self.blocks_ = tuple(counts.task.blocks if self.blocks is None else self.blocks)
        for name in self.blocks_:
            if name not in BLOCKS:
                raise UsageError(f"unknown feature block {name!r}{did_you_mean(name, BLOCKS)}")
        if not self.blocks_:
            raise UsageError(f"no feature block chosen{did_you_mean('', BLOCKS)}")
        if self.min_df < 1:
            raise UsageError(f"min_df must be at least 1, got {self.min_df}")
        self.fields_ = counts.task.check_fields(counts.task.text_fields if self.fields is None else self.fields)
        self._fit_words(counts)
        self._fit_concepts(counts)
        self.measurement_names_ = np.array(_MEASUREMENT_NAMES)
        self.fingerprint_ = dict(counts.fingerprint)
        return self

    def _fit_words(self, counts: Counts):
        whole = _whole_record(counts.words, self.fields_)
        kept = np.flatnonzero((_document_frequency(whole) >= self.min_df) & _is_word(counts.terms))
        kept = kept[np.argsort(counts.terms[kept])]
        self.terms_ = counts.terms[kept].astype(str)
        self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(whole[:, kept])

    def _fit_concepts(self, counts: Counts):
        self.concept_names_, self.implied_codes_ = np.array(counts.concept_names), np.array(counts.implied_codes)
        self.columns_ = {
            name: np.flatnonzero(_document_frequency(counted) >= self.min_df)
            for name, counted in self._concept_counts(counts).items()
        }

    def _concept_counts(self, counts: Counts) -> dict[str, sparse.csr_matrix]:
        """Mentions by concept and status, affirmed mentions by field and concept, affirmed concepts by code."""
        by_status = _whole_record(counts.mentions, self.fields_)
        affirmed = _AFFIRMED + len(STATUSES) * np.arange(len(counts.concept_names))[:, None]
        by_field = sparse.hstack(
            [
                sum(counts.mentions[field][:, columns] for columns in affirmed.T)
                for field in self.fields_
            ],
            format="csr",
        )
        met = sum(by_status[:, columns] for columns in affirmed.T).sign()
        speaks = sparse.csr_matrix(self.implied_codes_[:, None] == self.implied(), dtype=np.float32)
        return {"status": by_status, "field": by_field, "code": met @ speaks}

    def implied(self) -> np.ndarray:
        """Return the codes that some concept says outright, sorted."""
        return np.unique(self.implied_codes_[self.implied_codes_ != ""])

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
        self._check_tables(counts)
        makers = {
            "words": self._words,
            "concepts": self._concepts,
            "measurements": self._measurements,
            "diagnosis_list": self._diagnosis_list,
        }
        made = {name: makers[name](counts) for name in BLOCKS if name in self.blocks_}
        return Features(
            {name: block for name, (block, _) in made.items()}, {name: names for name, (_, names) in made.items()}
        )

    def _check_tables(self, counts: Counts):
        """Columns are places in the tables: with other tables they would mean other things."""
        if other := differing_parts(self.fingerprint_, counts.fingerprint):
            raise ModelError(f"the counts and the model differ in: {', '.join(other)}; they have changed since training")
        tables = (
            (self.concept_names_, counts.concept_names),
            (self.implied_codes_, counts.implied_codes),
            (self.measurement_names_, _MEASUREMENT_NAMES),
        )
        for fitted, here in tables:
            if fitted.tolist() != list(here):
                raise ModelError("the tables of concepts or measurements have changed since it was trained")

    def fit_transform(self, counts: Counts, y=None) -> Features:
        """Fit on the counts and build their features."""
        return self.fit(counts, y).transform(counts)

    def _words(self, counts: Counts):
        position = {term: column for column, term in enumerate(self.terms_)}
        target = np.array([position.get(term, -1) for term in counts.terms], dtype=int)
        known = np.flatnonzero(target >= 0)
        select = sparse.csr_matrix(
            (np.ones(len(known), dtype=np.float32), (known, target[known])),
            shape=(len(counts.terms), len(self.terms_)),
        )
        whole = _whole_record(counts.words, self.fields_) @ select
        return self.tfidf_.transform(whole, copy=False).astype(np.float32, copy=False), self.terms_

    def _concepts(self, counts: Counts):
        counted = self._concept_counts(counts)
        chosen = sparse.hstack([counted[name][:, columns] for name, columns in self.columns_.items()], format="csr")
        return chosen.log1p().astype(np.float32), self._concept_column_names()

    def _concept_column_names(self) -> np.ndarray:
        concepts = self.concept_names_
        status = [
            f"{concepts[column // len(STATUSES)]} {STATUSES[column % len(STATUSES)]}"
            for column in self.columns_["status"]
        ]
        field = [
            f"{concepts[column % len(concepts)]} @{self.fields_[column // len(concepts)]}"
            for column in self.columns_["field"]
        ]
        return np.array([*status, *field, *(f"{code} implied" for code in self.implied()[self.columns_["code"]])], dtype=str)

    def _measurements(self, counts: Counts):
        values = summary_matrix(counts.found.names, *counts.found.in_fields(self.fields_), len(counts))
        return values.astype(np.float32), np.array(_MEASUREMENT_NAMES)

    def _diagnosis_list(self, counts: Counts):
        fields = [field for field in counts.listed if field in self.fields_]
        codes = np.array(list(counts.task.code_names))
        names = np.array([f"{code} @{field}" for field in fields for code in codes], dtype=str)
        scores = [counts.listed[field] for field in fields]
        return sparse.hstack([sparse.csr_matrix((len(counts), 0)), *scores], format="csr"), names


_MEASUREMENT_NAMES = tuple(measurement.name for measurement in MEASUREMENTS)
_AFFIRMED = np.array([STATUSES.index(name) for name in ("present", "uncertain", "historical")])


def _whole_record(by_field: Mapping[str, sparse.csr_matrix], fields: Sequence[str]) -> sparse.csr_matrix:
    first, *rest = (by_field[field] for field in fields)
    return sum(rest, start=first)


def _document_frequency(counts: sparse.csr_matrix) -> np.ndarray:
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _is_word(terms: np.ndarray) -> np.ndarray:
    """Whether a token is a word or part of one: no punctuation, and no bare number or quantity (26mmhg)."""
    return np.array(
        [term.lstrip("<")[:1].isalpha() or not (term.isascii() or len(term) == 1) for term in terms], dtype=bool
    )
