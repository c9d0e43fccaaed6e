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

from icdbase.clinical.concepts import STATUSES, ConceptSpotter, assert_status, load_concepts
from icdbase.clinical.diagnosis_lists import DiagnosisLinker
from icdbase.clinical.measurements.finder import find_in_field
from icdbase.clinical.operations import OperationFinder
from icdbase.core import progress
from icdbase.core.errors import UsageError
from icdbase.features.accumulators import (
    CsrBuilder,
    MeasurementBuilder,
    MeasurementTable,
    concatenate,
    vstack_renumbered,
)
from icdbase.features.fingerprints import counting_fingerprint, differing_parts, time_of_change
from icdbase.tasks.task import Task
from icdbase.text.normalization import normalize_all
from icdbase.text.phrase_matching import mark_edges
from icdbase.text.tokenization import Tokenizer, user_words

__all__ = ["Counts", "count_records"]


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
    implied_codes : tuple of str
        The one code that a concept says outright, or "".
    mentions : mapping of field to CSR matrix (n_records, n_concepts * n_statuses)
        Column ``concept * len(STATUSES) + status``.
    found : MeasurementTable
        The measurements of each record.
    listed : mapping of field to CSR matrix (n_records, n_codes)
        How well an item of a diagnosis list fits each code's name, in [0, 1].
    operations : mapping of field to CSR matrix (n_records, n_codes)
        How well an operation that the text tells fits each code's name; see
        :meth:`icdbase.clinical.operations.OperationFinder.find`.
    fingerprint : mapping of str to str
        What made them; see :func:`icdbase.features.fingerprints.counting_fingerprint`.
    """

    task: Task
    labels: pd.DataFrame
    terms: np.ndarray
    words: Mapping[str, sparse.csr_matrix]
    concept_names: tuple[str, ...]
    implied_codes: tuple[str, ...]
    mentions: Mapping[str, sparse.csr_matrix]
    found: MeasurementTable
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

    def keep(self, fields: Mapping[str, np.ndarray], measured: np.ndarray) -> Counts:
        """Return the counts as if parts of the records had been left out.

        Parameters
        ----------
        fields : mapping of field to bool array of shape (n_records,)
            Whether the record keeps the field.
        measured : bool array of shape (n_records, n_quantities)
            Whether the record keeps its measurements of a quantity of ``found.names``.
        """
        by_field = {
            name: {field: _keep_rows(matrix, fields[field]) for field, matrix in getattr(self, name).items()}
            for name in ("words", "mentions", "listed", "operations")
        }
        in_field = np.vstack([fields[field] for field in self.found.fields])
        return replace(self, found=self.found.keep(in_field, measured), **by_field)


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
        As :func:`icdbase.records.records.read_records` returns it.
    task : Task
    engine : {"auto", "rjieba", "jieba"}
    concept_tables : sequence of paths
        The user's own concept tables, added to the package's.
    tokenizer : str, optional
        Who cuts the words, see :class:`icdbase.text.tokenization.Tokenizer`; the task's by default.
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
        words={name: vstack_renumbered([part.words[name] for part in parts], columns, len(number)) for name in first.words},
        found=concatenate([part.found for part in parts]),
        **linked,
    )


def _count(records: pd.DataFrame, task: Task, *, engine: str, concept_tables, tokenizer: str | None) -> Counts:
    cutter = Tokenizer(user_words(task), kind=tokenizer or task.tokenizer, engine=engine)
    spotter, linker, finder = clinical_extractors(task, concept_tables)
    vocabulary: defaultdict[str, int] = defaultdict()
    vocabulary.default_factory = vocabulary.__len__  # a new token gets the next number
    number, n_statuses = vocabulary.__getitem__, len(STATUSES)
    words = {field: CsrBuilder() for field in task.text_fields}
    mentions = {field: CsrBuilder() for field in task.text_fields}
    statuses = {field: array("i") for field in task.text_fields}  # one a mention
    listed = {field: CsrBuilder() for field in linker.fields}
    operations = {field: CsrBuilder() for field in finder.fields}
    found = MeasurementBuilder(task.text_fields)
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
            found.add(zip(task.text_fields, map(find_in_field, texts[one], roles[one], marked[one]), strict=True))
        progress.report("reading records", begin + len(part), len(records))
    for name, rows in mentions.items():
        rows.columns = n_statuses * np.array(rows.columns, dtype=np.int32) + np.array(statuses[name], dtype=np.int32)
    return Counts(
        task=task,
        labels=_labels(records, task),
        terms=np.array(list(vocabulary), dtype=object),
        words={name: rows.matrix(len(vocabulary)) for name, rows in words.items()},
        concept_names=tuple(spotter.names),
        implied_codes=spotter.implied_codes(task.code_names),
        mentions={name: rows.matrix(n_statuses * len(spotter.names)) for name, rows in mentions.items()},
        found=found.numbers(),
        listed={name: rows.matrix(len(linker.codes)) for name, rows in listed.items()},
        operations={name: rows.matrix(len(linker.codes)) for name, rows in operations.items()},
        fingerprint=counting_fingerprint(task, concept_tables, tokenizer),
    )


def clinical_extractors(task: Task, concept_tables: Sequence[str] = ()) -> tuple[ConceptSpotter, DiagnosisLinker, OperationFinder]:
    """Return who spots concepts, links listed diagnoses and finds operations, built once a process."""
    return _readers(task, tuple((str(path), time_of_change(path)) for path in concept_tables))


@lru_cache(maxsize=4)
def _readers(task: Task, tables: tuple[tuple[str, int], ...]) -> tuple:
    """Build automaton and linker once; an edited table (path, time of change) is read anew."""
    spotter = ConceptSpotter(load_concepts([path for path, _ in tables]))
    return spotter, DiagnosisLinker(task, spotter), OperationFinder(task)


def _keep_rows(matrix: sparse.csr_matrix, kept: np.ndarray) -> sparse.csr_matrix:
    """Empty the other rows."""
    lengths = np.diff(matrix.indptr)
    entries = np.repeat(kept, lengths)
    ends = np.concatenate([[0], np.cumsum(lengths * kept)])
    return sparse.csr_matrix((matrix.data[entries], matrix.indices[entries], ends), shape=matrix.shape)
