"""A system of the user's own as a coder: for cross-validation, ablation, learning curve and the table of baselines."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.core.errors import DataError, Problem, UsageError
from icdbase.core.language import _
from icdbase.records.ids import shown_id
from icdbase.records.predictions import check_predictions
from icdbase.records.records import check_frame
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["SystemCoder"]


@dataclass(frozen=True)
class TextsAndLabels:
    """Records as they are, where other coders have counts.

    Parameters
    ----------
    texts : DataFrame
        Index of record ids; a column for each text field.
    labels : DataFrame
        The same index; a column for each target whose labels are known.
    """

    texts: pd.DataFrame
    labels: pd.DataFrame

    @classmethod
    def of(cls, records: pd.DataFrame, task: Task) -> TextsAndLabels:
        targets = [target.name for target in task.targets if target.name in records]
        return cls(records[list(task.text_fields)], records[targets])

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows) -> TextsAndLabels:
        """Return some records, by position, in that order."""
        return replace(self, texts=self.texts.iloc[rows], labels=self.labels.iloc[rows])

    def records(self) -> pd.DataFrame:
        """Return texts and labels side by side."""
        return pd.concat([self.texts, self.labels], axis=1)


class SystemCoder(BaseEstimator):
    """Put any object with ``fit(records)`` and ``predict(records)`` into the experiments of icdbase.

    ``fit`` gets a DataFrame as :func:`icdbase.read_records` returns it, with
    labels; ``predict`` gets one without labels and returns a DataFrame with the
    same ids as index and a column for each target: a code (or None), or a list
    of codes.  Each fit works on a copy of the system, which must be picklable.

    Predictions are stored in no run folder: icdbase cannot see whether the code
    of the system has changed.

    Parameters
    ----------
    system : object with ``fit`` and ``predict``
        If it has an attribute ``random_state`` or ``n_jobs``, it gets that of the coder.
    task : Task
    fields : sequence of str, optional
        Text fields that the system sees; the others are empty.
    n_jobs : int or None
        None leaves the system's own.
    random_state : int

    Attributes
    ----------
    system_ : the fitted copy

    Examples
    --------
    A system that answers with the codes of the record with the most characters in common:

    >>> class MostAlike:
    ...     def fit(self, records):
    ...         self.known = records
    ...     def predict(self, records):
    ...         def nearest(text):
    ...             common = [len(set(text) & set(other)) for other in self.known["诊疗经过"]]
    ...             return common.index(max(common))
    ...         rows = [nearest(text) for text in records["诊疗经过"]]
    ...         return self.known[["主诊断编码", "其他诊断编码"]].iloc[rows].set_axis(records.index)
    >>> from icdbase.experiments.cross_validation import cross_validate
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(60, random_state=0)
    >>> result = cross_validate(SystemCoder(MostAlike()), records, n_folds=2, n_jobs=1)
    >>> 0 < result.scores.acc < 1
    True
    """

    def __init__(self, system=None, *, task=CCL25, fields=None, n_jobs=None, random_state=0):
        self.system = system
        self.task = task
        self.fields = fields
        self.n_jobs = n_jobs
        self.random_state = random_state

    def count(self, records: pd.DataFrame) -> TextsAndLabels:
        """Check records; there is nothing to count."""
        return TextsAndLabels.of(check_frame(records, self.task), self.task)

    def fit(self, records, y=None, *, groups=None) -> SystemCoder:
        """Fit a copy of the system; ``y`` and ``groups`` are ignored.

        Raises
        ------
        UsageError
            If the system lacks ``fit`` or ``predict``.
        """
        lacking = [name for name in ("fit", "predict") if not callable(getattr(self.system, name, None))]
        if lacking:
            raise UsageError(_("a system needs fit(records) and predict(records); {} lacks {}", type(self.system).__name__, lacking[0]))
        system = deepcopy(self.system)
        for name in ("random_state", "n_jobs"):
            if hasattr(system, name) and getattr(self, name) is not None:
                setattr(system, name, getattr(self, name))
        system.fit(self._visible(records).records())
        self.system_ = system
        return self

    def predict(self, records) -> pd.DataFrame:
        """Return what the system predicts, checked and in the order of the records.

        Raises
        ------
        DataError
            If records are without prediction, or values are no codes.
        """
        check_is_fitted(self)
        texts = self._visible(records).texts
        predicted = check_predictions(self.system_.predict(texts.copy()), self.task)
        missing = texts.index.difference(predicted.index)
        if len(missing):
            rule = _("no prediction for {} of {} records, e.g. {}", len(missing), len(texts), shown_id(missing[0]))
            raise DataError("predictions", [Problem(rule, remedy=_("return a row for each record, with its id as index"))])
        return predicted.loc[texts.index]

    def _visible(self, records) -> TextsAndLabels:
        """Return the records with empty texts in the fields that are not chosen."""
        records = records if isinstance(records, TextsAndLabels) else self.count(records)
        texts = records.texts.copy()
        if self.fields is not None:
            texts[np.setdiff1d(list(texts), self.task.check_fields(self.fields))] = ""
        return replace(records, texts=texts)
