"""A scored run in three sentences, in English and Chinese: what is wrong, what costs most, how sure the model is."""

from __future__ import annotations

import numpy as np

from icdbase.coder import IcdCoder
from icdbase.evaluation.alignment import Pairs
from icdbase.report.swaps import SwapTable

__all__ = ["headline"]

SURE = 0.9
N_COSTLY = 3


def headline(coder: IcdCoder, pairs: Pairs, swaps: list[SwapTable], codes, probabilities) -> list[tuple[str, str]]:
    """Return up to three sentences as (English, Chinese).

    Parameters
    ----------
    coder : IcdCoder
    pairs : Pairs
    swaps : list of SwapTable
        See :func:`icdbase.report.swaps.swap_tables`.
    codes : list of (target, rows, longest)
        See :func:`icdbase.report.code_rows.code_rows`.
    probabilities : mapping of target to DataFrame
    """
    singles = [target.name for target in coder.task.targets if target.is_single]
    multis = [target.name for target in coder.task.targets if not target.is_single]
    by_target = {target: rows for target, rows, _ in codes}
    sentences = [_errors(swaps[0])] if swaps else []
    sentences += [_costly(multis[0], by_target[multis[0]])] if multis else []
    sentences += [_sureness(singles[0], pairs, probabilities[singles[0]])] if singles else []
    return sentences


def _errors(table: SwapTable) -> tuple[str, str]:
    if not table.n_errors:
        return (f"{table.single}: all {table.n_records} records are right.", f"{table.single}：{table.n_records} 份病历全部正确。")
    return (
        f"{table.single} is wrong in {table.n_errors} of {table.n_records} records; {table.n_swaps} of these are swaps: "
        f"the right code stands among the predicted {table.multi}, or the predicted one among the gold {table.multi}.",
        f"{table.n_records} 份病历中有 {table.n_errors} 份的{table.single}错误，其中 {table.n_swaps} 份是对调："
        f"正确编码出现在预测的{table.multi}中，或预测编码属于真实的{table.multi}。",
    )


def _costly(target: str, rows: list[dict]) -> tuple[str, str]:
    worst = sorted(rows, key=lambda row: (-row["errors"], row["code"]))[:N_COSTLY]
    n_errors = sum(row["missed"] + row["wrong"] for row in rows)
    if not n_errors:
        return f"{target}: no code is missed or wrongly predicted.", f"{target}：没有漏掉或误判的编码。"
    share = sum(row["errors"] for row in worst)
    named = [f"{row['code']} {row['name']} ({row['missed'] + row['wrong']})" for row in worst]
    return (
        f"{target}: {n_errors} codes are missed or wrongly predicted; {', '.join(named)} cost most, {share:.0%} of them together.",
        f"{target}：共 {n_errors} 处漏判或误判；代价最大的是{'、'.join(named)}，合占 {share:.0%}。",
    )


def _sureness(target: str, pairs: Pairs, p) -> tuple[str, str]:
    values, (truth, guess) = p.max(axis=1).to_numpy(), pairs.codes[target]
    right = np.array([a == b for a, b in zip(truth, guess, strict=True)])
    sure = values >= SURE
    if not sure.any() or sure.all():
        return (
            f"{target}: the mean probability of the best code is {values.mean():.0%}, and {right.mean():.0%} are right.",
            f"{target}：最可能编码的平均概率为 {values.mean():.0%}，实际正确 {right.mean():.0%}。",
        )
    return (
        f"Of the {sure.sum()} records with a probability of {SURE:.0%} or more for {target}, {right[sure].mean():.0%} are right; "
        f"of the other {(~sure).sum()}, {right[~sure].mean():.0%}.",
        f"{target}概率不低于 {SURE:.0%} 的 {sure.sum()} 份病历中 {right[sure].mean():.0%} 正确，"
        f"其余 {(~sure).sum()} 份中 {right[~sure].mean():.0%} 正确。",
    )
