"""Records of a file in batches, after the whole file was checked.

Long files of JSON (an array, or JSON Lines, in UTF-8) are read in parts and
never held as a whole; others are read in one go and handed out in parts.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator

import pandas as pd

from icdbase.core.errors import DataError, DataWarning, Problem
from icdbase.core.language import _
from icdbase.files.json_streams import is_stream, stream_rows
from icdbase.files.rows import no_record
from icdbase.records.checks import column_problems, id_column_problems, known_columns, misspelt_fields
from icdbase.records.frames import build_frame
from icdbase.records.ids import IdRegister
from icdbase.records.records import read_records
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["InputChangedError", "RecordBatches"]

CHECKED_AT_ONCE = 1000
MOST_PROBLEMS = 1000
"""With more problems than that, the rest of a long file is not checked."""


class InputChangedError(DataError):
    """A file that was changed between its check and the end of its reading."""


class RecordBatches:
    """Check a file of records, then hand them out in parts.

    Ids are kept while the file is checked, so that a repeated one is noticed
    wherever it stands: some 150 MB for a million records.

    Parameters
    ----------
    path : str or os.PathLike
        As :func:`icdbase.read_records` takes it.
    task : Task

    Attributes
    ----------
    n_records : int
    digest : str
        SHA-256 of what was read.

    Raises
    ------
    DataError
        With the problems of the file, as `read_records` reports them; of a long
        file with the first thousand.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = path.write_text('[{"病案标识": "1", "主诉": "胸闷"}, {"病案标识": "2", "主诉": "气促"}]', encoding="utf-8")
    >>> [frame.index.tolist() for frame in RecordBatches(path).frames(1)]
    [['1'], ['2']]
    """

    def __init__(self, path, task: Task = CCL25):
        self.path, self.task = path, task
        self._whole = None if is_stream(path) else read_records(path, task)
        if self._whole is None:
            self._check()
        else:
            self.n_records = len(self._whole)
            self.digest = _digest(self._whole)

    def _check(self):
        """Read the file once: its problems, its length, its digest."""
        problems, columns, layout, digest = [], {}, "", hashlib.sha256()
        ids, self.n_records = IdRegister(self.task.id_field), 0
        for rows in stream_rows(self.path, known_columns(self.task), CHECKED_AT_ONCE, digest):
            problems += rows.problems + build_frame(rows, self.task, ids=ids)[1]
            ids.names.clear()
            columns.update(dict.fromkeys(rows.columns))
            self.n_records += len(rows.records)
            layout = rows.layout
            if len(problems) > MOST_PROBLEMS:
                break
        if self.n_records:
            problems += column_problems(columns, self.task, layout)
        elif not problems:
            problems.append(no_record())
        if problems:
            raise DataError(self.path, id_column_problems(problems, columns, self.task, layout))
        for finding in misspelt_fields(columns, self.task, layout):
            warnings.warn(_("{}: {}", self.path, finding), DataWarning, stacklevel=4)
        self.digest = digest.hexdigest()

    def frames(self, size: int, start: int = 0) -> Iterator[pd.DataFrame]:
        """Yield the records from number ``start`` on as frames of ``size`` rows; the last may be shorter.

        Raises
        ------
        InputChangedError
            If the file is no longer the one that was checked; a long one is read twice.
        """
        if self._whole is not None:
            for begin in range(start, self.n_records, size):
                yield self._whole.iloc[begin : begin + size]
            return
        to_skip, digest = start, hashlib.sha256()
        try:
            for rows in stream_rows(self.path, known_columns(self.task), size, digest):
                skipped = min(to_skip, len(rows.records))
                to_skip -= skipped
                rows.records = rows.records[skipped:]
                if rows.records:
                    yield build_frame(rows, self.task)[0]
        except DataError:  # the first reading found no problem
            digest = hashlib.sha256()
        if digest.hexdigest() != self.digest:
            rule = _("the file has changed while it was read")
            raise InputChangedError(self.path, [Problem(rule, remedy=_("run again when no program writes to it"))])


def _digest(records: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for row in records.itertuples(name=None):
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
