"""Blood pressures and when they were measured.

Plausible are 50-320 over 20-200 mmHg with the diastolic below; kPa (1 kPa =
7.5 mmHg) is brought to mmHg.  Of a range 130-140/80-90 the upper ends count,
as grading asks for the highest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icdbase.assertion import FIELD_ROLES

__all__ = ["find_pressures"]

_PAIR = re.compile(
    r"(?<![\d./])(\d{2,3}(?:\.\d)?)(?:[-~至](\d{2,3}))?\s?(?:mmhg)?\s?/\s?(\d{2,3}(?:\.\d)?)(?:[-~至](\d{2,3}))?(?![\d./]\d)\s?(mmhg|毫米汞柱|mm汞柱|kpa)?"
)
_WORD = re.compile(r"血压|bp|高压|收缩压")
_HIGHEST = re.compile(r"最高|高达|曾达|高时|升至|达")
_CONTROLLED = re.compile(r"控制|维持|波动|平素|平时|服药后|治疗后|最低|降至")
_LOOK_BACK = 24


def find_pressures(text: str, field: str = "") -> Iterator[tuple[str, float, int, int]]:
    """Yield systolic and diastolic pressure of each pair as (name, value, start, end).

    Names are ``sbp_`` and ``dbp_`` with ``highest`` (最高, 高达), ``admission``
    (measured, in a field about the admission), ``discharge`` or ``other``.

    Examples
    --------
    >>> [(name, value) for name, value, _, _ in find_pressures("血压最高180/100mmhg", "现病史")]
    [('sbp_highest', 180.0), ('dbp_highest', 100.0)]
    >>> list(find_pressures("视力20/40,2024/11/12复查"))
    []
    """
    role = FIELD_ROLES.get(field, "")
    for match in _PAIR.finditer(text):
        before = text[max(match.start() - _LOOK_BACK, 0) : match.start()]
        if not match[5] and not _WORD.search(before):
            continue
        factor = 7.5 if match[5] == "kpa" else 1.0
        systolic = float(match[2] or match[1]) * factor
        diastolic = float(match[4] or match[3]) * factor
        if not (50 <= systolic <= 320 and 20 <= diastolic <= 200 and diastolic < systolic):
            continue
        kind = _kind(before, role)
        yield f"sbp_{kind}", systolic, match.start(), match.end()
        yield f"dbp_{kind}", diastolic, match.start(), match.end()


def _kind(before: str, role: str) -> str:
    clause = re.split(r"[,。;]", before)[-1]
    if _HIGHEST.search(clause) and not _CONTROLLED.search(clause):
        return "highest"
    if _CONTROLLED.search(clause):
        return "other"
    return role if role in {"admission", "discharge"} else "other"
