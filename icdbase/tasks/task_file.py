"""A task of your own, written down in a TOML file.

    name = "triage"
    id_field = "visit"
    text_fields = ["complaint", "history"]
    tokenizer = "regex"
    blocks = ["words"]

    [[targets]]
    name = "code"
    kind = "single"

The keys are the parameters of :class:`icdbase.tasks.task.Task` and
:class:`icdbase.tasks.task.Target`; ``base`` names the built-in task from which all
other parameters are taken, and ``code_table`` a table of codes beside the file.
Each problem is reported with its line.
"""

from __future__ import annotations

import re
import sys
from dataclasses import fields, replace
from pathlib import Path

from icdbase.core.errors import DataError, Problem, UsageError, did_you_mean
from icdbase.core.language import N_, _
from icdbase.files.encoding import decode, read_bytes
from icdbase.files.rows import read_rows
from icdbase.tasks.editions import BUILT_IN
from icdbase.tasks.task import Target, Task, target_faults, task_faults

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["get_task", "read_task"]

_TASK_KEYS = {
    "base": "a text",
    "name": "a text",
    "id_field": "a text",
    "text_fields": "a list of texts",
    "prediction_field": "a text",
    "submission_brackets": "true or false",
    "separators": "a text",
    "code_system": "a text",
    "tokenizer": "a text",
    "blocks": "a list of texts",
    "reads_like": "a table of texts",
    "code_table": "a text",
    "targets": "a list of tables [[targets]]",
}
_TARGET_KEYS = {
    "name": "a text",
    "kind": "a text",
    "weight": "a number",
    "aliases": "a list of texts",
    "min_codes": "a whole number",
    "open": "true or false",
}
_CODE_COLUMNS = ("target", "code", "name", "exclusive_group")
_EXAMPLE = N_("docs/tasks.md has an example")


def get_task(name) -> Task:
    """Return a built-in task by name, or read one from a TOML file.

    Parameters
    ----------
    name : str or os.PathLike
        ``ccl25``, ``ccl26``, or a path that ends in ``.toml``.

    Raises
    ------
    UsageError
        If there is no such task.
    DataError
        If the file is not there or something in it is wrong.

    >>> get_task("ccl25").main.name
    '主诊断编码'
    """
    if Path(name).suffix.lower() == ".toml":
        return read_task(name)
    if str(name) not in BUILT_IN:
        raise UsageError(_("unknown task {!r}{}, or the path of a .toml file", str(name), did_you_mean(str(name), BUILT_IN)))
    return BUILT_IN[str(name)]


def read_task(path) -> Task:
    """Read a task from a TOML file.

    Parameters
    ----------
    path : str or os.PathLike
        ``code_table`` in it is relative to its folder.

    Returns
    -------
    Task

    Raises
    ------
    DataError
        With all that is wrong, each with its line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.toml"
    >>> _ = path.write_text('''
    ... text_fields = ["complaint"]
    ... tokenizer = "regex"
    ... [[targets]]
    ... name = "code"
    ... kind = "single"
    ... ''')
    >>> task = read_task(path)
    >>> task.name, task.id_field, task.main.weight
    ('mine', 'id', 1.0)
    """
    return _TaskFile(Path(path)).task()


