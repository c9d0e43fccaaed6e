"""The whole system: records in, codes out.

    records ──count_records──▶ counts ──FeatureBuilder──▶ features
    features ──SingleCodeClassifier──▶ probabilities of the main code
    features + main, out of fold ──CodeSetClassifier──▶ probabilities of the others
    probabilities ──decode──▶ one main code and a set of other codes
"""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from icdbase.core.errors import DataError, DataWarning, Problem, UsageError, did_you_mean
from icdbase.features.blocks import FeatureBuilder, Features
from icdbase.features.counts import Counts, count_records
from icdbase.features.fingerprints import counting_fingerprint, differing_parts
from icdbase.learning.classifiers import LEARNERS, CodeSetClassifier, SingleCodeClassifier
from icdbase.learning.codes_by_name import CodesByName
from icdbase.learning.decoding import RULES, decode
from icdbase.learning.folds import inner_folds
from icdbase.learning.thinning import thinned_copies
from icdbase.records.checks import OPEN_TARGETS, codes_outside, not_learned
from icdbase.records.ids import shown_id
from icdbase.records.records import check_frame
from icdbase.tasks.codes import is_operation_code
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target

__all__ = ["SETTINGS", "IcdCoder"]

FEW_RECORDS = 18
"""Measured on synthetic records (three seeds): from so many on Acc is above the majority baseline, by 0.14 to 0.20."""

NO_CODE = ""
"""The class "no code" of a single target that may be empty."""

SETTINGS = {
    "default": {},
    "plain": {
        "blocks": ("words", "concepts"),
        "boosted_features": False,
        "main_informs_others": False,
        "exclusive_groups": False,
        "thinned_share": 0.0,
        "min_quantile": 0.0,
    },
}
"""Named settings: ``plain`` is TF-IDF and keywords, LightGBM, logistic regression, no more."""


