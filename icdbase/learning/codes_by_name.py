"""Codes known by name only: predicted where the record says their name.

In an open set of codes most are rare, and some that a new record needs were in
no training record.  How far a listed diagnosis may be trusted can be learned
all the same, from the codes that were: how often is a code given whose
standard name an item of a diagnosis list fits so well, or an operation that
the record tells, as the first one or later on?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.validation import check_is_fitted

from icdbase.clinical.operations import FIRST
from icdbase.features.counts import Counts

__all__ = ["N_SHARES", "CodesByName"]

EDGES = (0.5, 0.7, 0.85, 0.97)
"""Where the fit of an item to a name is cut into classes; the last is as good as literal."""

PRIOR_WEIGHT = 4
"""How many names of codes never seen before weigh as much as what the codes that were seen tell."""

_N_CLASSES = len(EDGES) + 1

N_SHARES = 3 * _N_CLASSES
"""Shares that are learned: by class of fit, for lists, later operations and the first operation."""


class CodesByName(BaseEstimator):
    """Probability of a code, given how well a listed diagnosis or an operation fits its name.

    Parameters
    ----------
    codes : sequence of str
        Codes with a name, as far as they belong to the target.
    fields : sequence of str
        Text fields that are read.

    Attributes
    ----------
    shares_ : array of shape (N_SHARES,)
        Share of the names, by class of fit, whose code was given: names in a
        list, names of a later operation, names of the operation told first.

    Examples
    --------
    >>> import pandas as pd
    >>> from icdbase.features.counts import count_records
    >>> from icdbase.tasks.editions import CCL25
    >>> 病历 = pd.DataFrame({name: [""] * 3 for name in CCL25.text_fields})
    >>> 病历["入院诊断"] = ["1.脂肪肝 2.高脂血症", "肝囊肿", "脂肪肝"]
    >>> listed = CodesByName(codes=("K76.000", "K76.807", "E78.500"), fields=CCL25.text_fields)
    >>> counts = count_records(病历, CCL25)
    >>> listed = listed.fit(counts, [("K76.000",), ("K76.807",), ("K76.000",)])
    >>> p = listed.transform(counts)
    >>> p[0].round(2).tolist()
    [0.61, 0.0, 0.61]
    """

    def __init__(self, *, codes: Sequence[str], fields: Sequence[str]):
        self.codes = codes
        self.fields = fields

    def fit(self, counts: Counts, given: Sequence[Sequence[str]]) -> CodesByName:
        """Learn from training records and the codes that they were given."""
        evidence = self._evidence(counts).tocoo()
        column = {code: position for position, code in enumerate(self.codes)}
        true = {(row, column[code]) for row, listed in enumerate(given) for code in listed if code in column}
        n_given = np.bincount([code for _, code in true], minlength=len(self.codes))
        places = zip(evidence.row.tolist(), evidence.col.tolist(), strict=True)
        hits = np.fromiter((place in true for place in places), bool, evidence.nnz)
        # Codes that without this record were never seen: what a code without a model is to a new record.
        fresh = n_given[evidence.col] - hits == 0
        tallies = [
            np.bincount(evidence.data[rows] - 1, minlength=N_SHARES).reshape(3, _N_CLASSES)
            for rows in (hits, slice(None), hits & fresh, fresh)
        ]
        self.shares_ = np.concatenate([_rising_shares(*tally) for tally in zip(*tallies, strict=True)])
        return self

    def transform(self, counts: Counts) -> np.ndarray:
        """Return probabilities (n_records, n_codes); zero where nothing is said."""
        check_is_fitted(self)
        evidence = self._evidence(counts)
        return sparse.csr_matrix((self.shares_[evidence.data - 1], evidence.indices, evidence.indptr), evidence.shape).toarray()

    def _evidence(self, counts: Counts) -> sparse.csr_matrix:
        """The best that is said for each code (n_records, n_codes): 1 + its class, operations above lists."""
        position = {code: place for place, code in enumerate(counts.task.code_names)}
        columns = [position[code] for code in self.codes]
        best = sparse.csr_matrix((len(counts), len(columns)), dtype=np.int64)
        for said, is_told in ((counts.listed, False), (counts.operations, True)):
            for field, scores in said.items():
                if field in self.fields:
                    scores = scores[:, columns]
                    classes = sparse.csr_matrix((_classes(scores.data, is_told), scores.indices, scores.indptr), best.shape)
                    best = sparse.csr_matrix(best.maximum(classes))
        return best


def _rising_shares(hit, met, fresh_hit, fresh_met) -> np.ndarray:
    """Share of hits by class of fit; a better fit never says less than a worse one.

    The share among codes that were never seen before, drawn to that among all
    codes where such were hardly met.  A class that was never met says what the
    best below it says, or nothing.

    >>> hit, met, none = np.array([0, 3, 0, 5, 0]), np.array([0, 8, 0, 8, 3]), np.zeros(5)
    >>> _rising_shares(hit, met, none, none).round(3).tolist()
    [0.0, 0.4, 0.4, 0.4, 0.4]
    >>> _rising_shares(hit, met, none, np.array([0, 8, 0, 0, 0])).round(3).tolist()
    [0.0, 0.133, 0.133, 0.4, 0.4]
    """
    shares, known = np.zeros(len(met)), np.flatnonzero(met)
    if len(known):
        # One hit and one miss beforehand.
        among_all = (hit[known] + 1) / (met[known] + 2)
        weight = fresh_met[known] + PRIOR_WEIGHT
        fresh = (fresh_hit[known] + PRIOR_WEIGHT * among_all) / weight
        shares[known] = IsotonicRegression().fit_transform(known, fresh, sample_weight=weight)
    return np.maximum.accumulate(shares)


def _classes(scores: np.ndarray, is_told: bool) -> np.ndarray:
    """1 + the class of each score; of an operation told first it is above one."""
    scores = scores.astype(np.float64)
    first = is_told & (scores > FIRST)
    return 1 + np.searchsorted(EDGES, scores - FIRST * first, side="right") + _N_CLASSES * (int(is_told) + first)
