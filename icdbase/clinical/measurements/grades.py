"""Classes and grades as doctors write them: hypertension, NYHA, Killip.

One reader serves notes, lists of diagnoses and the official names of codes, so
that 高血压病3级（极高危）, 高血压 很高危 3级 and the code's name meet in one key.

Sources: 中国高血压防治指南 (2018 revision; 2024 revision keeps grades and strata),
中国心力衰竭诊断和治疗指南 2024 (NYHA), 急性ST段抬高型心肌梗死诊断和治疗指南 2019 (Killip).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from icdbase.text.numerals import parse_number

__all__ = [
    "DIASTOLIC_LIMITS", "STRATA", "SYSTOLIC_LIMITS", "Grade", "blood_pressure_grade", "extract_grade",
    "extract_grades",
]

STRATA = {"低危": 1, "中危": 2, "高危": 3, "很高危": 4, "极高危": 4}
"""Cardiovascular risk; 很高危 (2018) and 极高危 (older texts, code names) are one."""

_ONE = r"([1-4]|iv|i{1,3}|[一二三四])"
_UPTO = r"(?:\s?[-~—–/、至到]\s?([1-4]|iv|i{1,3}|[一二三四]))?"
_SPACE = r"[\s:(为约属于,\[]{0,4}"

_KILLIP = re.compile(
    rf"'?s?\s?(?:分级|心功能分级|心功能|分类|class|法)?\s?{_SPACE}{_ONE}{_UPTO}(?:\s?[级型期]|(?![a-z0-9.%:/]))"
)
_NYHA = re.compile(
    rf"\s?(?:心脏病?)?(?:协会|学会)?(?:分级|心功能分级|心功能|分类|class|标准)?\s?{_SPACE}{_ONE}{_UPTO}(?:\s?[级型期]|(?![a-z0-9.%:/]))"
)
_HEART_FUNCTION = re.compile(
    rf"(?:分级|分为|评级|评估|nyha分级|不全)?\s?{_SPACE}(?:nyha|纽约)?(?:心功能)?(?:分级|分类)?[\s:)\]]{{0,2}}{_ONE}{_UPTO}\s?[级期]"
)
_KILLIP_FOLLOWS = re.compile(r"[\s,(\[]{0,2}kill?ip")
_ATTACHED = re.compile(r"(?<=[ap]|s)(?:iv|i{1,3})$")
_GRADE_BEFORE = re.compile(rf"{_ONE}{_UPTO}\s?[级期][\s(\[]{{0,2}}$")
_PRESSURE = re.compile(
    r"(?:病|症)?[\s(\[,:、-]{0,3}"
    r"(?:(?P<before>极高危|很高危|高危|中危|低危)[组险]{0,2}[\s(,;、/)-]{0,3})?"
    r"(?:(?P<grade>[1-3]|i{1,3}|[一二三])\s?[级期]\s?(?:高血压)?)?"
    r"(?:[\s(\[,;:、/)-]{0,3}(?:心血管|心血管危险|危险)?(?:分层|风险|危险度)?[\s:为]{0,2}"
    r"(?P<after>极高危|很高危|高危|中危|低危))?"
)
_GRADED_PRESSURE = re.compile(r"([1-3]|i{1,3}|[一二三])\s?[级期]\s?(?:原发性)?$")


# A class that the doctor concludes later in the sentence: 心功能:稍动即喘,静坐不喘,考虑三级.
_CONCLUDED = re.compile(
    r"(?:考虑|归为|归于|归|定为|评为|评定为|判为|应为|应属|属于|属|按|相当于|符合|诊断为|就是|以|在|为|达|算|处于|写)"
    r"\s?(?:第|纽约|nyha|心功能|killip|心衰)?(?:分级)?\s?([1-4])(?:\s?[-~至]\s?([1-4]))?\s?级(?![半?])"
)
_CONCLUSION_ENDS = re.compile("[。;]|高血压|心功能|泵功能|kill?ip|nyha|纽约|timi|房室")
_REVOKED = re.compile(r"[\s)]{0,2}[?]|[^,。;]{0,4}(?:不成立|不够|不符|不支持|除外|依据不足|证据不足)")
_NOT = re.compile(r"(?:不够|未达|未到|达不到|够不上|不到|不足|不支持|除外|排除|并?非|不考虑|不是)\s?(?:killip|nyha|心功能)?\s?$")


class Grade(NamedTuple):
    """A class that was read: what, which, and where."""

    name: str
    value: int
    start: int
    end: int


def extract_grade(word: str, text: str, start: int, end: int) -> Iterator[Grade]:
    """Read the class that stands beside 高血压, 心功能, nyha or killip.

    Of a range (2-3级) the higher class counts, as coders do.

    Parameters
    ----------
    word : str
        One of these, whatever the form of it in the text.
    text : str
        Normalised text.
    start, end : int
        Span of the word.

    Yields
    ------
    Grade
        ``hypertension_grade`` (1-3), ``hypertension_stratum`` (1-4), ``nyha``, ``killip``.
    """
    if word == "高血压":
        yield from _read_pressure(text, start, end)
    elif word == "心功能":
        match = _HEART_FUNCTION.match(text, end, end + 40)
        if match:
            name = "killip" if _KILLIP_FOLLOWS.match(text, match.end()) else "nyha"
            if not (name == "nyha" and text[max(start - 12, 0) : start].rfind("kill") >= 0):
                yield from _class(name, match, start)
        else:
            yield from _concluded("nyha", text, start, end)
    elif attached := _ATTACHED.search(text, start, end):
        yield Grade(word, int(parse_number(attached[0])), start, end)
    elif word == "nyha":
        match = _NYHA.match(text, end, end + 30)
        if match:
            yield from _class("nyha", match, start)
        else:
            yield from _class_before("nyha", text, start, end) or _concluded("nyha", text, start, end)
    else:
        match = _KILLIP.match(text, end, end + 30)
        if match:
            yield from _class("killip", match, start)
        else:
            yield from _class_before("killip", text, start, end) or _concluded("killip", text, start, end)


def _class(name: str, match: re.Match, start: int) -> list[Grade]:
    """Return the class, unless it is in doubt or revoked: killip 4级?, killip 4级不成立."""
    value = max(int(parse_number(group)) for group in match.groups() if group)
    revoked = _REVOKED.match(match.string, match.end()) or _NOT.search(match.string, max(start - 8, 0), start)
    return [] if revoked else [Grade(name, value, start, match.end())]


def _concluded(name: str, text: str, start: int, end: int) -> list[Grade]:
    """Read the highest class that a doctor concludes in the sentence behind the word."""
    stop = _CONCLUSION_ENDS.search(text, end)
    matches = _CONCLUDED.finditer(text, end, min(stop.start() if stop else len(text), end + 120))
    found = [grade for match in matches for grade in _class(name, match, start)]
    return [max(found, key=lambda grade: grade.value)] if found else []


def _class_before(name: str, text: str, start: int, end: int) -> list[Grade]:
    """Read 心功能3级(nyha分级): the class stands before the word."""
    window = max(start - 12, 0)
    match = _GRADE_BEFORE.search(text[window:start])
    if match:
        value = max(int(parse_number(group)) for group in match.groups() if group)
        return [Grade(name, value, window + match.start(), end)]
    return []


def _read_pressure(text: str, start: int, end: int) -> Iterator[Grade]:
    match = _PRESSURE.match(text, end, end + 40)
    grade = match["grade"] if match else None
    if not grade and (before := _GRADED_PRESSURE.search(text[max(start - 6, 0) : start])):
        grade = before[1]
    if grade:
        yield Grade("hypertension_grade", int(parse_number(grade)), start, match.end())
    stratum = (match["after"] or match["before"]) if match else None
    if stratum:
        yield Grade("hypertension_stratum", STRATA[stratum], start, match.end())


_WORDS = re.compile("高血压|心功能|nyha|纽约|kil+i?p|泵功能")


def extract_grades(text: str) -> dict[str, int]:
    """Return the classes of a short text, such as one diagnosis or a code's name.

    Examples
    --------
    >>> from icdbase.text.tokenization import normalize
    >>> extract_grades(normalize("高血压病3级（极高危）"))
    {'hypertension_grade': 3, 'hypertension_stratum': 4}
    >>> extract_grades("心功能3级(nyha分级)"), extract_grades("急性左心衰竭 killip iii级")
    ({'nyha': 3}, {'killip': 3})
    >>> extract_grades("高血压 很高危 2级")
    {'hypertension_grade': 2, 'hypertension_stratum': 4}
    """
    found = {}
    for match in _WORDS.finditer(text):
        word = {"泵功能": "killip", "纽约": "nyha"}.get(match[0], "killip" if match[0].startswith("k") else match[0])
        for grade in extract_grade(word, text, *match.span()):
            found[grade.name] = max(found.get(grade.name, 0), grade.value)
    return found


SYSTOLIC_LIMITS, DIASTOLIC_LIMITS = (140, 160, 180), (90, 100, 110)
"""Where grades 1, 2 and 3 begin, mmHg."""


def blood_pressure_grade(systolic: float, diastolic: float) -> int:
    """Return the grade of an office blood pressure, 0 to 3.

    Grade 1 from 140/90, 2 from 160/100, 3 from 180/110 mmHg; the higher of the
    two counts (中国高血压防治指南 2018, table 3).

    >>> blood_pressure_grade(150, 112), blood_pressure_grade(162, 80), blood_pressure_grade(138, 84)
    (3, 2, 0)
    """
    return max(bisect_right(SYSTOLIC_LIMITS, systolic), bisect_right(DIASTOLIC_LIMITS, diastolic))
