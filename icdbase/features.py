"""Records to numbers, in named blocks.

A corpus is read once: :func:`count_records` normalises, tokenises and spots
everything and keeps the counts field by field.  Whatever is fitted later -
folds, fields, blocks - is a slice of these counts, and vocabulary and IDF are
learned from the training rows of the slice alone, so nothing leaks and nothing
is computed twice.
"""

from __future__ import annotations

import pickle
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from icdbase import progress
from icdbase.concepts import STATUSES, ConceptSpotter, assert_status, load_concepts
from icdbase.diagnosis_list import DiagnosisLinker
from icdbase.errors import ModelError, UsageError, did_you_mean
from icdbase.fingerprints import counting_fingerprint, differing_parts, time_of_change
from icdbase.matching import mark_edges
from icdbase.measurements import MEASUREMENTS, find_numbers
from icdbase.operations import OperationFinder
from icdbase.summaries import summary_matrix
from icdbase.tally import NumberRows, Numbers, SparseRows, join, stack
from icdbase.tasks import BLOCKS, Task
from icdbase.text import Tokenizer, normalize_all, user_words

__all__ = ["BLOCKS", "Counts", "FeatureBuilder", "Features", "count_records"]


WORTH_PROCESSES = 4000
"""Fewer records are counted before a second process has read its dictionaries."""

_CHUNK = 500

_CONCEPT = itemgetter(2)
"""The concept of a mention (start, end, concept)."""

_AT_ONCE = 200
"""Records that go through one stage of counting, then the next: so its tables stay in the processor's cache."""


@dataclass(frozen=True)
class Counts:
    """A corpus, counted: all that features are made of, one row a record.

    Parameters
    ----------
    task : Task
    labels : pandas.DataFrame
        Index of record ids; a column for each target whose labels are known.
    terms : array of str, dtype object, shape (n_terms,)
        Every token of the corpus, columns of ``words``.
    words : mapping of field to CSR matrix (n_records, n_terms)
    concept_names : tuple of str
    spoken_codes : tuple of str
        The one code that a concept says outright, or "".
    mentions : mapping of field to CSR matrix (n_records, n_concepts * n_statuses)
        Column ``concept * len(STATUSES) + status``.
    found : Numbers
        The measurements of each record.
    listed : mapping of field to CSR matrix (n_records, n_codes)
        How well an item of a diagnosis list fits each code's name, in [0, 1].
    operations : mapping of field to CSR matrix (n_records, n_codes)
        How well an operation that the text tells fits each code's name; see
        :meth:`icdbase.operations.OperationFinder.find`.
    fingerprint : mapping of str to str
        What made them; see :func:`icdbase.fingerprints.counting_fingerprint`.
    """

    task: Task
    labels: pd.DataFrame
    terms: np.ndarray
    words: Mapping[str, sparse.csr_matrix]
    concept_names: tuple[str, ...]
    spoken_codes: tuple[str, ...]
    mentions: Mapping[str, sparse.csr_matrix]
    found: Numbers
    listed: Mapping[str, sparse.csr_matrix]
    operations: Mapping[str, sparse.csr_matrix]
    fingerprint: Mapping[str, str | None]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows) -> Counts:
        """Return the counts of some records, by position, in that order."""
        rows = np.asarray(rows)
        return replace(
            self,
            labels=self.labels.iloc[rows],
            words={field: counts[rows] for field, counts in self.words.items()},
            mentions={field: counts[rows] for field, counts in self.mentions.items()},
            found=self.found.take(rows),
            listed={field: scores[rows] for field, scores in self.listed.items()},
            operations={field: scores[rows] for field, scores in self.operations.items()},
        )


