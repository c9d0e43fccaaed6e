"""A corpus, counted once.

:func:`count_records` normalises the texts and extracts everything field by
field.  Whatever is fitted later - folds, fields, blocks - takes a slice of
these counts.  Vocabulary and IDF are learned from the training rows of the
slice alone, so nothing leaks and nothing is computed twice.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator

from icdbase.clinical.concepts import ConceptSpotter, load_concepts
from icdbase.clinical.diagnosis_lists import DiagnosisLinker
from icdbase.clinical.operations import OperationFinder
from icdbase.core import progress
from icdbase.core.errors import UsageError
from icdbase.core.language import N_, _
from icdbase.core.workload import MIN_RECORDS_FOR_PROCESSES
from icdbase.features.base import FieldCounts
from icdbase.features.concepts import ConceptCounts, ConceptExtractor
from icdbase.features.diagnosis_list import DiagnosisListExtractor, OperationExtractor
from icdbase.features.fingerprints import counting_fingerprint, differing_parts, time_of_change
from icdbase.features.measurements import MeasurementExtractor, MeasurementTable
from icdbase.features.stated_codes import StatedCounts
from icdbase.features.texts import TextBatch
from icdbase.features.words import WordExtractor
from icdbase.records.records import check_frame
from icdbase.tasks.task import Task

__all__ = ["CountingEstimator", "Counts", "build_extractors", "clinical_extractors", "count_records"]

_CHUNK = 500

_BATCH = 200
"""Records that go through one extractor, then the next: so its tables stay in the processor's cache."""

_PARTS = ("words", "concepts", "listed", "operations", "measurements")


