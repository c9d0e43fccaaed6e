"""Ids of records: missing and repeated ones are noticed, and messages show no note in the place of an id."""

from __future__ import annotations

import re

import numpy as np

from icdbase.core.errors import Problem
from icdbase.core.language import N_, _
from icdbase.files.cells import MISSING_WORDS, UNSTORABLE, plain, type_name

__all__ = ["IdRegister", "displayable_id", "shown_id"]
_LONGEST_ID_SHOWN = 40
_ROUNDED = re.compile(r"\d+(\.\d+)?[Ee]\+\d+")
_EXACT = 1e15
"""A spreadsheet keeps fifteen digits of a number."""
_AS_TEXT = N_("a spreadsheet has shortened it: export the records again with the id column as text; leave no record out")
_KEEP_ONE = N_("keep one of them if they are the same record, else give each its own id")


class IdRegister:
    """Read the ids of a file and notice missing and repeated ones.

    Parameters
    ----------
    field : str
        Name of the id column, for messages.

    Attributes
    ----------
    names : list of str
        An entry per record in file order: its id, or ``number 3`` where it has none that can be used.
    """

    def __init__(self, field: str):
        self.field = field
        self.names: list[str] = []
        self._first: dict[str, int] = {}

    def read(self, value, number: int) -> tuple[str, list[Problem]]:
        """Take the id of record ``number``; return what messages call the record, and what is wrong with the id."""
        name, (rule, remedy) = _id_of(value)
        if rule:
            place = _("number {}", number)
            self.names.append(place)
            return place, [Problem(rule, place, self.field, remedy)]
        self.names.append(name)
        shown, first = shown_id(name, number), self._first.setdefault(name, number)
        if first == number:
            return shown, []
        place = _("{} (number {})", shown, number) if shown == name else shown
        return shown, [Problem(_("the id occurs again, first in record number {}", first), place, self.field, _(_KEEP_ONE))]

    @property
    def good(self) -> list[str]:
        """The ids that could be read, without repetitions."""
        return list(self._first)


def _id_of(value) -> tuple[str, tuple[str, str]]:
    """Return the id that a cell holds, and the rule that it breaks with the remedy; both are empty for a good id."""
    is_rounded = isinstance(value, float | np.floating) and abs(value) >= _EXACT
    value = plain(value)
    if isinstance(value, dict | list):
        return "", (_("{} instead of an id", type_name(value)), _("write the id as text"))
    name = "" if value is None else value.strip().strip("\ufeff").strip()
    if not name or name.casefold() in MISSING_WORDS:
        return "", (_("the id is missing"), _("give every record its own id"))
    if UNSTORABLE.search(name):
        return "", (_("the id holds a broken character"), _("copy the id again"))
    if is_rounded or _ROUNDED.fullmatch(name):
        return "", (_("the id is a rounded number: {}", name), _(_AS_TEXT))
    return name, ("", "")


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
    return displayable_id(str(record)) or (_("(a text)") if number is None else _("number {}", number))
