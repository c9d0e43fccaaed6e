"""Verbs that show why: ``explain`` one record, ``report`` a scored run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from icdbase.cli.options import FILE, FOLDER, echo

N_SHOWN = 6
AROUND = 6


@click.command(epilog="\b\nExamples:\n"
               "  icdbase explain --model models/first --input a.json --record 7\n"
               "  icdbase explain --model models/first --input a.json --record 7 --json")
@click.option("--model", "model_folder", type=FOLDER, required=True, help="Model folder written by train.")
@click.option("--input", "input_file", type=FILE, required=True, help="Records, with or without labels.")
@click.option("--record", "record_id", required=True, help="Id of the record to explain.")
@click.option("--code", "codes", multiple=True, help="Code to explain; may be repeated (default: those predicted).")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result, with all evidence.")
def explain(model_folder, input_file, record_id, codes, as_json):
    """Show what in a record speaks for each code.  Prints words of the record."""
    from icdbase import load, read_records
    from icdbase.core.errors import UsageError, did_you_mean
    from icdbase.explain.explanation import explain as explain_record

    coder = load(model_folder)
    records = read_records(input_file, coder.task)
    if record_id not in records.index:
        near = did_you_mean(record_id, records.index) if len(records) else ""
        hint = near if near.startswith("; did") else "; --record takes one of the ids of the file"
        raise UsageError(f"{input_file}: no record {record_id!r}{hint}")
    told = explain_record(coder, records.loc[[record_id]], codes or None)
    if as_json:
        echo(json.dumps(told.to_dict(), ensure_ascii=False, indent=2))
        return
    echo("\n\n".join(_code_text(code, told.texts) for code in told.codes))


def _code_text(code, texts) -> str:
    """Lay out one code: the strongest spans for and against it, then what has no place."""
    from icdbase.core.text_tables import table, terminal_width

    head = f"{code.target}  {code.code or '(no code)'}  {code.name}"
    figures = f"probability {code.probability:.3f}, margin {code.margin:+.2f}"
    figures += "" if code.predicted else " (not predicted)"
    groups = _same_words(code.evidence)
    strongest = sorted(groups, key=lambda items: -abs(items[0].strength))[:N_SHOWN]
    rows = [
        [f"{_added(items):+.2f}", items[0].field, _in_context(items, texts), items[0].status,
         ", ".join(dict.fromkeys(kind for kind, _, _ in items[0].features))]
        for items in sorted(strongest, key=lambda items: -items[0].strength)
    ]
    remaining = _added(code.evidence) - sum(map(_added, strongest))
    if len(groups) > len(strongest):
        n_more = len(code.evidence) - sum(map(len, strongest))
        rows.append([f"{remaining:+.2f}", "", f"{n_more} more places", "", ""])
    for kind, what in (("bias", "before anything is read"), ("context", "what other models say"),
                       ("absent", "what the record does not say"), ("limit", "margin of the trees cut")):
        listed = [item.contribution for item in code.unplaced if item.kind == kind]
        if listed:
            rows.append([f"{sum(listed):+.2f}", "", what, "", kind])
    return f"{head}\n{figures}\n" + table(
        ["adds", "field", "evidence", "status", "from"], rows, width=terminal_width(redirected=80)
    )


def _added(items) -> float:
    return sum(item.contribution for item in items)


def _same_words(evidence) -> list[list]:
    """Put the spans together that repeat each other in one field."""
    groups = {}
    for item in evidence:
        groups.setdefault((item.field, item.text, item.status), []).append(item)
    return list(groups.values())


def _in_context(items, texts) -> str:
    """Return the words in 【】 with a few characters around them, on one line."""
    first, text = items[0], texts[items[0].field]
    words = first.text if len(first.text) <= 24 else f"{first.text[:20]}…"
    before, after = text[max(first.start - AROUND, 0) : first.start], text[first.end : first.end + AROUND]
    times = f" ×{len(items)}" if len(items) > 1 else ""
    return " ".join(f"{before}【{words}】{after}{times}".split())


@click.command(epilog="\b\nExamples:\n"
               "  icdbase report --model models/first --gold a.json --pred b.json --out c.html")
@click.option("--model", "model_folder", type=FOLDER, required=True, help="Model folder written by train.")
@click.option("--gold", "gold_file", type=FILE, required=True, help="Labelled records.")
@click.option("--pred", "pred_file", type=FILE, required=True, help="Submission that was scored.")
@click.option("--out", "out_file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Page to write.")
@click.option("--train", "train_files", type=FILE, multiple=True,
              help="Training records: their majority baseline stands beside; may be repeated.")
@click.option("--with-text", is_flag=True, help="Quote the hardest records: the page is then patient data.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Shown first.")
def report(model_folder, gold_file, pred_file, out_file, train_files, with_text, language):
    """Write a scored run as one self-contained HTML page."""
    from icdbase import load, majority_predictions, read_records, read_submission, score
    from icdbase.core.atomic_files import check_output
    from icdbase.report.html import write_report
    from icdbase.report.terminal import quoted
    from icdbase.storage.model_card import read_card

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
    quoted = "; quotes records: treat it as patient data" if with_text else ""
    echo(f"{len(gold):,} records: {out_file}{quoted}")


_OPTION_OF = {"min_df": "--min-df", "main_learner": "--main-learner"}
"""Options of ``train`` that take a parameter as it is."""


def _train_command(coder, card, train_files, model_folder) -> str:
    """Return the command line that trains such a model; what no option sets stands behind it."""
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
    command += [f"{option} {changed.pop(name)}" for name, option in _OPTION_OF.items() if name in changed and ":" not in str(changed[name])]
    options = card.get("options") or {}
    task = options.get("task") or (coder.task.name if coder.task.name in BUILT_IN else "TASK.toml")
    command += [f"--task {quoted(task)}"] if task != "ccl25" else []
    command += [f"--group {quoted(options['group'])}"] if options.get("group") else []
    only_python = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    return " ".join(command) + (f"  # and, in Python only, IcdCoder({only_python})" if changed else "")
