"""Signs from which doctors argue a class that they do not write: rales for Killip, dyspnoea for NYHA.

Killip and Kimball (Am J Cardiol 1967;20:457): class II rales over less than half of the lungs,
class III pulmonary oedema, rales over more than half.  NYHA (中国心力衰竭诊断和治疗指南 2024): class III
symptoms at less than ordinary activity, class IV at rest.
"""

from __future__ import annotations

import re

__all__ = ["extract_dyspnoea", "extract_rales"]

_LESS = r"(?:小于|不足|不到|不超过|未超过|未过|未及|未达|没到|没过|没超过|少于|低于|<|≤|近)"
_LESS_THAN_HALF = re.compile(rf"[^。;]{{0,24}}?(?:{_LESS}[^,。;]{{0,8}}?(?:1/2|50%|半|2分之1|二分之一)|1/3|1/4|三分之一|四分之一|30%)")
_MORE_THAN_HALF = re.compile(
    r"[^。;]{0,24}?(?:(?<![未不没])(?:大于|超过|多于|过|达|及|占|>|≥)[^,。;未不]{0,8}?(?:1/2|2/3|3/4|50%|半|二分之一|三分之二|四分之三)"
    r"|(?:达|至|及)[^,。;]{0,6}(?:上方|上部|上野|肺尖|全肺))"
)
_FULL = re.compile(r"(?:满布|布满|遍布|满肺|全肺|弥漫性?|满)[^,。;]{0,6}$")
_DENIED = re.compile(r"(?:无|未|不|否认|没有?)[^,。;]{0,5}$")
_AT_REST = re.compile(
    r"(?:静息|安静|静坐|坐位|坐着|静卧|卧床|不活动|不动|平静|休息)(?:状态|休息|时|下|也|亦|仍|就|即|都|均|便|感|觉|有|明显|还|着|,){0,5}$"
)
_AT_LITTLE = re.compile(
    r"(?:(?:稍|略|轻微|轻度|少许|一)(?:一|事|微|加)?(?:活动|动|动弹|走动|劳作|体力活动)(?:\([^)]{0,12}\))?|动[则辄])(?:后|时|即|就|便|亦|也|感|觉|出现|明显|有){0,4}$"
    r"|(?:平地|平路|室内|慢走|慢步)[^,。;]{0,14}$|(?:走|行走|步行)(?:几|十几|十余|几十|数十|五十|百)(?:来|余|多)?[步米][^。;]{0,8}$"
    r"|(?:穿衣|洗漱|洗脸|刷牙|上厕所|如厕|吃饭|进食|翻身)[^,。;]{0,4}[即就也都亦便][^,。;]{0,4}$|(?:扫地|洗衣|做饭|拖地|穿衣|洗漱)[^,。;]{0,4}$"
    r"|(?:上|爬)(?:一|1)层?楼[^,。;]{0,6}$"
)
_LOOK_BACK = 28


def extract_rales(text: str, start: int, end: int) -> tuple[float, int, int] | None:
    """Return the Killip class that rales argue, with its span, given where they are named; none where no extent is stated.

    >>> extract_rales("双肺底湿啰音,范围小于1/2肺野", 3, 6), extract_rales("双肺满布湿啰音", 4, 7), extract_rales("双肺底湿啰音", 3, 6)
    ((2.0, 3, 14), (3.0, 2, 7), None)
    >>> extract_rales("湿啰音超过肺野一半", 0, 3), extract_rales("未闻及湿啰音,范围1/2", 3, 6)
    ((3.0, 0, 9), None)
    """
    before = text[max(start - 12, 0) : start]
    if _DENIED.search(before):
        return None
    if match := _FULL.search(before):
        return 3.0, start - len(match[0]), end
    if match := _LESS_THAN_HALF.match(text, end):
        return 2.0, start, match.end()
    match = _MORE_THAN_HALF.match(text, end)
    return (3.0, start, match.end()) if match else None


def extract_dyspnoea(always: bool, text: str, start: int, end: int) -> tuple[float, int, int] | None:
    """Return the NYHA class that dyspnoea argues, with its span: 4 at rest, 3 at little activity.

    Parameters
    ----------
    always : bool
        Whether the word itself means dyspnoea at rest: 端坐呼吸.
    text : str
    start, end : int
        Where the word for dyspnoea stands.

    Examples
    --------
    >>> extract_dyspnoea(False, "稍活动即喘", 4, 5), extract_dyspnoea(False, "静息亦感气短", 4, 6), extract_dyspnoea(True, "无端坐呼吸", 1, 5)
    ((3.0, 0, 5), (4.0, 0, 6), None)
    """
    window = max(start - _LOOK_BACK, 0)
    before = text[window:start]
    match = _AT_REST.search(before) or _AT_LITTLE.search(before)
    begin = window + match.start() if match else start
    if not (match or always) or _DENIED.search(text[max(begin - 8, 0) : begin]):
        return None
    return 4.0 if always or match.re is _AT_REST else 3.0, begin, end
