"""The verb ``explain``."""

from __future__ import annotations

import json
import os
import sys

import click

from icdbase.cli.options import echo, examples, input_option, json_option, load_model, model_option
from icdbase.core.language import _

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase explain --model models/first --input a.json --record 7",
    "icdbase explain --model models/first --input a.json --record 7 --lang zh",
    "icdbase explain --model models/first --input a.json --record 7 --json",
))
@model_option
@input_option
@click.option("--record", "record_id", required=True, help="Id of the record to explain.")
@click.option("--code", "codes", multiple=True, help="Code to explain; may be repeated (default: the predicted codes).")
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), default="en", show_default=True,
              help="Language of headings and notes.")
@json_option
def explain(model_folder, input_file, record_id, codes, language, as_json):
    """Show the evidence in a record for each code.  Prints words of the record."""
    from icdbase import read_records
    from icdbase.core.errors import UsageError, did_you_mean
    from icdbase.core.terminal import printable
    from icdbase.evaluation.per_code import as_code_set
    from icdbase.explain.explanation import explain as explain_record
    from icdbase.records.labels import LabelParser
    from icdbase.report.evidence import explanation_key, explanation_text

    coder = load_model(model_folder)
    records = read_records(input_file, coder.task)
    if record_id not in records.index:
        hint = did_you_mean(record_id, records.index, _("; --record takes one of the ids of the file"))
        raise UsageError(_("{}: no record {!r}{}", input_file, record_id, hint))
    explanation = explain_record(coder, records.loc[[record_id]], codes or None)
    if as_json:
        echo(json.dumps(explanation.to_dict(), ensure_ascii=False, indent=2))
        return
    row, parser = records.loc[record_id], LabelParser(coder.task)
    gold = {target.name: as_code_set(parser.spell(row[target.name], target)) for target in coder.task.targets
            if row.get(target.name) is not None}
    singles = {target.name for target in coder.task.targets if target.is_single}
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    tables = [
        explanation_text(code, explanation.texts, gold=gold.get(code.target), single=code.target in singles,
                         language=language, colour=colour)
        for code in explanation.codes
    ]
    if gold:
        tables.insert(0, printable("\n".join(f"{_GOLD[language]} {name}  {'; '.join(sorted(codes))}" for name, codes in gold.items())))
    if explanation.unlike:
        tables.insert(0, printable(_UNLIKE[language].format(record=record_id, reason=explanation.unlike)))
    echo("\n\n".join([*tables, explanation_key(language)]), coloured=colour)


_GOLD = {"en": "gold", "zh": "真实"}
_UNLIKE = {
    "en": "{record} is unlike the training records ({reason}): its codes are a guess",
    "zh": "{record} 与训练病历不同（{reason}）：以下编码只是猜测",
}


