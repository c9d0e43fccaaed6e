"""Years of a disease or of smoking, ages, minutes of an attack, and sizes of nodules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from icdbase.text.numerals import parse_number

__all__ = [
    "DURATION_REACH",
    "extract_age",
    "extract_depth",
    "extract_minutes",
    "extract_size",
    "extract_size_before",
    "extract_smoking",
    "extract_years",
    "extract_years_before",
]

DURATION_REACH = 20
"""Characters from the name of a disease within which its years stand."""

# What looks like a number of years or months and is a date: 2015年前, 98年确诊, 19年戒烟, 12月5日, 二〇一五年.
_DATE = (
    r"\d{4}|0\d年|[89]\d年(?![余多来])|\d\d年(?:[代初底末春夏秋冬]|起(?![病初])|戒(?!烟?[已约近]?\d)|\d{1,2}月|开始|(?:体检)?(?:发现|确诊|诊断))"
    r"|\d{1,2}月(?:\d{1,2}(?![\d天周余])|[份初底末]|[上中下]旬)"
)
_INSIDE_A_DATE = r"(?<![\d.年〇○零])(?<!\d{4}[-/])(?<![〇○零][一二三四五六七八九])(?<!一九[五六七八九])"
_COUNT = (
    rf"{_INSIDE_A_DATE}(?!{_DATE})"
    r"(?P<count>\d{1,2}(?:\.\d)?|[二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九半])\s?[余多+来]?\s?"
)
_WHOLE_DATE = r"(?:19|20)\d\d年(?:\d{1,2}月(?:\d{1,2}[日号])?)?"
_YEARS = re.compile(
    rf"(?:{_WHOLE_DATE}|[^,。;、0-9一二两三四五六七八九十半]){{0,10}}?{_COUNT}(?P<unit>年|个?月)(?!\d{{1,2}}月|代)"
)
_YEARS_BEFORE = re.compile(rf"{_COUNT}(?P<unit>年|个?月)[余多]?(?:之?前|以前)[^,。;、0-9]{{0,12}}$")
_SMOKING = re.compile(rf"[^。;0-9戒]{{0,10}}?{_COUNT}(?P<unit>年)")
_SMOKING_AFTER_AMOUNT = re.compile(rf"[^。;戒]{{0,24}}?{_COUNT}(?P<unit>年)")
_LOOK_AHEAD = 8
"""Characters behind the reach that are looked at, so that a date is known whole."""
_SIZE = re.compile(
    r"[^。;]{0,30}?(?P<first>\d{1,3}(?:\.\d+)?)\s?(?P<unit1>mm|cm)?"
    r"(?:\s?[×x*]\s?(?P<second>\d{1,3}(?:\.\d+)?)\s?(?P<unit2>mm|cm)?)?(?:\s?[×x*]\s?\d{1,3}(?:\.\d+)?\s?(?P<unit3>mm|cm)?)?"
)
_SIZE_BEFORE = re.compile(
    r"(?:(?P<first>\d{1,3}(?:\.\d+)?)\s?(?:mm|cm)?\s?[×x*]\s?)?(?P<second>\d{1,3}(?:\.\d+)?)\s?(?P<unit>mm|cm)"
    r"(?:大小|左右)?[^,。;、0-9]{0,8}$"
)
_LASTS = re.compile(
    r"[^,。;]{0,8}?(?P<count>\d{1,3}|半|[一二两三四五]?十[几余]?|[一二两三四五数几]|大半)(?:\s?[-~至、]\s?(?P<upto>\d{1,3}|[二三四五六]?十?))?"
    r"\s?(?:余|多|来|个|几)?\s?(?P<unit>分钟?|min|小时|h|钟头|刻钟)(?P<half>半)?"
)
_DEPTH = re.compile(
    r"[^。;未无]{0,14}?(?:积液|积水|液体|液?暗区|液性密度|无回声区?|分离)[^。;径动a-z]{0,20}?(?P<depth>(?<![\d.])\d{1,2}(?:\.\d)?)\s?(?P<unit>mm|cm)"
)
_AGE = re.compile(r"(\d{1,3})\s?周?$")
_KIN = re.compile("父|母|兄|弟|姐|妹|子|[其1-9一两二长次儿]女|祖|配偶|妻|夫")
_EVENT = re.compile("(?:初潮|绝经|停经|[初再结]婚|发病)(?:年龄)?[:于约]?$")
_THEN = re.compile("时|起|(?:初|再|结|适龄|登记)婚|绝经|停经|初潮|月经|生育|因|患|去世|病故|死|开始|余?前")


def extract_years(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (years, end) stated right behind the name of a disease, in the same clause; a calendar year is none.

    >>> list(extract_years("高血压病史10余年", 3)), list(extract_years("糖尿病6个月", 3))
    ([(10.0, 9)], [(0.5, 6)])
    >>> list(extract_years("高血压2015年确诊", 3)), list(extract_years("糖尿病12月5日", 3))
    ([], [])
    """
    if match := _YEARS.match(text, end, end + DURATION_REACH + _LOOK_AHEAD):
        yield _years(match), match.end()


