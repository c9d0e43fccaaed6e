"""Text that the command line prints beside results: corpora, rankings, files, next commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.cells import cell_len

from icdbase.core.language import _
from icdbase.core.terminal import printable
from icdbase.core.text_tables import plural, table
from icdbase.tasks.task import Task

__all__ = ["corpus_line", "file_list", "next_commands", "quoted", "top_table"]


def corpus_line(name: str, records: pd.DataFrame, task: Task) -> str:
    """Return one line that describes a corpus.

    >>> from icdbase.tasks.editions import CCL25
    >>> records = pd.DataFrame({"主诉": ["胸痛3天"], "主诊断编码": ["I20.000"]}, index=["1"])
    >>> corpus_line("train", records, CCL25)
    'train: 1 record, 4 characters a record, 1 主诊断编码'
    """
    fields = [field for field in task.text_fields if field in records]
    characters = sum(records[field].str.len().sum() for field in fields) / max(len(records), 1)
    parts = [plural(len(records), "record"), _("{:,.0f} characters a record", characters)]
    for target in task.targets:
        if target.name not in records:
            continue
        known = records[target.name].dropna()
        if target.is_single:
            parts.append(f"{known.nunique()} {target.name}")
        else:
            parts.append(_("{:.2f} {} a record", known.map(len).mean(), target.name))
    return printable(_("{}: {}", name, _(", ").join(parts)))


def top_table(rows: Sequence[Mapping], task: Task) -> str:
    """Return the rows of :func:`icdbase.records.rankings.top_rows` as a table; record and target stand once."""
    lines, before = [], None
    for row in rows:
        place = (row[task.id_field], row["target"])
        head = ["", ""] if place == before else list(place)
        before = place
        lines.append([*head, row["code"] or _("(no code)"), f"{row['probability']:.3f}", row["name"]])
    return table([task.id_field, _("target"), _("code"), "p", _("name")], lines)


def next_commands(paths: Mapping[str, Path], test_files: Sequence, task: str, record: str) -> tuple[str, ...]:
    """Return the commands that check the submission and explain the codes of a record."""
    # Outside an activated environment the shell does not find "icdbase".
    icdbase = "icdbase" if shutil.which("icdbase") else _relative(Path(sys.executable).parent / "icdbase")
    option = "" if task == "ccl25" else f" --task {quoted(task)}"
    files = " ".join(f"--input {quoted(file)}" for file in test_files)
    return (
        f"{icdbase} check{option} {files} --pred {quoted(paths['predictions'])}",
        f"{icdbase} explain --model {quoted(paths['model'])} --input {quoted(test_files[0])} --record {quoted(record)}",
    )


def _relative(path: Path) -> str:
    """Return the relative path; on another drive of Windows, the path itself."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path)


def quoted(word) -> str:
    """Quote a word of a command line for the shell, if necessary.

    >>> quoted("病历/a.json"), quoted("1; rm a")
    ('病历/a.json', "'1; rm a'")
    """
    word = str(word)
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word.replace(os.sep, "/")) else shlex.quote(word)


def file_list(paths: Mapping[str, Path], commands: Sequence[str] = ()) -> str:
    """Return a list of written files by kind, and of commands to run next."""
    named = {_(name): path for name, path in paths.items()}
    width = max(map(cell_len, named))
    lines = [f"{name}{' ' * (width - cell_len(name))}  {path}" for name, path in named.items()]
    lines += ["", _("next:"), *(f"  {command}" for command in commands)] if commands else []
    return printable("\n".join(lines))
