"""Writing files: check before the work, write whole or not at all, one writer at a time."""

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
from icdbase.core.language import _

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
    """Open a file for writing that gets its name only if no error occurs.

    The content goes to a hidden file in the same folder, is flushed to disk and
    then renamed to ``path``.  On an exception the hidden file is removed, and an
    older file at ``path`` stays unchanged.  Missing parent folders are created.
    The new file gets the permissions of the older one, a link stays a link, and
    devices and pipes are written directly.  Text is UTF-8 with ``\\n`` line
    ends; half of a surrogate pair (a byte of a file name that is no UTF-8)
    becomes ``\\udcff``.

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
        If the file cannot be written.  If another program has the older file
        open, so that it cannot be replaced, the content stays beside it and the
        error names that file.
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
                    temporary.chmod(stat.S_IMODE(target.stat().st_mode))  # a private file stays private
                yield file
                file.flush()
                os.fsync(file.fileno())
            _replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_output(path, *, folder: bool = False) -> Path:
    """Return the path if it can be written; leave nothing there.

    For the beginning of long work, so that its result is not lost at the end.

    Parameters
    ----------
    path : str or os.PathLike
        It and its parents need not exist.
    folder : bool
        Whether ``path`` is a folder for files, or a file.

    Raises
    ------
    DataError
        If ``path`` is a folder instead of a file or a file instead of a folder,
        or there is no permission or no space.

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
def cannot_write(path, remedy: str = "") -> Iterator[None]:
    """Turn an OSError while ``path`` is written into a DataError with a remedy."""
    try:
        yield
    except OSError as error:
        if isinstance(error, IsADirectoryError):
            remedy = _("name a file in it, {} say", Path(path) / "out.json")
        elif isinstance(error, FileExistsError | NotADirectoryError):
            remedy = _("a file stands where a folder is meant: name another folder")
        remedy = remedy or _("check the folder, its permissions and the disk")
        rule = _("the file cannot be written ({})", error.strerror or type(error).__name__)
        raise DataError(path, [Problem(rule, remedy=remedy)]) from error


def _refuse_folder(path: Path) -> None:
    """Raise an OSError if the path is a folder."""
    if path.is_dir():
        raise IsADirectoryError(None, _("this is a folder"))


def _replace(temporary: Path, path: Path) -> None:
    """Rename a finished file; on Windows a program such as Excel may have the older file open."""
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
        remedy = _("close {} in the program that has it open; what was to be written is in {}", path.name, kept)
        raise DataError(path, [Problem(_("the file cannot be replaced"), remedy=remedy)]) from error


@contextmanager
def only_writer(path, *, wait: bool = False) -> Iterator[None]:
    """Lock a path, so that no other process or thread that locks it writes there at the same time.

    The operating system locks a hidden file in the same folder, and unlocks it
    when the process ends.  On file systems without locks nothing is locked.

    Parameters
    ----------
    path : str or os.PathLike
        File or folder; need not exist.
    wait : bool
        Wait until the other writer has ended, instead of raising an error.

    Raises
    ------
    DataError
        If another process has locked the path, or the folder cannot be written.
    """
    target = Path(os.path.realpath(path))
    lock = target.with_name(f".icdbase-{crc32(os.fsencode(target.name)):08x}.lock")
    with cannot_write(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = _open_locked(lock, wait)
    if handle is None:
        remedy = _("wait until it has ended, or name another output")
        raise DataError(path, [Problem(_("another run is writing here"), remedy=remedy)])
    try:
        yield
    finally:
        if fcntl:
            lock.unlink(missing_ok=True)
        os.close(handle)
        if not fcntl:
            with suppress(OSError):  # another process has opened it
                lock.unlink()


def _open_locked(lock: Path, wait: bool) -> int | None:
    """Open and lock a file; return None if another process has locked it."""
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        if not _locks(handle, wait):
            os.close(handle)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        os.close(handle)  # the other writer has ended and removed the file


def _locks(handle: int, wait: bool) -> bool:
    """Lock an open file; return False if another process has locked it."""
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
