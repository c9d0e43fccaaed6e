"""What the verbs of the command line share."""

from __future__ import annotations

from pathlib import Path

import click

from icdbase.errors import printable

__all__ = ["FILE", "FOLDER", "backend_options", "echo", "examples", "new_coder", "task_option"]

FILE = click.Path(path_type=Path, allow_dash=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


def echo(text, *, nl: bool = True, err: bool = False) -> None:
    """Print for a person or a program; what comes from files cannot steer the terminal."""
    click.echo(printable(str(text)), nl=nl, err=err)


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
