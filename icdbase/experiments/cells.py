"""Many fits of the same records, side by side, each kept as it finishes.

The records are counted once.  A :class:`Cell` is one fit and what it is asked;
with a run folder, its predictions are written there under a hash of all that
they depend on, so an interrupted run goes on where it stopped, and nothing is
read that belongs to other data, other parameters, other code or other versions
of the libraries.
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
from icdbase.core.backends import code_version, library_versions, spread
from icdbase.core.errors import DataWarning, UsageError, did_you_mean
from icdbase.features.counts import Counts
from icdbase.storage.model_card import fingerprint

__all__ = ["Cell", "check_parameters", "run_cells"]

CELLS = "cells"
"""Folder of the kept predictions inside a run folder."""

_READ_IN_PREDICT = frozenset({"decoding"})
"""Parameters that ``fit`` does not look at: one fit serves all their values."""

_READ_IN_COUNT = ("task", "concept_tables", "tokenizer")


@dataclass(frozen=True)
class Cell:
    """One fit and what it is asked.

    Parameters
    ----------
    parameters : mapping of str to object
        What to change in the coder.
    train, test : int array
        Positions of records.
    """

    parameters: Mapping[str, object]
    train: np.ndarray
    test: np.ndarray


def run_cells(
    coder: IcdCoder,
    records: pd.DataFrame,
    cells: Sequence[Cell],
    *,
    groups: np.ndarray | None = None,
    folder=None,
    n_jobs: int | None = -1,
    stage: str = "fits",
) -> list[pd.DataFrame]:
    """Predict the test rows of each cell by a coder that has seen its training rows only.

    Parameters
    ----------
    coder : IcdCoder
        Not changed; its ``n_jobs`` is not used, the cells are what runs in parallel.
    records : DataFrame
        Labelled records, as :func:`icdbase.records.records.check_frame` returns them.
    cells : sequence of Cell
    groups : array of shape (n_records,), optional
        Records of one group share a fold inside each fit, too.
    folder : str or os.PathLike, optional
        Run folder; what it holds already is not computed again.
    n_jobs : int or None
        Processes; the result does not depend on it.
    stage : str
        What is said to who watches the progress.

    Returns
    -------
    list of DataFrame
        One a cell: index of the test rows, a column a target.
    """
    names = [target.name for target in coder.task.targets]
    keys = _keys(coder, records, cells, groups)
    shelf = _CellStore(folder, names)
    found = {key: shelf.get(key, len(cell.test)) for key, cell in dict(zip(keys, cells, strict=True)).items()}
    missing = {key: cell for key, cell in zip(keys, cells, strict=True) if found[key] is None}
    done = len(found) - len(missing)
    progress.report(stage, done, len(found))
    for results in _compute(coder, records, missing, groups, n_jobs):
        for key, codes, seconds in results:
            shelf.put(key, codes, seconds, missing[key])
            found[key] = codes
            done += 1
        progress.report(stage, done, len(found))
    return [
        pd.DataFrame(found[key], index=records.index[cell.test], columns=names, dtype=object)
        for key, cell in zip(keys, cells, strict=True)
    ]


def check_parameters(coder: IcdCoder, parameters: Mapping[str, object], variant: str) -> None:
    """Raise a UsageError on a parameter that the coder does not have, or an unknown field."""
    known = [name for name in coder.get_params() if name not in ("n_jobs", "task")]
    for name in parameters:
        if name not in known:
            raise UsageError(f"variant {variant!r}: unknown parameter {name!r}{did_you_mean(str(name), known)}")
    if parameters.get("fields") is not None:
        coder.task.check_fields(parameters["fields"])


def _keys(coder: IcdCoder, records: pd.DataFrame, cells: Sequence[Cell], groups: np.ndarray | None) -> list[str]:
    """A hash of all that a cell's predictions depend on."""
    common = [code_version(), library_versions(), type(coder).__qualname__, fingerprint(records), groups]
    keys = []
    for cell in cells:
        parameters = coder.get_params() | dict(cell.parameters)
        parameters.pop("n_jobs")
        parameters["concept_tables"] = [Path(path).read_text("utf-8") for path in parameters["concept_tables"]]
        content = [*common, parameters, cell.train.tolist(), cell.test.tolist()]
        keys.append(hashlib.sha256(json.dumps(content, default=_plain, sort_keys=True).encode()).hexdigest()[:40])
    return keys


