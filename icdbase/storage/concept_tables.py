"""Copies of the user's concept tables in a model folder, so that the folder can be moved."""

from __future__ import annotations

import hashlib
import re
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import ModelError
from icdbase.core.language import _
from icdbase.files.encoding import read_bytes

if TYPE_CHECKING:
    from icdbase.coder import IcdCoder

__all__ = ["TABLE_NAME", "copy_tables", "open_tables"]

TABLE_NAME = re.compile(r"concepts-[0-9a-f]{12}\.csv")
MAX_TABLE_BYTES = 64 << 20


def copy_tables(coder: IcdCoder, folder: Path) -> tuple[IcdCoder, dict[str, str]]:
    """Copy the concept tables of a coder into its model folder.

    Returns
    -------
    coder : IcdCoder
        The same coder, its tables named as in the folder.
    tables : dict of str to str
        Name in the folder to the original file name.

    Raises
    ------
    DataError
        If a table is not there any more, or cannot be written.
    """
    tables = {}
    for path in map(Path, coder.concept_tables):
        content = read_bytes(path)
        name = f"concepts-{_digest(content)}.csv"
        with atomic_write(folder / name, binary=True) as file:
            file.write(content)
        tables[name] = path.name
    stored = copy(coder)
    stored.concept_tables = tuple(tables)
    return stored, tables


def open_tables(coder: IcdCoder, folder: Path) -> None:
    """Set the paths of a loaded coder's tables to its folder; it reads no other file.

    Raises
    ------
    ModelError
        If a table is named otherwise, is not there or has been changed.
    """
    paths = []
    for name in map(str, coder.concept_tables):
        if not TABLE_NAME.fullmatch(name):
            raise ModelError(_("its concept table {!r:.100} lies outside the folder", name))
        path = folder / name
        if not path.is_file() or path.stat().st_size > MAX_TABLE_BYTES or f"concepts-{_digest(path.read_bytes())}.csv" != name:
            raise ModelError(_("its concept table {} is missing from the folder or was changed; copy the folder again", name))
        paths.append(str(path))
    coder.concept_tables = tuple(paths)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
