"""A dictionary of phrases learned from coded records: which phrase stands for which code, and how often.

Phrases are runs of tokens; of those learned from labels some are words, or
pairs of words that stand near each other, by their first letters.  An entry joins a phrase and a code.  It comes from
annotated evidence, or from the labels of the records alone: a phrase of at least two
records with the code whose log-likelihood ratio G² (Dunning 1993, "Accurate
methods for the statistics of surprise and coincidence", Computational
Linguistics 19) is high.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.special import xlogy

from icdbase.features.token_runs import Runs, TokenSequences, Vocabulary, hash_of_run

__all__ = ["LONGEST_RUN", "PhraseDictionary", "g_squared"]

LONGEST_RUN = 6
"""Tokens of the longest phrase that is looked up."""

LONGEST_MINED = 4
"""Tokens of the longest phrase that is learned from labels alone."""

LOWEST_G2 = 8.0
COMMON = 0.3
"""A phrase in a larger share of the records is too common to be learned from labels alone."""

REACH = 6
"""Tokens within which two words stand near each other."""

_PRIOR_ANNOTATED, _PRIOR_MINED = 0.3, 0.02


def g_squared(both, n_phrase, n_code, n_records) -> np.ndarray:
    """Return the log-likelihood ratio of a phrase and a code.

    Parameters
    ----------
    both, n_phrase, n_code : arrays
        Records with phrase and code, with the phrase, with the code.
    n_records : int

    Examples
    --------
    >>> g_squared(np.array([10.0, 1.0]), np.array([10.0, 10.0]), np.array([10.0, 10.0]), 100).round(1).tolist()
    [65.0, 0.0]
    """
    expected = n_phrase * n_code / n_records
    parts = (
        (both, expected), (n_phrase - both, n_phrase - expected), (n_code - both, n_code - expected),
        (n_records - n_phrase - n_code + both, n_records - n_phrase - n_code + expected),
    )
    return 2 * sum(xlogy(seen, np.maximum(seen, 1e-12) / np.maximum(usual, 1e-12)) for seen, usual in parts)


class PhraseDictionary:
    """Phrases, codes, and the records that have both.

    Parameters
    ----------
    vocabulary : Vocabulary

    Attributes
    ----------
    hashes_ : uint64 array of shape (n_phrases,)
        Sorted; see :func:`icdbase.features.token_runs.hash_of_run`.
    lengths_, n_records_, n_annotations_ : arrays of shape (n_phrases,)
        Tokens, 0 for words near each other; training records with the phrase; annotations of it with any code.
    first_entry_ : int array of shape (n_phrases + 1,)
        Entries ``first_entry_[i]`` to ``first_entry_[i + 1]`` are those of phrase i.
    phrase_of_, code_of_ : int arrays of shape (n_entries,)
    n_coded_, n_annotated_, g2_ : arrays of shape (n_entries,)
        Records with phrase and code; records where the phrase is annotated with the code; G².
    share_ : array of shape (n_entries,)
        Share of the records with the phrase that carry the code, shrunk to 0.3 or, of an entry without annotation, to 0.02.
    code_records_, code_share_ : arrays of shape (n_codes,)
        Training records of the code; share of the records with its annotated phrases that carry it.
    annotated_ : dict of int to tuple of int
        The tokens of each annotated phrase, by its position in ``hashes_``.
    """

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary

    def fit(self, texts: TokenSequences, coded: sparse.csr_matrix, evidence: Sequence[Sequence[tuple]]) -> PhraseDictionary:
        """Learn from training records.

        Parameters
        ----------
        texts : TokenSequences
        coded : CSR matrix of shape (n_texts, n_codes)
            1 where the record carries the code.
        evidence : sequence of sequences of (tuple of int, int)
            For each record, phrases (numbers of tokens) and the codes that they support; may all be empty.
        """
        marked = [(hash_of_run(tokens), code, tokens) for listed in evidence for tokens, code in set(listed) if tokens]
        hashes = np.array([value for value, _, _ in marked], dtype=np.uint64)
        tokens = {value: tokens for value, _, tokens in marked}
        occurs = self._fit_phrases(texts, hashes, tokens)
        shape = (len(self.hashes_), coded.shape[1])
        columns = np.searchsorted(self.hashes_, hashes), np.array([code for _, code, _ in marked], dtype=int)
        annotated = sparse.csr_matrix((np.ones(len(marked)), columns), shape=shape)
        self.n_annotations_ = np.asarray(annotated.sum(axis=1)).ravel()
        self.code_records_ = np.asarray(coded.sum(axis=0)).ravel()
        self._fit_entries(occurs.T @ coded, annotated, len(texts))
        places = np.searchsorted(self.hashes_, np.array(list(tokens), dtype=np.uint64))
        self.annotated_ = dict(sorted(zip(places.tolist(), tokens.values(), strict=True)))
        return self

    def _runs(self, texts: TokenSequences) -> Runs:
        parts = texts.runs(LONGEST_RUN), texts.near_words(self.vocabulary.beginnings, REACH)
        return Runs(*map(np.concatenate, zip(*parts, strict=True)))

    def _fit_phrases(self, texts: TokenSequences, annotated: np.ndarray, tokens: dict) -> sparse.csr_matrix:
        """Choose the phrases; return which text has which (n_texts, n_phrases)."""
        runs = self._runs(texts)
        hashes, number = np.unique(runs.hashes, return_inverse=True)
        occurs = sparse.csr_matrix(
            (np.ones(len(number), dtype=np.float32), (texts.texts[runs.starts], number)), shape=(len(texts), len(hashes))
        ).sign()
        n_records = np.asarray(occurs.sum(axis=0)).ravel()
        lengths = np.zeros(len(hashes), dtype=int)
        lengths[number] = runs.lengths
        mined = (n_records >= 2) & (n_records <= COMMON * len(texts)) & (lengths <= LONGEST_MINED)
        kept = np.flatnonzero(mined | np.isin(hashes, annotated))
        absent = np.setdiff1d(annotated, hashes)  # the pieces of a phrase lie apart in the text
        order = np.argsort(np.concatenate([hashes[kept], absent]))
        self.hashes_ = np.concatenate([hashes[kept], absent])[order]
        self.n_records_ = np.concatenate([n_records[kept], np.zeros(len(absent))])[order]
        self.lengths_ = np.concatenate([lengths[kept], [len(tokens[value]) for value in absent]]).astype(int)[order]
        return sparse.hstack([occurs[:, kept], sparse.csr_matrix((len(texts), len(absent)))]).tocsr()[:, order]

    def _fit_entries(self, both: sparse.spmatrix, annotated: sparse.csr_matrix, n_records: int) -> None:
        """Choose the entries out of phrases and codes that go together (n_phrases, n_codes)."""
        pairs = (both.sign() + annotated.sign()).tocoo()
        phrase, code = pairs.row, pairs.col
        n_coded, n_annotated = (np.asarray(table.tocsr()[phrase, code]).ravel() for table in (both, annotated))
        n_phrase, n_code = self.n_records_[phrase], self.code_records_[code]
        g2 = g_squared(n_coded, n_phrase, n_code, n_records)
        mined = (n_coded >= 2) & (g2 > LOWEST_G2) & (n_coded * n_records > n_phrase * n_code) & (n_phrase <= COMMON * n_records)
        kept = np.flatnonzero((n_annotated > 0) | mined)
        kept = kept[np.lexsort((code[kept], phrase[kept]))]
        self.phrase_of_, self.code_of_, self.g2_ = phrase[kept].astype(int), code[kept].astype(int), g2[kept]
        self.n_coded_, self.n_annotated_ = n_coded[kept], n_annotated[kept]
        self.first_entry_ = np.searchsorted(self.phrase_of_, np.arange(len(self.hashes_) + 1))
        stated = self.n_annotated_ > 0
        prior = np.where(stated, _PRIOR_ANNOTATED, _PRIOR_MINED)
        self.share_ = (self.n_coded_ + prior) / (self.n_records_[self.phrase_of_] + 1)
        hits, seen = (
            np.bincount(self.code_of_[stated], values[stated], minlength=both.shape[1])
            for values in (self.n_coded_, self.n_records_[self.phrase_of_])
        )
        self.code_share_ = (hits + 1) / (seen + 2.5)

    def find(self, texts: TokenSequences) -> tuple[np.ndarray, Runs]:
        """Return the phrases that occur in texts: position in ``hashes_``, and the run, for those with an entry."""
        runs = self._runs(texts)
        place = np.minimum(np.searchsorted(self.hashes_, runs.hashes), max(len(self.hashes_) - 1, 0))
        found = np.zeros(len(place), dtype=bool)
        if len(self.hashes_):
            found = (self.hashes_[place] == runs.hashes) & (np.diff(self.first_entry_)[place] > 0)
        return place[found], Runs(*(column[found] for column in runs))

    def entries(self, phrases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all entries of some phrases: (position in ``phrases``, entry)."""
        numbers = np.diff(self.first_entry_)[phrases]
        rows = np.repeat(np.arange(len(phrases)), numbers)
        within = np.arange(numbers.sum()) - np.repeat(np.cumsum(numbers) - numbers, numbers)
        return rows, self.first_entry_[phrases][rows] + within
