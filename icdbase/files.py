"""Writing files so that an interruption never leaves half of one behind, and two writers never mix."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4
from zlib import crc32

from icdbase.errors import DataError, Problem

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

__all__ = ["atomic_write", "only_writer"]


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
    OSError
        If the disk is full, the folder is read-only and so on; its ``filename`` is ``path``.
    """
    path = Path(path)
    mode = "b" if binary else ""
    text = {} if binary else {"encoding": "utf-8", "newline": "\n", "errors": "backslashreplace"}
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
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise


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
        If another process holds the path.
    OSError
        If the folder cannot be written to.
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
