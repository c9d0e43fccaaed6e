"""Is a record like those that a model was trained on?

Three numbers of a record are compared with a limit each: how many words it has, which
share of them the model knows, how many medical findings it affirms.  A limit is a share of
what all but a few training records reach.  A record below one of them is too short, in
another language, or of another kind of text or specialty; its predictions are hardly more
than the habits of the training records.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.base import BaseEstimator

from icdbase.core.language import N_
from icdbase.features.base import AFFIRMED
from icdbase.features.blocks import FeatureBuilder
from icdbase.features.concepts import status_columns
from icdbase.features.counts import Counts
from icdbase.features.words import is_word

__all__ = ["REASONS", "Familiarity"]

LOWEST, SHARE = 0.01, 0.6
"""A limit is this share of the quantile ``LOWEST`` of the training records."""

REASONS = {"words": N_("little text"), "known": N_("unknown words"), "findings": N_("few medical findings")}
"""What is said of a record below a limit."""


class Familiarity(BaseEstimator):
    """Tell records that are unlike the training records.

    Attributes
    ----------
    limits_ : dict of str to float
        ``words``: tokens that are words; ``known``: share of them in the vocabulary of the
        ``words`` block, where there is one; ``findings``: affirmed concepts.

    Examples
    --------
    >>> from icdbase import CCL25, make_records
    >>> from icdbase.features.counts import count_records
    >>> records = make_records(30, random_state=0)
    >>> counts = count_records(records, CCL25)
    >>> builder = FeatureBuilder().fit(counts)
    >>> familiarity = Familiarity().fit(counts, builder)
    >>> empty = records.iloc[:1].assign(**dict.fromkeys(CCL25.text_fields, ""))
    >>> familiarity.reasons(counts, builder)[:2], familiarity.reasons(count_records(empty, CCL25), builder)
    (['', ''], ['little text'])
    """

    def fit(self, counts: Counts, builder: FeatureBuilder) -> Familiarity:
        """Learn the limits from the training records, as the fitted builder reads them."""
        self.limits_ = {name: SHARE * float(np.quantile(values, LOWEST)) for name, values in _measures(counts, builder).items()}
        return self

    def reasons(self, counts: Counts, builder: FeatureBuilder) -> list[str]:
        """Return for each record why it is unlike the training records: the first of :data:`REASONS`, empty if it is not."""
        reasons = [""] * len(counts)
        for name, values in _measures(counts, builder).items():
            for row in np.flatnonzero(values < self.limits_.get(name, 0.0)):
                reasons[row] = reasons[row] or REASONS[name]
        return reasons


def _measures(counts: Counts, builder: FeatureBuilder) -> Mapping[str, np.ndarray]:
    """Return the numbers of each record that have a limit."""
    words, concepts = counts.words.whole_record(builder.fields_), counts.concepts
    names = counts.words.names
    written = words @ is_word(names).astype(np.float64)
    measures = {"words": written}
    if len(builder.terms_):
        known = words @ np.isin(names.astype(str), builder.terms_).astype(np.float64)
        measures["known"] = np.divide(known, written, out=np.ones_like(written), where=written > 0)
    mentions = concepts.whole_record(builder.fields_)
    affirmed = sum(mentions[:, status_columns(concepts, status)] for status in AFFIRMED).sign()
    measures["findings"] = np.asarray(affirmed.sum(axis=1)).ravel()
    return measures
