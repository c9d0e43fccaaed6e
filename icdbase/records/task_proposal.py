"""Propose a task for a table: its id column, its text columns, its label columns.

The proposal uses the readers of records, so it is here and not in ``tasks``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.core.terminal import printable
from icdbase.files.cells import plain
from icdbase.files.encoding import clean_name, decode, is_zip, read_bytes
from icdbase.files.rows import Rows, read_rows
from icdbase.files.tables import HEADER_WITHIN
from icdbase.records.checks import ID_NAME, codes_outside, known_columns
from icdbase.records.frames import build_frame, columns_of_targets
from icdbase.records.labels import LabelParser
from icdbase.tasks.codes import is_code_shaped
from icdbase.tasks.editions import BUILT_IN
from icdbase.tasks.source import SOURCE_FIELD, SYNTHETIC_SOURCE
from icdbase.tasks.task import Target, Task

__all__ = ["propose_task"]

LOOKED_AT = 2000
"""Records from which the kind of a column is determined."""

_SEPARATORS = ";；,，、/"
_LABEL_NAME = re.compile(r"code|label|icd|class|target|编码|代码|标签|类别", re.IGNORECASE)
_NO_TEXT = re.compile(r"[\d\s.:/\\+\-年月日时分]*")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_LONGEST_NAME, _LONGEST_ID, _LONGEST_LABEL = 60, 40, 60
_ODD_CELLS = 0.02
"""A column is one of ICD codes although this share of its cells holds something else."""


@dataclass(frozen=True)
class _Column:
    """What a column holds: texts of its filled cells, and how many cells it has."""

    name: str
    cells: Sequence[str]
    n_records: int

    @property
    def mean_length(self) -> float:
        return sum(map(len, self.cells)) / max(len(self.cells), 1)

    @property
    def is_filled(self) -> bool:
        return len(self.cells) == self.n_records

    @property
    def n_distinct(self) -> int:
        return len(set(self.cells))

    def is_id(self) -> bool:
        """A different short value in each record."""
        return self.is_filled and self.n_distinct == self.n_records and max(map(len, self.cells)) <= _LONGEST_ID

    def is_source(self) -> bool:
        """The mark of synthetic records."""
        return self.name == SOURCE_FIELD and set(self.cells) == {SYNTHETIC_SOURCE}

    def labels(self, separators: str, code_system: str = "free") -> list[tuple[str, ...]]:
        """The labels of each cell, as records are read, but those that are no codes of the system."""
        target = Target("labels", "multi", 1.0)
        parser = LabelParser(Task("", "", ("text",), (target,), separators=separators or "\n", code_system=code_system))
        read = (parser.read(cell) for cell in self.cells)
        return [() if bad else tuple(codes or ()) for codes, bad in read]

    def icd_separators(self) -> str | None:
        """The separators with which nearly all cells are ICD codes; None if they are not.  / may be part of a code."""
        fewest = max(1, (1 - _ODD_CELLS) * len(self.cells))
        for separators in (_SEPARATORS.replace("/", ""), _SEPARATORS):
            if sum(map(bool, self.labels(separators, "icd"))) >= fewest:
                return "".join(sign for sign in separators if any(sign in cell for cell in self.cells))
        return None

    def is_icd(self) -> bool:
        """ICD codes, but for a few cells."""
        return self.icd_separators() is not None

    def n_odd(self) -> int:
        """The cells of a column of ICD codes that hold something else."""
        return len(self.cells) - sum(map(bool, self.labels(self.icd_separators() or "", "icd")))

    def is_label(self) -> bool:
        """Few short values that come again and again, and are no numbers."""
        if not self.cells or self.is_number() or max(map(len, self.cells)) > _LONGEST_LABEL:
            return False
        return 1 < self.n_distinct <= max(2, len(self.cells) // (2 if self.mean_length <= 12 else 10))

    def is_number(self) -> bool:
        """Numbers, dates, times."""
        return all(map(_NO_TEXT.fullmatch, self.cells))


def propose_task(path) -> str:
    """Return a TOML file that describes the records of a file; correct it before use.

    Parameters
    ----------
    path : str or os.PathLike
        JSON array, JSON Lines, CSV, TSV or Excel.

    Returns
    -------
    str
        For :func:`icdbase.get_task`, with comments.

    Raises
    ------
    DataError
        If the file cannot be read, has no header, id or text.
    """
    rows = read_rows(path, _header_cells(path))
    _refuse_headerless(rows)
    if task := _built_in(rows):
        records = build_frame(rows, task)[0]
        if outside := [target.name for target in task.targets if codes_outside(records, target)]:
            return _opened(task, outside)
        found = _("labelled") if columns_of_targets(rows.columns, task) else _("without labels")
        return _("# records of a built-in task, {}: --task {} will do", found, task.name) + f'\nbase = "{task.name}"\n'
    columns = _columns(rows)
    identity = _choose_id(columns, path)
    rest = [column for column in columns if column is not identity and column.cells and not column.is_source()]
    coded = [column for column in rest if column.is_icd()]
    few_valued = [column for column in rest if column not in coded and column.is_label()]
    # Where there are codes, sex and department are labels only if their names look like it.
    named = [column for column in few_valued if _LABEL_NAME.search(column.name)]
    labels = [*coded, *named] or few_valued
    texts = [column for column in rest if column not in (*coded, *few_valued) and not column.is_number()]
    if not texts:
        raise DataError(path, [Problem(_("no column looks like text"), remedy=_("docs/tasks.md shows a task file to fill in"))])
    left_out = [column.name for column in columns if column not in [identity, *labels, *texts]]
    return _toml(identity, texts, labels, left_out)


def _built_in(rows: Rows) -> Task | None:
    """The last built-in task of which most text fields are there, and a column that the tasks before it lack."""
    found, before = None, set()
    for task in BUILT_IN.values():
        columns = set(known_columns(task))
        n_fields = len(set(task.text_fields) & set(rows.columns))
        if n_fields > len(task.text_fields) // 2 and (columns - before) & set(rows.columns):
            found = task
        before |= columns
    return found


def _opened(task: Task, outside: list[str]) -> str:
    """Return a task file that takes a built-in task, but learns whatever codes the training records carry."""
    lines = [
        _("# records of {}, with codes outside the candidate list of {}:", task.name, ", ".join(outside)),
        _("# here the targets are open, their codes are those of the training records"),
        f'base = "{task.name}"',
    ]
    for target in task.targets:
        lines += [
            "", "[[targets]]", f"name = {_quoted(target.name)}", f'kind = "{target.kind}"', f"weight = {target.weight}",
            f"aliases = [{', '.join(map(_quoted, target.aliases))}]", f"min_codes = {target.min_codes}", "open = true",
        ]
    return "\n".join(lines) + "\n"


def _header_cells(path) -> list[str]:
    """Cells of the header whatever parts them, so that the right separator is found; a title has only one."""
    data = read_bytes(path)
    if is_zip(data):
        return []
    lines = decode(data, path)[0].lstrip().split("\n", HEADER_WITHIN)[:HEADER_WITHIN]
    rows = ([name for cell in re.split("[,\t;]", line) if (name := clean_name(cell).strip('"'))] for line in lines)
    return [] if lines[0][:1] in ("[", "{") else next((cells for cells in rows if len(cells) > 1), [])


def _refuse_headerless(rows: Rows) -> None:
    """A header has short names; a note in its place must not be shown."""
    problems = list(rows.problems)
    if any(len(name) > _LONGEST_NAME or re.search("[。；]", name) or is_code_shaped(name) or _NO_TEXT.fullmatch(name)
           for name in rows.columns):
        problems.append(Problem(_("the first line looks like no header"), remedy=_("name the columns in the first line")))
    if problems:
        raise DataError(rows.path, problems)


def _columns(rows: Rows) -> list[_Column]:
    records = [row for _, row in rows.records[:LOOKED_AT]]
    columns = []
    for name in rows.columns:
        cells = [plain(row.get(name)) for row in records]
        texts = ["\n".join(map(str, cell)) if isinstance(cell, list) else str(cell or "").strip() for cell in cells]
        columns.append(_Column(name, [text for text in texts if text], len(records)))
    return columns


def _choose_id(columns: list[_Column], path) -> _Column:
    unique = [column for column in columns if column.is_id()]
    if not unique:
        remedy = _("add a column with the number of the record")
        raise DataError(path, [Problem(_("no column has another value in each record"), remedy=remedy)])
    named = [column for column in unique if ID_NAME.search(column.name)]
    return (named or unique)[0]


def _toml(identity: _Column, texts: list[_Column], labels: list[_Column], left_out: list[str]) -> str:
    chinese = sum(len(_CHINESE.findall(cell)) for column in texts for cell in column.cells)
    is_chinese = chinese > 0.2 * sum(len(cell) for column in texts for cell in column.cells)
    icd = all(column.is_icd() for column in labels)
    separators = {column.name: _parting(column) for column in labels}
    used = "".join(dict.fromkeys("".join(separators.values()))) or ";"
    lines = [
        _("# proposed by icdbase init-task: check it, then icdbase train --task THIS_FILE"),
        f"id_field = {_quoted(identity.name)}",
        f"text_fields = [{', '.join(_quoted(column.name) for column in texts)}]",
    ]
    if left_out:
        lines.append(_("# not used: {}", ", ".join(map(_quoted, left_out))))
    if not is_chinese:
        lines += [
            _('# no Chinese: words are cut at blanks ("ngrams" for inflected languages), and only words are counted'),
            'tokenizer = "regex"', 'blocks = ["words"]',
        ]
    odd = {column.name: n_odd for column in labels if icd and (n_odd := column.n_odd())}
    if odd:
        listed = ", ".join(_("{} of {}", n_odd, _quoted(name)) for name, n_odd in odd.items())
        lines.append('code_system = "free"  ' + _('# ICD codes, but for {}: mend these cells, then write "icd"', listed))
    elif not icd:
        lines.append('code_system = "free"  ' + _('# labels are taken as written; "icd" checks their form'))
    lines.append(f"separators = {_quoted(used)}")
    if not labels:
        lines += ["", _("# no column looks like a label: name one"), "[[targets]]", 'name = "?"', 'kind = "single"']
    for column in labels:
        several = any(len(listed) > 1 for listed in column.labels(separators[column.name], "icd" if icd else "free"))
        lines += ["", "[[targets]]", f"name = {_quoted(column.name)}", f'kind = "{"multi" if several else "single"}"']
        if not column.is_filled:
            lines.append("min_codes = 0  " + _("# some records have none"))
    return "\n".join(lines) + "\n"


def _parting(column: _Column) -> str:
    """Separators of a label column: of free labels only those whose pieces go with others, too."""
    found = column.icd_separators()
    return "".join(sign for sign in _SEPARATORS if _parts_labels(column, sign)) if found is None else found


def _parts_labels(column: _Column, sign: str) -> bool:
    cells = column.labels(sign)
    alone = {listed[0] for listed in cells if len(listed) == 1}
    together = [piece for listed in cells if len(listed) > 1 for piece in listed]
    free = len(alone | set(together)) < column.n_distinct or sum(map(alone.__contains__, together)) > len(together) / 2
    return bool(together) and free


def _quoted(text: str) -> str:
    return printable(json.dumps(text, ensure_ascii=False))
