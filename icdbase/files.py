"""Writing files: tried before the work, whole or not at all, and one explanation of what went wrong."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from icdbase.errors import DataError, Problem

__all__ = ["atomic_write", "cannot_write", "check_output"]

PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the attempts to replace a file that another program has open (Windows)."""

_NAME_SHOWN = 40
"""Characters of the output's name in the name of its temporary file: some file systems take 255 bytes only."""


@contextmanager
def atomic_write(path, *, binary: bool = False) -> Iterator:
    """Open a file for writing that takes its name only when all went well.

    The content goes to a hidden neighbour, is flushed to disk and then renamed
    over ``path``; on an exception the neighbour is removed and an older file at
    ``path`` stays as it was.  Parent folders are made.  Text is UTF-8 with
    ``\\n`` line ends.

    Parameters
    ----------
    path : str or os.PathLike
    binary : bool

    Yields
    ------
    file object
        Open for writing.

    Raises
    ------
    DataError
        If the file cannot be written.  If only the older file cannot be
        replaced, because another program has it open, the content stays beside
        it and the error names the place.
    """
    path, text = Path(path), {} if binary else {"encoding": "utf-8", "newline": "\n"}
    with cannot_write(path):
        _refuse_no_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:_NAME_SHOWN]}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb" if binary else "w", **text) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            _replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_output(path, *, folder: bool = False) -> Path:
    """Return the path if something can be written there; nothing is left behind.

    For the beginning of long work, whose result would be lost at its end.

    Parameters
    ----------
    path : str or os.PathLike
        It and its parents need not be there.
    folder : bool
        Whether files are to be written into ``path``, or ``path`` is the file.

    Raises
    ------
    DataError
        If a folder stands where the file is meant or a file where a folder is
        meant, or there is no permission or no space.

    >>> check_output("no/such/folder/yet.json").name
    'yet.json'
    """
    path = Path(path)
    with cannot_write(path):
        if not folder:
            _refuse_no_file(path)
        place = path if folder else path.parent
        while not place.exists() and place != place.parent:
            place = place.parent
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"?")
    return path


@contextmanager
def cannot_write(path) -> Iterator[None]:
    """Turn an error of the operating system while ``path`` is written into a DataError with a remedy."""
    try:
        yield
    except OSError as error:
        remedy = "check the folder, its permissions and the disk"
        if isinstance(error, IsADirectoryError):
            remedy = f"name a file in it, {Path(path) / 'out.json'} say"
        elif isinstance(error, FileExistsError | NotADirectoryError):
            remedy = "a file stands where a folder is meant: name another folder"
        rule = f"the file cannot be written ({error.strerror or type(error).__name__})"
        raise DataError(path, [Problem(rule, remedy=remedy)]) from error


def _refuse_no_file(path: Path) -> None:
    """Raise an OSError if a folder or a device has the name of the file."""
    if path.is_dir():
        raise IsADirectoryError(None, "this is a folder")
    if path.exists() and not path.is_file():
        raise OSError(None, "this is no plain file")


def _replace(temporary: Path, path: Path) -> None:
    """Give a finished file its name; on Windows the file of that name may be open in Excel or a virus scanner."""
    for pause in PAUSES:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            time.sleep(pause)
    try:
        temporary.replace(path)
    except PermissionError as error:
        mark = temporary.stem.rpartition(".")[2]
        kept = temporary.replace(path.with_name(f"{path.stem}.{mark}{path.suffix}"))
        remedy = f"close {path.name} in the program that has it open; what was to be written is in {kept}"
        raise DataError(path, [Problem("the file cannot be replaced", remedy=remedy)]) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
