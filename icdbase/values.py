"""Single values of a record: ids, codes, and whatever stands where text belongs.

Files and frames hold numbers, dates, NaN and lists where text is expected; here
each becomes text, None, or a problem that names the place but not the content.
"""

from __future__ import annotations

import datetime
import re
import unicodedata

import numpy as np
import pandas as pd

from icdbase.errors import Problem
from icdbase.rows import type_name
from icdbase.tasks import Task, is_code_shaped

__all__ = ["CodeReader", "IdRegister", "describe_label", "plain", "presentable_id", "sanitize", "shown_id"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MISSING_WORDS = frozenset({"nan", "none", "null", "<na>", "nat"})
_WRAPPING = " \t\u3000\"'[](){}"
_CODE_LIKE = re.compile(r"(?=.*\d)[A-Za-z0-9.;；|,/+*†]{1,40}")
_LONGEST_ID_SHOWN = 40
_ROUNDED = re.compile(r"\d+(\.\d+)?[Ee]\+\d+")
_EXACT = 1e15
"""A spreadsheet keeps fifteen digits of a number."""
_AS_TEXT = "a spreadsheet has shortened it: export the records again with the id column as text; leave no record out"
_KEEP_ONE = "keep one of them if they are the same record, else give each its own id"


def plain(value):
    """Return text, None for a missing value, or the list or dict that is no text.

    Whole numbers lose the ``.0`` that Excel and pandas give them.

    >>> plain(7.0), plain(float("nan")), plain(36.5), plain(("I49.900",))
    ('7', None, '36.5', ['I49.900'])
    """
    if value is None or isinstance(value, str | dict | list):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, tuple | np.ndarray | pd.Series | pd.Index):
        return list(value)
    if pd.isna(value):
        return None
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return str(value)


def sanitize(text: str) -> str:
    """Replace what no text file can hold: NUL and halves of surrogate pairs.

    >>> sanitize("胸\\ud800闷")
    '胸\ufffd闷'
    """
    try:
        text.encode()  # quicker than a search, and few texts need one
    except UnicodeEncodeError:
        return _UNSTORABLE.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


def describe_label(value) -> str:
    """Name a malformed label: its text only when it can be no note.

    >>> describe_label("I10.x00x0321"), describe_label("高血压"), describe_label({})
    ("'I10.x00x0321'", 'a text of 3 characters', 'an object')
    """
    if not isinstance(value, str):
        return type_name(value)
    if _CODE_LIKE.fullmatch(value):
        return repr(value)
    return f"a text of {len(value)} characters"


class CodeReader:
    """Read the labels of a task in all the ways in which they are written.

    Parameters
    ----------
    task : Task

    Examples
    --------
    >>> from icdbase.tasks import CCL25
    >>> CodeReader(CCL25).read("Ｉ10.X00X032； E11.900，高血压。")
    (('I10.x00x032', 'E11.900'), ['高血压。'])
    """

    def __init__(self, task: Task):
        self.task = task
        self._seen: dict[tuple[str, bool], tuple] = {}
        self._free = task.code_system == "free"
        separators = re.escape(unicodedata.normalize("NFKC", task.separators) + "†‡" * ("+" in task.separators))
        self._separators = re.compile(rf"[{separators}|\r\n]+")

    def read(self, value, *, keep_code_like: bool = False) -> tuple:
        """Return the codes of a value and the pieces that are no codes.

        Parameters
        ----------
        value : object
            Text, list of texts, None, NaN or anything else.
        keep_code_like : bool
            Whether pieces that only look like codes count as such: in a
            prediction they are errors of the coder, not of the file.

        Returns
        -------
        codes : tuple of str, "" or None
            Without repetitions, in order; "" if the text is blank, ``()`` for an
            empty list, None where the value is missing.
        bad : list
            Pieces that are not shaped like a code.
        """
        value = plain(value)
        if value is None:
            return None, []
        if isinstance(value, dict):
            return None, [value]
        if isinstance(value, list):
            return self._read_list(value, keep_code_like)
        if (value, keep_code_like) not in self._seen:
            self._seen[value, keep_code_like] = self._read_text(value, keep_code_like)
        codes, bad = self._seen[value, keep_code_like]
        return codes, list(bad)

    def _read_list(self, items: list, keep_code_like: bool) -> tuple:
        codes, bad = {}, []
        for item in map(plain, items):
            if isinstance(item, str):
                found, wrong = self.read(item, keep_code_like=keep_code_like)
                codes.update(dict.fromkeys(found or ()))
                bad += wrong
            elif item is not None:
                bad.append(item)
        return tuple(codes), bad

    def _read_text(self, text: str, keep_code_like: bool) -> tuple:
        folded = unicodedata.normalize("NFKC", text).strip()
        if folded.casefold() in _MISSING_WORDS:
            return None, []
        if folded == "[]":
            return (), []
        codes, bad = {}, []
        for piece in self._separators.split(folded):
            piece = piece.strip() if self._free else piece.strip(_WRAPPING)
            found = self._codes_of(piece)
            if found is None and keep_code_like and _CODE_LIKE.fullmatch(self.task.canonical_code(piece)):
                found = [self.task.canonical_code(piece)]
            if found is None:
                bad.append(piece)
            else:
                codes.update(dict.fromkeys(found))
        return (tuple(codes) or (None if bad else "")), bad

    def _codes_of(self, piece: str) -> list[str] | None:
        """Return the codes of a piece: none, one, several apart by blanks, or None."""
        code = self.task.canonical_code(piece)
        if not code:
            return []
        if self._free or self._is_code(code):
            return [code]
        codes = [self.task.canonical_code(part) for part in piece.split()]
        return codes if len(codes) > 1 and all(map(self._is_code, codes)) else None

    def _is_code(self, code: str) -> bool:
        return is_code_shaped(code) or code.upper() in self.task.spelling_of_code


