"""The verbs on submissions: ``score`` and ``check``."""

from __future__ import annotations

import json

import click

from icdbase.cli.options import FILE, echo, examples, gold_option, json_option, shown_paths, task_option, zero_options
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase score --gold ICD-Coding-test.json --pred pred.json",
    "icdbase score --gold ICD-Coding-test.json --pred pred.json --json",
    "icdbase score --gold test.json --pred llm.json --missing-zero --invalid-zero",
))
@task_option
@gold_option
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission, by any system.")
@click.option("--per-code", is_flag=True, help="Also print support, precision, recall and F1 of every code.")
@zero_options
@json_option
def score(task_name, gold_files, pred_file, per_code, missing_zero, invalid_zero, as_json):
    """Score a submission with the official metric."""
    from icdbase import get_task, per_code_table, read_records, read_submission
    from icdbase import score as official_score
    from icdbase.evaluation.score_tables import per_code_text, score_table, target_table
    from icdbase.records.llm_answers import n_unreadable

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
    echo(score_table({pred_file.name: scores}, title=_("{:,} records of {}", len(gold), shown_paths(gold_files))))
    if scores.n_missing:
        echo(_("without prediction, scored 0: {:,}", scores.n_missing))
    if n_invalid:
        echo(_("cannot be read, counted as wrong: {:,}", n_invalid))
    if len(task.targets) > 2:
        echo("\n" + target_table(scores))
    if per_code:
        echo("\n" + per_code_text(codes))


@click.command(epilog=examples("icdbase check --input ICD-Coding-test-A.json --pred pred.json"))
@task_option
@click.option("--input", "input_files", type=FILE, multiple=True, required=True,
              help="Records to be coded; may be repeated: the files are joined.")
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission to check.")
@json_option
def check(task_name, input_files, pred_file, as_json):
    """Check whether the platform would accept a submission."""
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
    echo(_("{}: would be accepted, {:,} records", pred_file, len(records)))
