"""Measured text in a page, between its markers; used by the scripts that write pages."""

from pathlib import Path

from icdbase.core.atomic_files import atomic_write


def write_between(path: Path, begin: str, end: str, text: str):
    """Put the measured text between its markers and leave the words around it.

    Raises
    ------
    SystemExit
        If the page lacks a marker: nothing is written then.
    """
    before, opened, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise SystemExit(f"{path}: no marker {begin} ... {end}")
    with atomic_write(path) as file:
        file.write(f"{before}{begin}\n{text}\n{end}{after}")
