"""Options and helpers that several verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from icdbase.core.language import N_, _
from icdbase.core.terminal import printable

__all__ = [
    "FILE", "FOLDER", "backend_options", "concepts_option", "echo", "examples", "group_option", "input_option", "json_option",
    "load_model", "model_option", "new_coder", "read_groups", "refuse_repeated_paths", "shown_paths", "task_option", "train_option",
]

FILE = click.Path(path_type=Path, allow_dash=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


def echo(text, *, nl: bool = True, err: bool = False, coloured: bool = False) -> None:
    """Print text; control characters are escaped, because text of files may contain them.

    A ``coloured`` text is printed as it is: who coloured it has escaped it before.
    """
    click.echo(str(text) if coloured else printable(str(text)), nl=nl, err=err, color=coloured or None)


def examples(*lines: str) -> str:
    """Return the epilog of a verb's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def shown_paths(paths) -> str:
    """Return the names of files that are joined.

    >>> shown_paths((Path("a.json"), Path("b.json")))
    'a.json, b.json'
    """
    return ", ".join(map(str, paths))


def refuse_repeated_paths(command: click.Command, context: click.Context, words: list[str]) -> None:
    """Raise a UsageError if an option for one file or folder is repeated: click would ignore the first."""
    try:
        order = command.make_parser(context).parse_args(list(words))[2]
    except click.UsageError:
        return  # click reports this error when it runs the verb
    for option in order:
        single = isinstance(option, click.Option) and isinstance(option.type, click.Path) and not option.multiple
        if single and order.count(option) > 1:
            raise click.UsageError(_("{} takes one value here, got {}", option.opts[0], order.count(option)))


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
input_option = click.option("--input", "input_file", type=FILE, required=True, help="Records, with or without labels.")
model_option = click.option("--model", "model_folder", type=FOLDER, required=True, help="Model folder written by train.")


gold_option = click.option("--gold", "gold_files", type=FILE, multiple=True, required=True,
                           help="Labelled records; may be repeated: the files are joined.")


def zero_options(command):
    """Add ``--missing-zero`` and ``--invalid-zero``: what a system left out or wrote badly scores 0."""
    command = click.option("--invalid-zero", is_flag=True,
                           help="Count unreadable parts of a prediction as wrong, instead of refusing the file.")(command)
    return click.option("--missing-zero", is_flag=True,
                        help="Score a record without prediction as 0, instead of refusing the file.")(command)


def named_in(text: str) -> list[str]:
    """Return the names in a text with commas, Chinese ones too.

    >>> named_in("主诉， 既往史,")
    ['主诉', '既往史']
    """
    return [name.strip() for name in text.replace("，", ",").split(",") if name.strip()]


def train_option(**changed):
    """Return ``--train``, with changed arguments of :func:`click.option`."""
    text = N_("Labelled records (JSON, CSV, xlsx, ...); may be repeated: the files are joined.")
    return click.option("--train", "train_files", **{"type": FILE, "multiple": True, "required": True, "help": text} | changed)


def task_option(command):
    """Add ``--task``, an argument of :func:`icdbase.get_task`."""
    return click.option(
        "--task", "task_name", default="ccl25", show_default=True,
        help="Fields and targets: ccl25, ccl26, or your own .toml file (docs/tasks.md).",
    )(command)


def concepts_option(command):
    """Add ``--concepts``, an argument of :func:`new_coder`."""
    return click.option(
        "--concepts", type=FILE, multiple=True,
        help="Your own table of terms and codes, added to the package's; may be repeated (docs/clinical-knowledge.md).",
    )(command)


def backend_options(command):
    """Add ``--backend`` and ``--scheduler``, the arguments of :func:`icdbase.core.backends.use_backend`."""
    command = click.option("--scheduler", help="Address of the Dask scheduler, such as tcp://10.0.0.1:8786.")(command)
    return click.option(
        "--backend", default="local", show_default=True,
        help="local, or dask for a running cluster (docs/several-machines.md). Same result.",
    )(command)


def group_option(command):
    """Add ``--group``, an argument of :func:`read_groups`."""
    return click.option(
        "--group", help="Column of groups that stay in one fold, such as the patient's number.",
    )(command)


def read_groups(paths: Sequence[Path], column: str | None, records, task) -> list | None:
    """Read the group of each record from a column; None without a column."""
    from icdbase.core.errors import DataError, Problem, UsageError, did_you_mean
    from icdbase.files.rows import read_rows
    from icdbase.records.checks import known_columns

    if column is None:
        return None
    groups = []
    for path in paths:
        if str(path) == "-":
            raise UsageError(_("--group needs a file: standard input cannot be read twice"))
        rows = read_rows(path, {*known_columns(task), column})
        if column not in rows.columns:
            raise DataError(path, [Problem(_("no such column{}", did_you_mean(column, rows.columns)), field=column,
                                           remedy=_("name the column with the patient's number"))])
        groups += [row.get(column) for _, row in rows.records]
    if len(groups) != len(records):
        raise DataError(shown_paths(paths), [Problem(_("{} records, but {} groups", len(records), len(groups)), field=column)])
    return groups


def new_coder(setting: str, seed: int, concepts=(), **parameters):
    """Return an unfitted coder of a named setting, or of a settings file (.toml), that reads concept tables.

    Parameters that are not None override those of the setting.

    Raises
    ------
    UsageError
        If there is no such setting.
    DataError
        If a table or a settings file cannot be used.
    """
    from icdbase import SETTINGS, IcdCoder
    from icdbase.clinical.concepts import load_concepts
    from icdbase.core.errors import UsageError, did_you_mean
    from icdbase.experiments.settings_file import read_setting

    if setting not in SETTINGS and Path(setting).suffix != ".toml":
        raise UsageError(_("unknown setting {!r}{}; or a .toml file", setting, did_you_mean(setting, SETTINGS)))
    chosen = SETTINGS[setting] if setting in SETTINGS else read_setting(setting)
    tables = tuple(str(path.resolve()) for path in concepts)
    load_concepts(tables)  # so that errors come before the work
    given = {name: value for name, value in parameters.items() if value is not None}
    return IcdCoder(**{**chosen, **given}, random_state=seed, concept_tables=tables)


def load_model(folder):
    """Load a model folder, as :func:`icdbase.load` does, without the import of all of scikit-learn.

    skops imports every estimator of scikit-learn, only to list their names as trusted. A model folder
    trusts its own types alone, and on the command line nobody else uses skops.
    """
    import sklearn.utils

    from icdbase import load

    all_estimators = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = lambda *_, **__: []
    try:
        import skops.io  # noqa: F401
    finally:
        sklearn.utils.all_estimators = all_estimators
    return load(folder)
