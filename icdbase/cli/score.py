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
    "icdbase score --gold test.json --top top.jsonl",
))
@task_option
@gold_option
@click.option("--pred", "pred_file", type=FILE, help="Submission, by any system.")
@click.option("--top", "top_file", type=FILE, help="Ranked codes, as predict --top writes them: MAP, precision and recall at k.")
@click.option("--per-code", is_flag=True, help="Also print support, precision, recall and F1 of every code.")
@zero_options
@json_option
def score(task_name, gold_files, pred_file, top_file, per_code, missing_zero, invalid_zero, as_json):
    """Score a submission with the official metric, or ranked codes."""
    if (pred_file is None) == (top_file is None):
        raise click.UsageError(_("give a submission with --pred, or ranked codes with --top"))
    missing = "zero" if missing_zero else "raise"
    if top_file:
        _score_ranking(task_name, gold_files, top_file, missing, as_json)
        return
    from icdbase import get_task, per_code_table, read_records, read_submission
    from icdbase import score as official_score
    from icdbase.evaluation.score_tables import per_code_text, score_table, target_table
    from icdbase.records.llm_answers import n_unreadable

    task = get_task(task_name)
    gold = read_records(gold_files, task, require_labels=True)
    predicted = read_submission(pred_file, task, invalid="zero" if invalid_zero else "raise")
    n_invalid = n_unreadable(predicted[predicted.index.isin(gold.index)])
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


def _score_ranking(task_name, gold_files, top_file, missing, as_json) -> None:
    from icdbase import get_task, read_records
    from icdbase.evaluation.ranking import ranking_scores
    from icdbase.evaluation.score_tables import ranking_table
    from icdbase.records.rankings import read_top

    task = get_task(task_name)
    gold = read_records(gold_files, task, require_labels=True)
    scores = ranking_scores(gold, read_top(top_file, task), task, missing=missing)
    if as_json:
        echo(scores.to_json(orient="index", force_ascii=False, indent=2))
        return
    echo(ranking_table(scores, title=f"{top_file.name}: " + _("{:,} records of {}", len(gold), shown_paths(gold_files))))


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
