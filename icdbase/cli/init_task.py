"""The verb ``init-task``: a task file for a table of one's own."""

from __future__ import annotations

import click

from icdbase.cli.options import FILE, echo, examples
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command("init-task", epilog=examples(
    "icdbase init-task visits.csv --out mytask.toml",
    "icdbase train --task mytask.toml --train visits.csv --model models/mine",
))
@click.argument("records_file", metavar="FILE", type=FILE)
@click.option("--out", "out_file", type=FILE, help="Task file to write (default: print it).")
def init_task(records_file, out_file):
    """Propose a task for FILE (CSV, Excel, JSON)."""
    from icdbase.core.atomic_files import atomic_write
    from icdbase.core.errors import UsageError
    from icdbase.records.task_proposal import propose_task
    from icdbase.report.terminal import quoted

    if out_file is not None and out_file.suffix.lower() != ".toml":
        raise UsageError(_("--out must end in .toml, got {!r}", out_file.name))
    if out_file is not None and out_file.exists():
        raise UsageError(_("{} is there already; name another file, or remove it first", out_file))
    proposed = propose_task(records_file)
    if out_file is None:
        echo(proposed, nl=False)
        return
    with atomic_write(out_file) as file:
        file.write(proposed)
    names = f"--task {quoted(out_file)} --train {quoted(records_file)}"
    echo(_("{}: check it, then", out_file) + f"\n  icdbase train {names} --model models/mine")
