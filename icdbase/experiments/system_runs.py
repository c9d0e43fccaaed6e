"""Fits of several systems on the same records: each in a process of its own, with its time and memory.

A system that fails does not stop the others.  With a run folder, the predictions
of each fit are stored as in :mod:`icdbase.experiments.trials`, so that an
interrupted run continues.

Worker processes import the libraries once and never fit: for each fit they fork.
Where the platform cannot fork safely, each fit gets a newly started process.
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import effective_n_jobs, parallel_config
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend.reduction import dumps
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from icdbase.coder import IcdCoder
from icdbase.core import progress
from icdbase.core.errors import DataWarning
from icdbase.core.language import _
from icdbase.experiments.trials import Trial, _keys, _TrialStore
from icdbase.learning.estimator_coder import EstimatorCoder

__all__ = ["SystemRun", "run_systems"]

CAN_FORK = sys.platform == "linux"  # the system libraries of macOS do not survive a fork
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_LONGEST_MESSAGE = 300


@dataclass
class SystemRun:
    """What one system did on all trials.

    Attributes
    ----------
    codes : list of (list of lists, or None)
        For each trial the predicted codes, a row a test record.
    seconds, cpu_seconds : float
        Sum over the trials: fit and predict, by the clock and of the processor, on one thread.
    peak_mib : float or None
        Largest memory of a process that holds libraries and counted records, fits
        and predicts once; None if it was not measured.
    failure : str or None
        Last line of the traceback.
    """

    codes: list
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float | None = None
    failure: str | None = None

    @property
    def n_finished(self) -> int:
        return len(self.codes) if self.failure else sum(codes is not None for codes in self.codes)

    def add(self, place: int, codes: list, measured: Mapping) -> None:
        """Add what one trial gave."""
        self.codes[place] = codes
        self.seconds += measured.get("seconds", 0.0)
        self.cpu_seconds += measured.get("cpu_seconds", 0.0)
        self.peak_mib = max((peak for peak in (self.peak_mib, measured.get("peak_mib")) if peak is not None), default=None)


def run_systems(
    systems: Mapping[str, object],
    records: pd.DataFrame,
    trials: Sequence[Trial],
    *,
    groups: np.ndarray | None = None,
    folder=None,
    n_jobs: int | None = -1,
    fresh_processes: bool = True,
) -> dict[str, SystemRun]:
    """Fit each system on the training records of each trial, and predict its test records.

    Parameters
    ----------
    systems : mapping of str to coder
        As :func:`icdbase.experiments.baseline_systems.build_systems` returns them, in the order in which they start.
    records : DataFrame
        Labelled records, as :func:`icdbase.records.records.check_frame` returns them.
    trials : sequence of Trial
        The same for all systems.
    groups : array of shape (n_records,), optional
    folder : str or os.PathLike, optional
        Run folder; fits stored there are not computed again.
    n_jobs : int or None
        Systems at the same time; the predictions do not depend on it.
    fresh_processes : bool
        False fits in this process, one system after the other, and measures no memory.

    Returns
    -------
    dict of str to SystemRun
    """
    store = _TrialStore(folder, [target.name for target in next(iter(systems.values())).task.targets])
    runs = {name: SystemRun([None] * len(trials)) for name in systems}
    keys = {name: _keys(coder, records, trials, groups) for name, coder in systems.items()}
    waiting = []
    for name, run in runs.items():
        for place, (key, trial) in enumerate(zip(keys[name], trials, strict=True)):
            if (found := store.get_measured(key, len(trial.test))) is None:
                waiting.append((name, place))
            else:
                run.add(place, *found)
    compute, counted = _in_fresh_processes if fresh_processes else _here, _Counted(systems, records)
    _report(runs)
    for name, place, codes, measured in compute(runs, waiting, counted, trials, groups, n_jobs):
        if codes is None:
            runs[name].failure = measured
        else:
            store.put(keys[name][place], codes, trial=trials[place], **measured)
            runs[name].add(place, codes, measured)
        _report(runs)
    return runs


def _report(runs: Mapping[str, SystemRun]) -> None:
    progress.report("systems", sum(run.n_finished for run in runs.values()), sum(len(run.codes) for run in runs.values()))


class _Counted:
    """The systems and the records, counted once for all that read the same counts."""

    def __init__(self, systems: Mapping[str, object], records: pd.DataFrame):
        self.systems, self.records = systems, records
        self._made: dict[tuple, object] = {}
        self._packed: dict[tuple, bytes] = {}

    def of(self, name: str):
        """Return the counts that a system fits on."""
        key, coder = self._key(name), self.systems[name]
        if key not in self._made:
            self._made[key] = clone(coder).set_params(n_jobs=-1).count(self.records)
        return self._made[key]

    def packed(self, name: str) -> bytes:
        """Return these counts for another process, one object for all systems that share them."""
        key, counts = self._key(name), self.of(name)
        if key not in self._packed:
            self._packed[key] = bytes(dumps(counts, protocol=pickle.HIGHEST_PROTOCOL))
        return self._packed[key]

    def _key(self, name: str) -> tuple:
        coder = self.systems[name]
        parameters = coder.get_params(deep=False)
        kind = "counts" if isinstance(coder, IcdCoder | EstimatorCoder) else type(coder)
        return kind, repr([parameters.get(name) for name in ("task", "concept_tables", "tokenizer")])


def _here(runs, waiting, counted: _Counted, trials: Sequence[Trial], groups, n_jobs) -> Iterator[tuple]:
    """Yield what :func:`_in_fresh_processes` does, from this process and without the memory."""
    for name, place in waiting:
        if not runs[name].failure:
            codes, measured = _fit_and_predict(counted.systems[name], counted.of(name), trials[place], groups)
            yield name, place, codes, measured if codes is None else measured | {"peak_mib": None}


def _in_fresh_processes(
    runs: Mapping[str, SystemRun], waiting: Sequence[tuple[str, int]], counted: _Counted, trials: Sequence[Trial], groups, n_jobs
) -> Iterator[tuple]:
    """Yield (system, place of the trial, codes, measured) as fits finish: a process a fit, ``n_jobs`` at a time.

    A system that fails gives None and a message, and is not run any further.
    """
    if not waiting:
        return
    systems = {name: (counted.systems[name], counted.packed(name)) for name, _ in waiting}
    executor = ProcessPoolExecutor(
        min(effective_n_jobs(n_jobs), len(waiting)), initializer=_set_up, initargs=(systems, trials, groups), env=ONE_THREAD,
    )
    try:
        futures = {executor.submit(_fit_in_worker, *fit): fit for fit in waiting}
        for future in as_completed(futures):
            name, place = futures[future]
            if not runs[name].failure:
                yield name, place, *_result_of(future)
                if runs[name].failure:
                    for later in (each for each, fit in futures.items() if fit[0] == name):
                        later.cancel()
    except BaseException:
        executor.shutdown(kill_workers=True)
        raise
    executor.shutdown()


def _result_of(future: Future) -> tuple:
    """Return what a fit gave; a worker that died is a failure like another."""
    error = future.exception()
    return future.result() if error is None else (None, _last_line(error))


_IN_WORKER: list = []
"""In a worker process: the systems with their packed counts, the trials and the groups."""


def _set_up(*what) -> None:
    """Keep what all fits of a worker need; to unpack the systems imports their libraries."""
    _IN_WORKER[:] = what


def _fit_in_worker(name: str, place: int) -> tuple:
    """Fit in a new process: a fork of this one, which has the libraries in memory, or one that imports them."""
    systems, trials, groups = _IN_WORKER
    work = (*systems[name], trials[place], groups)
    if not CAN_FORK:
        with ProcessPoolExecutor(1, env=ONE_THREAD) as executor:
            return _result_of(executor.submit(_unpack_and_fit, *work))
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_send_fit, args=(sender, *work))
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        process.join()
        found = None, _("ProcessError: ended with exit code {} (-9: killed, perhaps for lack of memory)", process.exitcode)
    process.join()
    return found


def _send_fit(sender, *work) -> None:
    sender.send(_unpack_and_fit(*work))


def _unpack_and_fit(coder, packed: bytes, trial: Trial, groups: np.ndarray | None) -> tuple:
    return _fit_and_predict(coder, pickle.loads(packed), trial, groups)


def _fit_and_predict(coder, counts, trial: Trial, groups: np.ndarray | None) -> tuple:
    """Return codes and what was measured; or None and the last line of the traceback."""
    held_out = counts.take(trial.test)
    held_out = replace(held_out, labels=held_out.labels.iloc[:, :0])  # predict must not see them
    training = counts.take(trial.train)
    groups = None if groups is None else groups[trial.train]
    start, cpu_start = time.perf_counter(), time.process_time()
    try:
        with progress.bars(enabled=False), parallel_config(backend="threading"), threadpool_limits(1), \
                warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            fitted = clone(coder).set_params(**trial.parameters, n_jobs=1).fit(training, groups=groups)
            codes = fitted.predict(held_out).to_numpy(dtype=object).tolist()
    except Exception as error:
        return None, _last_line(error)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return codes, {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": _peak_mib()}


def _last_line(error: BaseException) -> str:
    """Return the last line of a traceback, on one line, not too long.

    >>> _last_line(ValueError("two\\nlines"))
    'ValueError: two lines'
    """
    line = " ".join("".join(traceback.format_exception_only(error)).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."


def _peak_mib() -> float | None:
    """Return the largest memory of this process so far.

    On Linux ``getrusage`` gives a process the peak of the one that started it, too.
    """
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 2**10
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
