"""How far coders follow what a record states: one rule for all codes, which gives way to a code's own model.

A code with few training records, or none, has no model to speak of; but where the
text states it ("breast operation 2012", a potassium of 3.1), other codes show how
often coders follow such a statement.  One logistic regression over pairs of record
and code learns this from out-of-fold margins.  Its inputs mean the same for each code:
the margin of the code's own model, the kinds of statements, and how often the code
was given in other records with such a statement, shrunk towards the rate of all codes
(empirical Bayes).  With ``n`` training records a code's own model has weight n² / (n² + 12²).

So that the rule also knows codes without records, each stated pair enters a second time as
if the code had none: without its margin, its rates from a few records drawn at random.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betaln, logit
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from icdbase.features.stated_codes import KINDS, STATING

__all__ = ["StatementRule"]

FEW = 12
"""Training records at which a code's own model and the rule of all codes have the same weight."""

SCARCE_WEIGHT = 0.3
"""Weight of the pairs that enter as if the code had no training record."""

_MOST_PAIRS = 100_000
_LOWEST = -7.0
_DRAWN = np.array([0, 0, 1, 2, 4, 8, 16, 32])
_N_STATING = len(STATING)


class StatementRule(BaseEstimator):
    """Log-odds of a code from its own model's log-odds and what the record states.

    What was learned comes down to numbers of each code:
    ``gain_ * margin + bias_ + stated @ weights_``.

    Parameters
    ----------
    random_state : int

    Attributes
    ----------
    seen_ : bool array of shape (n_codes,)
        Codes with a training record.
    gain_, bias_ : arrays of shape (n_codes,)
    weights_ : array of shape (n_codes, n_kinds)
    """

    def __init__(self, *, random_state=0):
        self.random_state = random_state

    def fit(self, margins: np.ndarray, truth: np.ndarray, stated: np.ndarray, folds: np.ndarray) -> StatementRule:
        """Fit on training records.

        Parameters
        ----------
        margins : array of shape (n_records, n_codes)
            Log-odds out of fold; not read for codes without a training record.
        truth : array of 0 and 1, shape (n_records, n_codes)
        stated : bool array of shape (n_records, n_codes, n_kinds)
            Kinds as in :data:`icdbase.features.stated_codes.KINDS`.
        folds : int array of shape (n_records,)
        """
        n_given = truth.sum(axis=0)
        self.seen_ = n_given > 0
        usual = np.median(margins, axis=0) * self.seen_  # of a record that shows nothing of the code
        rates = _Rates(truth, stated[:, :, :_N_STATING], folds)
        rows, columns = np.nonzero(stated.any(axis=2) | ((margins > _LOWEST) & self.seen_))
        draw = np.random.default_rng(self.random_state)
        if len(rows) > _MOST_PAIRS:
            kept = np.sort(draw.permutation(len(rows))[:_MOST_PAIRS])
            rows, columns = rows[kept], columns[kept]
        of_seen, of_stated = np.flatnonzero(self.seen_[columns]), np.flatnonzero(stated[rows, columns].any(axis=1))
        rows, columns = (np.append(each[of_seen], each[of_stated]) for each in (rows, columns))
        shown = np.arange(len(rows)) < len(of_seen)  # the others enter as if their code had no training record
        log_odds = np.where(shown[:, None], rates.elsewhere(rows, columns), rates.of_few(rows, columns, draw))
        inputs = _inputs(shown * _own_weight(n_given)[columns], shown * margins[rows, columns], shown * usual[columns],
                         stated[rows, columns], log_odds)
        y, weight = truth[rows, columns], np.where(shown, 1.0, _weight_of_hidden(columns[~shown], columns))
        if len(np.unique(y)) < 2:  # nothing to learn: the margins stay as they are
            self.gain_, self.bias_, self.weights_ = np.ones(len(n_given)), np.zeros(len(n_given)), np.zeros(stated.shape[1:])
            return self
        model = LogisticRegression(tol=1e-3, max_iter=300).fit(inputs, y, sample_weight=weight)
        self._set_numbers(model.coef_[0], float(model.intercept_[0]), _own_weight(n_given), usual, rates.overall())
        return self

    def _set_numbers(self, coef: np.ndarray, intercept: float, own: np.ndarray, usual: np.ndarray, log_odds: np.ndarray):
        """Bring the regression down to numbers of each code."""
        shared = 1 - own
        with_margin, of_scarce, of_kind, of_own_kind, of_rate = np.split(coef, np.cumsum([2, 1, len(KINDS), len(KINDS)]))
        self.gain_ = own * with_margin[0] + shared * with_margin[1]
        self.bias_ = shared * (of_scarce[0] - with_margin[1] * usual) + intercept
        self.weights_ = shared[:, None] * of_kind + own[:, None] * of_own_kind
        self.weights_[:, :_N_STATING] += shared[:, None] * of_rate * log_odds

    def margins(self, margins: np.ndarray, stated: np.ndarray) -> np.ndarray:
        """Return log-odds (n_records, n_codes); minus infinity for a code without a training record that is not stated."""
        check_is_fitted(self)
        decided = np.where(self.seen_ | stated.any(axis=2), 0.0, -np.inf) + self.bias_
        decided[:, self.seen_] += (self.gain_ * margins)[:, self.seen_]
        for kind in range(stated.shape[2]):
            decided += stated[:, :, kind] * self.weights_[:, kind]
        return decided


