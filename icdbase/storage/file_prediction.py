"""Predict a file of any length: in batches, on processes or a cluster; an interrupted run can be resumed.

Predictions are appended to a part file beside the output, one line per record,
and written to disk after each batch.  A run that was killed leaves this file; the
same command resumes after its last complete line.  At the end the output is
written in one step and the part file is removed.
"""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from icdbase.coder import IcdCoder
from icdbase.core import progress
from icdbase.core.atomic_files import cannot_write, check_output, only_writer
from icdbase.core.backends import on_cluster, scatter
from icdbase.core.errors import DataWarning, UsageError
from icdbase.core.language import N_, _
from icdbase.core.text_tables import plural
from icdbase.core.versions import code_version, library_versions
from icdbase.core.workload import BATCH_SIZE, MIN_RECORDS_FOR_PROCESSES
from icdbase.files.rows import write_rows
from icdbase.records.batches import InputChangedError, RecordBatches
from icdbase.records.submissions import submission_rows
from icdbase.storage.model_folder import load_with_card

__all__ = ["predict_file", "unlike_message"]

_UNLIKE = " unlike"
"""Key of a row of the part file: why the record is unlike the training records."""

N_NAMED = 10
"""Records that a message names."""


def predict_file(model_folder, input_file, out_file, *, batch_size: int = BATCH_SIZE, n_jobs: int | None = -1) -> int:
    """Predict a file of records and write the submission.

    Parameters
    ----------
    model_folder : str or os.PathLike
    input_file : str or os.PathLike
        Read in parts if it is long and JSON; see :class:`icdbase.records.batches.RecordBatches`.
    out_file : str or os.PathLike
        See :func:`icdbase.write_submission`.
    batch_size : int
        Records at a time; the output does not depend on it.
    n_jobs : int or None
        Processes, for long files; -1 is one a core, or all workers of a cluster
        (:func:`icdbase.core.backends.use_backend`).  The output does not depend on it.

    Returns
    -------
    int
        Number of records predicted, those of an earlier run included.

    Raises
    ------
    DataError
        If the input has problems or the output cannot be written: then nothing
        is predicted.  If the input changes while it is read, or another run
        writes the same output.
    ModelError
        If the model cannot be used.
    UsageError
        If ``batch_size`` is below one.

    Warns
    -----
    DataWarning
        If the part file of an earlier run is of another input, model or version; and if records are
        unlike the training records, with their ids.
    """
    if batch_size < 1:
        raise UsageError(_("batch_size must be at least 1, got {}", batch_size))
    check_output(out_file)
    coder, card = load_with_card(model_folder)
    batches = RecordBatches(input_file, coder.task)
    identity = {"icdbase-part": code_version(), "libraries": library_versions(),
                "model": card["sha256"], "input": batches.digest}
    fields = [coder.task.id_field, coder.task.prediction_field]
    with _PartFile(out_file, identity) as part:
        done = part.n_rows
        progress.report(N_("predicting"), done, batches.n_records)
        try:
            for rows in _predicted(coder, batches.frames(batch_size, done), batches.n_records - done, n_jobs):
                part.append(rows)
                done += len(rows)
                progress.report("predicting", done, batches.n_records)
        except InputChangedError:  # the predictions belong to no one file
            part.remove()
            raise
        unlike: dict[str, str] = {}
        write_rows(_without_reasons(part.rows(), coder.task.id_field, unlike), out_file, fields)
        part.remove()
    if unlike:
        warnings.warn(unlike_message(unlike, done), DataWarning, stacklevel=2)
    return done


def _without_reasons(rows: Iterator[dict], id_field: str, unlike: dict[str, str]) -> Iterator[dict]:
    """Take out of each row why its record is unlike the training records, and keep it by id."""
    for row in rows:
        if reason := row.pop(_UNLIKE, ""):
            unlike[row[id_field]] = reason
        yield row


def unlike_message(unlike: Mapping[str, str], n_records: int) -> str:
    """Say which records are unlike the training records.

    >>> unlike_message({"1": "little text"}, 3)
    '1 of 3 records is unlike the training records, its codes are a guess: 1 (little text)'
    """
    named = ", ".join(_("{} ({})", record, _(reason)) for record, reason in list(unlike.items())[:N_NAMED])
    more = _(", and {} more", len(unlike) - N_NAMED) if len(unlike) > N_NAMED else ""
    form = _("{} of {} is unlike the training records, its codes are a guess: {}{}")
    if len(unlike) > 1:
        form = _("{} of {} are unlike the training records, their codes are a guess: {}{}")
    return form.format(len(unlike), plural(n_records, "record"), named, more)


