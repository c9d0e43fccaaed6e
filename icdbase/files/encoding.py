"""The text of a file: its encoding, and files that are no text.

The choice is deterministic: a byte-order mark decides; without one the bytes
are strict UTF-8, else strict GB18030, else the file is refused with the offset
of the first byte that does not fit.
"""

from __future__ import annotations

import codecs
import difflib
import re
import string
import sys
from functools import lru_cache
from pathlib import Path

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import N_, _

__all__ = ["STDIN", "clean_name", "damaged_utf8", "decode", "is_zip", "nul_byte", "read_bytes", "without_fence"]

STDIN = "-"

# The 32-bit marks first: UTF-16's little-endian mark is the beginning of UTF-32's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAVE_AS_TEXT = N_("save it as JSON, CSV or .xlsx")
_BINARY = (
    (b"\xd0\xcf\x11\xe0", N_("an old or locked Office file (.xls, .doc)"), N_("save it as .xlsx without password")),
    (b"%PDF", N_("a PDF"), _SAVE_AS_TEXT),
    (b"\x1f\x8b", N_("a gzip archive"), N_("unpack it first")),
    (b"7z\xbc\xaf", N_("a 7z archive"), N_("unpack it first")),
    (b"Rar!", N_("a RAR archive"), N_("unpack it first")),
    (b"PAR1", N_("a Parquet file"), _SAVE_AS_TEXT),
    (b"\x89PNG", N_("a picture"), _SAVE_AS_TEXT),
    (b"\xff\xd8\xff", N_("a picture"), _SAVE_AS_TEXT),
)
_CHINESE = re.compile("[\u4e00-\u9fff]")
_ENOUGH_CHINESE = 4
_FENCE = re.compile(r"\s*```[^\n`]*\n(.*?)\s*```\s*", re.DOTALL)


def read_bytes(path) -> bytes:
    """Return the bytes of a file, or of standard input for ``-``.

    Raises
    ------
    DataError
        If there is no such file, it is a folder, or it may not be read.
    """
    if str(path) == STDIN:
        return sys.stdin.buffer.read()
    path = Path(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        problem = Problem(_("no such file"), remedy=_("check the path{}", _near_name(path)))
    except IsADirectoryError:
        problem = Problem(_("this is a folder, not a file"), remedy=_("name the file inside it"))
    except PermissionError:
        problem = Problem(_("no permission to read the file"), remedy=_("ask its owner, or copy it to your folder"))
    except MemoryError:
        problem = Problem(_("not enough memory to read the file"), remedy=_("split it, or close other programs"))
    except (OSError, ValueError) as error:
        problem = Problem(_("the file cannot be read ({})", _reason(error)), remedy=_("check the path and the disk"))
    raise DataError(path, [problem])


def _near_name(path: Path) -> str:
    try:
        names = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        return _("; the folder {} is not there either", path.parent)
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return _("; did you mean {!r}?", near[0]) if near else ""


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


@lru_cache(maxsize=1000, typed=True)
def clean_name(name) -> str:
    """Strip a column name of blanks and stray byte-order marks.

    >>> clean_name("\\ufeff 主诉　")
    '主诉'
    """
    return str(name).strip(string.whitespace + "\ufeff\u200b\u3000\xa0")


def without_fence(text: str) -> str:
    """Return the text inside a Markdown fence, or the text itself where there is none.

    >>> without_fence("```json\\n[1]\\n```")
    '[1]'
    """
    found = _FENCE.fullmatch(text) if text.lstrip().startswith("```") else None
    return found[1] if found else text


def is_zip(data: bytes) -> bool:
    """Whether the bytes are a zip archive, as .xlsx and .docx are."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def decode(data: bytes, path) -> tuple[str, str]:
    """Return the text of a file and the name of its encoding.

    Parameters
    ----------
    data : bytes
    path : str or os.PathLike
        Only named in messages.

    Returns
    -------
    text : str
        Without byte-order mark.
    encoding : str
        ``utf-8-sig`` for UTF-8 with a mark.

    Raises
    ------
    DataError
        If the bytes are no text, hold NUL bytes, or fit no encoding.

    Examples
    --------
    >>> decode("胸闷".encode("gb18030"), "a.csv")
    ('胸闷', 'gb18030')
    >>> decode(b"\\xef\\xbb\\xbf" + "胸闷".encode(), "a.csv")
    ('胸闷', 'utf-8-sig')
    """
    text, encoding = _decode(data, path)
    text = text.lstrip("\ufeff")  # some editors add a second mark
    nul = text.find("\0")
    if nul >= 0:
        raise nul_byte(path, text.count("\n", 0, nul) + 1)
    return text, encoding


def nul_byte(path, line: int) -> DataError:
    """Return the error of a text that holds a NUL byte."""
    rule = _("NUL byte in line {}: a damaged or binary file", line)
    return DataError(path, [Problem(rule, remedy=_("copy or export it again, as UTF-8 text"))])


def damaged_utf8(path, offset: int) -> DataError:
    """Return the error of a text that is UTF-8 up to a byte."""
    rule = _("damaged UTF-8 at byte offset {}", offset)
    return DataError(path, [Problem(rule, remedy=_("copy or export it again"))])


def _decode(data: bytes, path) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = _decode_marked(data, mark, encoding, path)
            return text, "utf-8-sig" if encoding == "utf-8" else encoding
    _refuse_binary(data, path)
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        bad_utf8 = error.start
    # Bytes of GB18030 hardly ever make Chinese UTF-8, but damaged UTF-8 often passes
    # as GB18030 gibberish: Chinese before the first bad byte means damage.
    if len(_CHINESE.findall(data[:bad_utf8].decode("utf-8"))) >= _ENOUGH_CHINESE:
        raise damaged_utf8(path, bad_utf8)
    try:
        return data.decode("gb18030"), "gb18030"
    except UnicodeDecodeError as error:
        rule = _("neither UTF-8 (byte offset {}) nor GB18030 (byte offset {})", bad_utf8, error.start)
        raise DataError(path, [Problem(rule, remedy=_("save the file as UTF-8"))]) from None


def _decode_marked(data: bytes, mark: bytes, encoding: str, path) -> str:
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        rule = _("marked as {} but damaged at byte offset {}", encoding.upper(), len(mark) + error.start)
        raise DataError(path, [Problem(rule, remedy=_("copy or export it again"))]) from None


def _refuse_binary(data: bytes, path) -> None:
    for magic, kind, remedy in _BINARY:
        if data.startswith(magic):
            raise DataError(path, [Problem(_("this is {}, not a text file", _(kind)), remedy=_(remedy))])
    nul = data.find(b"\0")
    if nul >= 0:
        rule = _("NUL byte at byte offset {}: a binary or damaged file, or UTF-16 without its mark", nul)
        raise DataError(path, [Problem(rule, remedy=_("export it again, as UTF-8 text"))])
