"""Coronary angiography: stenosis by vessel, flow, stents.

Vessels and abbreviations as in 冠状动脉粥样硬化性心脏病诊断与治疗指南 and the CASS
segments; TIMI flow after the TIMI Study Group (N Engl J Med 1985;312:932).
Words stand for numbers where a report gives none: 完全闭塞 100 %, 次全闭塞 99 %,
未见明显狭窄 0 % (轻度, 中度 and 重度狭窄 25, 60 and 85 %: the middle of < 50, 50-70, > 70).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icdbase.text.numerals import CHINESE, parse_number

__all__ = ["extract_stenoses", "extract_stents", "extract_timi"]

_WINDOW = 60
_PERCENT = re.compile(r"(\d{1,3})(?:\s?%?\s?[-~至]\s?(\d{1,3}))?\s?%")
# A bridge narrows in systole, and that is no stenosis: 肌桥,收缩期狭窄50%.
_SYSTOLIC = re.compile(r"(?:收缩[期时]|肌桥)[^,。;%]{0,12}?\d{1,3}(?:\s?%?\s?[-~至]\s?\d{1,3})?\s?%|收缩[期时][^,。;]{0,6}(?:狭窄|受压|变窄)")
_NARROW = re.compile(r"窄|闭塞|病变|斑块|受压|堵塞|阻塞")
_WORDS = (
    (re.compile(r"[次亚]全(?:闭塞|堵塞|阻塞)|(?:几乎|近乎|接近)(?:完全)?(?:闭塞|堵塞)"), 99.0),
    (re.compile(r"(?<!未见)(?<!无)(?:完全|慢性|急性)?(?:闭塞|堵塞|阻塞)|不通|堵死|血流中断"), 100.0),
    (re.compile(r"(?:未见|无)(?:明显|显著|有意义)?(?:的)?(?:狭窄|异常|病变)|正常|光滑|没有(?:明显|像样的)?狭窄"), 0.0),
    (re.compile(r"(?:重度|严重|高度|明显)狭窄|狭窄(?:严重|较重|明显)"), 85.0),
    (re.compile(r"中度狭窄"), 60.0),
    (re.compile(r"轻度狭窄|管壁不规则|(?:内膜|管壁)(?:欠光滑|不光滑|毛糙)"), 25.0),
)
_STOP = re.compile(r"[。;]|timi")
_FLOW_CLASS = "([0-3]|iii|ii|i)"
_TIMI = re.compile(
    rf"\s?(?:前向)?(?:血流)?(?:分级)?[\s:为约达(]{{0,3}}{_FLOW_CLASS}(?:\s?[-~]\s?{_FLOW_CLASS})?\s?[级度)]?"
)
_COUNT = re.compile(r"([1-9]|10|[一二两三四五六])\s?$")


def extract_stenoses(text: str, vessels: list[tuple[int, int, str]]) -> Iterator[tuple[str, float, int, int]]:
    """Yield (vessel, percent, start, end) for each vessel with a stated narrowing.

    The text of a vessel ends at the next vessel, at the end of the sentence or after
    60 characters; the worst of several narrowings counts.

    Parameters
    ----------
    text : str
        Normalised text.
    vessels : list of (start, end, vessel)
        Where vessels are named, in text order.

    Examples
    --------
    >>> text = "左主干未见狭窄,lad近段狭窄80-90%,lcx正常,右冠中段100%闭塞。"
    >>> spans = [(0, 3, "left_main"), (8, 11, "lad"), (22, 25, "lcx"), (28, 30, "rca")]
    >>> [(vessel, percent) for vessel, percent, _, _ in extract_stenoses(text, spans)]
    [('left_main', 0.0), ('lad', 90.0), ('lcx', 0.0), ('rca', 100.0)]
    """
    for position, (start, end, vessel) in enumerate(vessels):
        limit = vessels[position + 1][0] if position + 1 < len(vessels) else len(text)
        limit = min(limit, end + _WINDOW)
        stop = _STOP.search(text, end, limit)
        window = text[end : stop.start() if stop else limit]
        percent = _percent(window)
        if percent is not None:
            yield vessel, percent, start, end + _stated_end(window, percent)


def _percent(window: str) -> float | None:
    """Return the narrowing stated behind a vessel's name."""
    window = _SYSTOLIC.sub("", window)
    if _NARROW.search(window):
        values = [float(max(int(low), int(high or 0))) for low, high in _PERCENT.findall(window)]
        values = [value for value in values if value <= 100]
        if values:
            return max(values)
    return next((percent for pattern, percent in _WORDS if pattern.search(window)), None)


def _stated_end(window: str, percent: float) -> int:
    """Return where the words end that state a narrowing.

    >>> _stated_end("近段斑块,管腔狭窄80%,余血管未见狭窄,予阿司匹林", 80.0)
    12
    """
    figures = [match.end() for match in _PERCENT.finditer(window) if percent in [float(value or -1) for value in match.groups()]]
    words = [match.end() for pattern, value in _WORDS if value == percent and (match := pattern.search(window))]
    return min(figures + words, default=len(window))


def extract_timi(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return flow grade and end of its text, given where TIMI stands; of a range the lower.

    >>> extract_timi("前向血流timi2-3级", 4, 8), extract_timi("timiiii级", 0, 7)
    ((2, 12), (3, 7))
    """
    if end - start > 4:
        return int(parse_number(text[start + 4 : end])), end
    match = _TIMI.match(text, end, end + 20)
    if not match:
        return None
    return min(int(parse_number(group)) for group in match.groups() if group), match.end()


def extract_stents(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the number of stents and its start, given where 枚 or 个 stands.

    >>> extract_stents("于前降支植入支架2枚", 9, 10), extract_stents("放支架两个", 0, 5)
    ((2, 8), (2, 0))
    """
    if text[start] != "枚":
        number = next(char for char in text[start:end] if char.isdigit() or char in CHINESE)
        return int(parse_number(number)), start
    window = max(start - 30, 0)
    match = _COUNT.search(text, max(start - 4, 0), start)
    if not match or "支架" not in text[window : start + 12]:
        return None
    return int(parse_number(match[1])), match.start()
