"""Calibration curves: do the predicted probabilities come true as often as they say?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from icdbase.evaluation.alignment import Pairs
from icdbase.tasks.task import Target

__all__ = ["calibration_curves", "reliability", "wilson"]

N_BINS = 10
MIN_PER_BIN = 10
MIN_SHOWN = 0.05  # most codes of a set are nearly impossible and would hide the others


def reliability(p: np.ndarray, truth: np.ndarray, n_bins: int = N_BINS, min_count: int = 1) -> list[dict]:
    """Compare predicted probabilities with the observed share, bin by bin.

    Parameters
    ----------
    p : array of shape (n,)
    truth : bool array of shape (n,)
    n_bins : int
        Of equal width; empty bins are left out.
    min_count : int
        A bin of fewer is merged with its neighbour below, the lowest with the one above.

    Returns
    -------
    list of dict
        ``predicted`` (mean), ``observed`` (share), ``low`` and ``high`` (95 %,
        Wilson 1927) and ``count``.

    Examples
    --------
    >>> [(point["predicted"], point["observed"], point["count"])
    ...  for point in reliability(np.array([0.25, 0.25, 0.75]), np.array([False, True, True]), 2)]
    [(0.25, 0.5, 2), (0.75, 1.0, 1)]
    """
    bins = np.minimum((np.asarray(p) * n_bins).astype(int), n_bins - 1)
    for upwards, numbers in ((False, range(n_bins - 1, 0, -1)), (True, range(n_bins - 1))):
        for number in numbers:
            if 0 < (bins == number).sum() < min_count:
                others = bins[bins > number] if upwards else bins[bins < number]
                bins[bins == number] = (others.min() if upwards else others.max()) if len(others) else number
    points = []
    for number in np.unique(bins):
        inside = bins == number
        share, count = float(truth[inside].mean()), int(inside.sum())
        low, high = wilson(share, count)
        points.append(
            {"predicted": float(p[inside].mean()), "observed": share, "low": low, "high": high, "count": count}
        )
    return points


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return max(centre - half, 0.0), min(centre + half, 1.0)


def calibration_curves(target: Target, pairs: Pairs, p: pd.DataFrame) -> list[dict]:
    """Return the curve of a single target's most probable code; of a set's codes above 0.05, and of the chosen ones."""
    truth, predicted = pairs.codes[target.name]
    values, codes = p.to_numpy(), p.columns.tolist()
    if target.is_single:
        best = values.argmax(axis=1)
        true = np.array([codes[column] == code for column, code in zip(best, truth, strict=True)])
        return [_curve(target.name, "most probable", values.max(axis=1), true)]
    true = np.array([[code in listed for code in codes] for listed in truth], dtype=bool).reshape(values.shape)
    chosen = np.array([[code in listed for code in codes] for listed in predicted], dtype=bool).reshape(values.shape)
    parts = (("above 0.05", values > MIN_SHOWN), ("chosen", chosen))
    return [_curve(target.name, kind, values[part], true[part]) for kind, part in parts]


def _curve(target: str, kind: str, p: np.ndarray, true: np.ndarray) -> dict:
    points = reliability(p, true, min_count=MIN_PER_BIN)
    gap = sum(point["count"] * abs(point["predicted"] - point["observed"]) for point in points) / max(len(p), 1)
    return {"target": target, "kind": kind, "points": points, "error": gap, "count": len(p)}
