"""What icdbase says when something is wrong, and the exit code that goes with it.

Every error that a user can cause derives from :class:`IcdbaseError`.  Its text
names the file, the record, the field, the rule and the remedy - never the text
of a note, which is patient data.
"""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

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
    "explained",
    "grouped",
    "printable",
]

MAX_PROBLEMS_SHOWN = 20
_LISTED_ONE_BY_ONE = 3
_EXAMPLES = 3
_VALUE = re.compile(r"'[^']*'|[^\s,;:]+")
_VALUES = re.compile(r"#(?:[,;]? #)+")

# Control characters but tab and line feed, marks that turn the direction of writing, breaks of lines
# that are no line feeds, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class IcdbaseError(Exception):
    """Base of all errors that carry their own exit code."""

    exit_code = 1


class IcdbaseWarning(UserWarning):
    """Base of what icdbase warns of."""


class VersionWarning(IcdbaseWarning):
    """A model made by another major version of a library it depends on."""


class PrivacyWarning(IcdbaseWarning):
    """A model that may hold what would identify a patient."""


class DataWarning(IcdbaseWarning):
    """Data that can be used, but that somebody should look at."""


class UsageError(IcdbaseError, ValueError):
    """A parameter, option or name that does not exist or does not fit."""

    exit_code = 2


class ModelError(IcdbaseError):
    """A model folder that is damaged, foreign or unsafe."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one place of a file.

    Parameters
    ----------
    rule : str
        What was expected and what was found (never the text of a note).
    record : str
        Record id, or a position such as ``"record 3"``; empty for the whole file.
    field : str
        Field name; empty when the record as a whole is meant.
    remedy : str
        What to do about it.
    """

    rule: str
    record: str = ""
    field: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where = ", ".join(
            part
            for part in (
                f"record {self.record}" if self.record else "",
                f"field {self.field}" if self.field else "",
            )
            if part
        )
        text = f"{where}: {self.rule}" if where else self.rule
        return f"{text}; {self.remedy}" if self.remedy else text


class DataError(IcdbaseError):
    """A file that cannot be used; carries all its problems, not just the first.

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
            return f"{self.path}: {self.problems[0]}"
        listed = grouped(self.problems)
        lines = [f"{self.path}: {len(self.problems)} problems", *listed[:MAX_PROBLEMS_SHOWN]]
        if len(listed) > MAX_PROBLEMS_SHOWN:
            lines.append(f"... and {len(listed) - MAX_PROBLEMS_SHOWN} more")
        return "\n  - ".join(lines)

    def __reduce__(self):
        return type(self), (self.path, self.problems)


def grouped(problems: Iterable[Problem]) -> list[str]:
    """Return one line for each kind of problem: those of the whole file first, then the rarest kind.

    Problems are of one kind if their fields and rules are the same except for
    numbers, codes and quoted text.  Up to three of a kind have a line each.

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
    """Put # for numbers, codes and quoted text.

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
    rule = f"{first.rule}: {len(records):,} records, e.g. {', '.join(list(records)[:_EXAMPLES])}"
    if len(examples) > 1:
        rule = f"{len(records):,} records, e.g. " + ", ".join(f"{each.record}: {each.rule}" for each in examples)
    return [str(replace(first, rule=rule, record=""))]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean X?"`` for a near miss, else the known names.

    >>> did_you_mean("主述", ["主诉", "现病史"])
    "; did you mean '主诉'?"
    >>> did_you_mean("xyz", ["主诉", "现病史"])
    '; known: 主诉, 现病史'
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}"


def printable(text: str) -> str:
    """Write what a terminal or browser would obey instead of show as JSON does; JSON stays the same value.

    >>> print(printable("ZY1\x1b[2J\u202e"))
    ZY1\\u001b[2J\\u202e
    """
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors a user can cause into one message on stderr and their exit code.

    Warnings meant for users come as one line each.  Chinese can be printed,
    whatever the code page.  For programs that a person starts: the command line
    and ``run_baseline.py``.
    """
    _print_chinese(sys.stdout, sys.stderr)

    def show(message, category, filename, lineno, file=None, line=None):
        print(printable(f"warning: {message}"), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.filterwarnings("ignore")
        warnings.filterwarnings("always", category=IcdbaseWarning)
        try:
            yield
        except IcdbaseError as error:
            print(printable(f"error: {error}"), file=sys.stderr)
            raise SystemExit(error.exit_code) from None
        except BrokenPipeError:  # whoever reads the output has seen enough
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            what = error.strerror or type(error).__name__
            print(printable(f"error: {where}{what}; check the path, its permissions and the disk"), file=sys.stderr)
            raise SystemExit(1) from None
        except (MemoryError, BrokenExecutor) as error:
            what = "not enough memory" if isinstance(error, MemoryError) else "a worker process was killed, mostly for memory"
            print(f"error: {what}; close other programs, or give --n-jobs 1 or fewer records at a time "
                  "(docs/large-files.md)", file=sys.stderr)
            raise SystemExit(1) from None


def _print_chinese(*streams) -> None:
    """Switch streams to UTF-8 whose code page has no Chinese, as redirected output has on Western Windows."""
    for stream in streams:
        if not hasattr(stream, "reconfigure"):
            continue
        try:
            "诊断编码".encode(stream.encoding)
        except UnicodeEncodeError:
            stream.reconfigure(encoding="utf-8")
        stream.reconfigure(errors="backslashreplace")  # what even GBK lacks
