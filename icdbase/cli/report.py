"""The verb ``report``."""

from __future__ import annotations

from pathlib import Path

import click

from icdbase.cli.options import FILE, echo, examples, model_option, train_option

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples("icdbase report --model models/first --gold a.json --pred b.json --out c.html"))
@model_option
@click.option("--gold", "gold_file", type=FILE, required=True, help="Labelled records.")
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission that was scored.")
@click.option("--out", "out_file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Page to write.")
@train_option(required=False, help="Training records, for the majority baseline; may be repeated.")
@click.option("--with-text", is_flag=True, help="Quote the hardest records; the page then contains patient data.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language shown first.")
def report(model_folder, gold_file, pred_file, out_file, train_files, with_text, language):
    """Write a scored run as one self-contained HTML page."""
    from icdbase import load, majority_predictions, read_records, read_submission, score
    from icdbase.core.atomic_files import check_output
    from icdbase.report.html import write_report
    from icdbase.report.terminal import quoted
    from icdbase.storage.model_folder import read_card

    check_output(out_file)
    coder = load(model_folder)
    gold = read_records(gold_file, coder.task, require_labels=True)
    baselines = {}
    if train_files:
        train = read_records(train_files, coder.task, require_labels=True)
        baselines["majority baseline"] = score(gold, majority_predictions(train, gold, coder.task), coder.task)
    card = read_card(model_folder)
    model, labelled, predicted, page = map(quoted, (model_folder, gold_file, pred_file, out_file))
    commands = (
        _train_command(coder, card, train_files or ["TRAIN.json"], model_folder),
        f"icdbase predict --model {model} --input {labelled} --out {predicted}",
        f"icdbase score --gold {labelled} --pred {predicted}",
        f"icdbase report --model {model} --gold {labelled} --pred {predicted} --out {page}",
    )
    write_report(out_file, coder, gold, read_submission(pred_file, coder.task), baselines=baselines,
                 card=card, with_text=with_text, commands=commands, title=gold_file.name,
                 language=language)
    warning = "; quotes records: treat it as patient data" if with_text else ""
    echo(f"{len(gold):,} records: {out_file}{warning}")


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
    command += [f"{option} {changed.pop(name)}" for name, option in _OPTION_OF.items() if name in changed]
    options = card.get("options") or {}
    task = options.get("task") or (coder.task.name if coder.task.name in BUILT_IN else "TASK.toml")
    command += [f"--task {quoted(task)}"] if task != "ccl25" else []
    command += [f"--group {quoted(options['group'])}"] if options.get("group") else []
    only_python = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    return " ".join(command) + (f"  # and, in Python only, IcdCoder({only_python})" if changed else "")