def _predicted(coder: IcdCoder, frames: Iterator[pd.DataFrame], n_records: int, n_jobs) -> Iterator[list[dict]]:
    """Yield the rows of each frame, in order."""
    if not on_cluster() and (effective_n_jobs(n_jobs) == 1 or n_records < MIN_RECORDS_FOR_PROCESSES):
        coder.set_params(n_jobs=1)
        for frame in frames:
            yield _rows(coder, frame)
        return
    content = pickle.dumps(coder.set_params(n_jobs=1))
    with scatter([content]):
        run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    # As bytes a batch is part of its job; Dask would keep a frame on one worker and lose it with that worker.
    yield from run(delayed(_predict_with)(content, pickle.dumps(frame)) for frame in frames)


def _predict_with(content: bytes, packed: bytes) -> list[dict]:
    coder = _unpacked(content)
    with parallel_config(backend="threading"):  # the steps of a worker do not go to the cluster
        return _rows(coder, pickle.loads(packed))


def _rows(coder: IcdCoder, frame: pd.DataFrame) -> list[dict]:
    """Return the rows of a frame, with the reasons of records that are unlike the training records."""
    counts = coder.count(frame)
    rows = submission_rows(coder.predict(counts), coder.task)
    return [row | ({_UNLIKE: reason} if reason else {}) for row, reason in zip(rows, coder.unlike(counts), strict=True)]


@lru_cache(maxsize=1)
def _unpacked(content: bytes) -> IcdCoder:
    """Unpack the coder that the parent process sent: once per process, not per batch."""
    return pickle.loads(content)


class _PartFile:
    """Unfinished predictions: a header line, then one line per record.

    Parameters
    ----------
    out_file : str or os.PathLike
        The output; the part file is written beside it.
    identity : dict
        Model, input and versions; a part file with others is not resumed.

    Attributes
    ----------
    n_rows : int
        Complete rows of an earlier run.
    """

    def __init__(self, out_file, identity: dict):
        self.out_file = Path(out_file)
        self.path = self.out_file.with_name(self.out_file.name + ".part")
        self.header = (json.dumps(identity) + "\n").encode()

    def __enter__(self) -> _PartFile:
        self._opened = ExitStack()
        with cannot_write(self.path), self._opened:
            self._opened.enter_context(only_writer(self.out_file))
            self.n_rows, size = self._left_over()
            self.file = self.path.open("r+b" if size else "w+b")
            self._opened.callback(self._close)
            self.file.truncate(size)
            self.file.seek(size)
            if not size:
                self.file.write(self.header)
            self._opened = self._opened.pop_all()  # no error: stays open until __exit__
        return self

    def __exit__(self, *unused):
        self._opened.close()

    def _close(self):
        with suppress(OSError):  # of a full disk, which writing has reported already
            self.file.close()

    def _left_over(self) -> tuple[int, int]:
        """Return the number of rows and bytes of an earlier run of the same job, up to the first damaged line."""
        if not self.path.exists():
            return 0, 0
        with self.path.open("rb") as file:
            first = file.readline()
            if first != self.header:
                self._warn(first)
                return 0, 0
            n_rows, size = 0, len(self.header)
            for line in file:
                if not (line.endswith(b"\n") and _parsed(line)):
                    break
                n_rows, size = n_rows + 1, size + len(line)
        return n_rows, size

    def _warn(self, first: bytes):
        """Warn why an existing part file is not resumed."""
        before, now = _parsed(first), json.loads(self.header)
        other = ", ".join(_(_SHOWN_NAMES[name]) for name in now if before.get(name) != now[name])
        what = _("made with another {}", other) if before else _("damaged")
        warnings.warn(_("{} is {}: it is not used, all records are predicted anew", self.path, what), DataWarning, stacklevel=4)

    def append(self, rows: list[dict]):
        """Write rows and wait until they are on the disk."""
        with cannot_write(self.path, _("make room; the same command goes on where this one stopped")):
            self.file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
            self.file.flush()
            os.fsync(self.file.fileno())

    def rows(self) -> Iterator[dict]:
        """Yield all rows, from the first."""
        self.file.seek(0)
        self.file.readline()
        yield from map(json.loads, self.file)

    def remove(self):
        self.file.close()
        self.path.unlink()


_SHOWN_NAMES = {
    "icdbase-part": N_("version of icdbase"), "libraries": N_("libraries"), "model": N_("model"), "input": N_("input"),
}
"""What messages call the parts of an identity."""


def _parsed(line: bytes) -> dict:
    """Return the object of a line, an empty one if there is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
