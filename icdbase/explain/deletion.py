"""Does the strongest evidence hold?  A span is deleted, and the record is predicted again.

A finding that stands in several places, or a number that another one replaces,
can be strong as a finding while no single place of it matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.explain.evidence import CodeExplanation, Evidence

__all__ = ["with_tested_evidence"]

LEAST_DROP = 1e-6


def with_tested_evidence(
    coder: IcdCoder, frame: pd.DataFrame, codes: Sequence[CodeExplanation], n_tried: int
) -> list[CodeExplanation]:
    """Put first, for each code, the strongest span without which the code becomes less probable.

    Parameters
    ----------
    coder : IcdCoder
    frame : DataFrame of one row
    codes : sequence of CodeExplanation
    n_tried : int
        Spans tried for each code, the strongest first, until one lowers the probability.

    Returns
    -------
    list of CodeExplanation
        In the order given.  What was tried has its ``drop``; if nothing helps, the order stays.
    """
    codes, open_codes = list(codes), list(range(len(codes)))
    for turn in range(n_tried):
        open_codes = [place for place in open_codes if turn < len(codes[place].evidence)]
        if not open_codes:
            break
        tried = {place: codes[place].evidence[turn] for place in open_codes}
        spans = list(dict.fromkeys((item.field, item.start, item.end) for item in tried.values()))
        p = coder.predict_proba(_deleted(frame, spans))
        for place, item in tried.items():
            row = spans.index((item.field, item.start, item.end))
            drop = codes[place].probability - float(p[codes[place].target].iloc[row][codes[place].code])
            codes[place] = _recorded(codes[place], item, drop, first=drop > LEAST_DROP)
        open_codes = [place for place in open_codes if (codes[place].evidence[0].drop or 0.0) <= LEAST_DROP]
    return codes


def _recorded(code: CodeExplanation, item: Evidence, drop: float, *, first: bool) -> CodeExplanation:
    tried = replace(item, drop=drop)
    rest = [other for other in code.evidence if other is not item]
    place = 0 if first else code.evidence.index(item)
    return replace(code, evidence=(*rest[:place], tried, *rest[place:]))


def _deleted(frame: pd.DataFrame, spans: Sequence[tuple[str, int, int]]) -> pd.DataFrame:
    """Return a copy of a record for each span, without its words."""
    copies = pd.concat([frame] * len(spans))
    copies.index = pd.Index([str(number) for number in range(len(spans))], name=frame.index.name, dtype=object)
    for row, (field, start, end) in enumerate(spans):
        text = frame.iloc[0][field]
        copies.iloc[row, copies.columns.get_loc(field)] = text[:start] + text[end:]
    return copies