def count_records(
    records: pd.DataFrame,
    task: Task,
    *,
    engine: str = "auto",
    concept_tables: Sequence[str] = (),
    tokenizer: str | None = None,
    n_jobs: int | None = 1,
) -> Counts:
    """Normalise, tokenise and spot every field of every record, once.

    Parameters
    ----------
    records : pandas.DataFrame
        As :func:`icdbase.records.read_records` returns it.
    task : Task
    engine : {"auto", "rjieba", "jieba"}
    concept_tables : sequence of paths
        The user's own concept tables, added to the package's.
    tokenizer : str, optional
        Who cuts the words, see :class:`icdbase.text.Tokenizer`; the task's by default.
    n_jobs : int or None
        Processes, where there are some thousand records; the result does not depend on it.

    Returns
    -------
    Counts
    """
    options = {"engine": engine, "concept_tables": tuple(concept_tables), "tokenizer": tokenizer}
    if len(records) < WORTH_PROCESSES or effective_n_jobs(n_jobs) == 1:
        return _count(records, task, **options)
    parts = (records.iloc[begin : begin + _CHUNK] for begin in range(0, len(records), _CHUNK))
    run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    # As bytes a part travels with its job; a frame Dask would lay on one worker, and with that it would die.
    counted = run(delayed(_count_packed)(pickle.dumps(part), task, **options) for part in parts)
    return _joined(list(progress.track(counted, "reading records", -(-len(records) // _CHUNK))), _labels(records, task))


def _count_packed(packed: bytes, task: Task, **options) -> Counts:
    return _count(pickle.loads(packed), task, **options)


def _labels(records: pd.DataFrame, task: Task) -> pd.DataFrame:
    return records[[target.name for target in task.targets if target.name in records]]


def _joined(parts: Sequence[Counts], labels: pd.DataFrame) -> Counts:
    """Put counts one under the other; terms keep the order in which a single pass would meet them."""
    number: dict[str, int] = {}
    columns = [np.array([number.setdefault(term, len(number)) for term in part.terms], dtype=int) for part in parts]
    first = parts[0]
    for part in parts:
        if other := differing_parts(first.fingerprint, part.fingerprint):
            raise UsageError(f"two parts of the counts differ in: {', '.join(other)}; give all workers the same files")
    linked = {
        name: {field: sparse.vstack([getattr(part, name)[field] for part in parts], format="csr") for field in fields}
        for name, fields in (("mentions", first.mentions), ("listed", first.listed), ("operations", first.operations))
    }
    return replace(
        first,
        labels=labels,
        terms=np.array(list(number), dtype=object),
        words={name: stack([part.words[name] for part in parts], columns, len(number)) for name in first.words},
        found=join([part.found for part in parts]),
        **linked,
    )


def _count(records: pd.DataFrame, task: Task, *, engine: str, concept_tables, tokenizer: str | None) -> Counts:
    cutter = Tokenizer(user_words(task), kind=tokenizer or task.tokenizer, engine=engine)
    spotter, linker, finder = readers(task, concept_tables)
    vocabulary: defaultdict[str, int] = defaultdict()
    vocabulary.default_factory = vocabulary.__len__  # a new token gets the next number
    number, n_statuses = vocabulary.__getitem__, len(STATUSES)
    words = {field: SparseRows() for field in task.text_fields}
    mentions = {field: SparseRows() for field in task.text_fields}
    statuses = {field: array("i") for field in task.text_fields}  # one a mention
    listed = {field: SparseRows() for field in linker.fields}
    operations = {field: SparseRows() for field in finder.fields}
    found = NumberRows(task.text_fields)
    likes = tuple(task.reads_like.get(field, field) for field in task.text_fields)
    progress.report("reading records", 0, len(records))
    for begin in range(0, len(records), _AT_ONCE):
        part = records.iloc[begin : begin + _AT_ONCE]
        texts = normalize_all(part[list(task.text_fields)].to_numpy(dtype=object).ravel().tolist())
        names, roles, marked = task.text_fields * len(part), likes * len(part), mark_edges(texts)
        for name, text in zip(names, texts, strict=True):
            words[name].add(list(map(number, cutter.cut(text))))
        spotted = list(map(spotter.spot, texts, marked))
        for name, spots, told in zip(names, spotted, map(assert_status, texts, spotted, roles, marked), strict=True):
            mentions[name].add(list(map(_CONCEPT, spots)))
            statuses[name].fromlist(told)
        for name, text in zip(names, texts, strict=True):
            if name in listed:
                listed[name].add(*linker.scores(text))
            elif name in operations:
                operations[name].add(*finder.scores(text))
        for start in range(0, len(texts), len(task.text_fields)):
            one = slice(start, start + len(task.text_fields))
            found.add(zip(task.text_fields, map(find_numbers, texts[one], roles[one], marked[one]), strict=True))
        progress.report("reading records", begin + len(part), len(records))
    for name, rows in mentions.items():
        rows.columns = n_statuses * np.array(rows.columns, dtype=np.int32) + np.array(statuses[name], dtype=np.int32)
    return Counts(
        task=task,
        labels=_labels(records, task),
        terms=np.array(list(vocabulary), dtype=object),
        words={name: rows.matrix(len(vocabulary)) for name, rows in words.items()},
        concept_names=tuple(spotter.names),
        spoken_codes=spotter.spoken_codes(task.code_names),
        mentions={name: rows.matrix(n_statuses * len(spotter.names)) for name, rows in mentions.items()},
        found=found.numbers(),
        listed={name: rows.matrix(len(linker.codes)) for name, rows in listed.items()},
        operations={name: rows.matrix(len(linker.codes)) for name, rows in operations.items()},
        fingerprint=counting_fingerprint(task, concept_tables, tokenizer),
    )


def readers(task: Task, concept_tables: Sequence[str] = ()) -> tuple[ConceptSpotter, DiagnosisLinker, OperationFinder]:
    """Return who spots concepts, links listed diagnoses and finds operations, built once a process."""
    return _readers(task, tuple((str(path), time_of_change(path)) for path in concept_tables))


@lru_cache(maxsize=4)
def _readers(task: Task, tables: tuple[tuple[str, int], ...]) -> tuple:
    """Build automaton and linker once; an edited table (path, time of change) is read anew."""
    spotter = ConceptSpotter(load_concepts([path for path, _ in tables]))
    return spotter, DiagnosisLinker(task, spotter), OperationFinder(task)


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
    concept_names_, spoken_codes_, measurement_names_ : array of str
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
        self.concept_names_, self.spoken_codes_ = np.array(counts.concept_names), np.array(counts.spoken_codes)
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
        speaks = sparse.csr_matrix(self.spoken_codes_[:, None] == self.spoken_for(), dtype=np.float32)
        return {"status": by_status, "field": by_field, "code": met @ speaks}

    def spoken_for(self) -> np.ndarray:
        """Return the codes that some concept says outright, sorted."""
        return np.unique(self.spoken_codes_[self.spoken_codes_ != ""])

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
            (self.spoken_codes_, counts.spoken_codes),
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
        return np.array([*status, *field, *(f"{code} spoken for" for code in self.spoken_for()[self.columns_["code"]])], dtype=str)

    def _measurements(self, counts: Counts):
        values = summary_matrix(counts.found.names, *counts.found.told(self.fields_), len(counts))
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
