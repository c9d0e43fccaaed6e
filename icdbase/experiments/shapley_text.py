"""Shapley values as text: table, notes, redundant pairs, and the sentence for a paper in both languages."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from icdbase.core.language import N_, _
from icdbase.core.text_tables import figure, table
from icdbase.experiments.ablation import DIFFERENCE
from icdbase.experiments.result_text import basis, formatted_cells, target_columns, text_table, wrapped
from icdbase.experiments.shapley import ShapleyResult, training_set_factor

__all__ = ["coalitions_note", "paper_sentences", "shapley_columns", "shapley_notes", "shapley_text", "side_by_side", "strongest_pairs"]

_COLUMNS = (
    (N_("player"), "player", "{}"),
    ("Acc", "shapley", "{:+.3f}"),
    (N_("95 % interval"), ("shapley_low", "shapley_high"), "{:+.3f} to {:+.3f}"),
    (N_("sampling"), "sampling_error", "{:.4f}"),
)
_ENDS = ((N_("alone"), "alone", "{:+.3f}"), (N_("last"), "last", "{:+.3f}"))
N_PAIRS = 5
N_NAMED = 3


def side_by_side(result: ShapleyResult) -> pd.DataFrame:
    """Return one row a player: all of the official score, and the Shapley value of every other score under its name."""
    rows = result.of("acc")
    for score in result.scores[1:]:
        rows[score] = result.of(score)["shapley"]
    return rows


def shapley_columns(result: ShapleyResult) -> tuple[Sequence, Sequence, Sequence]:
    heading = {"blocks": N_("block"), "fields": N_("field")}[result.players.parameter]
    first = ((heading, *_COLUMNS[0][1:]), *_COLUMNS[1:])
    return first, target_columns(side_by_side(result), ("accuracy", "f1"), "{:+.3f}"), _ENDS


def shapley_text(result: ShapleyResult) -> str:
    """Return Shapley values as a table for a terminal, with notes and the pairs that repeat each other most."""
    parts = [text_table(side_by_side(result), *shapley_columns(result)), "", *shapley_notes(result)]
    pairs = strongest_pairs(result)
    if len(pairs):
        columns = ((N_("repeat each other most"), "both", "{}"), ("v(both) - v(one) - v(other) + v(none)", "interaction", "{:+.3f}"),
                   (N_("95 % interval"), ("interaction_low", "interaction_high"), "{:+.3f} to {:+.3f}"))
        parts += ["", table(*formatted_cells(pairs, columns))]
    return "\n".join([*parts, "", *wrapped([paper_sentences(result)["en"]], 66)])


def strongest_pairs(result: ShapleyResult, n_pairs: int = N_PAIRS) -> pd.DataFrame:
    """Return the pairs whose interval lies below zero, those that repeat most first; with a column ``both``."""
    pairs = result.pairs[(result.pairs["score"] == "acc") & (result.pairs["interaction_high"] < 0)]
    pairs = pairs.sort_values("interaction", kind="stable")[:n_pairs]
    return pairs.assign(both=pairs["first"] + " + " + pairs["second"])


def shapley_notes(result: ShapleyResult) -> list[str]:
    """Return notes on how the values were computed and what they say; at most 79 characters a line."""
    acc = result.of("acc")
    everything, nothing = (result.value("acc", of_all=of_all) for of_all in (True, False))
    what = {"fields": _("fields"), "blocks": _("blocks")}[result.players.parameter]
    units = _("records") if result.n_groups is None else _("groups")
    changed = ", ".join(f"{name}={value!r}" for name, value in result.reference.items())
    notes = [
        _("{}; fold seed {}. {}", basis(result), result.random_state, coalitions_note(result)),
        _("Reference: {}({}).", result.estimator, changed),
        _("All {}: {:.3f}. No {}: {:.3f}, with the most frequent codes of the training records. "
          "The values of Acc add up to the difference, {:+.3f}, before they are rounded.",
          what, everything, what, nothing, everything - nothing),
        _("95 % interval: bootstrap over {}, {:.2f} times as wide for the choice of training sets "
          "(Nadeau and Bengio 2003; median standard error over {} {}). "
          "sampling: standard error from the coalitions that were not fitted{}.",
          units, training_set_factor(acc), units, figure(acc["records_error"].median(), form="{:.4f}"),
          _(" (none)") if result.is_exact else ""),
        _("alone: what it adds to nothing. last: what it adds to all others (leave-one-out)."),
        _("Records that would show a value of {} (one test at the 5 % level, 80 % power; median): {}.",
          DIFFERENCE, figure(acc["records_needed"].median(), form="{:,.0f}")),
    ]
    return wrapped(notes)


def coalitions_note(result: ShapleyResult) -> str:
    """Return how many coalitions were fitted, of how many."""
    n_all = 2 ** len(result.players.parts) - 1
    form = _("{:,} of {:,} coalitions fitted, so the values are exact.") if result.is_exact else _("{:,} of {:,} coalitions fitted.")
    return form.format(result.n_fits, n_all)


def paper_sentences(result: ShapleyResult) -> dict[str, str]:
    """Return the sentence for a paper, with the numbers of the run, by language."""
    return {language: sentence.format(**_facts(result, language)) for language, sentence in _SENTENCES.items()}


_SENTENCES = {
    "en": "Of the {gained} by which the official score of all {n} {what} ({everything}; {n_folds}-fold cross-validation of "
          "{n_records} records) exceeds that of the most frequent codes ({nothing}), the Shapley values attribute {largest} "
          "({interval}; {n_valued} of {n_all} coalitions, {error}); leaving out one at a time attributes {last} in total.",
    "zh": "在 {n_records} 份病历的 {n_folds} 折交叉验证中，全部 {n} 个{what}的官方得分为 {everything}，比最常见编码的 {nothing} 高 {gained}；"
          "按 Shapley 值分摊，{largest}（{interval}；{n_all} 个组合中计算 {n_valued} 个，{error}）；而逐一去除所得之和仅为 {last}。",
}

_WORDS = {
    "en": {"fields": "fields", "blocks": "feature blocks", "exact": "exact", "error": "sampling error at most {:.4f}",
           "each": "{:+.3f} ({:+.3f} to {:+.3f}) to {}", "and": ", ", "records": "95 % bootstrap intervals over records, corrected for training sets",
           "groups": "95 % bootstrap intervals over groups of records, corrected for training sets"},
    "zh": {"fields": "字段", "blocks": "特征块", "exact": "精确值", "error": "抽样标准误不超过 {:.4f}",
           "each": "{3} {0:+.3f}（{1:+.3f} 至 {2:+.3f}）", "and": "、", "records": "按病历自助法、校正了训练集选取的 95% 区间",
           "groups": "按患者分组自助法、校正了训练集选取的 95% 区间"},
}


def _facts(result: ShapleyResult, language: str) -> dict[str, str]:
    """Return what the sentence states, formatted."""
    words, acc = _WORDS[language], result.of("acc")
    everything, nothing = (result.value("acc", of_all=of_all) for of_all in (True, False))
    of_each = zip(acc["shapley"], acc["shapley_low"], acc["shapley_high"], acc["player"], strict=True)
    return {
        "n": len(acc), "n_folds": result.n_folds, "n_records": result.n_records, "what": words[result.players.parameter],
        "everything": f"{everything:.3f}", "nothing": f"{nothing:.3f}", "gained": f"{everything - nothing:+.3f}",
        "largest": words["and"].join(words["each"].format(*row) for row in list(of_each)[:N_NAMED]),
        "interval": words["records" if result.n_groups is None else "groups"],
        "n_valued": f"{result.n_fits + 1:,}", "n_all": f"{2 ** len(acc):,}",
        "error": words["exact"] if result.is_exact else words["error"].format(acc["sampling_error"].max()),
        "last": f"{acc['last'].sum():+.3f}",
    }
