"""Candidates (text, code), and features that mean the same for every code.

A code with two training records is so judged by what was learned on all
others: how often its phrase carried the code elsewhere, how long the phrase is, whether
another code claims the same words, how near a phrase comes to the text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from icdbase.features.token_runs import TokenSequences
from icdbase.learning.candidates.near_phrases import WHOLE, NearPhrases
from icdbase.learning.candidates.phrase_dictionary import LONGEST_RUN, PhraseDictionary

__all__ = ["Candidates", "find_candidates", "rival_features"]

LOWEST_SHARE = 0.08
"""A phrase without annotation makes a candidate if this share of its records carries the code."""

FROM_BASE_MODEL = 10
"""Candidates of each text that the base model ranks first."""


class Candidates(NamedTuple):
    """Pairs of text and code, sorted by text, then code, and their features (n_candidates, n_features)."""

    texts: np.ndarray
    codes: np.ndarray
    features: np.ndarray


class _Occurrences(NamedTuple):
    """A row for each phrase of each text."""

    texts: np.ndarray
    phrases: np.ndarray
    n_times: np.ndarray
    rival_share: np.ndarray
    longest_rival: np.ndarray
    position: np.ndarray


def find_candidates(
    texts: TokenSequences, dictionary: PhraseDictionary, near: NearPhrases, scores: np.ndarray
) -> Candidates:
    """Collect the codes that a phrase, a near phrase or the base model proposes for each text.

    Parameters
    ----------
    texts : TokenSequences
    dictionary : PhraseDictionary
    near : NearPhrases
    scores : array of shape (n_texts, n_codes)
        Of the base model.
    """
    found, n_codes = _occurrences(texts, dictionary), scores.shape[1]
    rows, entries = dictionary.entries(found.phrases)
    keys = found.texts[rows] * n_codes + dictionary.code_of_[entries]
    annotated = dictionary.n_annotated_[entries] > 0
    near_keys, near_columns = _near(texts, dictionary, near, found, n_codes)
    first = np.argsort(-scores, axis=1, kind="stable")[:, :FROM_BASE_MODEL]
    ranked = (np.arange(len(texts))[:, None] * n_codes + first).ravel()
    likely = annotated | (dictionary.share_[entries] >= LOWEST_SHARE)
    table = _Table(np.unique(np.concatenate([keys[likely], near_keys, ranked])))
    _add_annotated(table, dictionary, found, rows[annotated], entries[annotated], keys[annotated])
    _add_mined(table, dictionary, found, rows[~annotated], entries[~annotated], keys[~annotated])
    cover, near_share = near_columns[0], near_columns[-1]
    table.add_best(near_keys, cover, near_columns)
    table.add_best(near_keys, near_share, [near_share, cover, near_columns[1]])
    text, code = np.divmod(table.keys, n_codes)
    rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)[text, code]
    table.columns += [dictionary.code_records_[code], dictionary.code_share_[code], scores[text, code], np.minimum(rank, 200)]
    return Candidates(text, code, np.column_stack(table.columns))


class _Table:
    """Features of candidates, built column by column; NaN where a source says nothing."""

    def __init__(self, keys: np.ndarray):
        self.keys, self.columns = keys, []

    def add_best(self, keys: np.ndarray, order_by: np.ndarray, columns: list[np.ndarray]) -> None:
        """Add the values of the best row of each candidate, and its number of rows."""
        order = np.lexsort((-order_by, keys))
        unique, first, number = np.unique(keys[order], return_index=True, return_counts=True)
        place = np.minimum(np.searchsorted(self.keys, unique), len(self.keys) - 1)
        known = self.keys[place] == unique
        for values, empty in [*((column[order][first], np.nan) for column in columns), (number, 0.0)]:
            added = np.full(len(self.keys), empty)
            added[place[known]] = values[known]
            self.columns.append(added)


def _add_annotated(table: _Table, dictionary: PhraseDictionary, found: _Occurrences, rows, entries, keys) -> None:
    phrases = found.phrases[rows]
    share, length, n_records = dictionary.share_[entries], dictionary.lengths_[phrases], dictionary.n_records_[phrases]
    annotated = dictionary.n_annotated_[entries]
    per_record = (annotated + 0.5) / (n_records + 1)
    table.add_best(keys, share, [
        share, length, dictionary.n_coded_[entries], n_records, annotated, per_record,
        annotated / np.maximum(dictionary.n_annotations_[phrases], 1), found.rival_share[rows] - share,
        found.longest_rival[rows] - length, found.n_times[rows], found.position[rows],
    ])
    table.add_best(keys, per_record, [per_record, length])
    table.add_best(keys, length + share, [length, share, per_record])


def _add_mined(table: _Table, dictionary: PhraseDictionary, found: _Occurrences, rows, entries, keys) -> None:
    phrases, share, g2 = found.phrases[rows], dictionary.share_[entries], dictionary.g2_[entries]
    table.add_best(keys, share, [
        share, dictionary.lengths_[phrases], dictionary.n_coded_[entries], dictionary.n_records_[phrases], g2,
        found.rival_share[rows],
    ])
    table.add_best(keys, g2, [g2, share])
    near = dictionary.lengths_[phrases] == 0
    n_coded, n_records = dictionary.n_coded_[entries], dictionary.n_records_[phrases]
    table.add_best(keys[near], share[near], [column[near] for column in (share, n_coded, n_records, g2)])
    table.add_best(keys[near], g2[near], [g2[near], share[near]])
    table.add_best(keys[~near], share[~near], [column[~near] for column in (share, n_coded, g2)])


def _occurrences(texts: TokenSequences, dictionary: PhraseDictionary) -> _Occurrences:
    """Find the phrases of each text, and what other annotated phrases claim the same words."""
    phrases, runs = dictionary.find(texts)
    best_share = np.zeros(len(dictionary.hashes_))
    stated = dictionary.n_annotated_ > 0
    np.maximum.at(best_share, dictionary.phrase_of_[stated], dictionary.share_[stated])
    is_annotated = dictionary.n_annotations_[phrases] > 0
    share_at, length_at = np.zeros((2, len(texts.ids) + LONGEST_RUN))
    for offset in range(LONGEST_RUN):
        rows = is_annotated & (runs.lengths > offset)
        np.maximum.at(share_at, runs.starts[rows] + offset, best_share[phrases[rows]])
        np.maximum.at(length_at, runs.starts[rows] + offset, runs.lengths[rows])
    rival_share, longest = np.zeros((2, len(phrases)))
    for offset in range(LONGEST_RUN):
        rows = runs.lengths > offset
        rival_share[rows] = np.maximum(rival_share[rows], share_at[runs.starts[rows] + offset])
        longest[rows] = np.maximum(longest[rows], length_at[runs.starts[rows] + offset])
    text = texts.texts[runs.starts]
    order = np.lexsort((runs.starts, phrases, text))
    changes = np.diff(text[order], prepend=-1).astype(bool) | np.diff(phrases[order], prepend=-1).astype(bool)
    first = np.flatnonzero(changes)
    if not len(first):
        return _Occurrences(text, phrases, *np.zeros((4, 0)))
    begin = runs.starts[order][first] - texts.ends[text[order][first]]
    return _Occurrences(
        text[order][first], phrases[order][first], np.diff(first, append=len(order)),
        np.minimum.reduceat(rival_share[order], first), np.minimum.reduceat(longest[order], first),
        begin / np.maximum(np.diff(texts.ends)[text[order][first]], 1),
    )


def _near(texts: TokenSequences, dictionary: PhraseDictionary, near: NearPhrases, found: _Occurrences, n_codes: int):
    """Return the keys of candidates by near phrases, and cover, length, annotations and shares of each."""
    text, phrase, cover = near.find(texts)
    exact = np.isin(text * len(dictionary.hashes_) + phrase, found.texts * len(dictionary.hashes_) + found.phrases)
    text, phrase, cover = text[~exact], phrase[~exact], cover[~exact]
    rows, entries = dictionary.entries(phrase)
    annotated = dictionary.n_annotated_[entries] > 0
    rows, entries = rows[annotated], entries[annotated]
    near_share = np.where(cover[rows] >= WHOLE, near.whole_share_[entries], near.part_share_[entries])
    columns = [
        cover[rows], dictionary.lengths_[phrase[rows]], dictionary.n_annotated_[entries], dictionary.share_[entries], near_share,
    ]
    return text[rows] * n_codes + dictionary.code_of_[entries], columns


def rival_features(candidates: Candidates, p: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Return what the other candidates of the same text say.

    Parameters
    ----------
    candidates : Candidates
    p : array of shape (n_candidates,)
        First probabilities, out of fold for training records.
    categories : int array of shape (n_codes, n_levels)
        Number of the category of each code, such as its first three characters.

    Returns
    -------
    array of shape (n_candidates, 1 + 2 * (n_levels + 1))
        The probability; then for each category, and for the whole text, the sum and
        the largest of the probabilities of the other candidates.
    """
    everything = np.zeros(len(candidates.texts), dtype=int)
    columns = [p]
    for group in [*categories[candidates.codes].T, everything]:
        _, number = np.unique(candidates.texts * (group.max(initial=0) + 1) + group, return_inverse=True)
        order = np.lexsort((-p, number))
        first = np.flatnonzero(np.diff(number[order], prepend=-1))
        largest, second = p[order][first], np.zeros(len(first))
        several = np.diff(first, append=len(order)) > 1
        second[several] = p[order][first[several] + 1]
        is_largest = np.zeros(len(p), dtype=bool)
        is_largest[order[first]] = True
        columns += [np.bincount(number, p)[number] - p, np.where(is_largest, second[number], largest[number])]
    return np.column_stack(columns)
