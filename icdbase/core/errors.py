"""Errors and warnings of icdbase, each error with its exit code.

Every error that a user can cause derives from :class:`IcdbaseError`.  Its text
names the file, the record, the field, the rule and the remedy, but never the
text of a record, which is patient data.
:func:`icdbase.core.terminal.exit_on_error` prints it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from icdbase.core.language import _

__all__ = [
    "DataError",
    "DataWarning",
    "IcdbaseError",
    "IcdbaseWarning",
    "ModelError",
    "PrivacyWarning",
    "Problem",
    "UsageError",
    "VersionWarning",
    "did_you_mean",
    "grouped",
]

MAX_PROBLEMS_SHOWN = 20
_LISTED_ONE_BY_ONE = 3
_EXAMPLES = 3
_VALUE = re.compile(r"'[^']*'|[\w.+*/-]+", re.ASCII)
_VALUES = re.compile(r"#(?:[,;]? #)+")


class IcdbaseError(Exception):
    """Base of all errors that a user can cause."""

    exit_code = 1


class IcdbaseWarning(UserWarning):
    """Base of all warnings for the user."""


class VersionWarning(IcdbaseWarning):
    """The model was saved with another major version of a library."""


class PrivacyWarning(IcdbaseWarning):
    """The model may hold words that identify a patient."""


class DataWarning(IcdbaseWarning):
    """The data can be used, but somebody should check it."""


class UsageError(IcdbaseError, ValueError):
    """A parameter, option or name does not exist or has an impossible value."""

    exit_code = 2


class ModelError(IcdbaseError):
    """A model folder is damaged, unsafe or no model folder."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one place of a file.

    Parameters
    ----------
    rule : str
        What was expected and what was found (never the text of a record).
    record : str
        Record id, or a position such as ``"record 3"``; empty for the whole file.
    field : str
        Field name; empty for the whole record.
    remedy : str
        What to do about it.
    """

    rule: str
    record: str = ""
    field: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where = _("record {}", self.record) if self.record else ""
        if self.field:
            where = _("{}, field {}", where, self.field) if where else _("field {}", self.field)
        text = _("{}: {}", where, self.rule) if where else self.rule
        return _("{}; {}", text, self.remedy) if self.remedy else text


class DataError(IcdbaseError):
    """A file cannot be used; the error holds all its problems, not only the first.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    problems : sequence of Problem
        At least one.

    Examples
    --------
    >>> print(DataError("a.json", [Problem("text missing", "ZY1", "主诉", "add it")]))
    a.json: record ZY1, field 主诉: text missing; add it
    """

    def __init__(self, path, problems: Sequence[Problem]):
        self.path = str(path)
        self.problems = tuple(problems)
        super().__init__(self._message())

    def _message(self) -> str:
        if len(self.problems) == 1:
            return _("{}: {}", self.path, self.problems[0])
        listed = grouped(self.problems)
        lines = [_("{}: {} problems", self.path, len(self.problems)), *listed[:MAX_PROBLEMS_SHOWN]]
        if len(listed) > MAX_PROBLEMS_SHOWN:
            lines.append(_("... and {} more", len(listed) - MAX_PROBLEMS_SHOWN))
        return "\n  - ".join(lines)

    def __reduce__(self):
        return type(self), (self.path, self.problems)


def grouped(problems: Iterable[Problem]) -> list[str]:
    """Return the problems as lines: first those of the whole file, then each kind, the rarest first.

    Problems are of one kind if their fields are the same, and their rules are
    the same except for numbers, codes and quoted text.  Up to three problems of
    a kind have a line each; more share one line with examples.

    >>> problems = [Problem("no brackets", f"ZY{number}", remedy="add them") for number in range(482)]
    >>> grouped([*problems, Problem("3 records have no prediction")])
    ['3 records have no prediction', 'no brackets: 482 records, e.g. ZY0, ZY1, ZY2; add them']
    """
    kinds: dict[tuple, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.field, _kind(problem.rule), bool(problem.record)), []).append(problem)
    by_rarity = sorted(kinds.values(), key=lambda alike: len(alike) if alike[0].record else 0)
    return [line for alike in by_rarity for line in _lines_of_kind(alike)]


def _kind(rule: str) -> str:
    """Replace numbers, codes and quoted text by #.

    >>> _kind("'I10' is no ICD code"), _kind("I10.1, I10.2 repeated")
    ('# is no ICD code', '# repeated')
    """
    words = _VALUE.sub(lambda word: "#" if re.search(r"^'|\d", word[0]) else word[0], rule)
    return _VALUES.sub("#", words)


def _lines_of_kind(alike: list[Problem]) -> list[str]:
    first = alike[0]
    if len(alike) <= _LISTED_ONE_BY_ONE or not first.record:
        return list(map(str, alike))
    examples = list({problem.rule: problem for problem in reversed(alike)}.values())[::-1][:_EXAMPLES]
    records = dict.fromkeys(problem.record for problem in alike)
    rule = _("{}: {:,} records, e.g. {}", first.rule, len(records), ", ".join(list(records)[:_EXAMPLES]))
    if len(examples) > 1:
        rule = _("{:,} records, e.g. {}", len(records), ", ".join(_("{}: {}", each.record, each.rule) for each in examples))
    return [str(replace(first, rule=rule, record=""))]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return ``"; did you mean X?"`` for a near miss, else ``otherwise`` or the known names.

    >>> did_you_mean("主述", ["主诉", "现病史"])
    "; did you mean '主诉'?"
    >>> did_you_mean("xyz", ["主诉", "现病史"])
    '; known: 主诉, 现病史'
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return _("; did you mean {!r}?", near[0])
    return otherwise or _("; known: {}", ", ".join(known))
