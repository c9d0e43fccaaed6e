"""The verb ``train``."""

from __future__ import annotations

import click

from icdbase.cli.options import (
    FOLDER,
    concepts_option,
    echo,
    examples,
    group_option,
    named_in,
    new_coder,
    read_groups,
    shown_paths,
    task_option,
    train_option,
)
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.

_SEED_OF_ADDED = 1_000_003


@click.command(epilog=examples(
    "icdbase train --train ICD-Coding-train.json --model models/first",
    "icdbase train --train train.csv --model models/two --fields 主诉,入院诊断",
    "icdbase train --task mytask.toml --train mine.csv --model models/mine",
))
@task_option
@train_option()
@click.option("--model", "model_folder", type=FOLDER, required=True, help="Folder to write the model to.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--setting", default="default", show_default=True, help="Named setting: default or plain; or a .toml file, as tune writes it.")
@click.option("--fields", help="Text fields to use, separated by commas (default: all).")
@click.option("--min-df", type=click.IntRange(min=1), show_default="2, or that of the setting",
              help="Least number of training records that contain a word; for privacy, see docs/security.md.")
@click.option("--main-learner", type=click.Choice(["trees", "linear", "both"]), show_default="trees, or that of the setting",
              help="Classifier of single codes; choose linear for many codes and short texts.")
@click.option("--add-synthetic", "n_synthetic", type=click.IntRange(min=4), metavar="N",
              help="Learn from up to N simulated records too, as many as help by cross-validation on your own.")
@group_option
@concepts_option
@click.option("--n-jobs", type=int, default=-1, show_default=True, help="Threads; -1 = all cores. Same result.")
def train(
    task_name, train_files, model_folder, seed, setting, fields, min_df, main_learner, n_synthetic, group, concepts, n_jobs
):
    """Train a model on labelled records."""
    from icdbase import get_task, read_records, save
    from icdbase.core import progress
    from icdbase.records.checks import counted
    from icdbase.report.terminal import corpus_line
    from icdbase.storage.model_folder import check_model_folder

    check_model_folder(model_folder)  # an error now is better than after the training
    task = get_task(task_name)
    coder = new_coder(
        setting, seed, concepts, task=task, fields=_chosen_fields(fields, task), min_df=min_df,
        main_learner=main_learner, n_jobs=n_jobs,
    )
    records = read_records(train_files, task, require_labels=True)
    echo(corpus_line(shown_paths(train_files), records, coder.task))
    groups = read_groups(train_files, group, records, task)
    if n_synthetic:
        records, groups = _with_synthetic(coder, records, n_synthetic, groups, seed)
    with progress.bars():
        coder.fit(records, groups=groups)
    options = {"task": None if task_name == task.name else task_name, "group": group, "add_synthetic": n_synthetic}
    save(coder, model_folder, records=records, options={name: value for name, value in options.items() if value})
    for target, codes in coder.unseen_codes_.items():
        if codes:
            echo(_("{}: no training record, predicted only where a record states them: {}", target, ", ".join(codes)))
    for target, counts in coder.outside_codes_.items():
        if counts:
            echo(_("{}: not learned and never predicted, outside the candidate list: {}", target, counted(counts)))
    echo(_("model: {}", model_folder))


def _with_synthetic(coder, records, n: int, groups, seed: int):
    from icdbase import make_records
    from icdbase.core import progress
    from icdbase.core.errors import UsageError
    from icdbase.experiments.added_records import add_records
    from icdbase.experiments.result_text import added_text
    from icdbase.tasks.editions import BUILT_IN

    if coder.task.name not in BUILT_IN:
        simulated = _(" or ").join(BUILT_IN)
        raise UsageError(_("records of task {} cannot be simulated, only those of {}", coder.task.name, simulated))
    # Another seed than that of the files that icdbase synth writes: other patients.
    others = make_records(n, _SEED_OF_ADDED + seed, task=coder.task.name)
    with progress.bars():
        added = add_records(coder, records, others, random_state=seed, groups=groups, n_jobs=coder.n_jobs)
    echo("\n" + added_text(added) + "\n")
    return added.records, added.groups


def _chosen_fields(fields: str | None, task) -> tuple[str, ...] | None:
    """Return the fields named in --fields; None for all."""
    if fields is None:
        return None
    return task.check_fields(named_in(fields))
