"""Cells: the text of a single value, whatever its type, and characters that no file can hold."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd

from icdbase.core.language import N_, _

__all__ = ["MISSING_WORDS", "UNSTORABLE", "plain", "sanitize", "type_name"]

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MISSING_WORDS = frozenset({"nan", "none", "null", "<na>", "nat"})
"""Words that stand for a missing value, in lower case."""


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
        return UNSTORABLE.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


_TYPE_NAMES = {list: N_("a list"), dict: N_("an object"), str: N_("a text"), type(None): "null"}


def type_name(value) -> str:
    """Name the type of a JSON value for a message.

    >>> type_name([1]), type_name({}), type_name("胸闷"), type_name(True)
    ('a list', 'an object', 'a text', 'a bool')
    """
    return _(_TYPE_NAMES[type(value)]) if type(value) in _TYPE_NAMES else _("a {}", type(value).__name__)
