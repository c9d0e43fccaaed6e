"""What the verbs of the command line share."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["FILE", "FOLDER", "backend_options", "examples", "group_option", "new_coder", "read_groups", "task_option"]

FILE = click.Path(path_type=Path, allow_dash=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


def examples(*lines: str) -> str:
    """Return the epilog of a verb's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def task_option(command):
    """Add ``--task``; the verb reads it with :func:`icdbase.get_task`."""
    return click.option(
        "--task", "task_name", default="ccl25", show_default=True,
        help="What is predicted from what: ccl25, ccl26, or your own .toml file (see docs/tasks.md).",
    )(command)


def backend_options(command):
    """Add ``--backend`` and ``--scheduler``; the verb hands them to :func:`icdbase.backends.use_backend`."""
    command = click.option("--scheduler", help="Address of the Dask cluster's scheduler, tcp://10.0.0.1:8786 say.")(command)
    return click.option(
        "--backend", default="local", show_default=True,
        help="local, or dask: a cluster that is already there (docs/several-machines.md). Same result.",
    )(command)


def group_option(command):
    """Add ``--group``; the verb reads the column with :func:`read_groups`."""
    return click.option(
        "--group", help="Column whose equal values stay in one fold, a patient's number say.",
    )(command)


def read_groups(path: Path, column: str | None, records, task) -> list | None:
    """Read the column that says which records belong together; None without a column."""
    from icdbase.errors import DataError, Problem, UsageError, did_you_mean
    from icdbase.findings import known_columns
    from icdbase.rows import read_rows

    if column is None:
        return None
    if str(path) == "-":
        raise UsageError("--group needs a file: standard input cannot be read twice")
    rows = read_rows(path, {*known_columns(task), column})
    if column not in rows.columns:
        raise DataError(path, [Problem(f"no such column{did_you_mean(column, rows.columns)}", field=column,
                                       remedy="name the column with the patient's number")])
    groups = [row.get(column) for _, row in rows.records]
    if len(groups) != len(records):
        raise DataError(path, [Problem(f"{len(records)} records, but {len(groups)} groups", field=column)])
    return groups


def new_coder(setting: str, seed: int, **parameters):
    """Return an unfitted coder of a named setting.

    Raises
    ------
    UsageError
        If there is no such setting.
    """
    from icdbase import SETTINGS, IcdCoder
    from icdbase.errors import UsageError, did_you_mean

    if setting not in SETTINGS:
        raise UsageError(f"unknown setting {setting!r}{did_you_mean(setting, SETTINGS)}")
    return IcdCoder(**SETTINGS[setting], random_state=seed, **parameters)
