"""Small numbers as clinical notes write them: Arabic, Chinese, Roman."""

from __future__ import annotations

__all__ = ["CHINESE", "ROMAN", "parse_number"]

CHINESE = dict(zip("一二两三四五六七八九十半", (1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0.5), strict=True))
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6}


def parse_number(text: str) -> float:
    """Read a number: Arabic also with thousand separators, Chinese to 99, Roman to 6, in lower case.

    >>> parse_number("12,345"), parse_number("二十"), parse_number("十五"), parse_number("半"), parse_number("iv")
    (12345.0, 20.0, 15.0, 0.5, 4.0)
    """
    if text[0].isdigit():
        return float(text.replace(",", ""))
    if "十" in text:
        tens, _, ones = text.partition("十")
        return 10.0 * CHINESE.get(tens, 1) + CHINESE.get(ones, 0)
    return float(ROMAN.get(text) or CHINESE[text])