def extract_years_before(text: str, start: int) -> Iterator[tuple[float, int]]:
    """Yield (years, start) stated before the name of a disease, in the same clause.

    >>> list(extract_years_before("10余年前体检发现高血压", 8)), list(extract_years_before("3个月前曾患脑梗死", 6))
    ([(10.0, 0)], [(0.25, 0)])
    """
    window = max(start - DURATION_REACH, 0)
    if text.find("前", window, start) < 0:
        return
    match = _YEARS_BEFORE.search(text, window, start)
    if match:
        yield _years(match), match.start()


def _years(match: re.Match) -> float:
    return round(parse_number(match["count"]) / (1 if match["unit"] == "年" else 12), 2)


def extract_smoking(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (years, end) behind 吸烟.

    >>> list(extract_smoking("吸烟史40年,20支/日", 3)), list(extract_smoking("吸烟,20支/日,30余年", 2))
    ([(40.0, 6)], [(30.0, 13)])
    """
    match = _SMOKING.match(text, end, end + 20 + _LOOK_AHEAD) or _SMOKING_AFTER_AMOUNT.match(text, end, end + 32 + _LOOK_AHEAD)
    if match:
        yield parse_number(match["count"]), match.end()


def extract_size(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (largest diameter in mm, end) behind the word for a nodule.

    >>> list(extract_size("结节,大小约1.2cm×0.8cm", 2)), list(extract_size("结节,较大者约5*4mm", 2))
    ([(12.0, 17)], [(5.0, 12)])
    """
    match = _SIZE.match(text, end, end + 60)
    if not match:
        return
    unit = match["unit1"] or match["unit2"] or match["unit3"]
    if unit:
        value = max(float(match["first"]), float(match["second"] or 0)) * (10 if unit == "cm" else 1)
        yield value, match.end()


def extract_size_before(text: str, start: int) -> Iterator[tuple[float, int]]:
    """Yield (largest diameter in mm, start) before the word for a nodule.

    >>> list(extract_size_before("见5mm×4mm低回声结节", 11)), list(extract_size_before("一枚约1.2cm的", 9))
    ([(5.0, 1)], [(12.0, 3)])
    """
    match = _SIZE_BEFORE.search(text, max(start - 28, 0), start)
    if match:
        value = max(float(match["first"] or 0), float(match["second"])) * (10 if match["unit"] == "cm" else 1)
        yield value, match.start("first" if match["first"] else "second")


def extract_depth(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (depth in mm, end) of fluid behind the word for a cavity, in the same sentence.

    >>> list(extract_depth("心包腔内液性暗区:左室后壁后10mm,右室前4mm", 2)), list(extract_depth("心包无积液,左房38mm", 2))
    ([(10.0, 18)], [])
    """
    match = _DEPTH.match(text, end)
    if match:
        yield float(match["depth"]) * (10 if match["unit"] == "cm" else 1), match.end()


def extract_minutes(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (minutes, end) behind 持续: how long an attack lasts; of a range the longer.

    >>> list(extract_minutes("持续3-5分钟", 2)), list(extract_minutes("持续半小时以上", 2)), list(extract_minutes("持续数分钟", 2))
    ([(5.0, 7)], [(30.0, 5)], [(3.0, 5)])
    >>> list(extract_minutes("持续1小时余", 2)), list(extract_minutes("持续十余分钟", 2)), list(extract_minutes("持续2天", 2))
    ([(60.0, 5)], [(10.0, 6)], [])
    """
    match = _LASTS.match(text, end, end + 22)
    if match:
        minutes = [_minutes(match[name]) for name in ("count", "upto") if match[name]]
        scale = {"小": 60.0, "h": 60.0, "钟": 60.0, "刻": 15.0}.get(match["unit"][0], 1.0)
        yield max(minutes) * scale + (scale / 2 if match["half"] else 0), match.end()


def _minutes(text: str) -> float:
    if text in "数几":
        return 3.0
    return 0.7 if text == "大半" else parse_number(text.rstrip("几余"))


def extract_age(text: str, start: int) -> Iterator[tuple[float, int]]:
    """Yield (age, start) before 岁, unless it is a relative's or of another time (初潮13岁).

    >>> list(extract_age("患者男,76岁", 6)), list(extract_age("其父70岁时患病", 4))
    ([(76.0, 4)], [])
    >>> list(extract_age("患者女,71岁", 6)), list(extract_age("23岁结婚", 2)), list(extract_age("初潮13岁", 4))
    ([(71.0, 4)], [], [])
    """
    match = _AGE.search(text, max(start - 4, 0), start)
    if not match or _THEN.match(text, start + 1):
        return
    before = max(match.start() - 6, 0), match.start()
    if not _KIN.search(text, *before) and not _EVENT.search(text, *before):
        yield float(match[1]), match.start()
