"""The command line: parsing and printing, one library call a verb.

Results go to stdout, progress, warnings and errors to stderr.  Exit codes:
0 all well, 1 something is wrong with the data, 2 the command was misused.
"""

from __future__ import annotations

import json

import click

from icdbase import __version__
from icdbase.cli.demo import demo
from icdbase.cli.experiments import ablate, curve, cv
from icdbase.cli.explain import explain, report
from icdbase.cli.init_task import init_task
from icdbase.cli.options import (
    FILE,
    FOLDER,
    backend_options,
    concepts_option,
    echo,
    examples,
    group_option,
    new_coder,
    read_groups,
    refuse_repeated_paths,
    shown_paths,
    task_option,
)
from icdbase.core.terminal import exit_on_error

# Everything heavier than click is imported where it is used: --help must not wait for scikit-learn.


class _Group(click.Group):
    """A group whose verbs explain their errors."""

    def resolve_command(self, ctx, args):
        name, command, words = super().resolve_command(ctx, args)
        refuse_repeated_paths(command, ctx, words)
        return name, command, words

    def invoke(self, ctx):
        with exit_on_error():
            return super().invoke(ctx)


@click.group(cls=_Group, epilog=examples(
    "icdbase synth --out data",
    "icdbase train --train data/train.json --model models/first",
    "icdbase predict --model models/first --input data/test.json --out pred.json",
    "icdbase score --gold data/test.json --pred pred.json",
))
@click.version_option(__version__, prog_name="icdbase")
def main():
    """Classical-ML baselines for ICD coding of Chinese medical records."""


@main.command(epilog=examples(
    "icdbase train --train ICD-Coding-train.json --model models/first",
    "icdbase train --train train.csv --model models/two --fields 主诉,入院诊断",
    "icdbase train --task mytask.toml --train mine.csv --model models/mine",
))
@task_option
@click.option("--train", "train_files", type=FILE, multiple=True, required=True,
              help="Labelled records (JSON, CSV, xlsx, ...); may be repeated: the files are joined.")
@click.option("--model", "model_folder", type=FOLDER, required=True, help="Folder to write the model to.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--setting", default="default", show_default=True, help="Named setting: default or plain.")
@click.option("--fields", help="Text fields to use, separated by commas (default: all).")
@click.option("--min-df", type=click.IntRange(min=1), default=2, show_default=True,
              help="Forget words that fewer training records have: for privacy, see docs/security.md.")
@click.option("--main-learner", type=click.Choice(["trees", "linear", "both"]), default="trees", show_default=True,
              help="For single codes; linear where there are many codes and little text.")
@group_option
@concepts_option
@click.option("--n-jobs", type=int, default=-1, show_default=True, help="Threads; -1 = all cores. Same result.")
def train(task_name, train_files, model_folder, seed, setting, fields, min_df, main_learner, group, concepts, n_jobs):
    """Train a model on labelled records."""
    from icdbase import get_task, read_records, save
    from icdbase.core import progress
    from icdbase.records.checks import counted
    from icdbase.report.terminal import corpus_line
    from icdbase.storage.model_folder import check_model_folder

    check_model_folder(model_folder)  # before the work, not after it
    task = get_task(task_name)
    coder = new_coder(
        setting, seed, concepts, task=task, fields=_chosen_fields(fields, task), min_df=min_df,
        main_learner=main_learner, n_jobs=n_jobs,
    )
    records = read_records(train_files, task, require_labels=True)
    echo(corpus_line(shown_paths(train_files), records, coder.task))
    with progress.bars():
        coder.fit(records, groups=read_groups(train_files, group, records, task))
    options = {"task": None if task_name == task.name else task_name, "group": group}
    save(coder, model_folder, records=records, options={name: value for name, value in options.items() if value})
    for target, codes in coder.unseen_codes_.items():
        if codes:
            echo(f"{target}: never predicted, no training record: {', '.join(codes)}")
    for target, counts in coder.outside_codes_.items():
        if counts:
            echo(f"{target}: not learned and never predicted, outside the candidate list: {counted(counts)}")
    echo(f"model: {model_folder}")


def _chosen_fields(fields: str | None, task) -> tuple[str, ...] | None:
    if fields is None:
        return None
    return task.check_fields(part.strip() for part in fields.replace("，", ",").split(",") if part.strip())


@main.command(epilog=examples(
    "icdbase predict --model models/first --input test.json --out pred.json",
    "icdbase predict --model models/first --input million.jsonl --out pred.json",
    "icdbase predict --model models/first --input a.json --top 3 --out top.jsonl",
))
@click.option("--model", "model_folder", type=FOLDER, required=True, help="Model folder written by train.")
@click.option("--input", "input_file", type=FILE, required=True, help="Records, with or without labels.")
@click.option("--out", "out_file", type=FILE, required=True, help="Submission to write (official format).")
@click.option("--top", "top_k", type=click.IntRange(min=1),
              help="Instead, write the K most probable codes of each target with probabilities: JSON Lines, "
                   ".csv or .xlsx; --out - prints a table.")
@click.option("--n-jobs", type=int, default=-1, show_default=True, help="Processes; -1 = all cores. Same result.")
@click.option("--batch-size", type=click.IntRange(min=1), default=1000, show_default=True,
              help="Records in work at a time. Same result.")
