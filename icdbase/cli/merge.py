"""The verb ``merge``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from icdbase.cli.options import FILE, echo, examples, shown_paths, task_option
from icdbase.cli.systems import name_systems, named_errors, read_systems
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase merge --pred a.json --pred b.json --pred c.json --out all.json",
    "icdbase merge --pred a.json --pred b.json --out both.json \\",
    "    --gold val.json --dev-pred a-val.json --dev-pred b-val.json",
))
@task_option
@click.option("--pred", "pred_files", type=FILE, multiple=True, required=True,
              help="Submission of a system; repeat it for each system. Between equal votes the first decides.")
@click.option("--out", "out_file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Submission to write.")
@click.option("--gold", "gold_files", type=FILE, multiple=True,
              help="Labelled records, 20 at least, on which no system was trained: the weights of the votes are learned from them. May be repeated.")
@click.option("--dev-pred", "dev_files", type=FILE, multiple=True,
              help="Submission for the --gold records, once for each --pred, in the same order.")
@click.option("--missing-zero", is_flag=True, help="A submission that lacks a record has no vote there, instead of being refused.")
@click.option("--invalid-zero", is_flag=True, help="Unreadable parts of a prediction are no vote, instead of the file being refused.")
def merge(task_name, pred_files, out_file, gold_files, dev_files, missing_zero, invalid_zero):
    """Merge submissions of several systems by vote.

    Each system has one vote: the code with most votes is the main code, and codes that half of the systems name or more are
    the other codes. With --gold and --dev-pred the weights of the votes are learned instead.
    """
    from icdbase import get_task, read_records, write_submission
    from icdbase.core.atomic_files import check_output
    from icdbase.learning.voting import VoteMerger

    _check_options(pred_files, gold_files, dev_files)
    named = name_systems(pred_files)
    check_output(out_file)
    task = get_task(task_name)
    submissions = read_systems(named, task, invalid_zero)
    if not missing_zero:
        _refuse_missing(submissions, named, task)
    merger = VoteMerger(task)
    if gold_files:
        gold = read_records(gold_files, task, require_labels=True)
        developed = dict(zip(named, dev_files, strict=True))
        with named_errors(developed | {"gold": shown_paths(gold_files)}):
            _learn(merger, gold, read_systems(developed, task, invalid_zero), "zero" if missing_zero else "raise")
    with named_errors({"predictions": shown_paths(pred_files)}):
        merged = merger.predict(list(submissions.values()))
    write_submission(merged, out_file, task)
    echo(_summary(merged, submissions, task))
    echo("\n" + _("{:,} records of {} submissions: {}", len(merged), len(named), out_file))
    if not gold_files:
        echo(_("One vote each. A weak system pulls a good one down: see --gold and --dev-pred."))


def _check_options(pred_files, gold_files, dev_files) -> None:
    from icdbase.core.errors import UsageError

    if bool(gold_files) != bool(dev_files):
        raise UsageError(_("--gold and --dev-pred go together: labelled records, and what each system predicted for them"))
    if dev_files and len(dev_files) != len(pred_files):
        raise UsageError(_("{} --dev-pred for {} --pred; give one for each system, in the same order", len(dev_files), len(pred_files)))


def _refuse_missing(submissions: Mapping, named: Mapping[str, Path], task) -> None:
    """Raise a DataError that names the first submission without some record of another."""
    from icdbase.core.errors import DataError, Problem
    from icdbase.records.checks import lost_zeros
    from icdbase.records.ids import shown_id

    for name, codes in submissions.items():
        for other, theirs in submissions.items():
            missing = theirs.index.difference(codes.index, sort=False)
            if len(missing):
                listed = ", ".join(map(shown_id, missing[:5])) + (", ..." if len(missing) > 5 else "")
                remedy = lost_zeros(missing, codes.index.difference(theirs.index)) or (
                    _("are both of the same records? Then predict them too, or let the others vote alone (--missing-zero)"))
                rule = _("no prediction for {} of the {} records of {}: {}", len(missing), len(theirs), named[other], listed)
                raise DataError(named[name], [Problem(rule, field=task.id_field, remedy=remedy)])


def _learn(merger, gold, submissions: Mapping, missing: str) -> None:
    """Learn the weights, and print what they are worth by cross-validation on the same records."""
    from icdbase.evaluation.alignment import align
    from icdbase.evaluation.comparison import compare
    from icdbase.evaluation.score_tables import score_table

    for name, codes in submissions.items():
        align(gold, codes, merger.task, missing, source=name)  # files of other records are named before the work
    tables = [codes[codes.index.isin(gold.index)] for codes in submissions.values()]
    majority, learned = _("(one vote each)"), _("(learned weights)")  # their names beside the systems
    merged = {majority: merger.predict(tables), learned: merger.cross_predict(gold, tables)}
    result = compare(gold, {**submissions, **merged}, merger.task, missing=missing)
    best = max(submissions, key=lambda name: result.scores[name].acc)
    echo(score_table(result.scores, title=_("{:,} labelled records; weights learned on four fifths of them, five times", len(gold))))
    echo("\n" + _gain(result.pairs.set_index(["measure", "a", "b"]).loc["acc", best, learned], best) + "\n")
    merger.fit(gold, tables)


def _gain(pair, best: str) -> str:
    """Say what learned weights add to the best system; the pair is best minus learned."""
    from icdbase.core.text_tables import fill

    gain, low, high = (0.0 - pair[name] for name in ("difference", "high", "low"))
    shown = _("a gain") if low > 0 else _("a loss") if high < 0 else _("no gain is shown")
    note = _("Learned weights against {}, the best system: Acc {:+.3f}, 95 % interval {:+.3f} to {:+.3f}: {}.", best, gain, low, high, shown)
    return fill(note)


def _summary(merged, submissions: Mapping, task) -> str:
    """Return how far each system agrees with the merged codes."""
    from icdbase.core.text_tables import figure, table
    from icdbase.evaluation.comparison import likeness

    rows = []
    for name, codes in submissions.items():
        both = merged.loc[merged.index.isin(codes.index)]
        alike = (likeness(*(_as_answers(each, target) for each in (both, codes.loc[both.index])), target) for target in task.targets)
        rows.append([name, *map(figure, alike)])
    return table([_("system"), *(target.name for target in task.targets)], rows, title=_("agreement with the merged codes (sets: mean F1)"))


def _as_answers(codes, target) -> list:
    column = codes[target.name].tolist()
    return column if target.is_single else list(map(frozenset, column))