@dataclass(frozen=True)
class Counts:
    """A corpus, counted: all that features are made of, one row a record.

    Parameters
    ----------
    task : Task
    labels : pandas.DataFrame
        Index of record ids; a column for each target whose labels are known.
    words : FieldCounts
        By field: how often each token occurs.
    concepts : ConceptCounts
        By field: how often each concept is mentioned with each status.
    listed : FieldCounts
        By field: how well an item of a list of diagnoses fits each code's name, in [0, 1].
    operations : FieldCounts
        By field: how well an operation that the text says was done fits each
        code's name; see :meth:`icdbase.clinical.operations.OperationFinder.find`.
    measurements : MeasurementTable
    fingerprint : mapping of str to str
        What made them; see :func:`icdbase.features.fingerprints.counting_fingerprint`.
    """

    task: Task
    labels: pd.DataFrame
    words: FieldCounts
    concepts: ConceptCounts
    listed: FieldCounts
    operations: FieldCounts
    measurements: MeasurementTable
    fingerprint: Mapping[str, str | None]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def stated(self) -> StatedCounts:
        """The parts that imply codes."""
        return StatedCounts(self.concepts, self.listed, self.measurements)

    def take(self, rows) -> Counts:
        """Return the counts of some records, by position, in that order."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(self, labels=self.labels.iloc[rows], **{part: getattr(self, part).take(rows) for part in _PARTS})

    def keep(self, fields: Mapping[str, np.ndarray], measured: np.ndarray) -> Counts:
        """Return the counts as if parts of the records had been left out.

        Parameters
        ----------
        fields : mapping of field to bool array of shape (n_records,)
            Whether the record keeps the field.
        measured : bool array of shape (n_records, n_quantities)
            Whether the record keeps its values of a quantity of ``measurements.names``.
        """
        parts = {part: getattr(self, part).keep(fields) for part in _PARTS if part != "measurements"}
        in_field = np.vstack([fields[field] for field in self.measurements.fields])
        return replace(self, measurements=self.measurements.keep(in_field, measured), **parts)


def count_records(
    records: pd.DataFrame,
    task: Task,
    *,
    concept_tables: Sequence[str] = (),
    tokenizer: str | None = None,
    n_jobs: int | None = 1,
) -> Counts:
    """Normalise every field of every record and extract what features are made of, once.

    Parameters
    ----------
    records : pandas.DataFrame
        As :func:`icdbase.records.records.read_records` returns it.
    task : Task
    concept_tables : sequence of paths
        The user's own concept tables, added to the package's.
    tokenizer : str, optional
        See :class:`icdbase.text.tokenization.Tokenizer`; the task's by default.
    n_jobs : int or None
        Processes, where there are some thousand records; the result does not depend on it.

    Returns
    -------
    Counts
    """
    options = {"concept_tables": tuple(concept_tables), "tokenizer": tokenizer}
    if len(records) < MIN_RECORDS_FOR_PROCESSES or effective_n_jobs(n_jobs) == 1:
        return _count(records, task, **options)
    parts = (records.iloc[begin : begin + _CHUNK] for begin in range(0, len(records), _CHUNK))
    run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    # As bytes a part is sent with its job.  Dask would keep a frame on one worker and lose it with that worker.
    counted = run(delayed(_count_packed)(pickle.dumps(part), task, **options) for part in parts)
    return _joined(list(progress.track(counted, N_("reading records"), -(-len(records) // _CHUNK))), _labels(records, task))


class CountingEstimator(BaseEstimator):
    """What estimators share that fit on counts: they have ``task``, ``concept_tables``, ``tokenizer`` and ``n_jobs``."""

    def count(self, records: pd.DataFrame) -> Counts:
        """Count records once, for any number of fits and predictions."""
        how = {name: getattr(self, name) for name in ("concept_tables", "n_jobs", "tokenizer")}
        return count_records(check_frame(records, self.task), self.task, **how)

    def _counted(self, records) -> Counts:
        """Count records, or check that this estimator would have made the same counts."""
        if not isinstance(records, Counts):
            return self.count(records)
        own = counting_fingerprint(self.task, self.concept_tables, self.tokenizer)
        if other := differing_parts(own, records.fingerprint):
            raise UsageError(_("the counts and this coder differ in: {}; make them with its count()", ", ".join(other)))
        return records


def _count_packed(packed: bytes, task: Task, **options) -> Counts:
    return _count(pickle.loads(packed), task, **options)


def _labels(records: pd.DataFrame, task: Task) -> pd.DataFrame:
    return records[[target.name for target in task.targets if target.name in records]]


def _joined(parts: Sequence[Counts], labels: pd.DataFrame) -> Counts:
    """Put counts one under the other."""
    first = parts[0]
    for part in parts:
        if other := differing_parts(first.fingerprint, part.fingerprint):
            raise UsageError(_("two parts of the counts differ in: {}; give all workers the same files", ", ".join(other)))
    joined = {name: getattr(first, name).concatenate([getattr(part, name) for part in parts]) for name in _PARTS}
    return replace(first, labels=labels, **joined)


def _count(records: pd.DataFrame, task: Task, *, concept_tables, tokenizer: str | None) -> Counts:
    extractors = build_extractors(task, concept_tables, tokenizer)
    progress.report("reading records", 0, len(records))
    for begin in range(0, len(records), _BATCH):
        batch = TextBatch.of_records(records.iloc[begin : begin + _BATCH], task)
        for extractor in extractors.values():
            extractor.count(batch)
        progress.report("reading records", begin + batch.n_records, len(records))
    return Counts(
        task=task,
        labels=_labels(records, task),
        fingerprint=counting_fingerprint(task, concept_tables, tokenizer),
        **{part: extractor.counts() for part, extractor in extractors.items()},
    )


def build_extractors(task: Task, concept_tables: Sequence[str] = (), tokenizer: str | None = None) -> dict:
    """Return an extractor for each part of the counts, by its name in :class:`Counts`.

    ``count`` adds a batch of records and ``counts`` returns the sum; ``locate``
    yields (FeatureId, Span) for all features of one record.  Predictions and
    explanations use the same extractors.
    """
    spotter, linker, finder = clinical_extractors(task, concept_tables)
    return {
        "words": WordExtractor(task, tokenizer),
        "concepts": ConceptExtractor(task, spotter),
        "listed": DiagnosisListExtractor(linker),
        "operations": OperationExtractor(finder),
        "measurements": MeasurementExtractor(task.text_fields),
    }


def clinical_extractors(task: Task, concept_tables: Sequence[str] = ()) -> tuple[ConceptSpotter, DiagnosisLinker, OperationFinder]:
    """Return what spots concepts, links listed diagnoses and finds operations, built once a process."""
    return _clinical_extractors(task, tuple((str(path), time_of_change(path)) for path in concept_tables))


@lru_cache(maxsize=4)
def _clinical_extractors(task: Task, tables: tuple[tuple[str, int], ...]) -> tuple:
    """Build automaton and linker once; read an edited table (path, time of change) again."""
    spotter = ConceptSpotter(load_concepts([path for path, _ in tables]))
    return spotter, DiagnosisLinker(task, spotter), OperationFinder(task)
