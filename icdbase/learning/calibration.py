"""Calibration: margins to probabilities, fitted on out-of-fold margins.

Both calibrators have one slope for all classes (temperature scaling, Guo et
al. 2017, "On calibration of modern neural networks", ICML), because a slope for one
code with ten records would be noise.  Each code has an offset, with a penalty;
all share the rate at which coders overlook what is stated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

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
    """Slope and lapse rate shared by all codes, an offset each, exclusive groups as one choice.

    Within a group the probabilities are a softmax over its codes and "none".
    Coders overlook some findings however plainly they are stated, so no
    probability rises above one minus the lapse rate (as in psychometric
    functions: Wichmann and Hill 2001, Perception & Psychophysics 63).

    Parameters
    ----------
    groups : sequence of str or None, length n_codes
    shrinkage : float
        Penalty weight of the squared offsets, in records.

    Attributes
    ----------
    slope_ : float
    lapse_ : float
    offsets_ : array of shape (n_codes,)
    shape_ : array of shape (3,)
        (a, b, c) of the last step, see :meth:`reshape`.
    """

    def __init__(self, *, groups: Sequence[str | None] | None = None, shrinkage: float = 2.0):
        self.groups = groups
        self.shrinkage = shrinkage

    def fit(self, margins: np.ndarray, truth: np.ndarray) -> CodeCalibrator:
        """Fit on out-of-fold margins and true codes, both (n_records, n_codes)."""
        members = _group_columns(self.groups)
        n_true, first = np.array(truth, dtype=float), np.ones(margins.shape[1], dtype=bool)
        for columns in members:  # several, where a coder gave more than one code of a group
            n_true[:, columns] = truth[:, columns].sum(axis=1, keepdims=True)
            first[columns[1:]] = False  # a group counts once
        none = n_true == 0

        def loss_and_gradient(parameters):
            slope, kept, offsets = np.exp(parameters[0]), 1 - parameters[1], parameters[2:]
            p = _probabilities(slope * margins + offsets, members)
            total = p.copy()
            for columns in members:
                total[:, columns] = p[:, columns].sum(axis=1, keepdims=True)
            rest = 1 - kept * total
            loss = -(truth * np.log(kept * p)).sum() - np.log(rest[:, first][none[:, first]]).sum()
            slip = p * (n_true + none * kept * (1 - total) / rest) - truth
            of_lapse = truth.sum() / kept - (none * total / rest)[:, first].sum()
            gradient = np.concatenate(
                [[(slip * margins).sum() * slope, of_lapse], slip.sum(axis=0) + 2 * self.shrinkage * offsets]
            )
            return loss + self.shrinkage * (offsets**2).sum(), gradient

        start = np.zeros(2 + margins.shape[1])
        bounds = [(-3.0, 1.5), _LAPSES] + [(-5.0, 5.0)] * margins.shape[1]
        start[1] = _LAPSES[0]
        solution = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds)
        self.slope_, self.lapse_ = float(np.exp(solution.x[0])), float(solution.x[1])
        self.offsets_, self.shape_ = solution.x[2:], _UNCHANGED
        self.shape_ = _beta_shape(self.transform(margins), truth)
        return self

    def transform(self, margins: np.ndarray) -> np.ndarray:
        """Return probabilities (n_records, n_codes)."""
        logits, members = self.slope_ * margins + self.offsets_, _group_columns(self.groups)
        p = self.reshape((1 - self.lapse_) * _probabilities(logits, members))
        for columns in members:  # codes of a group exclude each other
            p[:, columns] /= np.maximum(p[:, columns].sum(axis=1, keepdims=True), 1.0)
        return p

    def reshape(self, p: np.ndarray) -> np.ndarray:
        """Return probabilities with log-odds a · log p - b · log(1 - p) + c (beta calibration, Kull et al. 2017, AISTATS).

        Codes with steep and with flat margins share one slope; together they come true
        more often than it says in the middle, and less often at both ends.
        """
        a, b, c = self.shape_
        with np.errstate(divide="ignore"):
            return expit(a * np.log(p) - b * np.log1p(-np.minimum(p, _HIGHEST)) + c)


_UNCHANGED = np.array([1.0, 1.0, 0.0])
_HIGHEST = 1 - 1e-9
_MIN_PAIRS = 500


def _beta_shape(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Fit the shape on all codes together; unchanged with few pairs, or where the fit would not rise."""
    counted = p > 0.005
    p, y = p[counted], truth[counted]
    if not 0 < y.sum() < len(y) or len(y) < _MIN_PAIRS:
        return _UNCHANGED
    model = LogisticRegression(C=1e3, tol=1e-3).fit(np.column_stack([np.log(p), -np.log1p(-p)]), y)
    shape = np.append(model.coef_[0], model.intercept_[0])
    return shape if (shape[:2] > 0).all() else _UNCHANGED


_LAPSES = (1e-3, 0.3)
"""Range of the lapse rate; above zero, so that no logarithm is of zero."""


def _group_columns(groups: Sequence[str | None] | None) -> list[list[int]]:
    columns: dict[str, list[int]] = {}
    for column, group in enumerate(groups or ()):
        if group:
            columns.setdefault(group, []).append(column)
    return [listed for listed in columns.values() if len(listed) > 1]


def _probabilities(logits: np.ndarray, members: list[list[int]]) -> np.ndarray:
    p = expit(logits)
    for columns in members:
        with_none = np.hstack([np.zeros((len(logits), 1)), logits[:, columns]])
        p[:, columns] = softmax(with_none, axis=1)[:, 1:]
    return p