def _plain(value):
    if is_dataclass(value):
        return asdict(value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else repr(value)


class _CellStore:
    """The kept predictions: by position, without record ids."""

    def __init__(self, folder, names: Sequence[str]):
        self.folder = None if folder is None else Path(folder) / CELLS
        self.names = names

    def get(self, key: str, n_records: int) -> list[list] | None:
        """Return kept codes; None if there are none, or the file is damaged."""
        if self.folder is None:
            return None
        try:
            codes = json.loads((self.folder / f"{key}.json").read_text("utf-8"))["codes"]
            rows = [[tuple(code) if isinstance(code, list) else code for code in row] for row in codes]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        whole = len(rows) == n_records and all(len(row) == len(self.names) for row in rows)
        return rows if whole and all(isinstance(code, str | tuple | None) for row in rows for code in row) else None

    def put(self, key: str, codes: list[list], seconds: float, cell: Cell) -> None:
        """Keep codes under their key, whole or not at all."""
        if self.folder is None:
            return
        content = {"parameters": dict(cell.parameters), "seconds": round(seconds, 3), "targets": self.names,
                   "codes": codes}
        with atomic_write(self.folder / f"{key}.json") as file:
            json.dump(content, file, ensure_ascii=False, default=_plain)


def _compute(
    coder: IcdCoder, records: pd.DataFrame, cells: Mapping[str, Cell], groups: np.ndarray | None, n_jobs
) -> Iterator[list[tuple]]:
    """Yield ``(key, codes, seconds)`` of the cells that share a fit, as the fits finish."""
    jobs = _jobs(coder, cells)
    n_jobs = min(effective_n_jobs(n_jobs), len(jobs)) or 1
    counted = {}
    for counting in {job[0] for job in jobs}:
        member = next(iter(next(job[1] for job in jobs if job[0] == counting).values()))
        counts = clone(coder).set_params(**member.parameters).count(records)
        counted[counting] = _Shared(counts) if n_jobs > 1 else counts
    with spread(counted.values()):
        run = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    yield from run(delayed(_run_job)(coder, counted[counting], members, groups) for counting, members in jobs)


def _jobs(coder: IcdCoder, cells: Mapping[str, Cell]) -> list[tuple[str, dict[str, Cell]]]:
    """Cells that share a fit, with the name of the counts they are read from."""
    jobs: dict[tuple, dict[str, Cell]] = {}
    for key, cell in cells.items():
        parameters = coder.get_params() | dict(cell.parameters)
        counting = repr([parameters[name] for name in _READ_IN_COUNT])
        fitting = repr(sorted((k, v) for k, v in parameters.items() if k not in _READ_IN_PREDICT and k != "task"))
        jobs.setdefault((counting, fitting, cell.train.tobytes(), cell.test.tobytes()), {})[key] = cell
    return [(counting, members) for (counting, *_), members in jobs.items()]


class _Shared:
    """Counts that each worker process unpacks once, however many cells it runs.

    joblib puts the one large array into memory that all workers map.
    """

    _unpacked: dict[str, Counts] = {}  # noqa: RUF012 - of this process, on purpose

    def __init__(self, counts: Counts):
        self.token = uuid4().hex
        self.packed = np.frombuffer(pickle.dumps(counts, protocol=5), dtype=np.uint8)

    def counts(self) -> Counts:
        """Return the counts, from the last call if they are the same."""
        if self.token not in self._unpacked:
            self._unpacked.clear()
            self._unpacked[self.token] = pickle.loads(self.packed)
        return self._unpacked[self.token]


def _run_job(
    coder: IcdCoder, counts, cells: Mapping[str, Cell], groups: np.ndarray | None
) -> list[tuple[str, list[list], float]]:
    """Fit once; predict for each cell."""
    if isinstance(counts, _Shared):
        counts = counts.counts()
    start = time.perf_counter()
    first = next(iter(cells.values()))
    held_out = counts.take(first.test)
    held_out = replace(held_out, labels=held_out.labels.iloc[:, :0])  # predict must not see them
    # A coder of one thread; its own steps are no news to who watches the cells, nor work for a cluster.
    # What its fold warns of was said of all records before.
    with progress.bars(enabled=False), parallel_config(backend="threading"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        fitted = clone(coder).set_params(**first.parameters, n_jobs=1)
        fitted.fit(counts.take(first.train), groups=None if groups is None else groups[first.train])
        results = []
        for key, cell in cells.items():
            codes = _with_parameters_of(cell, coder, fitted).predict(held_out)
            results.append((key, codes.to_numpy(dtype=object).tolist(), time.perf_counter() - start))
            start = time.perf_counter()
    return results


def _with_parameters_of(cell: Cell, coder: IcdCoder, fitted: IcdCoder) -> IcdCoder:
    """Return what was fitted with the reference's parameters and what the cell changes of them, nothing else."""
    return copy(fitted).set_params(**coder.get_params(deep=False) | dict(cell.parameters) | {"n_jobs": 1})
