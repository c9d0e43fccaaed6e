"""The verb ``explain``."""

from __future__ import annotations

import json

import click

from icdbase.cli.options import echo, examples, input_option, json_option, model_option

# Modules heavier than click are imported inside the verbs: --help must not wait for scikit-learn.


@click.command(epilog=examples(
    "icdbase explain --model models/first --input a.json --record 7",
    "icdbase explain --model models/first --input a.json --record 7 --json",
))
@model_option
@input_option
@click.option("--record", "record_id", required=True, help="Id of the record to explain.")
@click.option("--code", "codes", multiple=True, help="Code to explain; may be repeated (default: the predicted codes).")
@json_option
def explain(model_folder, input_file, record_id, codes, as_json):
    """Show the evidence in a record for each code.  Prints words of the record."""
    from icdbase import load, read_records
    from icdbase.core.errors import UsageError, did_you_mean
    from icdbase.explain.explanation import explain as explain_record
    from icdbase.report.evidence import explanation_text

    coder = load(model_folder)
    records = read_records(input_file, coder.task)
    if record_id not in records.index:
        near = did_you_mean(record_id, records.index) if len(records) else ""
        hint = near if near.startswith("; did") else "; --record takes one of the ids of the file"
        raise UsageError(f"{input_file}: no record {record_id!r}{hint}")
    explanation = explain_record(coder, records.loc[[record_id]], codes or None)
    if as_json:
        echo(json.dumps(explanation.to_dict(), ensure_ascii=False, indent=2))
        return
    if explanation.unlike:
        echo(f"{record_id} is unlike the training records ({explanation.unlike}): its codes are a guess\n")
    echo("\n\n".join(explanation_text(code, explanation.texts) for code in explanation.codes))