class _TaskFile:
    """One TOML file on its way to a task; collects what is wrong with it."""

    def __init__(self, path: Path):
        self.path = path
        text = decode(read_bytes(path), path)[0]
        self.lines = text.splitlines()
        self.problems: list[Problem] = []
        try:
            self.content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(path, [Problem(_("not TOML: {}", error), remedy=_(_EXAMPLE))]) from None
        except (RecursionError, ValueError):
            raise DataError(path, [Problem(_("nested too deeply, or a number of thousands of digits"), remedy=_(_EXAMPLE))]) from None

    def task(self) -> Task:
        given = self._well_typed(self.content, _TASK_KEYS)
        base = self._base(given.pop("base", None))
        targets, open_sets = self._targets(given.pop("targets", None), base)
        table = given.pop("code_table", None)
        inherited = {key.name: getattr(base, key.name) for key in fields(Task)} if base else {"id_field": "id"}
        own = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        values = inherited | {"name": self.path.stem, "targets": tuple(targets)} | own
        self._check(values)
        if self.problems:
            raise DataError(self.path, self.problems)
        task = Task(**values)
        return task if table is None else replace(task, **self._codes(table, task, open_sets))

    # --- what stands in the file ------------------------------------------------------

    def _well_typed(self, given: dict, known: dict, target: int | None = None) -> dict:
        """Return the known keys whose values are of the right type; note the others."""
        good = {}
        for key, value in given.items():
            if key not in known:
                self._note(_("unknown key {!r}{}", key, did_you_mean(key, known)), key, target=target)
            elif not _is(value, known[key]):
                self._note(_("{} must be {}", key, _(known[key])), key, target=target)
            else:
                good[key] = value
        return good

    def _base(self, name: str | None) -> Task | None:
        if name is not None:
            if name not in BUILT_IN:
                self._note(_("unknown task {!r}{}", name, did_you_mean(name, BUILT_IN)), "base")
            return BUILT_IN.get(name)
        if "text_fields" not in self.content:
            self._note(_("text_fields is missing"), remedy=_('add text_fields = ["...", "..."], or base = "ccl25"'))
        if "targets" not in self.content:
            self._note(_("no target"), remedy=_('add [[targets]] with name = "..." and kind = "single" or "multi"'))
        return None

    def _targets(self, given: list | None, base: Task | None) -> tuple[list[Target], set[str]]:
        """Return the targets, and the names of those whose set of codes is open."""
        if given is None:
            return (list(base.targets), {target.name for target in base.targets if not target.codes}) if base else ([], set())
        with_weight = sum("weight" in target for target in given)
        if 0 < with_weight < len(given):
            without = next(number for number, target in enumerate(given) if "weight" not in target)
            self._note(_("weight is missing, other targets have one"), target=without, remedy=_("give each its weight, or none"))
        targets, open_sets = [], set()
        for number, target in enumerate(given):
            values = self._well_typed(target, _TARGET_KEYS, number)
            absent = [key for key in ("name", "kind") if key not in target]
            for key in absent:
                self._note(_("{} is missing", key), target=number, remedy=_('add {} = "..."', key))
            faults = list(target_faults(values))
            for rule, key in faults:
                self._note(rule, key, target=number)
            if absent or faults or not {"name", "kind"} <= values.keys():
                continue
            if values.pop("open", False):
                open_sets.add(values["name"])
            values["aliases"] = tuple(values.get("aliases", ()))
            values["weight"] = float(values.get("weight", 1 / len(given)))
            targets.append(Target(**values))
        return targets, open_sets

    def _check(self, values: dict) -> None:
        """Note each rule that the task as a whole breaks."""
        if self.problems and not values["targets"]:
            values = {key: value for key, value in values.items() if key != "targets"}  # all of them have problems
        for rule, key, value, remedy in task_faults(values):
            self._note(rule, key, value, remedy=remedy, last=not key)
        text_fields = values.get("text_fields", ())
        roles = sorted({field for task in BUILT_IN.values() for field in task.text_fields})
        for name, role in values.get("reads_like", {}).items():
            if name not in text_fields:
                self._note(_("reads_like: {!r} is no text field{}", name, did_you_mean(name, text_fields)), name)
            if role not in roles:
                self._note(_("reads_like: {!r} is no field of the evaluation{}", role, did_you_mean(role, roles)), name, role)

    # --- the table of codes -----------------------------------------------------------

    def _codes(self, name: str, task: Task, open_sets: set[str]) -> dict:
        """Read the table of codes: candidates, or names for an open set."""
        path = self.path.parent / name
        if not path.is_file():
            self._note(_("no such file: {}", path), "code_table", remedy=_("the path is relative to the folder of this file"))
            raise DataError(self.path, self.problems)
        codes: dict[str, dict[str, None]] = {target.name: {} for target in task.targets}
        names, groups = {}, {}
        for target, code, code_name, group in _read_codes(path, task):
            for each in [target] if target else codes:
                codes[each][code] = None
            if code_name:
                names[code] = code_name
            if group:
                groups[code] = group
        listed = {name: tuple(found) for name, found in codes.items()}
        closed = {name: found for name, found in listed.items() if found and name not in open_sets}
        return {
            "targets": tuple(replace(target, codes=closed.get(target.name, target.codes)) for target in task.targets),
            "code_names": names,
            "exclusive_groups": groups,
            "known_codes": {name: found for name, found in listed.items() if name in open_sets},
            "train_counts": {},
        }

    # --- where it stands --------------------------------------------------------------

    def _note(self, rule, key="", value="", *, target: int | None = None, remedy="", last=False) -> None:
        line = self._line(key, value, target, last)
        self.problems.append(Problem(_("line {}: {}", line, rule) if line else rule, remedy=remedy))

    def _line(self, key: str, value: str, target: int | None, last: bool) -> int:
        """Return the line (from 1) of a key or of a value behind it; 0 if it stands nowhere."""
        start = 0
        if target is not None:
            heads = self._matching(r"\s*\[\[\s*targets\s*\]\]") or self._matching(r"\s*targets\s*=") * (target + 1)
            start = heads[target]
        if key:
            keys = self._matching(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]", start)
            start = keys[0] if keys else start
        if value:
            values = self._matching(rf".*[\"']{re.escape(value)}[\"']", start)
            start = values[-1 if last else 0] if values else start
        return start + 1 if key or value or target is not None else 0

    def _matching(self, pattern: str, start: int = 0) -> list[int]:
        return [number for number in range(start, len(self.lines)) if re.match(pattern, self.lines[number])]


def _is(value, wanted: str) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    texts = list(value.values()) if isinstance(value, dict) else value
    return {
        N_("a text"): isinstance(value, str),
        N_("true or false"): isinstance(value, bool),
        N_("a number"): number,
        N_("a whole number"): number and isinstance(value, int),
        N_("a list of texts"): isinstance(value, list) and all(isinstance(each, str) for each in texts),
        N_("a table of texts"): isinstance(value, dict) and all(isinstance(each, str) for each in texts),
        N_("a list of tables [[targets]]"): isinstance(value, list) and all(isinstance(each, dict) for each in value),
    }[wanted]


def _read_codes(path: Path, task: Task) -> list[tuple[str, str, str, str]]:
    """Return target or "" for all targets, code, name and exclusive group of each row of a table of codes."""
    rows = read_rows(path, _CODE_COLUMNS)
    problems, codes = list(rows.problems), []
    if "code" not in rows.columns:
        problems.append(Problem(_("the column is missing"), field="code", remedy=_("columns: {}", ", ".join(_CODE_COLUMNS))))
    spellings = {spelling: target.name for target in task.targets for spelling in target.spellings}
    for number, row in [] if problems else rows.records:
        target, code, name, group = (str(row.get(key) or "").strip() for key in _CODE_COLUMNS)
        code = task.canonical_code(code)
        if not code:
            problems.append(Problem(_("the code is missing"), _("number {}", number), "code", _("fill the cell")))
        elif target and target not in spellings:
            problems.append(Problem(_("no such target{}", did_you_mean(target, spellings)), _("number {}", number), "target"))
        else:
            codes.append((spellings.get(target, ""), code, name, group))
    if problems:
        raise DataError(path, problems)
    return codes
