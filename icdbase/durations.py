"""Years of a disease or of smoking, ages, and sizes of nodules."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["DISEASES", "read_age", "read_size", "read_smoking", "read_years"]

DISEASES = {
    "hypertension": "血压{升高/增高/偏高}",
    "diabetes": "{2型/ii型/}糖尿病|血糖{升高/增高/偏高}",
    "coronary": "冠心病|冠{状动/}脉粥样硬化性心脏病|心绞痛|冠脉支架{植入/置入}{术/}后|pci术后|心{肌/}梗{死/}",
    "stroke": "脑梗{死/塞/}|腔{隙性脑/}梗{死/塞/}|脑卒中|脑血栓",
    "fibrillation": "{阵发性/持续性/}{房颤/心房颤动/心房纤颤}",
    "failure": "心{衰/力衰竭/功能不全}",
}
"""Diseases whose years are told, with the words that they follow (高血压 is read with its grade)."""

_NUMERAL = dict(zip("一二两三四五六七八九十半", (1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0.5), strict=True))
_COUNT = r"(?P<count>\d{1,2}(?:\.\d)?|[二三四五六]?十[一二三四五六七八九]?|[一二两三四五六七八九半])"
_YEARS = re.compile(
    rf"[^,。;、0-9一二两三四五六七八九十半]{{0,10}}?{_COUNT}\s?(?:余|多|\+|来)?\s?(?P<unit>年|个?月)(?!\d{{1,2}}月|代)"
)
_SMOKING = re.compile(rf"[^。;0-9]{{0,10}}?{_COUNT}\s?(?:余|多|\+|来)?\s?(?P<unit>年)")
_SMOKING_AFTER_AMOUNT = re.compile(rf"[^。;]{{0,24}}?{_COUNT}\s?(?:余|多|\+|来)?\s?(?P<unit>年)")
_SIZE = re.compile(
    r"[^。;]{0,30}?(?P<first>\d{1,3}(?:\.\d+)?)\s?(?P<unit1>mm|cm)?"
    r"(?:\s?[×x*]\s?(?P<second>\d{1,3}(?:\.\d+)?)\s?(?P<unit2>mm|cm)?)?(?:\s?[×x*]\s?\d{1,3}(?:\.\d+)?\s?(?P<unit3>mm|cm)?)?"
)
_AGE = re.compile(r"(\d{1,3})\s?周?$")
_KIN = re.compile("父|母|兄|弟|姐|妹|子|[其1-9一两二长次儿]女|祖|配偶|妻|夫")
_EVENT = re.compile("(?:初潮|绝经|停经|[初再结]婚|发病)(?:年龄)?[:于约]?$")
_THEN = re.compile("时|起|(?:初|再|结|适龄|登记)婚|绝经|停经|初潮|月经|生育|因|患|去世|病故|死|开始|余?前")


def _count(text: str) -> float:
    """Read a small number, Arabic or Chinese (十余 counts as ten).

    >>> _count("12"), _count("二十"), _count("十五"), _count("半")
    (12.0, 20.0, 15.0, 0.5)
    """
    if text[0].isdigit():
        return float(text)
    if "十" in text:
        tens, _, ones = text.partition("十")
        return 10.0 * _NUMERAL.get(tens, 1) + _NUMERAL.get(ones, 0)
    return float(_NUMERAL[text])


def read_years(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (years, end) told right behind the name of a disease, in the same clause.

    >>> list(read_years("高血压病史10余年", 3)), list(read_years("糖尿病6个月", 3))
    ([(10.0, 9)], [(0.5, 6)])
    """
    match = _YEARS.match(text, end, end + 20)
    if match:
        years = _count(match["count"]) / (1 if match["unit"] == "年" else 12)
        yield round(years, 2), match.end()


def read_smoking(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (years, end) behind 吸烟.

    >>> list(read_smoking("吸烟史40年,20支/日", 3)), list(read_smoking("吸烟,20支/日,30余年", 2))
    ([(40.0, 6)], [(30.0, 13)])
    """
    match = _SMOKING.match(text, end, end + 20) or _SMOKING_AFTER_AMOUNT.match(text, end, end + 32)
    if match:
        yield _count(match["count"]), match.end()


def read_size(text: str, end: int) -> Iterator[tuple[float, int]]:
    """Yield (largest diameter in mm, end) behind the word for a nodule.

    >>> list(read_size("结节,大小约1.2cm×0.8cm", 2)), list(read_size("结节,较大者约5*4mm", 2))
    ([(12.0, 17)], [(5.0, 12)])
    """
    match = _SIZE.match(text, end, end + 60)
    if not match:
        return
    unit = match["unit1"] or match["unit2"] or match["unit3"]
    if unit:
        value = max(float(match["first"]), float(match["second"] or 0)) * (10 if unit == "cm" else 1)
        yield value, match.end()


def read_age(text: str, start: int) -> Iterator[tuple[float, int]]:
    """Yield (age, start) before 岁, unless it is a relative's or of another time (初潮13岁).

    >>> list(read_age("患者男,76岁", 6)), list(read_age("其父70岁时患病", 4))
    ([(76.0, 4)], [])
    >>> list(read_age("患者女,71岁", 6)), list(read_age("23岁结婚", 2)), list(read_age("初潮13岁", 4))
    ([(71.0, 4)], [], [])
    """
    match = _AGE.search(text, max(start - 4, 0), start)
    if not match or _THEN.match(text, start + 1):
        return
    before = max(match.start() - 6, 0), match.start()
    if not _KIN.search(text, *before) and not _EVENT.search(text, *before):
        yield float(match[1]), match.start()
