"""Two linear models of many classes: multinomial logistic regression with shared weights, and ridge regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted

from icdbase.features.blocks import Features

__all__ = ["MulticlassLogistic", "MulticlassRidge", "shared_prefixes"]

LARGEST_SPAN = 6000
"""Up to this number of records the models are fitted in the span of the records (a square matrix), above it on the columns."""

ITERATIONS = 40
"""Of L-BFGS; twice the number lowered the log loss of a held-out fold of RuMedTop3 from 1.919 to 1.913."""

_INDICATOR = 10.0  # of the record's own class in least squares: the scores then have the range of log-probabilities
_LEVELS = (1, 2, 3)  # leading characters of a code: in ICD-10 one is about a chapter, three are a category


def shared_prefixes(codes: Sequence[str]) -> np.ndarray:
    """Return which codes share weights: a row per code, and per group of codes with the same prefix.

    A level at which all codes share a prefix, or none do, is left out.

    Returns
    -------
    float32 array of shape (n_codes + n_groups, n_codes)
        1 where the code of the column belongs to the row.

    >>> shared_prefixes(["I21", "I48", "M54"]).astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 1]]
    """
    rows = [np.eye(len(codes))]
    for level in _LEVELS:
        groups, of_code = np.unique([code[:level] for code in codes], return_inverse=True)
        if 1 < len(groups) < len(codes):
            rows.append(of_code == np.arange(len(groups))[:, None])
    return np.vstack(rows).astype(np.float32)


class MulticlassLogistic(BaseEstimator):
    """Multinomial logistic regression on the sparse blocks.

    The weights of a code are the sum of its own and of those that it shares
    with the codes of the same prefix, all with the same L2 penalty.  So a code
    with few records uses what its neighbours learned, and one with hundreds mostly
    its own (Evgeniou and Pontil 2004, "Regularized multi-task learning", KDD).

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.

    Attributes
    ----------
    coef_ : float32 array of shape (n_classes, n_columns)
    intercept_ : array of shape (n_classes,)

    Notes
    -----
    The solution lies in the span of the records (representer theorem).  L-BFGS
    takes the same steps in any orthonormal basis of it, so the cheaper one is used.
    """

    def __init__(self, *, C=8.0):
        self.C = C

    def fit(self, features: Features, labels: np.ndarray, classes: Sequence[str]) -> MulticlassLogistic:
        """Fit on features and the class number of each record (n_records,)."""
        X = features.sparse().astype(np.float32)
        shared = shared_prefixes(classes)
        if X.shape[0] > LARGEST_SPAN:
            weights, self.intercept_ = _descend(X, labels, shared, self.C)
        else:
            factor = _span(X)
            weights, self.intercept_ = _descend(factor, labels, shared, self.C)
            weights = X.T @ solve_triangular(factor, weights, lower=True, trans="T", check_finite=False)
        self.coef_ = np.ascontiguousarray((weights @ shared).T)
        return self

    def margins(self, features: Features) -> np.ndarray:
        """Return log-probabilities up to a constant (n_records, n_classes)."""
        check_is_fitted(self)
        return _scores(features, self.coef_, self.intercept_)


def _scores(features: Features, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    X = features.sparse()
    X.sort_indices()  # otherwise the order of summation, and so the last bit, depends on the other records
    return X @ coef.T + intercept


def _span(X: sparse.csr_matrix) -> np.ndarray:
    """Coordinates of the records in an orthonormal basis of their span: the Cholesky factor of X X'."""
    products = (X @ X.T).toarray()
    # Keeps the matrix positive definite where records are equal or empty.
    products[np.diag_indices_from(products)] += 1e-3 * max(products.diagonal().mean(), 1e-3)
    return cholesky(products, lower=True, overwrite_a=True, check_finite=False)


def _descend(Z, labels: np.ndarray, shared: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Minimise the penalised log loss; weights (n_columns, n_rows of ``shared``) and intercepts."""
    n_rows, n_classes = shared.shape
    rows, n_weights = np.arange(len(labels)), Z.shape[1] * n_rows
    truth = np.zeros((len(labels), n_classes), dtype=np.float32)
    truth[rows, labels] = 1

    def loss(parameters):
        weights = parameters[:n_weights].reshape(-1, n_rows).astype(np.float32)
        log_p = log_softmax((Z @ weights) @ shared + parameters[n_weights:].astype(np.float32), axis=1)
        error = np.exp(log_p) - truth
        slope = Z.T @ (error @ shared.T) + weights / C
        value = (weights.astype(float) ** 2).sum() / (2 * C) - log_p[rows, labels].sum(dtype=float)
        return value, np.concatenate([slope.ravel(), error.sum(axis=0)]).astype(float)

    start = np.zeros(n_weights + n_classes)
    start[n_weights:] = np.log(truth.sum(axis=0) + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 6}).x
    return found[:n_weights].reshape(-1, n_rows).astype(np.float32), found[n_weights:]


class MulticlassRidge(BaseEstimator):
    """Least squares on the classes' indicators, with an L2 penalty.

    It is fitted in seconds and makes other errors than logistic regression: the
    log loss depends most on the records far on the wrong side, the squared loss on
    all (Rifkin et al. 2003, "Regularized least-squares classification").  So the
    mean of both is better than either.

    Parameters
    ----------
    alpha : float
        Strength of the penalty.
    balance : float
        A record of a class with n records has the weight n ** -balance: with 0 all
        records weigh the same, with 1 all classes.

    Attributes
    ----------
    coef_ : float32 array of shape (n_classes, n_columns)
    intercept_ : array of shape (n_classes,)
    """

    def __init__(self, *, alpha=2.0, balance=0.25):
        self.alpha = alpha
        self.balance = balance

    def fit(self, features: Features, labels: np.ndarray, classes: Sequence[str]) -> MulticlassRidge:
        """Fit on features and the class number of each record (n_records,)."""
        X = features.sparse().astype(np.float32)
        truth = _INDICATOR * np.eye(len(classes), dtype=np.float32)[labels]
        self.intercept_ = truth.mean(axis=0)
        self.coef_ = np.zeros((len(classes), X.shape[1]), dtype=np.float32)
        if X.shape[1]:
            weight = np.bincount(labels)[labels].astype(np.float32) ** -self.balance
            solver = "cholesky" if X.shape[0] <= LARGEST_SPAN else "sparse_cg"
            ridge = Ridge(alpha=self.alpha, fit_intercept=False, solver=solver)
            self.coef_ += ridge.fit(X, truth - self.intercept_, weight / weight.mean()).coef_
        return self

    def margins(self, features: Features) -> np.ndarray:
        """Return scores (n_records, n_classes); higher is more probable."""
        check_is_fitted(self)
        return _scores(features, self.coef_, self.intercept_)
