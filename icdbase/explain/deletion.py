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
from icdbase.features.texts import Span

__all__ = ["with_tested_evidence"]

LEAST_DROP = 0.0005
"""A smaller loss of probability does not show in three decimals."""

LEAST_STRENGTH = 0.1
"""Spans weaker than this share of the strongest are not put first, whatever the code loses without them."""


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
        If none does, the strongest finding is deleted in all its places.

    Returns
    -------
    list of CodeExplanation
        In the order given.  What was tried has its ``drop``; if no span matters by itself, the order stays.
    """
    codes = list(codes)
    waiting = {place: _trials(code, n_tried) for place, code in enumerate(codes) if n_tried}
    while waiting := {place: trials for place, trials in waiting.items() if trials}:
        now = {place: trials.pop(0) for place, trials in waiting.items()}
        deleted = list(dict.fromkeys(spans for _, spans in now.values()))
        p = coder.predict_proba(_without(frame, deleted))
        for place, (item, spans) in now.items():
            code = codes[place]
            drop = code.probability - float(p[code.target].iloc[deleted.index(spans)][code.code])
            helps = drop > LEAST_DROP
            if helps or len(spans) == 1:
                codes[place] = _recorded(code, replace(item, drop=drop, n_deleted=len(spans)), first=helps)
            if helps:
                waiting[place].clear()
    return codes


def _trials(code: CodeExplanation, n_tried: int) -> list[tuple[Evidence, tuple[Span, ...]]]:
    """Return what to delete, in turn: each strong span by itself, then the strongest finding in all its places."""
    if not code.evidence or code.evidence[0].strength <= 0:
        return []
    strongest = code.evidence[0]
    strong = [item for item in code.evidence if item.strength >= LEAST_STRENGTH * strongest.strength]
    places = tuple(sorted({item.span for item in code.evidence if item.findings & strongest.findings}))
    return [(item, (item.span,)) for item in strong[:n_tried]] + [(strongest, places)] * (len(places) > 1)


def _recorded(code: CodeExplanation, tried: Evidence, *, first: bool) -> CodeExplanation:
    at = next(place for place, item in enumerate(code.evidence) if item.span == tried.span)
    rest = [*code.evidence[:at], *code.evidence[at + 1 :]]
    rest.insert(0 if first else at, tried)
    return replace(code, evidence=tuple(rest))


def _without(frame: pd.DataFrame, deleted: Sequence[tuple[Span, ...]]) -> pd.DataFrame:
    """Return a copy of a record for each group of spans, without their words."""
    copies = pd.concat([frame] * len(deleted))
    copies.index = pd.Index([str(number) for number in range(len(deleted))], name=frame.index.name, dtype=object)
    for row, spans in enumerate(deleted):
        for field in {span.field for span in spans}:
            gone = {at for span in spans if span.field == field for at in range(span.start, span.end)}
            text = "".join(letter for at, letter in enumerate(frame.iloc[0][field]) if at not in gone)
            copies.iloc[row, copies.columns.get_loc(field)] = text
    return copies
