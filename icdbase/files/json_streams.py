"""Rows of a long JSON file, some at a time: memory does not grow with the file.

A JSON array or JSON Lines in UTF-8 is read in blocks.  Its
problems have the wording of :mod:`icdbase.files.json_rows`, with line and column.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path

from icdbase.core.errors import DataError
from icdbase.core.language import _
from icdbase.files.encoding import STDIN, damaged_utf8, nul_byte
from icdbase.files.json_rows import is_object, json_decoder, json_problem, parsed_lines, rows_of_objects, too_deep
from icdbase.files.rows import Rows

__all__ = ["is_stream", "stream_rows"]

SHORT = 16 << 20
"""Bytes; a file up to this length is read in one go."""

_BLOCK = 1 << 20
_HEAD = 1 << 16
_NEAR_END = 32
"""Characters before the end of what is read, in which an error may come from reading no further."""

_BLANK = " \t\r\n"
_NOT_BLANK = re.compile(f"[^{_BLANK}]")


def is_stream(path) -> bool:
    """Whether a file is worth and able to be read in parts: long, JSON and UTF-8 by its beginning."""
    if str(path) == STDIN or not Path(path).is_file() or Path(path).stat().st_size <= SHORT:
        return False
    with Path(path).open("rb") as file:
        head = file.read(_HEAD)
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").lstrip("\ufeff")
    if "\ufffd" in text[:-1] or "\0" in text:
        return False
    start = text.lstrip()
    return start.startswith("[") or (start.startswith("{") and is_object(start.split("\n", 1)[0]))


def stream_rows(path, known: Collection[str], size: int, digest=None) -> Iterator[Rows]:
    """Read the rows of a file for which :func:`is_stream` holds.

    Parameters
    ----------
    path : str or os.PathLike
    known : collection of str
        Column names that mean something.
    size : int
        Rows at a time.
    digest : hash object, optional
        Is fed the bytes of the file.

    Yields
    ------
    Rows
        ``size`` rows of the file, numbered through, with the problems of single
        rows; the last may be shorter.

    Raises
    ------
    DataError
        Where the file as a whole is broken; what was before is yielded.
    """
    blocks = _texts(path, digest or hashlib.sha256())
    first = next(blocks, "")
    blocks = chain([first], blocks)
    is_array = first.lstrip().startswith("[")
    layout = "JSON array" if is_array else "JSON Lines"
    items = _array_items(_Window(blocks), path) if is_array else parsed_lines(enumerate(_lines(blocks), 1))
    while taken := list(islice(items, size)):
        yield Rows(str(path), layout, "utf-8", *rows_of_objects(taken, known))


def _texts(path, digest) -> Iterator[str]:
    """Yield the text of a UTF-8 file, block by block."""
    decoder, offset, lines, at_start = codecs.getincrementaldecoder("utf-8-sig")(), 0, 1, True
    with Path(path).open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            digest.update(block)
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise damaged_utf8(path, offset - waiting + error.start) from None
            offset += len(block)
            nul = text.find("\0")
            if nul >= 0:
                raise nul_byte(path, lines + text.count("\n", 0, nul))
            lines += text.count("\n")
            if at_start:
                text = text.lstrip("\ufeff")
            at_start = at_start and not text
            if text:
                yield text
            if not block:
                return


def _lines(blocks: Iterator[str]) -> Iterator[str]:
    rest = ""
    for block in blocks:
        *whole, rest = (rest + block).split("\n")
        yield from whole
    yield rest


class _Window:
    """The part of a text that is being parsed, with its line and column in the file."""

    def __init__(self, blocks: Iterator[str]):
        self.blocks, self.text, self.at, self.ended = blocks, "", 0, False
        self.line, self.column, self.placed = 1, 1, 0  # line and column of the character ``placed`` of ``text``

    def read_on(self) -> bool:
        """Drop the text before ``at``, read the next blocks; False at the end of the file."""
        self.place(self.at)
        rest, added = len(self.text) - self.at, []
        # As much as is waiting: what is longer than a block is decoded a bounded number of times.
        while not self.ended and sum(map(len, added)) <= rest:
            added.append(next(self.blocks, ""))
            self.ended = not added[-1]
        self.text, self.at, self.placed = self.text[self.at :] + "".join(added), 0, 0
        return bool(added and added[0])

    def place(self, position: int) -> tuple[int, int]:
        """Return line and column of a position in ``text`` that is not before the last one asked for."""
        breaks = self.text.count("\n", self.placed, position)
        self.column += position - self.placed
        if breaks:
            self.line, self.column = self.line + breaks, position - self.text.rfind("\n", self.placed, position)
        self.placed = position
        return self.line, self.column

    def skip_blanks(self) -> str:
        """Go to the next character that is no blank and return it; empty at the end."""
        while True:
            match = _NOT_BLANK.search(self.text, self.at)
            if match:
                self.at = match.start()
                return match[0]
            self.at = len(self.text)
            if not self.read_on():
                return ""


def _array_items(window: _Window, path) -> Iterator[tuple[int, object]]:
    """Yield number and value of each item of an array."""
    decoder, number = json_decoder(strict=False), 0
    window.skip_blanks()
    window.at += 1
    if window.skip_blanks() == "]":
        number = -1
    while number >= 0:
        value = _item(window, decoder, path, number + 1)
        number += 1
        yield number, value
        sign = window.skip_blanks()
        if sign == "]":
            break
        if sign != ",":
            raise _broken(window, path, number + 1, "Expecting ',' delimiter", window.at)
        comma = window.place(window.at)
        window.at += 1
        if window.skip_blanks() == "]":
            message, at_comma = _trailing_comma()
            raise _broken(window, path, number + 1, message, window.at, comma if at_comma else None)
    window.at += 1
    if window.skip_blanks():
        raise _broken(window, path, max(number, 0) + 1, "Extra data", window.at)


def _item(window: _Window, decoder, path, number: int):
    while True:
        try:
            value, end = decoder.raw_decode(window.text, window.at)
        except RecursionError:
            raise DataError(path, [too_deep()]) from None
        except json.JSONDecodeError as error:
            whole = error.pos + _NEAR_END < len(window.text) and not error.msg.startswith("Unterminated string")
            if not window.ended and not whole:
                window.read_on()
                continue
            raise _broken(window, path, number, error.msg, error.pos) from None
        if end == len(window.text) and not window.ended:
            window.read_on()  # a number may go on
            continue
        window.at = end
        return value


def _broken(window: _Window, path, number: int, message: str, position: int, place=None) -> DataError:
    error = json.JSONDecodeError(message, window.text, position)
    line, error.colno = place or window.place(position)
    return DataError(path, [json_problem(error, line, _("number {}", number))])


def _trailing_comma() -> tuple[str, bool]:
    """Python's message for a comma before the closing bracket, and whether its position is the comma (versions differ)."""
    try:
        json.loads("[0,]")
    except json.JSONDecodeError as error:
        return error.msg, error.pos == 2
    raise AssertionError("unreachable: [0,] is no JSON")
