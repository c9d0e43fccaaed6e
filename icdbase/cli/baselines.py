"""The verb ``baselines``."""

from __future__ import annotations

import json
from contextlib import nullcontext

import click

from icdbase.cli.options import (
    FILE,
    FOLDER,
    concepts_option,
    echo,
    examples,
    group_option,
    json_option,
    named_in,
    read_groups,
    shown_paths,
    task_option,
    train_option,
)
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase baselines --train train.json --test test.json --out runs/baselines",
    "icdbase baselines --train train.csv --folds 3 --systems svm,icdbase --json",
))
@task_option
@train_option()
@click.option("--test", "test_files", type=FILE, multiple=True,
              help="Labelled records to score; may be repeated. Without it: cross-validation on --train.")
@click.option("--out", "out_folder", type=FOLDER,
              help="Folder for tables, plot and submissions, in which an interrupted run continues.")
@click.option("--systems", help="Any of majority, knn, nb, lr, svm, lightgbm, plain, icdbase, with commas (default: all).")
@click.option("--folds", type=int, default=5, show_default=True, help="Folds of the cross-validation.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of folds and systems.")
@group_option
@concepts_option
@json_option
@click.option("--n-jobs", type=int, default=-1, show_default=True, help="Systems at the same time; -1 = one a core.")
def baselines(task_name, train_files, test_files, out_folder, systems, folds, seed, group, concepts, as_json, n_jobs):
    """Train and score the classical systems beside icdbase."""
    from icdbase import get_task, read_records
    from icdbase.clinical.concepts import load_concepts
    from icdbase.core import progress
    from icdbase.experiments.baseline_systems import build_systems
    from icdbase.experiments.baseline_table import run_baselines
    from icdbase.experiments.exports import write_baselines

    task = get_task(task_name)
    names = None if systems is None else named_in(systems)
    concept_tables = tuple(str(path.resolve()) for path in concepts)
    load_concepts(concept_tables)
    names = list(build_systems(names, task=task))  # errors come before the work
    train = read_records(train_files, task, require_labels=True)
    test = read_records(list(test_files), task, require_labels=True) if test_files else None
    options = {"task": task_name, "test": [str(path.resolve()) for path in test_files], "systems": names, "n_folds": folds,
               "random_state": seed, "group": group}
    with _run_card(out_folder, train_files, train, concept_tables, task, options), progress.bars():
        result = run_baselines(
            train, test, names, task=task, n_folds=folds, random_state=seed, concept_tables=concept_tables, n_jobs=n_jobs,
            groups=read_groups(train_files, group, train, task), folder=out_folder,
        )
        written = {} if out_folder is None else write_baselines(result, out_folder, task)
    _show(result, as_json, written, f"{shown_paths(train_files)} -> {shown_paths(test_files or train_files)}")


def _run_card(folder, train_files, train, concept_tables, task, options):
    """Return a context that locks the folder and writes ``run.json`` there."""
    from icdbase import IcdCoder
    from icdbase.experiments.run_card import RunCard

    if folder is None:
        return nullcontext()
    coder = IcdCoder(task=task, concept_tables=concept_tables, random_state=options["random_state"])
    return RunCard.of("baselines", train_files, train, coder, options).running(folder)


def _show(result, as_json: bool, written, title: str) -> None:
    """Print the result; exit with 1 if a system failed."""
    from icdbase.experiments.result_text import baselines_text, failure_lines
    from icdbase.report.terminal import file_list

    if as_json:
        echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
        for line in failure_lines(result):
            echo(_("warning: {}", line), err=True)
    else:
        echo(f"{title}\n\n{baselines_text(result)}")
        if written:
            echo("\n" + file_list(written))
    if result.failures:
        click.get_current_context().exit(1)
