"""Ids of records: missing and repeated ones are noticed, and messages show no note in the place of an id."""

from __future__ import annotations

import re

import numpy as np

from icdbase.core.errors import Problem
from icdbase.files.cells import MISSING_WORDS, UNSTORABLE, plain
from icdbase.files.rows import type_name

__all__ = ["IdRegister", "displayable_id", "shown_id"]
_LONGEST_ID_SHOWN = 40
_ROUNDED = re.compile(r"\d+(\.\d+)?[Ee]\+\d+")
_EXACT = 1e15
"""A spreadsheet keeps fifteen digits of a number."""
_AS_TEXT = "a spreadsheet has shortened it: export the records again with the id column as text; leave no record out"
_KEEP_ONE = "keep one of them if they are the same record, else give each its own id"


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
        if not name or name.casefold() in MISSING_WORDS:
            return self._refuse("the id is missing", number, "give every record its own id")
        if UNSTORABLE.search(name):
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


def displayable_id(name: str) -> str:
    """Return an id that looks like one, else "": in a shifted table it can be a note.

    >>> displayable_id("ZY0*****97"), displayable_id("胸闷3天。")
    ('ZY0*****97', '')
    """
    looks_like_text = len(name) > _LONGEST_ID_SHOWN or re.search(r"[\s，。；：、]", name)
    return "" if looks_like_text else name


def shown_id(record, number: int | None = None) -> str:
    """Return what messages call a record: its id, or its number in the file where that is a note.

    >>> shown_id("ZY1", 3), shown_id("胸闷3天。", 3), shown_id("胸闷3天。")
    ('ZY1', 'number 3', '(a text)')
    """
    return displayable_id(str(record)) or ("(a text)" if number is None else f"number {number}")
