"""Calibration curves: do the predicted probabilities come true as often as they say?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from icdbase.evaluation.alignment import Pairs
from icdbase.tasks.task import Target

__all__ = ["calibration_curve", "reliability"]

N_BINS = 10


def reliability(p: np.ndarray, truth: np.ndarray, n_bins: int = N_BINS) -> list[dict]:
    """Compare predicted probabilities with the observed share, bin by bin.

    Parameters
    ----------
    p : array of shape (n,)
    truth : bool array of shape (n,)
    n_bins : int
        Of equal width; empty bins are left out.

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
    points = []
    for number in np.unique(bins):
        inside = bins == number
        share, count = float(truth[inside].mean()), int(inside.sum())
        low, high = _wilson(share, count)
        points.append(
            {"predicted": float(p[inside].mean()), "observed": share, "low": low, "high": high, "count": count}
        )
    return points


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return max(centre - half, 0.0), min(centre + half, 1.0)


def calibration_curve(target: Target, pairs: Pairs, p: pd.DataFrame) -> dict:
    """Return the curve of the most probable code of a single target, or of all codes of a multi target."""
    truth, _ = pairs.codes[target.name]
    codes = p.columns.tolist()
    if target.is_single:
        most_probable = p.to_numpy().argmax(axis=1)
        values = p.to_numpy().max(axis=1)
        true = np.array([codes[column] == code for column, code in zip(most_probable, truth, strict=True)])
    else:
        values = p.to_numpy().ravel()
        true = np.array([[code in listed for code in codes] for listed in truth]).ravel()
    points = reliability(values, true)
    error = sum(point["count"] * abs(point["predicted"] - point["observed"]) for point in points) / max(len(values), 1)
    return {"target": target.name, "single": target.is_single, "points": points, "error": error, "count": len(values)}
