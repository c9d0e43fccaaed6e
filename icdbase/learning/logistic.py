"""One-vs-rest logistic regressions: on words and concepts, or on the margins of other models (stacking)."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from icdbase.features.blocks import Features

__all__ = ["PerCodeLogistic", "StackingLogistic"]

MARGIN_LIMIT = 8.0
"""Log-odds of base models are cut here: larger ones would outweigh every other input of the stacking."""


def clip_margins(margins: np.ndarray) -> np.ndarray:
    """Return log-odds cut at ``MARGIN_LIMIT`` on both sides."""
    return np.clip(margins, -MARGIN_LIMIT, MARGIN_LIMIT)

class PerCodeLogistic(BaseEstimator):
    """One L2-penalised logistic regression per code on the sparse blocks.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.

    Attributes
    ----------
    coef_ : array of shape (n_codes, n_columns)
    intercept_ : array of shape (n_codes,)
    """

    def __init__(self, *, C=1.0):
        self.C = C

    def fit(self, features: Features, Y: np.ndarray, context: np.ndarray | None = None) -> PerCodeLogistic:
        """Fit on features and 0/1 codes (n_records, n_codes); the context is not read."""
        self.coef_, self.intercept_ = fit_logistic(features.sparse().astype(np.float64), Y, self.C)
        return self

    def margins(self, features: Features, context: np.ndarray | None = None) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        return clip_margins(features.sparse() @ self.coef_.T + self.intercept_)


def fit_logistic(X, Y: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit one-vs-rest logistic regressions; a code of one class, or without features, gets its prior.

    Returns
    -------
    array of shape (n_codes, n_columns), array of shape (n_codes,)
    """
    n_records, n_codes = Y.shape
    coef, intercept = np.zeros((n_codes, X.shape[1])), np.zeros(n_codes)
    for code in range(n_codes):
        positives = Y[:, code].sum()
        if X.shape[1] and 0 < positives < n_records:
            # liblinear's primal solver uses no random numbers.
            model = LogisticRegression(C=C, solver="liblinear", tol=1e-2).fit(X, Y[:, code])
            coef[code], intercept[code] = model.coef_[0], model.intercept_[0]
        else:
            intercept[code] = np.log((positives + 0.5) / (n_records - positives + 0.5))
    return coef, intercept


class StackingLogistic(BaseEstimator):
    """One logistic regression per code on the base model's margin of the code, and the context.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.

    Attributes
    ----------
    coef_ : array of shape (n_codes, 1 + n_context)
    intercept_ : array of shape (n_codes,)
    """

    def __init__(self, *, C=0.1):
        self.C = C

    def fit(self, margins: np.ndarray, Y: np.ndarray, context: np.ndarray | None = None) -> StackingLogistic:
        """Fit on out-of-fold log-odds and 0/1 codes, both (n_records, n_codes), and shared context."""
        fitted = [
            fit_logistic(_beside(margins[:, code], context), Y[:, [code]], self.C) for code in range(Y.shape[1])
        ]
        self.coef_ = np.vstack([coef for coef, _ in fitted])
        self.intercept_ = np.concatenate([intercept for _, intercept in fitted])
        return self

    def margins(self, margins: np.ndarray, context: np.ndarray | None = None) -> np.ndarray:
        """Return log-odds (n_records, n_codes)."""
        check_is_fitted(self)
        decided = margins * self.coef_[:, 0] + self.intercept_
        # Column by column: a matrix product rounds differently for one record and for many.
        for column in range(0 if context is None else context.shape[1]):
            decided += context[:, [column]] * self.coef_[:, 1 + column]
        return decided


def _beside(margins: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    return np.column_stack([margins] if context is None else [margins, context])
