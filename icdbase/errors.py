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
from dataclasses import dataclass

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
    "printable",
]

MAX_PROBLEMS_SHOWN = 20

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
        lines = [f"{self.path}: {len(self.problems)} problems"]
        lines += [f"  - {problem}" for problem in self.problems[:MAX_PROBLEMS_SHOWN]]
        hidden = len(self.problems) - MAX_PROBLEMS_SHOWN
        if hidden > 0:
            lines.append(f"  - ... and {hidden} more")
        return "\n".join(lines)

    def __reduce__(self):
        return type(self), (self.path, self.problems)


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

    Warnings meant for users come as one line each.  For programs that a person
    starts: the command line and ``run_baseline.py``.
    """

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
        except (MemoryError, BrokenExecutor) as error:
            what = "not enough memory" if isinstance(error, MemoryError) else "a worker process was killed, mostly for memory"
            print(f"error: {what}; close other programs, or give --n-jobs 1 or fewer records at a time "
                  "(docs/large-files.md)", file=sys.stderr)
            raise SystemExit(1) from None
