"""The verb ``tune``."""

from __future__ import annotations

import json

import click

from icdbase.cli.options import (
    FOLDER,
    backend_options,
    concepts_option,
    echo,
    examples,
    group_option,
    json_option,
    new_coder,
    read_groups,
    task_option,
    train_option,
)

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase tune --train train.json --setting plain --out runs/tune",
    "icdbase train --train train.json --setting runs/tune/setting.toml --model m",
))
@task_option
@train_option()
@click.option("--out", "out_folder", type=FOLDER, required=True,
              help="Folder for the settings file and results, in which an interrupted run continues.")
@click.option("--candidates", type=int, default=12, show_default=True, help="Settings that are tried, the starting one included.")
@click.option("--folds", type=int, default=3, show_default=True, help="Outer folds, on which the gain is measured.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of folds, candidates and models.")
@click.option("--setting", default="default", show_default=True, help="Setting to start from: default, plain, or a .toml file.")
@group_option
@concepts_option
@json_option
@click.option("--n-jobs", type=int, default=-1, show_default=True, help="Processes; -1 = all cores. Same result.")
@backend_options
def tune(task_name, train_files, out_folder, candidates, folds, seed, setting, group, concepts, as_json, n_jobs, backend, scheduler):
    """Search for better parameters, and measure what that gains."""
    from icdbase import get_task, read_records
    from icdbase.core import progress
    from icdbase.core.backends import use_backend
    from icdbase.experiments.exports import write_tune
    from icdbase.experiments.result_text import tune_text
    from icdbase.experiments.run_card import RunCard
    from icdbase.experiments.tuning import tune as search
    from icdbase.report.terminal import file_list

    task = get_task(task_name)
    coder = new_coder(setting, seed, concepts, task=task)
    records = read_records(train_files, task, require_labels=True)
    options = {"task": task_name, "n_candidates": candidates, "n_folds": folds, "random_state": seed, "group": group}
    card = RunCard.of("tune", train_files, records, coder, options)
    with card.running(out_folder), progress.bars(), use_backend(backend, scheduler):
        result = search(coder, records, n_candidates=candidates, n_folds=folds, random_state=seed, n_jobs=n_jobs,
                        groups=read_groups(train_files, group, records, task), folder=out_folder)
        written = write_tune(result, out_folder)
    if as_json:
        echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
    else:
        echo(f"{tune_text(result)}\n\n{file_list(written)}")
