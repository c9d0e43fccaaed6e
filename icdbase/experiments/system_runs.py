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
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

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
    work = [_Work(name, coder, _keys(coder, records, trials, groups)) for name, coder in systems.items()]
    for each in work:
        each.take_stored(store, trials, runs[each.name])
    total = len(systems) * len(trials)
    progress.report("systems", sum(run.n_finished for run in runs.values()), total)
    compute = _in_fresh_processes if fresh_processes else _here
    for each, place, codes, measured in compute([each for each in work if each.waiting], trials, _Counted(records), groups, n_jobs):
        if codes is None:
            runs[each.name].failure = measured
        else:
            store.put(each.keys[place], codes, trial=trials[place], **measured)
            runs[each.name].add(place, codes, measured)
        progress.report("systems", sum(run.n_finished for run in runs.values()), total)
    return runs


@dataclass(eq=False)
class _Work:
    """A system, the key of each trial, and the places of those that are to be computed."""

    name: str
    coder: object
    keys: list[str]
    waiting: list[int] = field(default_factory=list)

    def take_stored(self, store: _TrialStore, trials: Sequence[Trial], run: SystemRun) -> None:
        """Add the trials that are stored to a run; the others wait."""
        for place, (key, trial) in enumerate(zip(self.keys, trials, strict=True)):
            found = store.get_measured(key, len(trial.test))
            if found is None:
                self.waiting.append(place)
            else:
                run.add(place, *found)


class _Counted:
    """The records, counted once for all systems that read the same counts."""

    def __init__(self, records: pd.DataFrame):
        self.records = records
        self._made: dict[tuple, object] = {}

    def of(self, coder):
        """Return the counts that a coder fits on."""
        key = self._key(coder)
        if key not in self._made:
            self._made[key] = clone(coder).set_params(n_jobs=-1).count(self.records)
        return self._made[key]

    def file(self, coder, folder: Path) -> Path:
        """Return a file of these counts, written once for all coders that share them."""
        counts = self.of(coder)
        path = folder / f"{list(self._made).index(self._key(coder))}.pickle"
        if not path.exists():
            path.write_bytes(dumps(counts, protocol=pickle.HIGHEST_PROTOCOL))
        return path

    @staticmethod
    def _key(coder) -> tuple:
        parameters = coder.get_params(deep=False)
        kind = "counts" if isinstance(coder, IcdCoder | EstimatorCoder) else type(coder)
        return kind, repr([parameters.get(name) for name in ("task", "concept_tables", "tokenizer")])


def _here(work: Sequence[_Work], trials: Sequence[Trial], counted: _Counted, groups, n_jobs) -> Iterator[tuple]:
    """Yield what :func:`_in_fresh_processes` does, from this process and without the memory."""
    for each in work:
        for place in each.waiting:
            codes, measured = _fit_and_predict(each.coder, counted.of(each.coder), trials[place], groups)
            if codes is None:
                yield each, place, None, measured
                break
            yield each, place, codes, measured | {"peak_mib": None}


def _in_fresh_processes(work: Sequence[_Work], trials: Sequence[Trial], counted: _Counted, groups, n_jobs) -> Iterator[tuple]:
    """Yield (work, place of the trial, codes, measured) as fits finish: a process a fit, ``n_jobs`` at a time.

    A system that fails gives None and a message, and is not run any further.
    """
    fits = [(number, place) for number, each in enumerate(work) for place in each.waiting]
    if not fits:
        return
    with TemporaryDirectory(prefix="icdbase-") as folder:
        systems = [(each.coder, counted.file(each.coder, Path(folder))) for each in work]
        executor = ProcessPoolExecutor(
            min(effective_n_jobs(n_jobs), len(fits)), initializer=_set_up, initargs=(systems, trials, groups), env=ONE_THREAD,
        )
        try:
            futures = {executor.submit(_fit_in_worker, *fit): fit for fit in fits}
            failed = set()
            for future in as_completed(futures):
                number, place = futures[future]
                if number in failed:
                    continue
                codes, measured = _result_of(future)
                yield work[number], place, codes, measured
                if codes is None:
                    failed.add(number)
                    for later in (each for each, (system, _) in futures.items() if system == number):
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
"""In a worker process: the systems with the files of their counts, the trials and the groups."""


def _set_up(*what) -> None:
    """Keep what all fits of a worker need; to unpack the systems imports their libraries."""
    _IN_WORKER[:] = what


def _fit_in_worker(number: int, place: int) -> tuple:
    """Fit in a new process: a fork of this one, which has the libraries in memory, or one that imports them."""
    systems, trials, groups = _IN_WORKER
    work = (*systems[number], trials[place], groups)
    if not CAN_FORK:
        with ProcessPoolExecutor(1, env=ONE_THREAD) as executor:
            return _result_of(executor.submit(_fit_from_file, *work))
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_send_fit, args=(sender, *work))
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        process.join()
        found = None, f"ProcessError: ended with exit code {process.exitcode} (-9: killed, perhaps for lack of memory)"
    process.join()
    return found


def _send_fit(sender, *work) -> None:
    sender.send(_fit_from_file(*work))


def _fit_from_file(coder, counts_file: Path, trial: Trial, groups: np.ndarray | None) -> tuple:
    return _fit_and_predict(coder, pickle.loads(counts_file.read_bytes()), trial, groups)


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
