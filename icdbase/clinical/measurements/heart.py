"""What Holter and ultrasound tell of the heart: ectopic beats, and how far a valve fails.

Trace and slight regurgitation are found in most old hearts and are no disease;
a coder thinks of a valve disease from the moderate grade on (ASE recommendations
for native valvular regurgitation 2017; ESC/EACTS guidelines for valvular heart disease
2021).
"""

from __future__ import annotations

import re

from icdbase.text.numerals import parse_number

__all__ = ["extract_beats", "extract_lesion"]

_BEAT_COUNT = re.compile(
    r"(?:总数|一共|总共|共计|合计|累计|共|总计|数|有|计|为|:|,|\s|\(|约|达|总|个数|单发|搏动|发生|发作|出现|检出|记录到|全天|24小时){0,4}"
    r"(?P<number>\d{1,3}(?:,\d{3})+|\d+)\s?(?:次|个|beats|阵)?"
)
_GRADES = {"微": 1.0, "少": 1.0, "细": 1.0, "轻": 2.0, "中": 3.0, "重": 4.0, "大": 4.0}
_DEGREE = "(?P<degree>轻微|中等|[微少细轻中重大](?:[-~至到、]?[少中重大])?)[度量许束小]{0,2}"
_BEFORE = re.compile(rf"{_DEGREE}的?$")
_VALVE = re.compile(r"瓣[^,;。]{0,14}$")
# 反流(中度), 反流面积达中度以上, 反流较重, 反流(++), 反流2+.
_BEHIND = re.compile(
    rf"(?:[\s(:为,]|程度|面积|信号|约|达|呈|属|较|偏){{0,4}}(?:{_DEGREE}(?:以上|以下)?|(?P<plus>\+{{1,4}})|(?P<count>[1-4])(?:\+|度|°))"
    r"(?:\)|(?=[,;。、\s)]|$))"
)
_LEG = re.compile(r"静脉[^,;。]{0,14}$")


def extract_beats(text: str, end: int) -> tuple[float, int] | None:
    """Return the count told behind the word for a beat, and its end.

    >>> extract_beats("室早总数12,345个", 2), extract_beats("室早,二联律", 2)
    ((12345.0, 11), None)
    """
    match = _BEAT_COUNT.match(text, end, end + 24)
    if match and (match[0][-1] in "次个阵s" or "总" in match[0]):
        return parse_number(match["number"]), match.end()
    return None


def extract_lesion(text: str, start: int, end: int) -> tuple[float, int] | None:
    """Return the grade (1 trace, 2 mild, 3 moderate, 4 severe) and the end of its text.

    >>> extract_lesion("二尖瓣中-重度关闭不全", 7, 11), extract_lesion("三尖瓣反流(轻度)", 3, 5)
    ((3.5, 11), (2.0, 9))
    >>> extract_lesion("二尖瓣返流面积达中度以上", 3, 5), extract_lesion("二尖瓣反流(++)", 3, 5)
    ((3.0, 12), (2.0, 9))
    >>> extract_lesion("大隐静脉瓣重度反流", 7, 9), extract_lesion("前降支重度狭窄", 5, 7)
    (None, None)
    """
    before = text[max(start - 20, 0) : start]
    if not _VALVE.search(before) or _LEG.search(before):
        return None
    if match := _BEFORE.search(before):
        return _grade(match), end
    if match := _BEHIND.match(text, end, end + 10):
        return _grade(match), match.end()
    return None


def _grade(match: re.Match) -> float:
    """Read a degree; of a range (轻-中度) the middle."""
    groups = match.groupdict()
    if not groups["degree"]:
        return float(len(groups["plus"]) if groups["plus"] else groups["count"])
    grades = [_GRADES[char] for char in match["degree"] if char in _GRADES]
    return 1.0 if match["degree"] == "轻微" else sum(grades) / len(grades)
