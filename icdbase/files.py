"""Writing files so that an interruption never leaves half of one behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write"]


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
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary = Path(name)
    text = {} if binary else {"encoding": "utf-8", "newline": "\n"}
    try:
        with os.fdopen(handle, "wb" if binary else "w", **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
