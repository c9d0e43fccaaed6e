"""The verb ``report``."""

from __future__ import annotations

from pathlib import Path

import click

from icdbase.cli.options import FILE, echo, examples, load_model, model_option, train_option
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase report --model models/first --gold a.json --pred b.json --out c.html",
    "icdbase report --model m --gold a.json --pred b.json --out c.html \\",
    "    --beside svm=svm.json",
))
@model_option
@click.option("--gold", "gold_file", type=FILE, required=True, help="Labelled records.")
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission that was scored.")
@click.option("--out", "out_file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Page to write.")
@train_option(required=False, help="Training records, for the majority baseline; may be repeated.")
@click.option("--beside", "others", multiple=True, metavar="NAME=FILE",
              help="Submission of another system for the same records, ranked beside this one; may be repeated.")
@click.option("--published", is_flag=True,
              help="Show the published figures of CCL25-Eval Task 8, unranked: for the evaluation's own files only.")
@click.option("--with-text/--without-text", default=None,
              help="Quote the hardest records; the page then contains patient data.  Default: only synthetic ones.")
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language shown first.")
def report(model_folder, gold_file, pred_file, out_file, train_files, others, published, with_text, language):
    """Write a scored run as one self-contained HTML page."""
    from icdbase import read_records, read_submission
    from icdbase.core.atomic_files import check_output
    from icdbase.records.origin import synthetic_share
    from icdbase.report.html import check_published, write_report
    from icdbase.report.terminal import quoted
    from icdbase.storage.model_card import read_card

    check_output(out_file)
    coder = load_model(model_folder)
    gold = read_records(gold_file, coder.task, require_labels=True)
    if published:
        check_published(gold, coder.task)
    baselines = _scored_beside(gold, coder.task, train_files, others)
    card = read_card(model_folder)
    model, labelled, predicted, page = map(quoted, (model_folder, gold_file, pred_file, out_file))
    commands = (
        _train_command(coder, card, train_files or ["TRAIN.json"], model_folder),
        f"icdbase predict --model {model} --input {labelled} --out {predicted}",
        f"icdbase score --gold {labelled} --pred {predicted}",
        f"icdbase report --model {model} --gold {labelled} --pred {predicted} --out {page}"
        + "".join(f" --beside {quoted(other)}" for other in others),
    )
    write_report(out_file, coder, gold, read_submission(pred_file, coder.task), baselines=baselines,
                 card=card, with_text=with_text, commands=commands, title=gold_file.name,
                 language=language, published=published)
    real = synthetic_share(gold) != "all"
    warning = _("; quotes records: treat it as patient data") if with_text and real else "" if real else _("; synthetic records")
    echo(_("{:,} records: {}{}", len(gold), out_file, warning))


def _scored_beside(gold, task, train_files, others) -> dict:
    """Score other systems on the same records: the majority of the training records, and submissions by name."""
    from icdbase import majority_predictions, read_records, read_submission, score
    from icdbase.core.errors import UsageError

    scored = {}
    for other in others:
        name, equals, path = other.partition("=")
        if not (name and equals and path) or name in scored:
            raise UsageError(_("--beside takes NAME=FILE, each name once, got {!r}", other))
        scored[name] = score(gold, read_submission(Path(path), task), task)
    if train_files:
        train = read_records(train_files, task, require_labels=True)
        scored["majority baseline"] = score(gold, majority_predictions(train, gold, task), task)
    return scored


_OPTION_OF = {"min_df": "--min-df", "main_learner": "--main-learner"}
"""Parameters that are options of ``train``."""


def _train_command(coder, card, train_files, model_folder) -> str:
    """Return the command line that trains such a model; a comment names parameters without an option."""
    from icdbase.coder import SETTINGS
    from icdbase.experiments.variants import changed_parameters
    from icdbase.report.terminal import quoted
    from icdbase.tasks.editions import BUILT_IN

    changed = changed_parameters(coder)
    files = (f"--train {quoted(path)}" for path in train_files)
    command = ["icdbase train", *files, f"--model {quoted(model_folder)}"]
    command.append(f"--seed {changed.pop('random_state', 0)}")
    parameters = coder.get_params(deep=False)
    for setting, chosen in SETTINGS.items():
        if chosen and all(parameters[name] == value for name, value in chosen.items()):
            command.append(f"--setting {setting}")
            changed = {name: value for name, value in changed.items() if name not in chosen}
    if fields := changed.pop("fields", None):
        command.append(f"--fields {','.join(fields)}")
    command += [f"--concepts {quoted(path)}" for path in changed.pop("concept_tables", ())]
    named = [name for name in _OPTION_OF if name in changed and ":" not in str(changed[name])]  # linear:8 has no option
    command += [f"{_OPTION_OF[name]} {changed.pop(name)}" for name in named]
    options = card.get("options") or {}
    task = options.get("task") or (coder.task.name if coder.task.name in BUILT_IN else "TASK.toml")
    command += [f"--task {quoted(task)}"] if task != "ccl25" else []
    command += [f"--group {quoted(options['group'])}"] if options.get("group") else []
    command += [f"--add-synthetic {options['add_synthetic']}"] if options.get("add_synthetic") else []
    only_python = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    return " ".join(command) + (f"  # and, in Python only, IcdCoder({only_python})" if changed else "")
