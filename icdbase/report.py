"""Results as tables of text; prints nothing."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from icdbase.scoring import Scores
from icdbase.tasks import Task

__all__ = [
    "corpus_line", "next_lines", "per_code_text", "score_table", "table", "target_table", "top_table", "where_it_lies",
]

WIDTH = 80


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", width: int = WIDTH) -> str:
    """Lay out rows in columns; Chinese characters count as two.

    >>> print(table(["code", "name"], [["I48.x02", "阵发性心房颤动"]]))
     code     name
     I48.x02  阵发性心房颤动
    """
    from rich.console import Console
    from rich.table import Table

    lined = Table(title=title or None, title_justify="left", box=None)
    for position, name in enumerate(columns):
        right = position > 0 and _numeric(rows, position)
        lined.add_column(name, justify="right" if right else "left", no_wrap=right or position == 0)
    for row in rows:
        lined.add_row(*row)
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, color_system=None).print(lined)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return "\n".join(line for line in lines if line)


def _numeric(rows: Sequence[Sequence[str]], position: int) -> bool:
    cells = [row[position] for row in rows if row[position] not in ("", "-")]
    return bool(cells) and all(cell.lstrip("+-±[(<= ")[:1].isdigit() for cell in cells)


def corpus_line(name: str, records: pd.DataFrame, task: Task) -> str:
    """Say in one line what a corpus is.

    >>> from icdbase.tasks import CCL25
    >>> records = pd.DataFrame({"主诉": ["胸痛3天"], "主诊断编码": ["I20.000"]}, index=["1"])
    >>> corpus_line("train", records, CCL25)
    'train: 1 record, 4 characters a record, 1 主诊断编码'
    """
    fields = [field for field in task.text_fields if field in records]
    characters = sum(records[field].str.len().sum() for field in fields) / max(len(records), 1)
    parts = [f"{len(records):,} record{'s' * (len(records) != 1)}", f"{characters:,.0f} characters a record"]
    for target in task.targets:
        if target.name not in records:
            continue
        known = records[target.name].dropna()
        if target.is_single:
            parts.append(f"{known.nunique()} {target.name}")
        else:
            parts.append(f"{known.map(len).mean():.2f} {target.name} a record")
    return f"{name}: {', '.join(parts)}"


def score_table(results: Mapping[str, Scores], *, title: str = "") -> str:
    """Scores side by side, a row a system."""
    columns = ["system", "Acc", "95 % interval", "main acc", "other F1", "recall variant"]
    rows = []
    for name, scores in results.items():
        figures = scores.to_dict()
        low, high = figures["acc_interval"]
        rows.append([
            name,
            _figure(figures["acc"]),
            f"{low:.3f}-{high:.3f}",
            *(_figure(figures[key]) for key in ("main_accuracy", "other_f1", "acc_recall_variant")),
        ])
    return table(columns, rows, title=title)


def target_table(scores: Scores) -> str:
    """What each target adds to the score, a row a target."""
    rows = []
    for name, measures in scores.per_target.items():
        kind = "accuracy" if "accuracy" in measures else "f1"
        share = measures["weight"] * measures[kind]
        rows.append([name, kind.capitalize(), f"{measures['weight']:g}", _figure(measures[kind]), _figure(share)])
    return table(["target", "measure", "weight", "value", "adds"], rows)


def top_table(rows: Sequence[Mapping], task: Task) -> str:
    """Lay out what :func:`icdbase.toplists.top_rows` returned, a record and target once."""
    laid, before = [], None
    for row in rows:
        place = (row[task.id_field], row["target"])
        head = ["", ""] if place == before else list(place)
        before = place
        laid.append([*head, row["code"] or "(no code)", f"{row['probability']:.3f}", row["name"]])
    return table([task.id_field, "target", "code", "p", "name"], laid)


def per_code_text(codes: pd.DataFrame) -> str:
    """Lay out what :func:`icdbase.scoring.per_code_table` returned."""
    flat = codes.reset_index()
    rows = [
        [row["code"], str(row["name"]), str(row["support"]), str(row["predicted"]),
         *(_figure(row[key]) for key in ("precision", "recall", "f1"))]
        for _, row in flat.iterrows()
    ]
    return table(["code", "name", "gold", "pred", "prec", "recall", "F1"], rows)


def _figure(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"  # NaN differs from itself


def next_lines(paths: Mapping[str, Path], test_file, task: str, record: str) -> tuple[str, ...]:
    """What to type next: check the submission, ask why a record got its codes."""
    # Without an activated environment "icdbase" alone would not be found.
    icdbase = "icdbase" if shutil.which("icdbase") else os.path.relpath(Path(sys.executable).parent / "icdbase")
    option = "" if task == "ccl25" else f" --task {task}"
    return (
        f"{icdbase} check{option} --input {test_file} --pred {paths['predictions']}",
        f"{icdbase} explain --model {paths['model']} --input {test_file} --record {record}",
    )


def where_it_lies(paths: Mapping[str, Path], *next_commands: str) -> str:
    """List what was written, and what to type next."""
    width = max(len(name) for name in paths)
    lines = [f"{name:<{width}}  {path}" for name, path in paths.items()]
    return "\n".join(lines + (["", "next:", *(f"  {command}" for command in next_commands)] if next_commands else []))