class IdRegister:
    """Read the ids of a file and notice missing and repeated ones.

    Parameters
    ----------
    field : str
        Name of the id column, for messages.
    problems : list of Problem
        Grows with every problem found.

    Attributes
    ----------
    names : list of str
        An entry per record in file order: its id, or a stand-in.
    """

    def __init__(self, field: str, problems: list[Problem]):
        self.field = field
        self.problems = problems
        self.names: list[str] = []
        self._first: dict[str, int] = {}

    def read(self, value, number: int) -> str:
        """Take the id of record ``number``; return what messages call the record."""
        is_rounded = isinstance(value, float | np.floating) and abs(value) >= _EXACT
        value = plain(value)
        if isinstance(value, dict | list):
            return self._refuse(f"{type_name(value)} instead of an id", number, "write the id as text")
        name = "" if value is None else value.strip().strip("\ufeff").strip()
        if not name or name.casefold() in _MISSING_WORDS:
            return self._refuse("the id is missing", number, "give every record its own id")
        if _UNSTORABLE.search(name):
            return self._refuse("the id holds a broken character", number, "copy the id again")
        if is_rounded or _ROUNDED.fullmatch(name):
            return self._refuse(f"the id is a rounded number: {name}", number, _AS_TEXT)
        shown = shown_id(name, number)
        if name in self._first:
            rule = f"the id occurs again, first in record number {self._first[name]}"
            place = f"{shown} (number {number})" if shown == name else shown
            self.problems.append(Problem(rule, place, self.field, _KEEP_ONE))
        self._first.setdefault(name, number)
        self.names.append(name)
        return shown

    @property
    def good(self) -> list[str]:
        """The ids that could be read, without repetitions."""
        return list(self._first)

    def _refuse(self, rule: str, number: int, remedy: str) -> str:
        place = f"number {number}"
        self.problems.append(Problem(rule, place, self.field, remedy))
        self.names.append(place)
        return place


def presentable_id(name: str) -> str:
    """Return an id that looks like one, else "": in a shifted table it can be a note.

    >>> presentable_id("ZY0*****97"), presentable_id("胸闷3天。")
    ('ZY0*****97', '')
    """
    looks_like_text = len(name) > _LONGEST_ID_SHOWN or re.search(r"[\s，。；：、]", name)
    return "" if looks_like_text else name


def shown_id(record, number: int | None = None) -> str:
    """Return what messages call a record: its id, or its number in the file where that is a note.

    >>> shown_id("ZY1", 3), shown_id("胸闷3天。", 3), shown_id("胸闷3天。")
    ('ZY1', 'number 3', '(a text)')
    """
    return presentable_id(str(record)) or ("(a text)" if number is None else f"number {number}")
