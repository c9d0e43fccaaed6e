"""Calibration: margins to probabilities, fitted on out-of-fold margins.

Both calibrators have one slope for all classes (temperature scaling, Guo et
al. 2017, "On calibration of modern neural networks", ICML): a slope for one
code with ten records would be noise.  Each code has an offset, with a penalty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator

__all__ = ["CodeCalibrator", "TemperatureScaler"]


class TemperatureScaler(BaseEstimator):
    """One temperature for the probabilities of a single target.

    Attributes
    ----------
    temperature_ : float
        Above one if the classifier was overconfident.

    Examples
    --------
    >>> overconfident = np.log([[0.99, 0.01]] * 4)
    >>> TemperatureScaler().fit(overconfident, [0, 0, 0, 1]).transform(overconfident).round(2)[0].tolist()
    [0.75, 0.25]
    """

    def fit(self, log_p: np.ndarray, y: np.ndarray) -> TemperatureScaler:
        """Minimise the log loss of out-of-fold log-probabilities (n_records, n_classes)."""
        rows = np.arange(len(log_p))

        def log_loss(log_temperature: float) -> float:
            return -log_softmax(log_p / np.exp(log_temperature), axis=1)[rows, y].mean()

        self.temperature_ = float(np.exp(minimize_scalar(log_loss, bounds=(-1.5, 3.0), method="bounded").x))
        return self

    def transform(self, log_p: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities (n_records, n_classes)."""
        return softmax(log_p / self.temperature_, axis=1)


class CodeCalibrator(BaseEstimator):
    """One slope for all codes, one offset per code; an exclusive group is one categorical variable.

    Within a group the probabilities are a softmax over its codes and "none".

    Parameters
    ----------
    groups : sequence of str or None, length n_codes
    shrinkage : float
        Penalty weight of the squared offsets, in records.

    Attributes
    ----------
    slope_ : float
    offsets_ : array of shape (n_codes,)
    """

    def __init__(self, *, groups: Sequence[str | None] | None = None, shrinkage: float = 2.0):
        self.groups = groups
        self.shrinkage = shrinkage

    def fit(self, margins: np.ndarray, truth: np.ndarray) -> CodeCalibrator:
        """Fit on out-of-fold margins and true codes, both (n_records, n_codes)."""
        members = _group_columns(self.groups)

        def loss_and_gradient(parameters):
            slope, offsets = np.exp(parameters[0]), parameters[1:]
            logits = slope * margins + offsets
            p = _probabilities(logits, members)
            loss = _log_loss(logits, truth, members) + self.shrinkage * (offsets**2).sum()
            slip = p * _weights(truth, members) - truth
            gradient = np.concatenate(
                [[(slip * margins).sum() * slope], slip.sum(axis=0) + 2 * self.shrinkage * offsets]
            )
            return loss, gradient

        start = np.zeros(1 + margins.shape[1])
        solution = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=_bounds(len(start)))
        self.slope_ = float(np.exp(solution.x[0]))
        self.offsets_ = solution.x[1:]
        return self

    def identity(self, n_codes: int) -> CodeCalibrator:
        """Set slope one and no offsets: the margins are used unchanged."""
        self.slope_, self.offsets_ = 1.0, np.zeros(n_codes)
        return self

    def transform(self, margins: np.ndarray) -> np.ndarray:
        """Return probabilities (n_records, n_codes)."""
        return _probabilities(self.slope_ * margins + self.offsets_, _group_columns(self.groups))


def _bounds(n: int) -> list[tuple[float, float]]:
    return [(-3.0, 1.5)] + [(-5.0, 5.0)] * (n - 1)


def _group_columns(groups: Sequence[str | None] | None) -> list[list[int]]:
    columns: dict[str, list[int]] = {}
    for column, group in enumerate(groups or ()):
        if group:
            columns.setdefault(group, []).append(column)
    return [listed for listed in columns.values() if len(listed) > 1]


def _probabilities(logits: np.ndarray, members: list[list[int]]) -> np.ndarray:
    p = expit(logits)
    for columns in members:
        p[:, columns] = softmax(_with_none(logits[:, columns]), axis=1)[:, 1:]
    return p


def _log_loss(logits: np.ndarray, truth: np.ndarray, members: list[list[int]]) -> float:
    grouped = {column for columns in members for column in columns}
    single = [column for column in range(logits.shape[1]) if column not in grouped]
    z, y = logits[:, single], truth[:, single]
    loss = (np.logaddexp(0, z) - y * z).sum()
    for columns in members:
        y = truth[:, columns]
        none = np.maximum(1 - y.sum(axis=1, keepdims=True), 0)
        loss -= (log_softmax(_with_none(logits[:, columns]), axis=1) * np.hstack([none, y])).sum()
    return float(loss)


def _weights(truth: np.ndarray, members: list[list[int]]) -> np.ndarray:
    """Return one, or the number of a group's codes where a record has several of them by mistake."""
    weights = np.ones(truth.shape)
    for columns in members:
        weights[:, columns] = np.maximum(truth[:, columns].sum(axis=1, keepdims=True), 1)
    return weights


def _with_none(logits: np.ndarray) -> np.ndarray:
    return np.hstack([np.zeros((len(logits), 1)), logits])
