"""Labels: the codes of a cell of a file, however they are written, and of a frame of codes."""

from __future__ import annotations

import re
import unicodedata

from icdbase.core.language import _
from icdbase.files.cells import MISSING_WORDS, plain, type_name
from icdbase.tasks.codes import is_code_shaped
from icdbase.tasks.task import Target, Task

__all__ = ["LabelParser", "describe_label"]

_BLANK = frozenset({""})
_WRAPPING = " \t\u3000\"'[](){}"
_CODE_LIKE = re.compile(r"(?=.*\d)[A-Za-z0-9.;；|,/+*†]{1,40}")


def describe_label(value) -> str:
    """Name a malformed label: its text only when it can be no note.

    >>> describe_label("I10.x00x0321"), describe_label("高血压"), describe_label({})
    ("'I10.x00x0321'", 'a text of 3 characters', 'an object')
    """
    if not isinstance(value, str):
        return type_name(value)
    if _CODE_LIKE.fullmatch(value):
        return repr(value)
    return _("a text of {} characters", len(value))


class _Spelling(dict):
    """Canonical spelling of each code met so far: a file repeats few codes many times."""

    def __init__(self, task: Task):
        super().__init__()
        self._canonical_code = task.canonical_code

    def __missing__(self, text):
        if not isinstance(text, str):
            raise TypeError(f"a code must be text, got {type(text).__name__}")
        self[text] = code = self._canonical_code(text)
        return code


class LabelParser:
    """Read the labels of a task in all the ways in which they are written.

    Parameters
    ----------
    task : Task

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> LabelParser(CCL25).read("Ｉ10.X00X032； E11.900，高血压。")
    (('I10.x00x032', 'E11.900'), ['高血压。'])
    """

    def __init__(self, task: Task):
        self.task = task
        self._seen: dict[tuple[str, bool], tuple] = {}
        self._spelling = _Spelling(task)
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

    def spell(self, value, target: Target) -> str | frozenset[str] | None:
        """Return what a frame of codes holds for a target in canonical spelling; its shape is not checked.

        Returns
        -------
        str, frozenset of str or None
            A code of a single target, the codes of a multi target, None where they are missing.

        Raises
        ------
        TypeError
            If the value is not one text, or for a multi target a collection of texts.

        >>> from icdbase.tasks.editions import CCL25
        >>> LabelParser(CCL25).spell("i10.X00x032", CCL25.main)
        'I10.x00x032'
        """
        if target.is_single:
            if isinstance(value, str):
                return self._spelling[value] or None
            expected = "one code as text"
        else:
            if isinstance(value, tuple | list | set | frozenset):
                codes = frozenset(map(self._spelling.__getitem__, value))
                return codes - _BLANK if "" in codes else codes
            expected = "a tuple, list or set of codes"
        if plain(value) is None:
            return None
        raise TypeError(f"expected {expected}, got {type(value).__name__}")

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
        if folded.casefold() in MISSING_WORDS:
            return None, []
        if folded == "[]":
            return (), []
        codes, bad = {}, []
        for piece in self._separators.split(folded):
            piece = piece.strip() if self._free else piece.strip(_WRAPPING)
            found = self._codes_of(piece)
            if found is None and keep_code_like and _CODE_LIKE.fullmatch(self._spelling[piece]):
                found = [self._spelling[piece]]
            if found is None:
                bad.append(piece)
            else:
                codes.update(dict.fromkeys(found))
        return (tuple(codes) or (None if bad else "")), bad

    def _codes_of(self, piece: str) -> list[str] | None:
        """Return the codes of a piece: none, one, several apart by blanks, or None."""
        code = self._spelling[piece]
        if not code:
            return []
        if self._free or self._is_code(code):
            return [code]
        codes = [self._spelling[part] for part in piece.split()]
        return codes if len(codes) > 1 and all(map(self._is_code, codes)) else None

    def _is_code(self, code: str) -> bool:
        return is_code_shaped(code) or code.upper() in self.task.spelling_of_code
