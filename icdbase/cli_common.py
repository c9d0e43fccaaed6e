"""What the verbs of the command line share."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["FILE", "FOLDER", "examples", "new_coder", "task_option"]

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
