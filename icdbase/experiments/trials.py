"""Trials: fit on some records, predict others, in parallel; finished trials are stored.

The records are counted once for all trials.  With a run folder, the predictions
of a :class:`Trial` are stored under a hash of everything on which they depend:
records, parameters, rows, groups, code, versions of libraries.  An interrupted
run therefore continues, and predictions of other data or code are never used.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import clone

from icdbase.coder import IcdCoder
from icdbase.core import progress
from icdbase.core.atomic_files import atomic_write
from icdbase.core.backends import scatter
from icdbase.core.errors import DataWarning, UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.core.versions import code_version, library_versions
from icdbase.features.counts import Counts
from icdbase.storage.model_card import fingerprint

__all__ = ["Trial", "TrialRunner", "check_parameters"]

FOLDER = "cells"
"""Folder of stored predictions in a run folder."""

_READ_IN_PREDICT = frozenset({"decoding"})
"""Parameters that ``fit`` does not use: trials that differ only in these share one fit."""

_READ_IN_COUNT = ("task", "concept_tables", "tokenizer")

_KNOWN_CODE = frozenset({"icdbase", "sklearn", "lightgbm", "numpy", "scipy", "pandas", "builtins", "pathlib"})
"""Packages whose versions, or whose files, are in the hash of a trial."""


@dataclass(frozen=True)
class Trial:
    """A changed coder, the records it is fitted on and the records it predicts.

    Parameters
    ----------
    parameters : mapping of str to object
        Changed parameters of the coder.
    train, test : int array
        Positions of training and test records.
    """

    parameters: Mapping[str, object]
    train: np.ndarray
    test: np.ndarray


class TrialRunner:
    """Fit trials on their training records and predict their test records; the records are counted once for all calls.

    Parameters
    ----------
    coder : IcdCoder
        Not changed.  Its ``n_jobs`` is not used: the trials run in parallel.
    records : DataFrame
        Labelled records, as :func:`icdbase.records.records.check_frame` returns them.
    groups : array of shape (n_records,), optional
        Records of one group stay in one fold inside each fit.
    folder : str or os.PathLike, optional
        Run folder; trials stored there are not computed again.
    n_jobs : int or None
        Processes; the result does not depend on it.
    stage : str
        Name of the work in reports of progress.
    """

    def __init__(self, coder: IcdCoder, records: pd.DataFrame, *, groups=None, folder=None, n_jobs=-1, stage="fits"):
        self.coder, self.records, self.groups, self.n_jobs, self.stage = coder, records, groups, n_jobs, stage
        self.names = [target.name for target in coder.task.targets]
        self._store = _TrialStore(folder, self.names)
        self._counts: dict[str, Counts] = {}
        self._done = 0

    def run(self, trials: Sequence[Trial], n_later: int = 0) -> list[pd.DataFrame]:
        """Return for each trial a table: index of its test records, a column for each target.

        ``n_later`` trials are expected in later calls, for the report of progress.
        """
        keys = _keys(self.coder, self.records, trials, self.groups)
        found = {key: self._store.get(key, len(trial.test)) for key, trial in zip(keys, trials, strict=True)}
        missing = {key: trial for key, trial in zip(keys, trials, strict=True) if found[key] is None}
        total = self._done + len(found) + n_later
        self._done += len(found) - len(missing)
        progress.report(self.stage, self._done, total)
        for results in self._compute(missing):
            for key, codes, seconds in results:
                self._store.put(key, codes, seconds, missing[key])
                found[key] = codes
                self._done += 1
            progress.report(self.stage, self._done, total)
        return [
            pd.DataFrame(found[key], index=self.records.index[trial.test], columns=self.names, dtype=object)
            for key, trial in zip(keys, trials, strict=True)
        ]

    def _compute(self, trials: Mapping[str, Trial]) -> Iterator[list[tuple]]:
        """Yield lists of ``(key, codes, seconds)``, one list for each fit as it finishes."""
        jobs = _jobs(self.coder, trials)
        n_jobs = min(effective_n_jobs(self.n_jobs), len(jobs)) or 1
        counted = {counting: self._counted(counting, members) for counting, members in jobs}
        if n_jobs > 1:
            counted = {counting: _Shared(counts) for counting, counts in counted.items()}
        with scatter(counted.values()):
            run = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
        yield from run(delayed(_run_job)(self.coder, counted[counting], members, self.groups) for counting, members in jobs)

    def _counted(self, counting: str, members: Mapping[str, Trial]) -> Counts:
        if counting not in self._counts:
            parameters = next(iter(members.values())).parameters
            self._counts[counting] = clone(self.coder).set_params(**parameters).count(self.records)
        return self._counts[counting]


def check_parameters(coder: IcdCoder, parameters: Mapping[str, object], variant: str) -> None:
    """Raise a UsageError if a parameter or field is unknown."""
    known = [name for name in coder.get_params() if name not in ("n_jobs", "task")]
    for name in parameters:
        if name not in known:
            raise UsageError(_("variant {!r}: unknown parameter {!r}{}", variant, name, did_you_mean(str(name), known)))
    if parameters.get("fields") is not None:
        coder.task.check_fields(parameters["fields"])


def _keys(coder: IcdCoder, records: pd.DataFrame, trials: Sequence[Trial], groups: np.ndarray | None) -> list[str]:
    """Return a hash of everything on which the predictions of each trial depend."""
    common = [code_version(), library_versions(), type(coder).__qualname__, fingerprint(records), groups]
    keys = []
    for trial in trials:
        parameters = coder.get_params() | dict(trial.parameters)
        parameters.pop("n_jobs")
        parameters["concept_tables"] = [Path(path).read_text("utf-8") for path in parameters.get("concept_tables", ())]
        content = [*common, parameters, trial.train.tolist(), trial.test.tolist()]
        keys.append(hashlib.sha256(json.dumps(content, default=_json_value, sort_keys=True).encode()).hexdigest()[:40])
    return keys


def _json_value(value):
    """Return what JSON stores for a value that it does not know.

    The code of other packages and of the user may change without notice: an
    object of theirs is never equal to a stored one.
    """
    module = getattr(value, "__module__", None) or type(value).__module__
    if module.split(".")[0] not in _KNOWN_CODE:
        return f"{type(value).__qualname__} {uuid4().hex}"
    if is_dataclass(value):
        return asdict(value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else repr(value)


class _TrialStore:
    """Stored predictions, by position and without record ids."""

    def __init__(self, folder, names: Sequence[str]):
        self.folder = None if folder is None else Path(folder) / FOLDER
        self.names = names

    def get(self, key: str, n_records: int) -> list[list] | None:
        """Return stored codes; None if there are none or the file is damaged."""
        found = self.get_measured(key, n_records)
        return None if found is None else found[0]

    def get_measured(self, key: str, n_records: int) -> tuple[list[list], dict] | None:
        """Return stored codes and what was measured with them; None if there are none or the file is damaged."""
        if self.folder is None:
            return None
        try:
            content = json.loads((self.folder / f"{key}.json").read_text("utf-8"))
            rows = [[tuple(code) if isinstance(code, list) else code for code in row] for row in content.pop("codes")]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        whole = len(rows) == n_records and all(len(row) == len(self.names) for row in rows)
        whole = whole and all(isinstance(code, str | tuple | None) for row in rows for code in row)
        return (rows, content) if whole else None

    def put(self, key: str, codes: list[list], seconds: float, trial: Trial, **measured) -> None:
        """Store codes under their key, whole or not at all."""
        if self.folder is None:
            return
        content = {"parameters": dict(trial.parameters), "seconds": round(seconds, 3), **measured, "targets": self.names,
                   "codes": codes}
        with atomic_write(self.folder / f"{key}.json") as file:
            json.dump(content, file, ensure_ascii=False, default=_json_value)


def _jobs(coder: IcdCoder, trials: Mapping[str, Trial]) -> list[tuple[str, dict[str, Trial]]]:
    """Group the trials that share a fit; name the counts that each group needs."""
    jobs: dict[tuple, dict[str, Trial]] = {}
    for key, trial in trials.items():
        parameters = coder.get_params() | dict(trial.parameters)
        counting = repr([parameters.get(name) for name in _READ_IN_COUNT])
        fitting = repr(sorted((k, v) for k, v in parameters.items() if k not in _READ_IN_PREDICT and k != "task"))
        jobs.setdefault((counting, fitting, trial.train.tobytes(), trial.test.tobytes()), {})[key] = trial
    return [(counting, members) for (counting, *_), members in jobs.items()]


class _Shared:
    """Counts that a worker process unpacks once for all its trials.

    joblib puts the packed array into shared memory.
    """

    _unpacked: dict[str, Counts] = {}  # noqa: RUF012 - one dict for each process, on purpose

    def __init__(self, counts: Counts):
        self.token = uuid4().hex
        self.packed = np.frombuffer(pickle.dumps(counts, protocol=5), dtype=np.uint8)

    def counts(self) -> Counts:
        """Return the counts; unpack them only if the last call was for other counts."""
        if self.token not in self._unpacked:
            self._unpacked.clear()
            self._unpacked[self.token] = pickle.loads(self.packed)
        return self._unpacked[self.token]


def _run_job(
    coder: IcdCoder, counts, trials: Mapping[str, Trial], groups: np.ndarray | None
) -> list[tuple[str, list[list], float]]:
    """Fit once, then predict for each trial."""
    if isinstance(counts, _Shared):
        counts = counts.counts()
    start = time.perf_counter()
    first = next(iter(trials.values()))
    held_out = counts.take(first.test)
    held_out = replace(held_out, labels=held_out.labels.iloc[:, :0])  # predict must not see them
    # One thread, no cluster and no bars of its own.  The caller has already warned of problems in all records.
    with progress.bars(enabled=False), parallel_config(backend="threading"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        fitted = clone(coder).set_params(**first.parameters, n_jobs=1)
        fitted.fit(counts.take(first.train), groups=None if groups is None else groups[first.train])
        results = []
        for key, trial in trials.items():
            codes = _with_parameters_of(trial, coder, fitted).predict(held_out)
            results.append((key, codes.to_numpy(dtype=object).tolist(), time.perf_counter() - start))
            start = time.perf_counter()
    return results


def _with_parameters_of(trial: Trial, coder: IcdCoder, fitted: IcdCoder) -> IcdCoder:
    """Return the fitted coder with the reference's parameters, changed by this trial only."""
    return copy(fitted).set_params(**coder.get_params(deep=False) | dict(trial.parameters) | {"n_jobs": 1})
