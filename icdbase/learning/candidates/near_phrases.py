"""Annotated phrases that a text nearly has: other endings, other order, words left out or put between."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from icdbase.features.token_runs import TokenSequences, Vocabulary
from icdbase.learning.candidates.phrase_dictionary import PhraseDictionary

__all__ = ["NearPhrases"]

WINDOW = 8
"""Tokens that are looked at together; each window overlaps the next by half."""

LOWEST_COVER = 0.5
WHOLE = 0.999
PRIOR_SHARE = 0.2
_LONGEST = 12


class NearPhrases:
    """Find annotated phrases by the share of their words that stands near each other, each word weighted by its IDF.

    Words count as equal if their first five letters are.

    Parameters
    ----------
    vocabulary : Vocabulary

    Attributes
    ----------
    phrases_ : int array
        Positions of the annotated phrases in ``hashes_`` of the dictionary.
    whole_share_, part_share_ : arrays of shape (n_entries,)
        Share of the training records with all words of an entry's phrase near each other
        that carry its code, and likewise of those with some of the words; shrunk.
    """

    def __init__(self, vocabulary: Vocabulary):
        self.beginning_of = vocabulary.beginnings

    def fit(self, texts: TokenSequences, dictionary: PhraseDictionary, coded: sparse.csr_matrix) -> NearPhrases:
        """Learn the IDF of words and the shares from training texts and their codes (n_texts, n_codes)."""
        n_words = int(self.beginning_of[-1]) + 1
        words = texts.ids >= 0
        occurs = _indicator(texts.texts[words], self.beginning_of[texts.ids[words]], (len(texts), n_words))
        idf = np.log((len(texts) + 1) / (np.asarray(occurs.sum(axis=0)).ravel() + 0.5))
        kept = {place: tokens for place, tokens in dictionary.annotated_.items() if len(tokens) <= _LONGEST}
        self.phrases_ = np.array(list(kept), dtype=int)
        pairs = [(row, word) for row, tokens in enumerate(kept.values()) for word in sorted({self.beginning_of[t] for t in tokens})]
        rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
        self.weights_ = sparse.csr_matrix((idf[columns], (rows, columns)), shape=(len(kept), n_words))
        text, phrase, cover = self.find(texts)
        whole = cover >= WHOLE
        self.whole_share_, self.part_share_ = (_shares(text[some], phrase[some], dictionary, coded) for some in (whole, ~whole))
        return self

    def find(self, texts: TokenSequences) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return text, phrase (position in ``hashes_`` of the dictionary) and cover, the best one of each text and phrase."""
        if not len(self.phrases_):
            return np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)
        windows, text_of_window = self._windows(texts)
        cover = (windows @ self.weights_.T).tocoo()
        share = cover.data / np.asarray(self.weights_.sum(axis=1)).ravel()[cover.col]
        kept = share >= LOWEST_COVER
        text, phrase, share = text_of_window[cover.row[kept]], self.phrases_[cover.col[kept]], share[kept]
        order = np.lexsort((-share, phrase, text))
        text, phrase, share = text[order], phrase[order], share[order]
        first = np.flatnonzero(np.diff(text, prepend=-1).astype(bool) | np.diff(phrase, prepend=-1).astype(bool))
        return text[first], phrase[first], share[first]

    def _windows(self, texts: TokenSequences) -> tuple[sparse.csr_matrix, np.ndarray]:
        """Return which window has which word, and the text of each window."""
        at = np.flatnonzero(texts.ids >= 0)
        clause = np.cumsum(texts.ids < 0)[at]
        _, first, length = np.unique(clause, return_index=True, return_counts=True)
        half = (np.arange(len(at)) - np.repeat(first, length)) // (WINDOW // 2)
        words, owners = self.beginning_of[texts.ids[at]], texts.texts[at]
        # A window covers one half and the next: each half stands in two windows, the first half of a clause in one.
        key = clause * (len(texts.ids) + 1) + half
        later = half > 0
        keys = np.concatenate([key, key[later] - 1])
        _, number = np.unique(keys, return_inverse=True)
        text_of_window = np.zeros(number.max(initial=-1) + 1, dtype=int)
        text_of_window[number] = np.concatenate([owners, owners[later]])
        return _indicator(number, np.concatenate([words, words[later]]), (len(text_of_window), self.weights_.shape[1])), text_of_window


def _shares(text: np.ndarray, phrase: np.ndarray, dictionary: PhraseDictionary, coded: sparse.csr_matrix) -> np.ndarray:
    """Return the share of the texts with a phrase that carry the code, for each entry of the dictionary."""
    found = _indicator(text, phrase, (coded.shape[0], len(dictionary.hashes_)))
    hits = (found.T @ coded).tocsr()[dictionary.phrase_of_, dictionary.code_of_]
    n_texts = np.asarray(found.sum(axis=0)).ravel()[dictionary.phrase_of_]
    return (np.asarray(hits).ravel() + PRIOR_SHARE) / (n_texts + 1)


def _indicator(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a matrix with 1 where a pair stands."""
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape).sign()
