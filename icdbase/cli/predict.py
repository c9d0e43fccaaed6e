"""The verb ``predict``."""

from __future__ import annotations

import warnings

import click

from icdbase.cli.options import FILE, backend_options, echo, examples, input_option, load_model, model_option
from icdbase.core.language import _
from icdbase.core.workload import BATCH_SIZE

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase predict --model models/first --input test.json --out pred.json",
    "icdbase predict --model models/first --input million.jsonl --out pred.json",
    "icdbase predict --model models/first --input a.json --top 3 --out top.jsonl",
))
@model_option
@input_option
@click.option("--out", "out_file", type=FILE, required=True, help="Submission to write (official format).")
@click.option("--top", "top_k", type=click.IntRange(min=1),
              help="Write the K most probable codes of each target with probabilities instead: JSON Lines, "
                   ".csv or .xlsx; --out - prints a table.")
@click.option("--n-jobs", type=int, default=-1, show_default=True, help="Processes; -1 = all cores. Same result.")
@click.option("--batch-size", type=click.IntRange(min=1), default=BATCH_SIZE, show_default=True,
              help="Records that a process predicts at a time. Same result.")
@backend_options
def predict(model_folder, input_file, out_file, top_k, n_jobs, batch_size, backend, scheduler):
    """Predict codes and write a submission.

    An interrupted run leaves OUT.part; the same command continues it.
    """
    from icdbase import predict_file, read_records
    from icdbase.core import progress
    from icdbase.core.atomic_files import check_output
    from icdbase.core.backends import use_backend
    from icdbase.core.text_tables import plural

    if top_k is None and str(out_file) == "-":
        raise click.UsageError(_("--out needs a file; only --top prints a table"))
    if top_k is not None:
        if str(out_file) != "-":
            check_output(out_file)
        coder = load_model(model_folder).set_params(n_jobs=n_jobs)
        records = read_records(input_file, coder.task)
        with progress.bars(), use_backend(backend, scheduler):
            counts = coder.count(records)
            top = coder.predict_top(counts, top_k)
        _warn_of_unlike(coder.unlike(counts))
        _show_top(top, out_file, coder.task)
        return
    with progress.bars(), use_backend(backend, scheduler):
        n_records = predict_file(model_folder, input_file, out_file, batch_size=batch_size, n_jobs=n_jobs)
    echo(_("{}: {}", plural(n_records, "prediction"), out_file))


def _warn_of_unlike(reasons) -> None:
    """Name the records that are unlike the training records."""
    from icdbase.core.errors import DataWarning
    from icdbase.storage.file_prediction import unlike_message

    if (reasons != "").any():
        warnings.warn(unlike_message(reasons[reasons != ""].to_dict(), len(reasons)), DataWarning, stacklevel=2)


def _show_top(top, out_file, task) -> None:
    from icdbase.records.rankings import top_rows, write_top
    from icdbase.report.terminal import top_table

    if str(out_file) == "-":
        echo(top_table(top_rows(top, task), task))
        return
    write_top(top, out_file, task)
    echo(_("{:,} records: {}", len(top), out_file))