@backend_options
def predict(model_folder, input_file, out_file, top_k, n_jobs, batch_size, backend, scheduler):
    """Predict codes and write a submission.

    A run that was stopped leaves OUT.part; the same command again goes on
    where it stopped.
    """
    from icdbase import load, predict_file, read_records
    from icdbase.core import progress
    from icdbase.core.atomic_files import check_output
    from icdbase.core.backends import use_backend

    if top_k is None and str(out_file) == "-":
        raise click.UsageError("--out needs a file; only --top prints a table")
    if top_k is not None:
        if str(out_file) != "-":
            check_output(out_file)
        coder = load(model_folder).set_params(n_jobs=n_jobs)
        records = read_records(input_file, coder.task)
        with progress.bars(), use_backend(backend, scheduler):
            top = coder.predict_top(records, top_k)
        _show_top(top, out_file, coder.task)
        return
    with progress.bars(), use_backend(backend, scheduler):
        n_records = predict_file(model_folder, input_file, out_file, batch_size=batch_size, n_jobs=n_jobs)
    echo(f"{n_records:,} prediction{'s' * (n_records != 1)}: {out_file}")


def _show_top(top, out_file, task) -> None:
    from icdbase.records.rankings import top_rows, write_top
    from icdbase.report.terminal import top_table

    if str(out_file) == "-":
        echo(top_table(top_rows(top, task), task))
        return
    write_top(top, out_file, task)
    echo(f"{len(top):,} records: {out_file}")


@main.command(epilog=examples(
    "icdbase score --gold ICD-Coding-test.json --pred pred.json",
    "icdbase score --gold ICD-Coding-test.json --pred pred.json --json",
    "icdbase score --gold test.json --pred llm.json --missing-zero --invalid-zero",
))
@task_option
@click.option("--gold", "gold_files", type=FILE, multiple=True, required=True,
              help="Labelled records; may be repeated: the files are joined.")
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission, by any system.")
@click.option("--per-code", is_flag=True, help="Also list support, precision, recall and F1 of every code.")
@click.option("--missing-zero", is_flag=True, help="Give a record without prediction 0, instead of refusing the file.")
@click.option("--invalid-zero", is_flag=True, help="Count what cannot be read of an answer as wrong, instead of refusing.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
def score(task_name, gold_files, pred_file, per_code, missing_zero, invalid_zero, as_json):
    """Score a submission with the official metric."""
    from icdbase import get_task, per_code_table, read_records, read_submission
    from icdbase import score as official_score
    from icdbase.evaluation.score_tables import per_code_text, score_table, target_table
    from icdbase.records.answers import n_unreadable

    task = get_task(task_name)
    gold = read_records(gold_files, task, require_labels=True)
    predicted = read_submission(pred_file, task, invalid="zero" if invalid_zero else "raise")
    n_invalid = n_unreadable(predicted[predicted.index.isin(gold.index)])
    missing = "zero" if missing_zero else "raise"
    scores = official_score(gold, predicted, task, missing=missing)
    codes = per_code_table(gold, predicted, task, missing=missing) if per_code else None
    if as_json:
        result = scores.to_dict() | {"n_invalid": n_invalid}
        if per_code:
            result["per_code"] = json.loads(codes.reset_index().to_json(orient="records", force_ascii=False))
        echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    echo(score_table({pred_file.name: scores}, title=f"{len(gold):,} records of {shown_paths(gold_files)}"))
    if scores.n_missing:
        echo(f"without prediction, scored 0: {scores.n_missing:,}")
    if n_invalid:
        echo(f"cannot be read, counted as wrong: {n_invalid:,}")
    if len(task.targets) > 2:
        echo("\n" + target_table(scores))
    if per_code:
        echo("\n" + per_code_text(codes))


@main.command(epilog=examples("icdbase check --input ICD-Coding-test-A.json --pred pred.json"))
@task_option
@click.option("--input", "input_files", type=FILE, multiple=True, required=True,
              help="The records that were to be coded; may be repeated: the files are joined.")
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission to check.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
def check(task_name, input_files, pred_file, as_json):
    """Tell whether a submission would be accepted."""
    from icdbase import check_submission, get_task, read_records
    from icdbase.core.errors import DataError

    task = get_task(task_name)
    records = read_records(input_files, task)
    problems = check_submission(pred_file, records, task)
    if as_json:
        listed = [{"record": p.record, "field": p.field, "rule": p.rule, "remedy": p.remedy} for p in problems]
        echo(json.dumps({"accepted": not problems, "problems": listed}, ensure_ascii=False, indent=2))
        click.get_current_context().exit(1 if problems else 0)
    if problems:
        raise DataError(pred_file, problems)
    echo(f"{pred_file}: would be accepted, {len(records):,} records")


@main.command(epilog=examples(
    "icdbase synth --n 1485 --seed 0 --out data",
    "icdbase synth --task ccl26 --n 1485 --out data26",
    "icdbase synth --describe",
))
@click.option("--task", "task_name", default="ccl25", show_default=True,
              help="ccl25: a cardiology department; ccl26: ten departments with operations.")
@click.option("--n", "n_records", type=click.IntRange(min=3), default=1485, show_default=True, help="Records in all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--out", "out_folder", type=FOLDER, help="Folder to write to.")
@click.option("--describe", is_flag=True, help="Measure the corpus and print it beside the published figures.")
def synth(task_name, n_records, seed, out_folder, describe):
    """Write synthetic train, val and test files in the official format."""
    from icdbase import synthetic
    from icdbase.core import progress

    if out_folder is None and not describe:
        raise click.UsageError("name a folder with --out, or ask for --describe")
    if describe and task_name != "ccl25":
        raise click.UsageError("--describe measures the cardiology department only; leave out --task")
    with progress.bars():
        if out_folder is not None:
            for path in synthetic.write_corpus(out_folder, n_records, seed, task=task_name):
                echo(path)
        if describe:
            echo(synthetic.describe_text(n_records, seed))


for command in (cv, ablate, curve, explain, report, demo, init_task):
    main.add_command(command)
