"""Text for a terminal: no control characters, errors as one message, Chinese on every code page."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager

from icdbase.core.errors import IcdbaseError, IcdbaseWarning
from icdbase.core.language import _

__all__ = ["CLOSING", "OPENING", "WIDE", "exit_on_error", "printable"]

WIDE = "\u2018-\u201d\u2026\u3000-\u303f\u4e00-\u9fff\uff01-\uff60"
"""Chinese characters and marks, which fill two columns; part of a pattern."""

CLOSING, OPENING = r"\u2019\u201d\u2026、。》」』】〕！），：；？)}\]", "\u2018\u201c《「『【〔（"
"""Marks before which no line may end, and those after which none may; parts of patterns."""

# Control characters except tab and line feed, marks of writing direction, line and paragraph separators,
# halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UTF8_CODE_PAGE = 65001  # of Windows


def printable(text: str) -> str:
    """Escape control characters as JSON does; the value of a JSON text stays the same.

    >>> print(printable("ZY1\x1b[2J\u202e"))
    ZY1\\u001b[2J\\u202e
    """
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an error that a user can cause as one message on stderr, and exit with its code.

    Warnings of icdbase take one line each; other warnings are ignored.  Streams
    can print Chinese, whatever the code page.  For programs that a person
    starts: the command line and ``run_baseline.py``.
    """
    _enable_chinese(sys.stdout, sys.stderr)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.filterwarnings("ignore")
        warnings.filterwarnings("always", category=IcdbaseWarning)
        try:
            yield
        except BrokenPipeError:  # the reader of the output, such as head, has ended
            raise
        except (IcdbaseError, OSError, MemoryError, BrokenExecutor) as error:
            print(printable(_("error: {}", _message(error))), file=sys.stderr)
            raise SystemExit(getattr(error, "exit_code", 1)) from None


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(printable(_("warning: {}", message)), file=sys.stderr)


def _message(error: BaseException) -> str:
    """Return the text of an error with its remedy."""
    if isinstance(error, IcdbaseError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _("{}{}; check the path, its permissions and the disk", where, error.strerror or type(error).__name__)
    what = _("not enough memory") if isinstance(error, MemoryError) else _("a worker process was killed, mostly for memory")
    return _("{}; close other programs, or give --n-jobs 1 or fewer records at a time (docs/large-files.md)", what)


def _enable_chinese(*streams) -> None:
    """Switch streams to UTF-8 if the console reads UTF-8, or if their code page has no Chinese.

    A console of Windows shows Chinese whatever its code page.  Redirected output
    is written in the code page of the system, but PowerShell reads it in that of
    the console.
    """
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            utf8 = _console_reads_utf8() or not _has_chinese(stream.encoding)
            # GBK, too, lacks some characters.
            stream.reconfigure(encoding="utf-8" if utf8 else stream.encoding, errors="backslashreplace")


def _has_chinese(encoding: str) -> bool:
    try:
        "诊断编码".encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _console_reads_utf8() -> bool:
    """Whether a program that reads our output on this console of Windows takes it for UTF-8."""
    if sys.platform != "win32":
        return False
    import ctypes

    return ctypes.windll.kernel32.GetConsoleOutputCP() == _UTF8_CODE_PAGE
