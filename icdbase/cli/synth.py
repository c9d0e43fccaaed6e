"""The verb ``synth``."""

from __future__ import annotations

import click

from icdbase.cli.options import FOLDER, echo, examples
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase synth --n 1485 --seed 0 --out data",
    "icdbase synth --task ccl26 --n 1485 --out data26",
    "icdbase synth --describe",
))
@click.option("--task", "task_name", default="ccl25", show_default=True,
              help="ccl25: a cardiology department; ccl26: ten departments with operations.")
@click.option("--n", "n_records", type=click.IntRange(min=3), default=1485, show_default=True, help="Records in all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--out", "out_folder", type=FOLDER, help="Folder to write to.")
@click.option("--describe", is_flag=True, help="Compare statistics of the corpus with the published ones.")
def synth(task_name, n_records, seed, out_folder, describe):
    """Write synthetic train, val and test files in the official format."""
    from icdbase import synthetic
    from icdbase.core import progress

    if out_folder is None and not describe:
        raise click.UsageError(_("name a folder with --out, or add --describe"))
    if describe and task_name != "ccl25":
        raise click.UsageError(_("--describe measures the cardiology department only; leave out --task"))
    with progress.bars():
        if out_folder is not None:
            for path in synthetic.write_corpus(out_folder, n_records, seed, task=task_name):
                echo(path)
        if describe:
            echo(synthetic.describe_text(n_records, seed))
