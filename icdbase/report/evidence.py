"""Evidence of an explanation as text: spans in their context, and the table of ``icdbase explain``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from scipy.special import expit

from icdbase.core.terminal import printable
from icdbase.core.text_tables import table, terminal_width
from icdbase.explain.explanation import CodeExplanation, Evidence

__all__ = ["explanation_key", "explanation_text", "surroundings"]

MAX_ROWS = 6
GAPS = 9
"""Blanks at the left of a table and between its five columns."""

LEAST_WORDS = 16
"""Columns of a terminal that evidence takes at least."""

_GREEN, _RED, _BOLD, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"

_WORDS = {
    "en": {
        "adds": "adds", "field": "field", "evidence": "evidence", "status": "status", "alone": "without", "bias": "prior, before any text",
        "context": "predictions of other targets", "absent": "what the record does not mention", "limit": "limit of the trees' margin",
        "more": "elsewhere: {}", "sum": "margin: the sum", "softmax": "probability: softmax over codes", "logistic": "logistic function of the margin",
        "lowered": "probability: less for lapses and groups", "probability": "probability", "not_predicted": "not predicted",
        "right": "gold: yes", "wrong": "gold: no", "none": "(no code)",
        "sorted": "Sorted by what the finding adds in all its places, in log-odds;\nthe first line is the strongest one that matters.",
        "alone_means": "without: what the probability loses when these words are deleted;\n×2: deleted in both places, for one alone changes nothing.",
        "present": "present", "negated": "negated", "uncertain": "uncertain", "historical": "historical", "family": "family", "resolved": "resolved", "": "",
        "listed": "diagnosis", "listed_means": "diagnosis: in the doctor's own list, matched to a code by its name.",
    },
    "zh": {
        "adds": "贡献", "field": "字段", "evidence": "证据", "status": "状态", "alone": "删去后", "bias": "先验，未读文本之前",
        "context": "其他目标的预测", "absent": "病历未提及的内容", "limit": "树模型决策值的上限",
        "more": "其余 {} 处", "sum": "决策值：合计", "softmax": "概率：对该目标各编码作 softmax", "logistic": "决策值的 logistic 函数",
        "lowered": "概率：扣除疏漏与同组编码", "probability": "概率", "not_predicted": "未预测",
        "right": "真实：有", "wrong": "真实：无", "none": "（无编码）",
        "sorted": "按该发现的贡献（对数几率）排列；首行为删去后有影响的最强证据。",
        "alone_means": "删去后：删去这些文字后概率的变化；×2：两处一并删去，单删一处并无影响。",
        "present": "肯定", "negated": "否定", "uncertain": "疑似", "historical": "既往", "family": "家族", "resolved": "已愈", "": "",
        "listed": "诊断", "listed_means": "诊断：医生写在诊断列表中，按名称对应到编码。",
    },
}


def surroundings(item: Evidence, texts: Mapping[str, str], width: int) -> tuple[str, str]:
    """Return up to ``width`` characters of the field before and after a span."""
    text = texts[item.field]
    return text[max(item.start - width, 0) : item.start], text[item.end : item.end + width]


def explanation_text(
    code: CodeExplanation, texts: Mapping[str, str], *, gold: Collection[str] | None = None, language: str = "en",
    single: bool = False, colour: bool = False, width: int | None = None,
) -> str:
    """Return one code as a table: its evidence, what has no place in the text, the margin, the probability.

    Parameters
    ----------
    code : CodeExplanation
    texts : mapping of field to str
    gold : collection of str, optional
        The right codes of the target, where they are known.
    language : {"en", "zh"}
    single : bool
        Whether the target is single: its probabilities are a softmax over its codes.
    colour : bool
        Colour for a terminal: green for the code, red against it.
    width : int, optional
        Columns; the terminal's, or 80, by default.
    """
    words, width = _WORDS[language], width or terminal_width(redirected=80)
    lines = [_row(items, words) for items in _ranked(code)]
    headings = [words[name] for name in ("adds", "alone", "field", "evidence", "status")]
    taken = sum(max(map(cell_len, column)) for place, column in enumerate(zip(headings, *lines, strict=True)) if place != 3)
    room = max(width - taken - GAPS, LEAST_WORDS)
    rows = [[*row[:3], _in_context(items, texts, room), row[4]] for items, row in zip(_ranked(code), lines, strict=True)]
    rows += _without_place(code, words, single)
    filled = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    text = table([headings[place] for place in filled], [[row[place] for place in filled] for row in rows], width=width)
    heading = printable(_heading(code, gold, words))
    return f"{_BOLD}{heading}{_PLAIN}\n{_coloured(text)}" if colour else f"{heading}\n{text}"


def explanation_key(language: str) -> str:
    """Return the lines that say how the tables are sorted and what their columns mean."""
    words = _WORDS[language]
    return f"{words['sorted']}\n{words['alone_means']}\n{words['listed_means']}"


def _heading(code: CodeExplanation, gold: Collection[str] | None, words) -> str:
    notes = [] if code.predicted else [words["not_predicted"]]
    notes += [] if gold is None else [words["right" if code.code in gold else "wrong"]]
    figures = ", ".join([f"{words['probability']} {code.probability:.3f}", *notes])
    return f"{code.target}  {code.code or words['none']}  {code.name}\n{figures}"


def _ranked(code: CodeExplanation) -> list[list[Evidence]]:
    """Return the strongest groups of spans, strongest first but for the one that matters by itself."""
    groups = _same_wording(code.evidence)
    first = [items for items in groups[:1] if (items[0].drop or 0) > 0]
    strongest = sorted((items for items in groups if items not in first), key=lambda items: -abs(items[0].strength))
    return first + sorted(strongest[: MAX_ROWS - len(first)], key=lambda items: -items[0].strength)


def _row(items: Sequence[Evidence], words) -> list[str]:
    tried = next((item for item in items if item.drop is not None), None)
    without = "" if tried is None else f"{-tried.drop:+.3f}{f' ×{tried.n_deleted}' if tried.n_deleted > 1 else ''}"
    return [f"{_added(items):+.2f}", without, items[0].field, "", words["listed" if items[0].listed else items[0].status]]


def _without_place(code: CodeExplanation, words, single: bool) -> list[list[str]]:
    """Return what the listed spans leave: other places, contributions without place, margin and probability."""
    shown, rows = _ranked(code), []
    if n_more := len(code.evidence) - sum(map(len, shown)):
        rows.append([f"{_added(code.evidence) - sum(map(_added, shown)):+.2f}", "", "", words["more"].format(n_more), ""])
    for kind in ("bias", "context", "absent", "limit"):
        if items := [item for item in code.unplaced if item.kind == kind]:
            rows.append([f"{_added(items):+.2f}", "", "", words[kind], ""])
    rows.append([f"{code.margin:+.2f}", "", "", words["sum"], ""])
    logistic, probability = (f"{value:.3f}" for value in (expit(code.margin), code.probability))
    rows += [] if single else [[logistic, "", "", words["logistic"], ""]]
    rows += [[probability, "", "", words["softmax" if single else "lowered"], ""]] if single or logistic != probability else []
    return rows


def _added(items) -> float:
    return sum(item.contribution for item in items)


def _same_wording(evidence: Sequence[Evidence]) -> list[list[Evidence]]:
    """Group the spans of one field that have the same words and status."""
    groups: dict[tuple, list[Evidence]] = {}
    for item in evidence:
        groups.setdefault((item.field, item.text, item.status), []).append(item)
    return list(groups.values())


def _in_context(items: Sequence[Evidence], texts: Mapping[str, str], room: int) -> str:
    """Return the words of a group in 【】 on one line: context gives way first, and of long words a number stays."""
    times = f" ×{len(items)}" if len(items) > 1 else ""
    room -= cell_len(times) + 4
    words = _shortened(" ".join(items[0].text.split()), room)
    around = (room - cell_len(words)) // 4  # Chinese characters, on each side
    before, after = surroundings(items[0], texts, around) if around > 0 else ("", "")
    return " ".join(f"{before}【{words}】{after}{times}".split())


def _shortened(words: str, room: int) -> str:
    """Cut words to so many columns, around their first number if they hold one.

    >>> _shortened("肌钙蛋白I定量测定（化学发光法）1.13ng/mL", 22)
    '…学发光法）1.13ng/mL'
    """
    if cell_len(words) <= room:
        return words
    number = re.search(r"\d[\d./%×~-]*[A-Za-zμ/%]*", words)
    if number is None or cell_len(words[: number.end()]) <= room - 1:
        return set_cell_size(words, room - 1).rstrip() + "…"
    begin = number.start()
    while begin > 0 and cell_len(words[begin - 1 : number.end()]) <= room - 2:
        begin -= 1
    return set_cell_size("…" + words[begin : number.end()], room).rstrip()


def _coloured(text: str) -> str:
    """Colour the lines of a table by the sign of their first figure."""
    def paint(line):
        sign = line.lstrip()[:1]
        return f"{_GREEN}{line}{_PLAIN}" if sign == "+" else f"{_RED}{line}{_PLAIN}" if sign == "-" else line

    return "\n".join(map(paint, text.split("\n")))
