"""A comparison of systems as one page of HTML, and as a folder of page, JSON and CSV.

The page quotes records only if it is given their texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from icdbase import __version__
from icdbase.core.atomic_files import atomic_write
from icdbase.core.language import N_
from icdbase.evaluation.comparison import Comparison
from icdbase.evaluation.per_code import as_code_set
from icdbase.evaluation.standard_errors import LEVEL
from icdbase.experiments.exports import write_csv, write_json
from icdbase.report.comparison_text import measure_name, p_text
from icdbase.report.pages import check_language, page_template

__all__ = ["comparison_html", "write_comparison"]


def write_comparison(folder, result: Comparison, *, n_records: int = 20, **options) -> dict[str, Path]:
    """Write a comparison to a folder: ``compare.html``, ``compare.json``, and tables as CSV.

    Parameters
    ----------
    folder : str or os.PathLike
    result : Comparison
    n_records : int
        Records listed in page and JSON; ``records.csv`` has all.
    **options
        As for :func:`comparison_html`.

    Returns
    -------
    dict of str to Path
        The files by kind.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    folder = Path(folder)
    page = comparison_html(result, n_records=n_records, **options)
    with atomic_write(folder / "compare.html") as file:
        file.write(page)
    records = result.record_scores
    records = records.rename_axis(index="record id" if result.task.id_field in records else result.task.id_field).reset_index()
    return {
        N_("page"): folder / "compare.html",
        "JSON": write_json(result.to_dict(n_records), folder / "compare.json"),
        N_("pairs"): write_csv(result.pairs, folder / "pairs.csv"),
        N_("codes"): write_csv(result.codes, folder / "codes.csv"),
        N_("records"): write_csv(records, folder / "records.csv"),
    }


def comparison_html(
    result: Comparison, *, n_records: int = 20, texts: pd.DataFrame | None = None, title: str = "",
    commands: Sequence[str] = (), language: str = "en", synthetic: str = "",
) -> str:
    """Return a comparison as a page of HTML in English and Chinese.

    Parameters
    ----------
    result : Comparison
    n_records : int
        Records listed, those whose scores differ most.
    texts : DataFrame, optional
        The records with their texts, to quote those listed.  The page then contains patient data.
    title : str
        Name of the compared records, such as a file name.
    commands : sequence of str
        Command lines that repeat the comparison.
    language : {"en", "zh"}
        Language shown first; the page contains both.
    synthetic : {"", "some", "all"}
        How many of the records are synthetic, as far as is known.

    Raises
    ------
    UsageError
        On an unknown language.
    """
    check_language(language)
    differing = result.most_different(n_records)
    return page_template("comparison.html.j2").render(
        version=__version__, language=language, title=title, synthetic=synthetic, commands=commands, names=result.task.code_names,
        result=result, n_records=len(result.record_scores), systems=_systems(result), measures=_measures(result), pairs=_pairs(result),
        agreement=result.agreement.to_dict("records"), targets=[target.name for target in result.task.targets],
        codes=_codes(result), differing=[(str(record), values) for record, values in zip(differing.index, differing.to_numpy(), strict=True)],
        cases=[_case(result, record) for record in differing.index], with_text=texts is not None,
        quotes={} if texts is None else {str(record): _quote(result, texts.loc[record]) for record in differing.index},
    )


def _systems(result: Comparison) -> list[dict]:
    """Return the systems, best first."""
    rows = [{"name": name, "invalid": result.n_invalid[name], **scores.to_dict()} for name, scores in result.scores.items()]
    return sorted(rows, key=lambda row: -row["acc"])


def _measures(result: Comparison) -> list[tuple[str, str, str]]:
    """Return each measure with its name in English and Chinese."""
    chinese = {"acc": "官方得分 Acc", "main_accuracy": "主诊断准确率", "other_f1": "其他诊断 F1"}
    found = dict.fromkeys(result.pairs["measure"])
    return [
        (measure, measure_name(measure), chinese.get(measure) or measure_name(measure).replace("accuracy", "准确率")) for measure in found
    ]


def _pairs(result: Comparison) -> dict[str, list[dict]]:
    """Return, for each measure, its pairs; ``left``, ``right`` and ``at`` are places of a plot from 0 to 1, 0.5 is no difference."""
    tables = {}
    for measure, table in result.pairs.groupby("measure", sort=False):
        widest = max(table[["low", "high", "difference"]].abs().max().max(), 1e-9)
        rows = table.to_dict("records")
        for row in rows:
            row["left"], row["right"], row["at"] = (0.5 + 0.48 * row[name] / widest for name in ("low", "high", "difference"))
            row["p_text"] = p_text(row["p_holm"], row["p"], result.n_permutations)
            row["better"] = ("a" if row["difference"] > 0 else "b") if row["p_holm"] < LEVEL else ""
        tables[measure] = rows
    return tables


def _codes(result: Comparison) -> list[tuple[str, str, list[dict], int]]:
    """Return, for each pair, the codes about which the systems differ, the largest net gain first, and the longest bar."""
    listed = []
    for a, b in result.agreement[["a", "b"]].itertuples(index=False):
        table = result.codes[(result.codes["a"] == a) & (result.codes["b"] == b) & (result.codes["gained"] + result.codes["lost"] > 0)]
        net = table["gained"] - table["lost"]
        rows = table.assign(net=net).loc[net.abs().sort_values(ascending=False, kind="stable").index].to_dict("records")
        listed.append((a, b, rows, max((max(row["gained"], row["lost"]) for row in rows), default=1)))
    return listed


def _case(result: Comparison, record) -> dict:
    """Return a record's gold codes and, for each system, which codes are right, missed and wrong."""
    first = next(iter(result.answers.values()))
    place = first.index.get_loc(record)
    truth = {name: as_code_set(codes[place]) for name, (codes, _) in first.codes.items()}
    answers = []
    for system, pairs in result.answers.items():
        guesses = {name: as_code_set(codes[place]) for name, (_, codes) in pairs.codes.items()}
        cells = [_marked(truth[name], guess) for name, guess in guesses.items()]
        answers.append({"system": system, "acc": result.record_scores[system].iloc[place], "cells": cells, "absent": bool(pairs.absent[place])})
    return {"id": str(record), "gold": [sorted(codes) for codes in truth.values()], "answers": answers}


def _marked(truth: frozenset, guess: frozenset) -> list[tuple[str, str, str]]:
    """Return codes as (kind, sign, code): right, missed, wrong."""
    kinds = (("right", "✓", truth & guess), ("missed", "−", truth - guess), ("wrong", "+", guess - truth))
    return [(kind, sign, code) for kind, sign, codes in kinds for code in sorted(codes)]


def _quote(result: Comparison, record: Mapping) -> list[tuple[str, str]]:
    return [(field, record[field]) for field in result.task.text_fields if record.get(field)]
