"""Normalise clinical text: width, case, class numerals, masks, blanks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from icdbase.text.numerals import CHINESE, ROMAN

__all__ = ["normalize", "normalize_all", "normalize_with_offsets"]

# The punctuation that makes up most of the changes, replaced at C speed ...
_COMMON = tuple(zip("，：；（）？！％～．＋", ",:;()?!%~.+", strict=True))
_NARROW = dict(_COMMON)
# ... and the blocks in which all other compatibility characters lie.
_RARE = re.compile(
    "[\u00a0-\u00ff\u0384-\u03ff\u2000-\u24ff\u2f00-\u2fdf\u3000\u3036-\u33ff\uf900-\ufaff\ufe30-\uffef]"
)
_CLASSES = {numeral: str(value) for numeral, value in (ROMAN | {char: CHINESE[char] for char in "一二三四"}).items()}
# Begins with a plain set of characters, which the engine looks for five times faster than for a choice.
_NUMERAL = re.compile(r"[iv一二三四](?:(?<=[iv])[iv]{0,2})?(?=(?:\s?[-~/、]\s?[iv]{1,3})?\s?[级型度期类°])")
_MASK = re.compile(r"(?:\*|x{3,}|×{2,})+")
# Where a mask may be; begins with a set, too.  What it finds holds whole masks.
_MASK_LIKE = re.compile(r"[*x×][*x×]+")
# A full stop typed in Latin: 颈动脉斑块.2023-05-01腹部彩超.  What follows is no decimal.
_STOP = re.compile(r"\.(?<=[\u4e00-\u9fff)]\.)(?!\d{1,2}(?![\d.年月-]))")
# Begins with the blanks that are left when compatibility characters are folded: found faster than any blank.
_BLANKS = re.compile("[\t-\r\x1c-\x1f \x85\u1680\u2028\u2029](?:\\s+|(?<=[\t\r\f\v]))")
# Ward shorthand: 颈总A and 下肢V for 动脉 and 静脉.  Begins with the letter, which is found fast.
_VESSEL = re.compile("a(?<=[颈总内外冠肾股腘胫髂椎桡肢主浅深背脑肺底前中后]a)(?![a-z0-9])|v(?<=[颈肢隐肺门腔]v)(?![a-z0-9])")
# Slips of the input method, within words that leave no doubt; each as long as what it stands for.
_SLIPS = {
    "心际": "心悸", "心衷": "心衰", "园形": "圆形", "阵法性": "阵发性", "植人": "植入", "糖料病": "糖尿病", "脂防肝": "脂肪肝", "感柒": "感染",
    "硬话": "硬化", "甲状线": "甲状腺", "斑快": "斑块",
}
# 办 is typed for 瓣: 二尖办, 主A办, 各办膜区.
_VALVE = re.compile("办(?<=[尖脉]办)|办(?=[膜叶口环区])")
_SEAM = "\0"
"""Between texts that are normalised in one go: in no record, and no rule reaches across it."""


class _SafeNfkc(dict):
    """Compatibility mapping of single characters, filled as they are met.

    Superscripts keep their rank (10⁹ is no 109) and circled numbers their role
    as list numbers (①高血压 is item 1, not "1 高血压").
    """

    def __missing__(self, char: str) -> str:
        folded = unicodedata.normalize("NFKC", char)
        kind = unicodedata.decomposition(char)
        if kind.startswith("<super>"):
            folded = "^" + folded if folded.isdigit() else folded
        elif kind.startswith("<circle>") and folded.isdigit():
            folded += "."
        elif kind.startswith("<fraction>"):
            folded = char
        self[char] = folded = folded.lower()
        return folded


_SAFE_NFKC = _SafeNfkc()


def normalize(text: str) -> str:
    """Fold the spellings of one thing into one.

    Width and compatibility forms (NFKC where it keeps the meaning), case, class
    numerals (Roman and Chinese before 级, 型, 度, 期, 类), masks, the Latin full
    stop behind Chinese, and repeated blanks; 颈A and 颈V for 颈动脉 and 颈静脉, and slips
    of the input method that leave no doubt (罗音, 二尖办); a line end stays one, for it parts
    the items of a list.  Works in linear time; what is normalised already stays
    as it is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> normalize("心功能Ⅲ级（NYHA）；ＷＢＣ 10.5×10⁹/L，*** 医院")
    '心功能3级(nyha);wbc 10.5×10^9/l,* 医院'
    >>> normalize("高血压病三级 心功能III-IV级")
    '高血压病3级 心功能3-4级'
    >>> normalize("颈总A斑快，二尖办反流")
    '颈总动脉斑块,二尖瓣反流'
    """
    for wide, narrow in _COMMON:
        text = text.replace(wide, narrow)
    text = _RARE.sub(lambda match: _SAFE_NFKC[match[0]], text).lower()
    # Of all blanks only the space is printable: most fields are seen to need nothing without a search.
    if "  " in text or not text.isprintable():
        text = _BLANKS.sub(_fold_blanks, text)
    text = _mend_slips(_VESSEL.sub(_fold_vessel, text))
    text = _NUMERAL.sub(_fold_numeral, text)
    text = _MASK_LIKE.sub(_fold_masks, text)
    return _STOP.sub("。", text)


def normalize_all(texts: Sequence[str]) -> list[str]:
    """Normalise many texts in one go: the same as one by one, in half the time.

    >>> normalize_all(["心功能Ⅲ级", "", "ＬＤＬ 1.8"])
    ['心功能3级', '', 'ldl 1.8']
    """
    folded = normalize(_SEAM.join(texts)).split(_SEAM)
    return folded if len(folded) == len(texts) else [normalize(text) for text in texts]


def normalize_with_offsets(text: str) -> tuple[str, list[int]]:
    """Normalise, and return where each character comes from.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        What :func:`normalize` returns.
    list of int
        For each character the offset in ``text`` at which its source begins,
        and ``len(text)`` at the end.

    Examples
    --------
    >>> normalize_with_offsets("ＬＤＬ***Ⅲ级")
    ('ldl*3级', [0, 1, 2, 3, 6, 7, 8])
    """
    folded, offsets = [], []
    for position, char in enumerate(text):
        char = _NARROW.get(char, char)
        spelt = (_SAFE_NFKC[char] if _RARE.match(char) else char).lower()
        folded.append(spelt)
        offsets += [position] * len(spelt)
    result = "".join(folded), offsets
    for pattern, fold in _FOLDS:
        replaced, kept = _sub_with_offsets(pattern, fold, *result)
        result = _mend_slips(replaced), kept  # as long as before
    return result[0], [*result[1], len(text)]


def _sub_with_offsets(pattern: re.Pattern, fold, text: str, offsets: list[int]) -> tuple[str, list[int]]:
    """Substitute; all that takes a match's place comes from where the match begins."""
    pieces, kept, done = [], [], 0
    for match in pattern.finditer(text):
        spelt = fold(match)
        pieces += [text[done : match.start()], spelt]
        kept += offsets[done : match.start()] + [offsets[match.start()]] * len(spelt)
        done = match.end()
    return "".join([*pieces, text[done:]]), kept + offsets[done:]


def _mend_slips(text: str) -> str:
    """Mend slips, each by as many characters."""
    text = _VALVE.sub("瓣", text)
    for slip, word in _SLIPS.items():
        text = text.replace(slip, word)
    return text


def _fold_vessel(match: re.Match) -> str:
    return "动脉" if match[0] == "a" else "静脉"


def _fold_blanks(match: re.Match) -> str:
    return "\n" if "\n" in match[0] or "\r" in match[0] else " "


def _fold_numeral(match: re.Match) -> str:
    before = match.string[max(match.start() - 6, 0) : match.start()]
    inside_a_word = before[-1:].isascii() and before[-1:].isalpha()
    if inside_a_word and not before.endswith(("killip", "nyha")):
        return match[0]
    return _CLASSES.get(match[0], match[0])


def _fold_masks(match: re.Match) -> str:
    return _MASK.sub("*", match[0])


# Blanks first: a numeral looks over one of them. So a second pass finds nothing to do.
_FOLDS = ((_BLANKS, _fold_blanks), (_VESSEL, _fold_vessel), (_NUMERAL, _fold_numeral), (_MASK, lambda _: "*"), (_STOP, lambda _: "。"))
