"""Codes of ICD-10, ICD-10-CM, ICD-10-PCS, ICD-9-CM-3 and ICD-O: one spelling for each, and what they look like."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["NO_CODE", "NO_CODE_SHOWN", "canonical_code", "is_code_shaped", "is_operation_code"]

NO_CODE, NO_CODE_SHOWN = "", "none"
"""The class "no code" of a single target that may be empty, and how a table shows it."""

_DIAGNOSIS = r"[A-Z]\d{2}(\.[\dx]{1,4}(x\d{2,3})?)?"
_MORPHOLOGY = r"M?[89]\d{3,4}/\d{1,2}"
_OPERATION = r"\d{2}\.\d{1,4}(x\d{2,3}){0,2}"
_CLINICAL_MODIFICATION = r"[A-Z]\d[\dA-Z](\.[\dA-Zx]{1,4})?"
# Sections 0-9, B-D, F-H, X; a digit somewhere, and a letter or a leading 0, or seven digits of an id would be a code.
_PROCEDURE = r"(?=\D*\d)(?=0|\d*[A-Zx])[0-9B-DF-Hx][0-9A-HJ-NP-Zx]{6}"
_CODE_SHAPE = re.compile(
    rf"{_DIAGNOSIS}(\+({_DIAGNOSIS}\*)?|\*)?|{_MORPHOLOGY}|{_OPERATION}|{_CLINICAL_MODIFICATION}|{_PROCEDURE}"
)
_SIGNS = str.maketrans("†‡∗", "++*")


def canonical_code(text: str) -> str:
    """Normalise the spelling of a code: width, case, blanks, trailing stops.

    ICD-10 letters are upper case, the Chinese extension's ``x`` lower case, a dagger is ``+``.

    >>> canonical_code("Ｉ２１．４０１；"), canonical_code("i48.X01"), canonical_code("E11.301† H36.0*")
    ('I21.401', 'I48.x01', 'E11.301+H36.0*')
    >>> canonical_code("s22.49XA"), canonical_code("z3a.18")
    ('S22.49xA', 'Z3A.18')
    """
    code = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).translate(_SIGNS)).strip("。.;,、[]")
    return code[:1].upper() + code[1:].upper().replace("X", "x")


def is_code_shaped(code: str) -> bool:
    """Whether a canonical code looks like ICD-10 (China, WHO, CM), a dagger-asterisk pair, ICD-O, ICD-9-CM-3 or ICD-10-PCS.

    >>> [is_code_shaped(code) for code in ("I10.x00x032", "E11.301+H36.0*", "M81400/3", "06.3100x002", "高血压")]
    [True, True, True, True, False]
    >>> [is_code_shaped(code) for code in ("Z3A.18", "C49.A", "S22.49xA", "I82.A19", "BW03ZZZ", "3E02329", "2025001")]
    [True, True, True, True, True, True, False]
    """
    return _CODE_SHAPE.fullmatch(code) is not None


def is_operation_code(code: str) -> bool:
    """Whether a canonical code is an operation's: ICD-9-CM-3 begins with two digits.

    >>> is_operation_code("74.1x01"), is_operation_code("I10.x00x032")
    (True, False)
    """
    return re.match(r"\d{2}\.", code) is not None
