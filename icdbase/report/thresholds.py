"""What another threshold of probability would give: precision, recall, F1 and codes a record."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.evaluation.alignment import Pairs
from icdbase.learning.decoding import decode

__all__ = ["THRESHOLDS", "threshold_curve"]

THRESHOLDS = tuple(step / 50 for step in range(1, 50))


def threshold_curve(coder: IcdCoder, target: str, pairs: Pairs, p: pd.DataFrame, excluded: pd.DataFrame) -> list[dict]:
    """Score the sets that ``decoding="threshold:t"`` would choose, for each of `THRESHOLDS`.

    Parameters
    ----------
    coder : IcdCoder
    target : str
        A multi target.
    pairs : Pairs
    p : DataFrame of shape (n_records, n_codes)
        Probabilities of the target's codes.
    excluded : DataFrame of bool, same shape
        Codes that a record's single codes rule out.

    Returns
    -------
    list of dict
        ``threshold``; ``precision``, ``recall`` and ``f1``, means over records;
        ``codes``, the mean number of codes a record.
    """
    gold = pairs.codes[target][0]
    truth = np.array([[code in codes for code in p.columns] for codes in gold], dtype=bool).reshape(p.shape)
    n_gold = np.array([len(codes) for codes in gold])
    groups = coder.task.exclusive_groups if coder.exclusive_groups else {}
    rules = {"min_codes": next(one.min_codes for one in coder.task.targets if one.name == target),
             "groups": [groups.get(code) for code in p.columns], "forbidden": excluded.to_numpy()}
    points = []
    for threshold in THRESHOLDS if p.shape[1] else ():
        chosen = decode(p.to_numpy(), rule=f"threshold:{threshold:g}", **rules)
        measures = _measures((chosen & truth).sum(axis=1), chosen.sum(axis=1), n_gold)
        points.append({"threshold": threshold, **measures, "codes": float(chosen.sum(axis=1).mean())})
    return points


def _measures(common: np.ndarray, n_chosen: np.ndarray, n_gold: np.ndarray) -> dict[str, float]:
    """Return means over records; of two empty sets each measure is 1, as in the official score."""
    nothing = (n_chosen + n_gold == 0).astype(float)
    parts = {"precision": (common, n_chosen), "recall": (common, n_gold), "f1": (2 * common, n_chosen + n_gold)}
    return {name: float(np.where(whole > 0, part / np.maximum(whole, 1), nothing).mean())
            for name, (part, whole) in parts.items()}
