"""Writing files: tried before the work, whole or not at all, one writer at a time."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4
from zlib import crc32

from icdbase.core.errors import DataError, Problem

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

__all__ = ["atomic_write", "cannot_write", "check_output", "only_writer"]

PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the attempts to replace a file that another program has open (Windows)."""


@contextmanager
def atomic_write(path, *, binary: bool = False) -> Iterator:
    """Open a file for writing that takes its name only when all went well.

    The content goes to a hidden neighbour, is flushed to disk and then renamed
    over ``path``; on an exception the neighbour is removed and an older file at
    ``path`` stays as it was.  Parent folders are made.  A new file gets the
    permissions of the older one, a link stays a link, and a device or pipe is
    written to directly.  Text is UTF-8 with ``\\n`` line ends; half of a
    surrogate pair (a byte of a file name that is no UTF-8) becomes ``\\udcff``.

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
    path, mode = Path(path), "b" if binary else ""
    text = {} if binary else {"encoding": "utf-8", "newline": "\n", "errors": "backslashreplace"}
    with cannot_write(path):
        _refuse_folder(path)
        if path.exists() and not path.is_file():
            with path.open("w" + mode, **text) as file:
                yield file
            return
        target = Path(os.path.realpath(path))
        temporary = target.with_name(f".icdbase-{uuid4().hex}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("x" + mode, **text) as file:
                if target.exists():
                    temporary.chmod(stat.S_IMODE(target.stat().st_mode))  # patients' text that was private stays so
                yield file
                file.flush()
                os.fsync(file.fileno())
            _replace(temporary, target)
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
            _refuse_folder(path)
        place = path if folder else path.parent
        while not place.exists() and place != place.parent:
            place = place.parent
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"?")
    return path


@contextmanager
def cannot_write(path, remedy: str = "check the folder, its permissions and the disk") -> Iterator[None]:
    """Turn an error of the operating system while ``path`` is written into a DataError with a remedy."""
    try:
        yield
    except OSError as error:
        if isinstance(error, IsADirectoryError):
            remedy = f"name a file in it, {Path(path) / 'out.json'} say"
        elif isinstance(error, FileExistsError | NotADirectoryError):
            remedy = "a file stands where a folder is meant: name another folder"
        rule = f"the file cannot be written ({error.strerror or type(error).__name__})"
        raise DataError(path, [Problem(rule, remedy=remedy)]) from error


def _refuse_folder(path: Path) -> None:
    """Raise an OSError if a folder has the name of the file."""
    if path.is_dir():
        raise IsADirectoryError(None, "this is a folder")


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
        kept = temporary.replace(path.with_name(f"{path.stem}.{temporary.stem[-8:]}{path.suffix}"))
        remedy = f"close {path.name} in the program that has it open; what was to be written is in {kept}"
        raise DataError(path, [Problem("the file cannot be replaced", remedy=remedy)]) from error


@contextmanager
def only_writer(path, *, wait: bool = False) -> Iterator[None]:
    """Hold a path, so that no other process or thread that asks for it writes there at the same time.

    The lock is the operating system's on a hidden neighbour; it goes with the
    process, however that ends.  Where the file system knows no locks, nothing
    is held.

    Parameters
    ----------
    path : str or os.PathLike
        File or folder; need not be there.
    wait : bool
        Wait for the other to end, instead of refusing.

    Raises
    ------
    DataError
        If another process holds the path, or the folder cannot be written to.
    """
    target = Path(os.path.realpath(path))
    lock = target.with_name(f".icdbase-{crc32(os.fsencode(target.name)):08x}.lock")
    target.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        if not _locks(handle, wait):
            os.close(handle)
            remedy = "wait until it has ended, or name another output"
            raise DataError(path, [Problem("another run is writing here", remedy=remedy)])
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                break
        os.close(handle)  # of one that ended meanwhile and took the file with it
    try:
        yield
    finally:
        if fcntl:
            lock.unlink(missing_ok=True)
        os.close(handle)
        if not fcntl:
            with suppress(OSError):  # another has opened it
                lock.unlink()


def _locks(handle: int, wait: bool) -> bool:
    """Take the lock of an open file; False if another has it."""
    try:
        if fcntl:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        else:
            msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # no locks on this file system
        return True
    return True
