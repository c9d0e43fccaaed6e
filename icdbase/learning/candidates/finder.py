"""What proposes codes for a text: phrases, near phrases, and a ridge regression on the TF-IDF of its words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from icdbase.features.token_runs import TokenSequences, Vocabulary
from icdbase.learning.candidates.features import Candidates, find_candidates
from icdbase.learning.candidates.near_phrases import NearPhrases
from icdbase.learning.candidates.phrase_dictionary import PhraseDictionary

__all__ = ["CandidateFinder"]

_PENALTY = 0.3


class CandidateFinder:
    """Learn from coded texts which codes to propose for others.

    Parameters
    ----------
    vocabulary : Vocabulary

    Attributes
    ----------
    dictionary_ : PhraseDictionary
    near_phrases_ : NearPhrases
    words_ : CSR matrix of shape (n_texts, n_tokens)
        TF-IDF of the training texts.
    dual_weights_ : array of shape (n_texts, n_codes)
        Of the ridge regression, in its dual form: there are fewer texts than words.
    """

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary

    def fit(self, texts: TokenSequences, coded: sparse.csr_matrix, evidence: Sequence[Sequence[tuple]]) -> CandidateFinder:
        """Learn from training texts; see :meth:`icdbase.learning.candidates.phrase_dictionary.PhraseDictionary.fit`."""
        self.dictionary_ = PhraseDictionary(self.vocabulary).fit(texts, coded, evidence)
        self.near_phrases_ = NearPhrases(self.vocabulary).fit(texts, self.dictionary_, coded)
        self.tfidf_ = TfidfTransformer(sublinear_tf=True)
        self.words_ = self.tfidf_.fit_transform(self._word_counts(texts))
        gram = (self.words_ @ self.words_.T).toarray() + _PENALTY * np.eye(len(texts))
        self.dual_weights_ = np.linalg.solve(gram, coded.toarray() - np.asarray(coded.mean(axis=0)))
        return self

    def find(self, texts: TokenSequences) -> Candidates:
        """Return the candidates of some texts."""
        words = self.tfidf_.transform(self._word_counts(texts))
        scores = (words @ self.words_.T) @ self.dual_weights_
        return find_candidates(texts, self.dictionary_, self.near_phrases_, scores)

    def _word_counts(self, texts: TokenSequences) -> sparse.csr_matrix:
        known = (texts.ids >= 0) & (texts.ids < len(self.vocabulary))
        places = texts.texts[known], texts.ids[known]
        return sparse.csr_matrix((np.ones(known.sum()), places), shape=(len(texts), len(self.vocabulary)))