class IcdCoder(BaseEstimator):
    """Predict the main diagnosis code and the set of other codes of a record.

    Parameters
    ----------
    task : Task
        Fields, targets and candidate codes.
    fields : sequence of str, optional
        Text fields to read; all by default.
    blocks : sequence of str, optional
        Feature blocks; see :class:`icdbase.features.blocks.FeatureBuilder`.  The task's by default.
    min_records : int
        Codes of an open set that fewer training records carry are not learned.
    codes_by_name : bool
        Predict a code of an open set that was not learned where a listed
        diagnosis, or an operation that the record tells, fits its name; see
        :class:`icdbase.learning.codes_by_name.CodesByName`.
    min_df : int
        Words and concepts in fewer training records are dropped.
    concept_tables : sequence of paths
        The user's own concept tables, added to the package's.
    tokenizer : str, optional
        ``jieba``, ``characters``, ``ngrams`` or ``regex``, with an argument if
        need be; see :class:`icdbase.text.tokenization.Tokenizer`.  The task's by default.
    engine : {"auto", "rjieba", "jieba"}
        Who does jieba's cutting; the result is the same.
    main_learner : {"trees", "linear", "both"}
        What decides on the main code: LightGBM, linear models of all words
        (better with many codes and little text), or the mean of both; see
        :class:`icdbase.learning.classifiers.SingleCodeClassifier`.
    n_columns : int
        Features per code that its trees see, chosen by correlation.
    main_estimators : int
        Trees per class for the main code.
    C : float
        Inverse strength of the penalty of the plain logistic regressions.
    boosted_features : bool
        Let small trees read the record, and the logistic regressions decide on their scores.
    main_informs_others : bool
        Give the other codes' models the probabilities of the main code.
    thinned_share : float
        Copies per training record that lack fields and measurements at random,
        so that the models learn what a gap means; see :mod:`icdbase.learning.thinning`.
    calibrate : bool
        Make probabilities honest, out of fold.
    exclusive_groups : bool
        At most one code of each of the task's groups, main code included.
    decoding : {"expected_f1", "threshold", "top_k"}
        How a set is chosen; see :func:`icdbase.learning.decoding.decode`.
    min_quantile : float
        Of ``expected_f1``: a code is chosen only if it is as probable as this
        quantile of the least probable chosen codes of the training records,
        out of fold; so where little is known of a record no unlikely codes
        appear.  0 is the exact maximum.
    threshold : float
    top_k : int
    n_folds : int
        Folds of the out-of-fold predictions inside ``fit``.
    n_jobs : int or None
        Threads, and processes for counting some thousand records; the result does not depend on it.
    random_state : int

    Attributes
    ----------
    features_ : FeatureBuilder
    models_ : dict of target name to fitted classifier
        None for a multi target without any code in training.
    codes_by_name_ : dict of target name to CodesByName
        For open sets with known names, and single targets that are operations.
    floors_ : dict of target name to float
        Of multi targets, what ``min_quantile`` came to.
    codes_ : dict of target name to array of str
        The codes that can be predicted, columns of :meth:`predict_proba`; the
        empty text stands for "no code" of a single target that may be empty.
    unseen_codes_ : dict of target name to tuple of str
        Candidate codes without a training record: they are never predicted.
    outside_codes_ : dict of target name to dict of str to int
        Codes of training records that are no candidates, with the number of records: they are not learned.

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(60, random_state=0)
    >>> coder = IcdCoder().fit(records)
    >>> coder.predict(records[:2]).columns.tolist()
    ['主诊断编码', '其他诊断编码']
    """

    def __init__(
        self,
        *,
        task=CCL25,
        fields=None,
        blocks=None,
        min_records=3,
        codes_by_name=True,
        min_df=2,
        concept_tables=(),
        tokenizer=None,
        engine="auto",
        main_learner="trees",
        n_columns=60,
        main_estimators=60,
        C=1.0,
        boosted_features=True,
        main_informs_others=True,
        thinned_share=0.5,
        calibrate=True,
        exclusive_groups=True,
        decoding="expected_f1",
        min_quantile=0.05,
        threshold=0.5,
        top_k=5,
        n_folds=4,
        n_jobs=-1,
        random_state=0,
    ):
        self.task = task
        self.fields = fields
        self.blocks = blocks
        self.min_records = min_records
        self.codes_by_name = codes_by_name
        self.min_df = min_df
        self.concept_tables = concept_tables
        self.tokenizer = tokenizer
        self.engine = engine
        self.main_learner = main_learner
        self.n_columns = n_columns
        self.main_estimators = main_estimators
        self.C = C
        self.boosted_features = boosted_features
        self.main_informs_others = main_informs_others
        self.thinned_share = thinned_share
        self.calibrate = calibrate
        self.exclusive_groups = exclusive_groups
        self.decoding = decoding
        self.min_quantile = min_quantile
        self.threshold = threshold
        self.top_k = top_k
        self.n_folds = n_folds
        self.n_jobs = n_jobs
        self.random_state = random_state

    def count(self, records: pd.DataFrame) -> Counts:
        """Read records once, for any number of fits and predictions."""
        return count_records(
            check_frame(records, self.task),
            self.task,
            engine=self.engine,
            concept_tables=self.concept_tables,
            n_jobs=self.n_jobs,
            tokenizer=self.tokenizer,
        )

    def _counted(self, records) -> Counts:
        """Count records, or check that counts are such as this coder makes."""
        if not isinstance(records, Counts):
            return self.count(records)
        own = counting_fingerprint(self.task, self.concept_tables, self.tokenizer)
        if other := differing_parts(own, records.fingerprint):
            raise UsageError(f"the counts and this coder differ in: {', '.join(other)}; make them with its count()")
        return records

    def fit(self, records, y=None, *, groups=None) -> IcdCoder:
        """Learn from labelled records.

        Parameters
        ----------
        records : pandas.DataFrame or Counts
            As :func:`icdbase.read_records` returns them, labels included, or
            what :meth:`count` made of them.
        y : ignored
            Labels are columns of ``records``.
        groups : sequence of hashable, length n_records, optional
            Records of one group, a patient's say, share a fold inside ``fit``,
            so that calibration is learned from patients not seen.

        Raises
        ------
        UsageError
            On a parameter that does not exist or does not fit, or counts that
            were made with another tokenizer or other tables.
        DataError
            On records without labels, too few of them, or all of one group.

        Warns
        -----
        DataWarning
            If training records carry codes outside the candidate lists, which are not learned.
        """
        self._check_parameters()
        counts = self._counted(records)
        labels = _checked_labels(counts, self.task)
        self.outside_codes_ = {target.name: codes_outside(labels, target) for target in self.task.targets}
        for message in not_learned(labels, self.task):
            warnings.warn(message, DataWarning, stacklevel=2)
        if len(labels) < FEW_RECORDS:
            warnings.warn(
                f"{len(labels)} training records: from fewer than {FEW_RECORDS} little is learned of the text; "
                "add records, or compare with icdbase.majority_predictions", DataWarning, stacklevel=2,
            )
        with threadpool_limits(1):
            self.features_ = FeatureBuilder(fields=self.fields, blocks=self.blocks, min_df=self.min_df)
            features = self.features_.fit_transform(counts)
            folds = inner_folds(labels, self.task, self.n_folds, self.random_state, groups)
            self.codes_, self.unseen_codes_, self.models_, self.floors_ = {}, {}, {}, {}
            self._fit_listed(counts)
            copies, copied = thinned_copies(counts, self.thinned_share, self.random_state)
            whole = np.arange(len(labels) + len(copied)) < len(labels)
            if len(copied):
                features = features.append(self.features_.transform(copies))
                labels, folds = pd.concat([labels, labels.iloc[copied]]), np.concatenate([folds, folds[copied]])
            some = counts.take(range(min(len(whole) - len(copied), 50)))
            del counts, copies  # of many records half the memory; what is fitted now reads features only
            context = []
            for target in self._targets_in_order():
                if target.is_single:
                    context.append(self._fit_single(target, features, labels[target.name], folds, whole))
                else:
                    self._fit_multi(target, features, labels[target.name], folds, whole, self._context(context))
        self._warn_of_one_answer(some)
        return self

    def _warn_of_one_answer(self, some: Counts):
        """Warn where training records of different codes all get the same answer."""
        predicted = self.predict(some)
        for name, given in some.labels.items():
            if name in predicted and predicted[name].nunique(dropna=False) == 1 < given.nunique(dropna=False):
                warnings.warn(
                    f"{name}: {len(some)} training records get one and the same answer, whatever their text; train on "
                    "more records of each code, and check that the text columns hold the text", DataWarning, stacklevel=3,
                )

    def _targets_in_order(self) -> list[Target]:
        """Single targets first, for what they say helps the others."""
        return sorted(self.task.targets, key=lambda target: not target.is_single)

    def _fit_single(self, target: Target, features, labels: pd.Series, folds, whole) -> np.ndarray:
        model = SingleCodeClassifier(
            learner=self.main_learner,
            n_columns=self.n_columns,
            n_estimators=self.main_estimators,
            calibrate=self.calibrate,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        )
        labels = labels.where(labels.notna(), NO_CODE)  # only where the target may be empty
        usable = np.flatnonzero(labels.isin((*target.codes, NO_CODE)) | (not target.codes))
        probabilities = model.fit_out_of_fold(
            features.take(usable), labels.iloc[usable], folds[usable], whole[usable]
        )
        self.models_[target.name] = model
        self._remember_codes(target, model.classes_)
        # Records whose own code is no candidate get the mean of the others as context.
        context = np.tile(probabilities.mean(axis=0), (len(labels), 1))
        context[usable] = probabilities
        return context

    def _fit_multi(self, target: Target, features, labels: pd.Series, folds, whole, context):
        codes = list(target.codes) or self._frequent(labels[whole])
        self.floors_[target.name] = 0.0
        if not codes:
            self.models_[target.name] = None
            self._remember_codes(target, ())
            return
        column = {code: position for position, code in enumerate(codes)}
        truth = np.zeros((len(labels), len(codes)), dtype=bool)
        for row, listed in enumerate(labels):
            truth[row, [column[code] for code in listed if code in column]] = True
        model = CodeSetClassifier(
            C=self.C,
            boosted_features=self.boosted_features,
            n_columns=self.n_columns,
            calibrate=self.calibrate,
            groups=self._groups(codes),
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        )
        p = model.fit_out_of_fold(features, truth, folds, context, whole)
        self.models_[target.name] = model
        p = p[:: max(len(p) // 300, 1)]  # some hundred records tell a quantile
        sets = decode(p, min_codes=target.min_codes, groups=self._groups(codes))
        lowest = np.where(sets, p, np.inf).min(axis=1)[sets.any(axis=1)]
        if self.min_quantile and len(lowest):
            self.floors_[target.name] = float(np.quantile(lowest, self.min_quantile))
        self._remember_codes(target, np.array(codes)[model.seen_], codes)

    def _frequent(self, labels: pd.Series) -> list[str]:
        """Codes of an open set that are worth a model; all of them where none is frequent."""
        records = Counter(code for listed in labels for code in listed)
        return sorted(code for code, n in records.items() if n >= self.min_records) or sorted(records)

    def _fit_listed(self, counts: Counts):
        self.codes_by_name_ = {}
        for target in self.task.targets:
            named = [code for code in self.task.known_codes.get(target.name, ()) if code in self.task.code_names]
            given = counts.labels[target.name]
            if target.is_single:  # which listed diagnosis is the main one is told by no name
                named = [code for code in named if counts.operations and is_operation_code(code)]
                given = given.map(lambda code: (code,) if code else ())
            if self.codes_by_name and named and not target.codes:
                listed = CodesByName(codes=tuple(named), fields=self.features_.fields_)
                self.codes_by_name_[target.name] = listed.fit(counts, given)

    def _remember_codes(self, target: Target, seen, codes=None):
        self.codes_[target.name] = np.array(seen if codes is None else codes, dtype=str)
        known = set(seen)
        self.unseen_codes_[target.name] = tuple(code for code in target.codes if code not in known)

    def _groups(self, codes) -> list[str | None] | None:
        if not self.exclusive_groups:
            return None
        return [self.task.exclusive_groups.get(code) for code in codes]

    def _context(self, probabilities: list[np.ndarray]) -> np.ndarray | None:
        return np.hstack(probabilities) if self.main_informs_others and probabilities else None

    def predict_proba(self, records) -> dict[str, pd.DataFrame]:
        """Return the probability of every code.

        Returns
        -------
        dict of target name to pandas.DataFrame
            Index of record ids, a column per code.  A candidate code without a
            training record has probability zero; see ``unseen_codes_``.  Codes
            of an open set that were not learned but are said by name in one
            of the records stand behind the others.
        """
        check_is_fitted(self)
        counts = self._counted(records)
        with threadpool_limits(1):
            return self._probabilities(self.features_.transform(counts), counts)

    def _probabilities(self, features: Features, counts: Counts) -> dict[str, pd.DataFrame]:
        index, single, probabilities = counts.labels.index, [], {}
        for target in self._targets_in_order():
            model = self.models_[target.name]
            if target.is_single:
                p = model.predict_proba(features)
                single.append(p)
            elif model is None:
                p = np.zeros((len(index), 0))
            else:
                p = model.predict_proba(features, self._context(single))
            table = pd.DataFrame(p, index, self.codes_[target.name])
            probabilities[target.name] = self._with_listed(target, table, counts)
        return {target.name: probabilities[target.name] for target in self.task.targets}

    def _with_listed(self, target: Target, learned: pd.DataFrame, counts: Counts) -> pd.DataFrame:
        """Add the codes that no model knows and a record says by name."""
        if target.name not in self.codes_by_name_:
            return learned
        listed = self.codes_by_name_[target.name]
        p = listed.transform(counts)
        new = p.any(axis=0) & ~np.isin(listed.codes, learned.columns.to_numpy(dtype=str))
        if not new.any():
            return learned
        p = p[:, new]
        if target.is_single:  # codes exclude each other: the named ones take their share from the learned
            p /= np.maximum(p.sum(axis=1, keepdims=True), 1.0)
            learned = learned * (1.0 - p.sum(axis=1, keepdims=True))
        return learned.join(pd.DataFrame(p, learned.index, np.array(listed.codes)[new]))

    def predict(self, records) -> pd.DataFrame:
        """Return the codes of each record.

        Returns
        -------
        pandas.DataFrame
            Index of record ids; a str column for each single target (None where
            "no code" is the answer), a column of tuples (most probable code
            first) for each multi target.
        """
        return self.decode(self.predict_proba(records))

    def predict_top(self, records, k: int = 5) -> pd.DataFrame:
        """Return the most probable codes of each target, with their probabilities.

        Parameters
        ----------
        records : pandas.DataFrame or Counts
        k : int
            How many a record and target; fewer where there are not so many.

        Returns
        -------
        pandas.DataFrame
            Index of record ids; a column of tuples ``((code, probability), ...)``
            for each target, most probable first.  The probabilities of a single
            target are of the codes that exclude each other (the empty text is
            "no code"), those of a multi target each of its own.  What the most
            probable code of a single target rules out (itself, the codes of its
            exclusive group) is left out of the sets' lists, as in :meth:`predict`.

        Raises
        ------
        UsageError
            If ``k`` is below one.
        """
        if k < 1:
            raise UsageError(f"k must be at least 1, got {k}")
        probabilities, tops = self.predict_proba(records), {}
        mains = list(self._most_probable(probabilities).values())
        for target in self.task.targets:
            table = probabilities[target.name]
            codes, p = table.columns.to_numpy(dtype=object), table.to_numpy()
            if not target.is_single:
                p = np.where(self._forbidden(table.columns, mains, len(p)), 0.0, p)
            order = np.argsort(-p, axis=1, kind="stable")[:, :k]
            listed = [
                tuple((codes[column], float(p[row, column])) for column in columns if p[row, column] > 0)
                for row, columns in enumerate(order)
            ]
            tops[target.name] = pd.Series(listed, table.index, dtype=object)
        return pd.DataFrame(tops)

    def decode(self, probabilities: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """Choose codes from what :meth:`predict_proba` returned."""
        chosen = self._most_probable(probabilities)
        taken = list(chosen.values())
        for target in self.task.targets:
            p = probabilities[target.name]
            if target.is_single:
                continue
            if not p.shape[1]:
                chosen[target.name] = [()] * len(p)
                continue
            sets = decode(
                p.to_numpy(),
                rule=self.decoding,
                threshold=self.threshold,
                top_k=self.top_k,
                min_codes=target.min_codes,
                min_probability=self.floors_[target.name],
                groups=self._groups(p.columns),
                forbidden=self._forbidden(p.columns, taken, len(p)),
            )
            chosen[target.name] = _as_tuples(sets, p)
        index = next(iter(probabilities.values())).index
        columns = {}
        for target in self.task.targets:
            found = pd.Series(chosen[target.name], index, dtype=object)
            columns[target.name] = found.where(found != NO_CODE, None) if target.is_single else found
        return pd.DataFrame(columns, index)

    def _most_probable(self, probabilities: dict[str, pd.DataFrame]) -> dict[str, np.ndarray]:
        """The code of each single target, record by record."""
        singles = {target.name: probabilities[target.name] for target in self.task.targets if target.is_single}
        return {name: p.columns.to_numpy()[p.to_numpy().argmax(axis=1)] for name, p in singles.items()}

    def _forbidden(self, codes, taken: list[np.ndarray], n_records: int) -> np.ndarray:
        """Codes that the main code rules out: itself, and its exclusive group."""
        forbidden = np.zeros((n_records, len(codes)), dtype=bool)
        groups = np.array([self.task.exclusive_groups.get(code, "") for code in codes])
        for main_codes in taken:
            for code in np.unique(main_codes):
                rows = np.flatnonzero(main_codes == code)
                ruled_out = np.asarray(codes) == code
                group = self.task.exclusive_groups.get(code)
                if self.exclusive_groups and group:
                    ruled_out = ruled_out | (groups == group)
                forbidden[np.ix_(rows, ruled_out)] = True
        return forbidden

    def _check_parameters(self):
        if self.decoding not in RULES:
            raise UsageError(f"unknown decoding rule {self.decoding!r}{did_you_mean(str(self.decoding), RULES)}")
        if self.main_learner not in LEARNERS:
            raise UsageError(
                f"unknown main_learner {self.main_learner!r}{did_you_mean(str(self.main_learner), LEARNERS)}"
            )
        if self.C <= 0:
            raise UsageError(f"C must be positive, got {self.C}")
        if self.n_folds < 2:
            raise UsageError(f"n_folds must be at least 2, got {self.n_folds}")
        for name in ("thinned_share", "min_quantile", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if self.min_records < 1:
            raise UsageError(f"min_records must be at least 1, got {self.min_records}")
        if self.top_k < 1:
            raise UsageError(f"top_k must be at least 1, got {self.top_k}")


def _checked_labels(counts: Counts, task) -> pd.DataFrame:
    """Return labels complete for training, or say which records lack them."""
    problems = []
    for target in task.targets:
        if target.name not in counts.labels:
            problems.append(Problem("label column missing", field=target.name, remedy="train on labelled records"))
            continue
        given = counts.labels[target.name]
        if target.is_single and target.codes and not given.isin((*target.codes, None)).any():
            remedy = f"check the label column; if it is right: {OPEN_TARGETS}"
            problems.append(Problem("no record carries a candidate code", field=target.name, remedy=remedy))
        if target.is_single and target.may_be_empty:
            continue
        for record in counts.labels.index[given.isna()]:
            problems.append(Problem("label missing", shown_id(record), target.name, "add it or leave the record out"))
    if not problems and len(counts) < 2:
        problems.append(Problem(f"training needs two labelled records at least, got {len(counts)}", remedy="add records"))
    if problems:
        raise DataError("training records", problems)
    return counts.labels


def _as_tuples(sets: np.ndarray, probabilities: pd.DataFrame) -> pd.Series:
    order = np.argsort(-probabilities.to_numpy(), axis=1, kind="stable")
    taken = np.take_along_axis(sets, order, axis=1)
    codes = probabilities.columns.to_numpy()[order[taken]].tolist()
    ends = taken.sum(axis=1).cumsum().tolist()
    listed = [tuple(codes[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return pd.Series(listed, probabilities.index, dtype=object)
