"""Evidence of an explanation as text: spans in their context, and the table of ``icdbase explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icdbase.core.text_tables import table, terminal_width
from icdbase.explain.explanation import CodeExplanation, Evidence

__all__ = ["explanation_text", "surroundings"]

MAX_ROWS = 6
AROUND = 6
"""Characters shown before and after a span."""

_UNPLACED = {
    "bias": "prior, before any text",
    "context": "predictions of other targets",
    "absent": "what the record does not mention",
    "limit": "limit of the trees' margin",
}


def surroundings(item: Evidence, texts: Mapping[str, str], width: int) -> tuple[str, str]:
    """Return up to ``width`` characters of the field before and after a span."""
    text = texts[item.field]
    return text[max(item.start - width, 0) : item.start], text[item.end : item.end + width]


def explanation_text(code: CodeExplanation, texts: Mapping[str, str]) -> str:
    """Return one code as a table: the strongest spans for and against it, then evidence without a place."""
    groups = _same_wording(code.evidence)
    strongest = sorted(groups, key=lambda items: -abs(items[0].strength))[:MAX_ROWS]
    rows = [_row(items, texts) for items in sorted(strongest, key=lambda items: -items[0].strength)]
    if len(groups) > len(strongest):
        remaining = _added(code.evidence) - sum(map(_added, strongest))
        n_more = len(code.evidence) - sum(map(len, strongest))
        rows.append([f"{remaining:+.2f}", "", f"{n_more} more places", "", ""])
    for kind, meaning in _UNPLACED.items():
        if items := [item for item in code.unplaced if item.kind == kind]:
            rows.append([f"{_added(items):+.2f}", "", meaning, "", kind])
    return f"{_heading(code)}\n" + table(
        ["adds", "field", "evidence", "status", "from"], rows, width=terminal_width(redirected=80)
    )


def _heading(code: CodeExplanation) -> str:
    figures = f"probability {code.probability:.3f}, margin {code.margin:+.2f}"
    return f"{code.target}  {code.code or '(no code)'}  {code.name}\n{figures}{'' if code.predicted else ' (not predicted)'}"


def _row(items: Sequence[Evidence], texts: Mapping[str, str]) -> list[str]:
    kinds = dict.fromkeys(kind for kind, _, _ in items[0].features)
    return [f"{_added(items):+.2f}", items[0].field, _in_context(items, texts), items[0].status, ", ".join(kinds)]


def _added(items) -> float:
    return sum(item.contribution for item in items)


def _same_wording(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """Group the spans of one field that have the same words and status."""
    groups: dict[tuple, list[Evidence]] = {}
    for item in evidence:
        groups.setdefault((item.field, item.text, item.status), []).append(item)
    return list(groups.values())


def _in_context(items: Sequence[Evidence], texts: Mapping[str, str]) -> str:
    """Return the words of a group in 【】 with a few characters around them, on one line."""
    words = items[0].text if len(items[0].text) <= 24 else f"{items[0].text[:20]}…"
    before, after = surroundings(items[0], texts, AROUND)
    times = f" ×{len(items)}" if len(items) > 1 else ""
    return " ".join(f"{before}【{words}】{after}{times}".split())
