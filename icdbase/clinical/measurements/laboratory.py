"""Laboratory and ultrasound quantities: names, units, plausible ranges.

A value without a unit is read in the unit that Chinese reports print; a value
with a unit that does not belong to the quantity is not read (174/uL beside
红细胞 is urine), and so is one outside the plausible range, which is what a
living patient can have, not what is healthy.

Reference limits named in the descriptions: 中国2型糖尿病防治指南(2020), 中国血脂管理指南
(2023), 中国心力衰竭诊断和治疗指南(2024), H型高血压诊断与治疗专家共识(2016), WS/T 404 and
WS/T 405 (reference intervals of common clinical chemistry and blood counts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from icdbase.clinical.tables import read_table
from icdbase.text.numerals import parse_number

__all__ = ["ANALYTES", "Analyte", "extract_analyte"]


@dataclass(frozen=True)
class Analyte:
    """One quantity and how it is written.

    Parameters
    ----------
    name : str
    unit : str
        Unit of the values that are reported.
    low, high : float
        Plausible range in that unit; what lies outside is dropped.
    forms : str
        Surface forms, ``|`` between them, choices in braces.
    units : mapping of str to float
        Factor from other units (lower case) to ``unit``.
    keep : tuple of {"first", "last", "max", "min", "ratio"}
        Summaries of a record's values: ``ratio`` is the largest over the first value.
    reference : str
        Usual limit or range.
    without_unit : str
        ``<1: 100``: where the unit is missing, a value below 1 is multiplied by 100.
    """

    name: str
    unit: str
    low: float
    high: float
    forms: str
    units: Mapping[str, float] = field(default_factory=dict)
    keep: tuple[str, ...] = ("max",)
    reference: str = ""
    without_unit: str = ""

    @cached_property
    def factors(self) -> dict[str, float]:
        """Factor to ``unit`` from each unit in which values are read, its own included."""
        return {**self.units, self.unit.lower(): 1.0}

    @cached_property
    def limit(self) -> tuple[bool, float, float] | None:
        """:attr:`without_unit` as (whether below, limit, factor)."""
        if not self.without_unit:
            return None
        limit, factor = self.without_unit[1:].split(": ")
        return self.without_unit[0] == "<", float(limit), float(factor)


def _analyte(row: Mapping[str, str]) -> Analyte:
    parts = (part.split(": ") for part in row["other_units"].split("|") if part)
    return Analyte(
        row["analyte"], row["unit"], float(row["low"]), float(row["high"]), row["forms"],
        units={unit: _factor(factor) for factor, units in parts for unit in units.split()},
        keep=tuple(row["keep"].split("|")), reference=row["reference"], without_unit=row["without_unit"],
    )


def _factor(text: str) -> float:
    """Read 88.4 or 1/38.67."""
    upper, _, lower = text.partition("/")
    return float(upper) / float(lower or 1)


ANALYTES = tuple(map(_analyte, read_table("analytes.csv")))
"""Read by :mod:`icdbase.clinical.measurements.finder`; the order is that of the columns."""

# When a value was measured: 入院时3.9, 利尿第3天3.16, 0h 6.84 6h 18.72, 3天后复查3.86.
_TIME = (
    r"入院|术前|术后|出院前|利尿|治疗|补钾|用药|停药|当[日天晚]|急诊|门诊|外院|首次|即刻|次[日晨]|今晨|复查|再查|再次|最高|最低|峰值"
    r"|第?\d{1,2}(?:\.\d)?\s?(?:h|小时|d|天|日|周|次|min|分钟)"
)
_WHEN = rf"(?:\(?(?:(?:{_TIME}|后|前|时|为|约)[\s:]?){{1,4}}\)?\s?)"
# A reference range between the value and its unit: 2.94↓(3.50-5.30)mmol/L.
_RANGE = r"(?:\s?\((?:参考|正常)?[值范围:]{0,3}\s?[<>≤≥]?\s?\d[\d.\s~–-]{0,14}\)\s?(?=[a-zμ%×]))?"
# A bracket that holds the value, 血钾(4.22 mmol/l↓), or one that is skipped, and the words before a value.
_VALUE = re.compile(
    r"(?:\s?\((?=\d{1,9}(?:\.\d{1,9})?\s?[×x*^a-zμ%/0-9·.]{0,20}\s?[↑↓]?\s?[),;])"
    r"|(?:\s?\([^()。;]{0,24}\))?[\s:=是为约在达示值测定结果分别均>】\]-]{0,6}"
    r"(?:明显)?(?:高达|最高|升高|增高|降低|减低|下降|偏高|偏低|[↑↓])?(?:,(?=[为达至约]))?[\s:为至约达到<>≤≥]{0,3})"
    + _WHEN + "?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?)(?![-./年]\d{1,2}[-./月]\d)"
    r"(?:\s?[-~–至]\s?(?P<upper>\d+(?:\.\d+)?))?\s?[↑↓hl]{0,3}\s?"
    r"(?:[×x*]\s?[2-9]次?(?=[,。;)\s]|$))?" + _RANGE +
    # A bare word behind a blank is the next quantity and no unit: ldl-c2.21 tg1.62.
    r"(?P<unit>(?:[×*^μ%℃°/·]|(?<=\d)[a-z]|(?=[a-zμ]{1,9}/|x\s?10|mm|cm|bpm|[sg]\b)[a-z])"
    r"[a-zμ%0-9^/·.*]{0,19}(?:\((?:feu|ddu)\))?|次/分钟?|次|度)?"
)
_NEXT = re.compile(
    r"(?:\s?[↑↓]{0,3}\s?(?:\([^()。;]{0,8}\)\s?)?(?:→|-{1,5}>|~|升至|降至|升高至|降低至|上升至|下降至|,?复查(?:为|:)?|、(?=\d+\.\d))\s?" + _WHEN + "?"
    # Other words before the time may be another quantity: 钾为4.34、血钠为139.5.
    rf"|[\s,;→]{{0,3}}(?:[^,。;:()0-9a-z]{{1,4}}(?=\(?(?:{_TIME})))?" + _WHEN + r")(?P<number>\d+(?:\.\d+)?)(?![-./年月日天hd]\s?\d|\s?(?:次|天|日|周|小时|分|年|月|/))"
    r"\s?[↑↓]{0,3}\s?(?P<unit>[a-zμ%][a-zμ%/^0-9]{0,19})?"
)


def extract_analyte(analyte: Analyte, text: str, start: int, end: int) -> list[tuple[str, float, int, int]]:
    """Return (name, value, start, end) of the numbers that follow an analyte's name, as far as they go on.

    Of a range the middle counts; a chain (0.05→1.2) gives each of its numbers.

    Examples
    --------
    >>> lvef = next(analyte for analyte in ANALYTES if analyte.name == "lvef")
    >>> extract_analyte(lvef, "lvef:55-60%", 0, 4), extract_analyte(lvef, "ef 3l", 0, 2)
    ([('lvef', 57.5, 0, 11)], [])
    """
    match = _VALUE.match(text, end)
    if not match:
        return []
    chain, upper = [], match["upper"]
    while match:
        chain.append((parse_number(match["number"]), match["unit"], match.end()))
        match = _NEXT.match(text, match.end())
    found = []
    for place, ((number, _, stop), unit) in enumerate(zip(chain, _units([unit for _, unit, _ in chain]), strict=True)):
        value = _convert(analyte, number, unit)
        if value is not None:
            if upper and not place:
                top = _convert(analyte, float(upper), unit)
                value = (value + top) / 2 if top is not None and top >= value else value
            found.append((analyte.name, value, start, stop))
    return found


def _units(written: list[str | None]) -> list[str | None]:
    """Return the unit of each number of a chain: its own, else the next one that is written, else the one before.

    >>> _units([None, "ng/ml", None]), _units([None, None])
    (['ng/ml', 'ng/ml', 'ng/ml'], [None, None])
    """
    units = list(written)
    for place in range(len(units) - 2, -1, -1):
        units[place] = units[place] or units[place + 1]
    for place in range(1, len(units)):
        units[place] = units[place] or units[place - 1]
    return units


def _convert(analyte: Analyte, value: float, unit: str | None) -> float | None:
    """Bring a value to the analyte's unit; None if the unit is foreign or the value implausible."""
    factor = analyte.factors.get(unit)
    if factor is None:
        unit = unit.strip(".,·/") if unit else ""
        factor = analyte.factors.get(unit) if unit else _missing_unit(analyte, value)
        if factor is None:
            return None
    if factor != 1.0:
        value = round(value * factor, 6)
    return value if analyte.low <= value <= analyte.high else None


def _missing_unit(analyte: Analyte, value: float) -> float:
    """Return the factor of the unit that makes a value without a unit plausible."""
    if analyte.limit is None:
        return 1.0
    below, limit, factor = analyte.limit
    return factor if (value < limit if below else value > limit) else 1.0
