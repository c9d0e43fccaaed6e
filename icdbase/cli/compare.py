"""The verb ``compare``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from icdbase.cli.options import (
    FILE,
    FOLDER,
    echo,
    examples,
    gold_option,
    json_option,
    shown_paths,
    task_option,
    zero_options,
)
from icdbase.cli.systems import name_systems, named_errors, read_systems
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase compare --gold test.json --pred ours.json --pred llm.json",
    "icdbase compare --gold test.json --pred a.json --pred b.json --json",
    "icdbase compare --gold test.json --pred a.json --pred b.json --out runs/ab",
))
@task_option
@gold_option
@click.option("--pred", "pred_files", type=FILE, multiple=True, required=True,
              help="Submission of a system; repeat it for each system, two at least.")
@click.option("--name", "names", multiple=True, help="Name of a system, once for each --pred, in that order; else the file's name.")
@zero_options
@click.option("--records", "n_records", type=click.IntRange(0), default=20, show_default=True,
              help="Records listed by --json and --out, those that differ most.")
@json_option
@click.option("--out", "out_folder", type=FOLDER, help="Folder for the page (compare.html), JSON and CSV.")
@click.option("--with-text", is_flag=True, help="Quote the listed records on the page, which then contains patient data.")
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language shown first on the page.")
def compare(task_name, gold_files, pred_files, names, missing_zero, invalid_zero, n_records, as_json, out_folder, with_text, language):
    """Compare submissions of several systems on the same records."""
    from icdbase import get_task, read_records
    from icdbase.core.atomic_files import check_output
    from icdbase.core.errors import UsageError
    from icdbase.evaluation.comparison import compare as compare_systems
    from icdbase.records.origin import synthetic_share
    from icdbase.report.comparison_html import write_comparison
    from icdbase.report.comparison_text import comparison_text
    from icdbase.report.terminal import file_list

    if with_text and not out_folder:
        raise UsageError(_("--with-text is of the page; add --out FOLDER"))
    named = name_systems(pred_files, names)
    if out_folder:
        check_output(out_folder, folder=True)
    task = get_task(task_name)
    gold = read_records(gold_files, task, require_labels=True)
    with named_errors(named):
        result = compare_systems(gold, read_systems(named, task, invalid_zero), task, missing="zero" if missing_zero else "raise")
    written = {}
    if out_folder:
        written = write_comparison(
            out_folder, result, n_records=n_records, texts=gold if with_text else None, title=shown_paths(gold_files),
            commands=(_command(task_name, gold_files, named),), language=language, synthetic=synthetic_share(gold),
        )
    if as_json:
        echo(json.dumps(result.to_dict(n_records), ensure_ascii=False, indent=2, allow_nan=False))
        return
    echo(comparison_text(result, title=_("{:,} records of {}", len(gold), shown_paths(gold_files))))
    if written:
        echo("\n" + file_list(written) + ("\n\n" + _("The page quotes records: treat it as patient data.") if with_text else ""))


def _command(task_name: str, gold_files, named: dict[str, Path]) -> str:
    from icdbase.report.terminal import quoted

    words = ["icdbase compare", *([f"--task {quoted(task_name)}"] if task_name != "ccl25" else [])]
    words += [f"--gold {quoted(path)}" for path in gold_files] + [f"--pred {quoted(path)}" for path in named.values()]
    return " ".join(words)
