"""Blood pressures and when they were measured.

Plausible are 50-320 over 20-200 mmHg with the diastolic below; kPa (1 kPa =
7.5 mmHg) is brought to mmHg.  Of a range 130-140/80-90 the upper ends count,
as grading asks for the highest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icdbase.tasks.field_roles import FIELD_ROLES

__all__ = ["find_pressures"]

_SYSTOLIC = re.compile(r"(?<![\d./])(\d{2,3}(?:\.\d)?)(?:[-~至](\d{2,3}))?\s?(?:mmhg)?\s?$")
_DIASTOLIC = re.compile(
    r"/\s?(\d{2,3}(?:\.\d)?)(?:[-~至](\d{2,3}))?(?!\d|[./]\d)\s?(?P<unit>mmhg|毫米汞柱|mm汞柱|kpa)?"
)
_BEFORE, _BESIDE = frozenset("0123456789 g"), frozenset("0123456789 ")
_LONGEST = 16  # 130-140mmhg, a blank, and what stands before
_WORD = re.compile(r"血压|bp|高压|收缩压|htn|最高")
_HIGHEST = re.compile(r"最高|高达|曾达|高时|升至|达")
_CONTROLLED = re.compile(r"控制|维持|波动|平素|平时|服药后|治疗后|最低|降至")
_LOOK_BACK = 24
# A systolic pressure alone: 最高时收缩压208mmhg, 血压最高达200mmhg.
# By what they begin with, which a text is searched for many times faster.
_ALONE = {
    begin: re.compile(rf"{begin}{behind}[^,。;/\d]{{0,10}}?(?P<systolic>\d{{3}})(?![\d.]|\s?[-~至/])")
    for begin, behind in (("压", "(?:(?<=血压|高压)|(?<=收缩压))"), ("bp", ""))
}


def find_pressures(text: str, field: str = "") -> Iterator[tuple[str, float, int, int]]:
    """Yield systolic and diastolic pressure of each pair as (name, value, start, end).

    Names are ``sbp_`` and ``dbp_`` with ``highest`` (最高, 高达), ``admission``
    (measured, in a field about the admission), ``discharge`` or ``other``; the
    highest systolic pressure without a diastolic is ``sbp_alone``, a reading of
    its own, which no diastolic pressure of another reading completes.

    Examples
    --------
    >>> [(name, value) for name, value, _, _ in find_pressures("血压最高180/100mmhg", "现病史")]
    [('sbp_highest', 180.0), ('dbp_highest', 100.0)]
    >>> list(find_pressures("视力20/40,2024/11/12复查"))
    []
    """
    role = FIELD_ROLES.get(field, "")
    for upper, lower, start in _pairs(text):
        before = text[max(start - _LOOK_BACK, 0) : start]
        if not lower["unit"] and not _WORD.search(before):
            continue
        factor = 7.5 if lower["unit"] == "kpa" else 1.0
        systolic = float(upper[2] or upper[1]) * factor
        diastolic = float(lower[2] or lower[1]) * factor
        if not (50 <= systolic <= 320 and 20 <= diastolic <= 200 and diastolic < systolic):
            continue
        kind = _kind(before, role)
        yield f"sbp_{kind}", systolic, start, lower.end()
        yield f"dbp_{kind}", diastolic, start, lower.end()
    yield from _alone(text)


def _alone(text: str) -> Iterator[tuple[str, float, int, int]]:
    matches = [match for begin, pattern in _ALONE.items() if begin in text for match in pattern.finditer(text)]
    # By number, the longer match last: bp血压208 is one.
    matches.sort(key=lambda match: (match.start("systolic"), -match.start()))
    for match in {match.start("systolic"): match for match in matches}.values():
        start = match.start() - (0 if match[0][0] == "b" else 2 if text[match.start() - 1] == "缩" else 1)
        clause = re.split(r"[,。;]", text[max(start - 6, 0) : match.end()])[-1]
        systolic = float(match["systolic"])
        if _HIGHEST.search(clause) and not _CONTROLLED.search(clause) and 100 <= systolic <= 320:
            yield "sbp_alone", systolic, start, match.end()


def _pairs(text: str) -> Iterator[tuple[re.Match, re.Match, int]]:
    """Yield both sides of each stroke between numbers, and where the left one begins."""
    stroke = text.find("/", 1)
    while stroke > 0:
        if text[stroke - 1] in _BEFORE and text[stroke + 1 : stroke + 2] in _BESIDE:
            window = max(stroke - _LONGEST, 0)
            upper = _SYSTOLIC.search(text[window:stroke])
            lower = _DIASTOLIC.match(text, stroke)
            if upper and lower:
                yield upper, lower, window + upper.start()
        stroke = text.find("/", stroke + 1)


def _kind(before: str, role: str) -> str:
    clause = re.split(r"[,。;]", before)[-1]
    if _HIGHEST.search(clause) and not _CONTROLLED.search(clause):
        return "highest"
    if _CONTROLLED.search(clause):
        return "other"
    return role if role in {"admission", "discharge"} else "other"