class _Rates:
    """How often a code is given where it is stated: all records, those of other folds, or a few of them."""

    def __init__(self, truth: np.ndarray, stating: np.ndarray, folds: np.ndarray):
        followed = stating & (truth[:, :, None] > 0)
        self.fold_of = np.unique(folds, return_inverse=True)[1]
        by_fold = [
            np.stack([each[self.fold_of == fold].sum(axis=0) for fold in range(self.fold_of.max() + 1)]) for each in (followed, stating)
        ]
        self.all = [each.sum(axis=0) for each in by_fold]
        self.others = [whole - each for whole, each in zip(self.all, by_fold, strict=True)]
        self.prior = np.array([_beta_prior(*counts) for counts in zip(*(each.T for each in self.all), strict=True)])

    def _log_odds(self, followed: np.ndarray, stated: np.ndarray) -> np.ndarray:
        return logit((followed + self.prior[:, 0]) / (stated + self.prior.sum(axis=1)))

    def overall(self) -> np.ndarray:
        """Return log-odds (n_codes, n_stating)."""
        return self._log_odds(*self.all)

    def elsewhere(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return log-odds (n_pairs, n_stating) from the folds that do not hold the record."""
        return self._log_odds(*(each[self.fold_of[rows], columns] for each in self.others))

    def of_few(self, rows: np.ndarray, columns: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """Return the same from a few records of the other folds, drawn at random."""
        followed, stated = (each[self.fold_of[rows], columns].astype(np.int64) for each in self.others)
        few = np.minimum(draw.choice(_DRAWN, len(rows))[:, None], stated)
        return self._log_odds(draw.hypergeometric(followed, stated - followed, few), few)


def _beta_prior(followed: np.ndarray, stated: np.ndarray) -> tuple[float, float]:
    """Return the beta distribution over codes of the rate at which they are followed, by maximum likelihood of its weight."""
    followed, stated = followed[stated > 0], stated[stated > 0]
    if not len(stated):
        return 0.5, 0.5
    mean = float(np.average((followed + 0.5) / (stated + 1), weights=np.minimum(stated, 10)))

    def loss(log_weight: float) -> float:
        a, b = np.exp(log_weight) * mean, np.exp(log_weight) * (1 - mean)
        return -(betaln(followed + a, stated - followed + b) - betaln(a, b)).sum()

    weight = float(np.exp(minimize_scalar(loss, bounds=(-1.0, 4.0), method="bounded").x))
    return weight * mean, weight * (1 - mean)


def _own_weight(n_given: np.ndarray) -> np.ndarray:
    """Return the weight of a code's own model: with a handful of records trees learn next to nothing."""
    return n_given**2 / (n_given**2 + FEW**2)


def _weight_of_hidden(hidden: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the weight of a hidden pair of each code: a new code is one more code, so that all codes weigh the same."""
    n_pairs = np.bincount(hidden, minlength=columns.max(initial=0) + 1)
    return SCARCE_WEIGHT * len(hidden) / max((n_pairs > 0).sum(), 1) / np.maximum(n_pairs, 1)[columns]


def _inputs(own: np.ndarray, margin: np.ndarray, usual: np.ndarray, kinds: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Return the inputs of the regression (n_pairs, n_inputs)."""
    shared, own = (1 - own)[:, None], own[:, None]
    margin, usual = margin[:, None], usual[:, None]
    return np.hstack([own * margin, shared * (margin - usual), shared, shared * kinds, own * kinds, shared * kinds[:, :_N_STATING] * log_odds])
