"""A small honest search for parameters: successive halving, its gain measured by nested cross-validation.

The search starts from a coder (the reference) and random combinations of the
parameters of :data:`SPACE`.  Round by round, a third of the candidates stay and
the training records grow; the reference always stays.  For the estimate of
the gain, the whole search is run on the training records of each outer fold
alone, and what it chose is tested on the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.evaluation.scoring import record_scores
from icdbase.experiments.cross_validation import Design, json_rows
from icdbase.experiments.trials import Trial, check_parameters
from icdbase.experiments.variants import changed_parameters
from icdbase.learning.folds import make_folds, nested_order

__all__ = ["SPACE", "TuneResult", "candidate_settings", "setting_text", "tune"]

SPACE: Mapping[str, tuple] = {
    "blocks": (None, ("words", "concepts"), ("words", "concepts", "measurements")),
    "boosted_features": (True, False),
    "main_learner": ("trees", "linear", "both"),
    "decoding": ("expected_f1", "expected_f1:0", "threshold:0.4"),
    "thinned_share": (0.0, 0.5),
    "main_informs_others": (True, False),
}
"""Values to choose from: the parameters that change the score in docs/what-pays.md, and those of named settings."""

SHARES = (0.2, 0.5, 1.0)
"""Share of the training records in each round."""

KEPT = 3
"""One candidate of this number goes on to the next round."""

INNER_FOLDS = 2

Setting = dict[str, object]


@dataclass(frozen=True)
class TuneResult:
    """Result of :func:`tune`.

    Attributes
    ----------
    acc, reference_acc : float
        Official score of the tuned and of the unchanged coder: mean over all
        records, each tested by a coder that was tuned and fitted without it.
    gain, low, high : float
        Their difference with its 95 % interval, paired bootstrap over records or groups.
    best : dict of str to object
        Changed parameters that the search on all records chose; empty for the reference.
    best_of_fold : list of dict
        What the search on the training records of each outer fold chose.
    reference : mapping of str to object
        Parameters of the reference that are not the default.
    search : DataFrame
        Of the search on all records: ``round``, ``n_train``, ``candidate``, ``acc``.
    n_records, n_folds, n_candidates, random_state : int
    """

    acc: float
    reference_acc: float
    gain: float
    low: float
    high: float
    best: Setting
    best_of_fold: list[Setting]
    reference: Mapping[str, object]
    search: pd.DataFrame
    n_records: int
    n_folds: int
    n_candidates: int
    random_state: int

    @property
    def gained(self) -> bool:
        """Whether the interval of the gain lies above zero and the search chose a change."""
        return self.low > 0 and bool(self.best)

    @property
    def setting(self) -> Setting:
        """Return the parameters to train with: the reference's, changed only if that gained."""
        return dict(self.reference) | (_plain(self.best) if self.gained else {})

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        names = ("acc", "reference_acc", "gain", "low", "high", "gained", "n_records", "n_folds", "n_candidates", "random_state")
        return {
            **{name: getattr(self, name) for name in names},
            "setting": self.setting,
            "best": _plain(self.best),
            "best_of_fold": [_plain(best) for best in self.best_of_fold],
            "reference": dict(self.reference),
            "search": json_rows(self.search),
        }


def _plain(setting: Setting) -> Setting:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in setting.items()}


def candidate_settings(
    coder: IcdCoder, n_candidates: int, random_state: int, space: Mapping[str, Sequence] = SPACE
) -> list[Setting]:
    """Return the reference (no change) and random other settings, as changed parameters.

    Examples
    --------
    >>> candidate_settings(IcdCoder(), 3, 0, {"main_learner": ("trees", "linear"), "min_df": (2,)})
    [{}, {'main_learner': 'linear'}]
    """
    if n_candidates < 2:
        raise UsageError(_("a search needs at least 2 candidates, the reference included; got {}", n_candidates))
    check_parameters(coder, dict.fromkeys(space), "search space")
    now = coder.get_params(deep=False)
    settings = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    changes = [{name: value for name, value in setting.items() if not _same(name, value, now, coder)} for setting in settings]
    changes = list({repr(change): change for change in changes if change}.values())
    chosen = np.random.default_rng(random_state).permutation(len(changes))[: n_candidates - 1]
    return [{}, *(changes[number] for number in chosen)]


def _same(name: str, value, now: Mapping, coder: IcdCoder) -> bool:
    """Return whether a value is the reference's; None stands for all blocks of the task."""
    if name != "blocks":
        return now[name] == value
    every = tuple(coder.task.blocks)
    return tuple(now[name] or every) == tuple(value or every)


def tune(
    coder: IcdCoder, records: pd.DataFrame, *, n_candidates: int = 12, n_folds: int = 3, random_state: int = 0,
    space: Mapping[str, Sequence] = SPACE, **design,
) -> TuneResult:
    """Search for better parameters, and measure by nested cross-validation what the search gains.

    Parameters
    ----------
    coder, records, random_state, **design
        The reference, and as for :class:`icdbase.experiments.cross_validation.Design`; the seed is that of the
        candidates, too.
    n_candidates : int
        Settings in the first round, the reference included.
    n_folds : int
        Outer folds.
    space : mapping of str to sequence
        Parameters and their values.

    Raises
    ------
    DataError, UsageError
        As ``Design``, and on an unknown parameter.

    Notes
    -----
    Jamieson, Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS 2016; the nesting: Varma, Simon, "Bias in error estimation
    when using cross-validation for model selection", BMC Bioinformatics 7 (2006).

    Examples
    --------
    >>> from icdbase.synthetic import make_records
    >>> coder = IcdCoder(blocks=("words",), main_learner="trees:5", boosted_features=False, thinned_share=0.0, n_folds=2)
    >>> space = {"decoding": ("expected_f1", "top_k:1")}
    >>> result = tune(coder, make_records(60, random_state=0), n_candidates=2, n_folds=2, n_jobs=1, space=space)
    >>> result.best, result.gained
    ({}, False)
    """
    candidates = candidate_settings(coder, n_candidates, random_state, space)
    design = Design(coder, records, n_folds=n_folds, random_state=random_state, **design)
    outer = design.trials()
    searches = [_Search(design, rows, candidates) for rows in (np.arange(len(records)), *(trial.train for trial in outer))]
    for number, share in enumerate(SHARES, start=1):
        trials = [search.trials(share) for search in searches]
        codes = iter(design.runner(f"search, round {number}").run([trial for part in trials for trial in part]))
        for search, part in zip(searches, trials, strict=True):
            search.halve(number, share, [next(codes) for _ in part])
    final, *of_folds = searches
    best_of_fold = [search.best for search in of_folds]
    tuned = [Trial({**trial.parameters, **best}, trial.train, trial.test) for trial, best in zip(outer, best_of_fold, strict=True)]
    codes = design.runner("nested test").run([*outer, *tuned])
    before, after = (_acc(design.records, design.gather(part)[0], design) for part in (codes[: len(outer)], codes[len(outer) :]))
    difference = design.paired(after, before)
    return TuneResult(
        acc=float(after.mean()), reference_acc=float(before.mean()), gain=difference.difference, low=difference.low,
        high=difference.high, best=final.best, best_of_fold=best_of_fold, reference=changed_parameters(coder),
        search=pd.DataFrame(final.rows), n_records=len(records), n_folds=n_folds, n_candidates=len(candidates),
        random_state=random_state,
    )


def _acc(gold: pd.DataFrame, predicted: pd.DataFrame, design: Design) -> pd.Series:
    return record_scores(gold, predicted, design.task)["acc"]


class _Search:
    """Successive halving on some of the records.

    Attributes
    ----------
    candidates : list of dict
        Those that are left, the reference first.
    rows : list of dict
        Score of each candidate in each round.
    """

    def __init__(self, design: Design, places: np.ndarray, candidates: list[Setting]):
        self.design, self.places, self.candidates, self.rows = design, places, list(candidates), []
        labels, groups, seed = design.records.iloc[places], design.groups, design.random_state
        self.folds = make_folds(labels, design.task, INNER_FOLDS, [seed, 1], None if groups is None else groups[places])
        main = labels[design.task.main.name] if design.task.main else pd.Series("", labels.index)
        trained = [np.flatnonzero(self.folds != fold) for fold in range(INNER_FOLDS)]
        self.order = [train[nested_order(main.iloc[train], seed)] for train in trained]

    @property
    def best(self) -> Setting:
        """Return the candidate of largest score in the last round, the reference if it is as good."""
        return self.candidates[int(np.argmax([row["acc"] for row in self.rows[-len(self.candidates) :]]))]

    def trials(self, share: float) -> list[Trial]:
        """Return the trials of a round: each candidate on each inner fold."""
        seed = {"random_state": self.design.coder.random_state}
        return [
            Trial({**seed, **candidate}, self.places[np.sort(order[: max(2, round(share * len(order)))])],
                  self.places[self.folds == fold])
            for candidate in self.candidates for fold, order in enumerate(self.order)
        ]

    def halve(self, number: int, share: float, codes: list[pd.DataFrame]) -> None:
        """Score a round, and keep the best candidates and the reference for the next one."""
        n_train = round(share * min(map(len, self.order)))
        gold, scores = self.design.records.iloc[self.places], []
        for place, candidate in enumerate(self.candidates):
            predicted = pd.concat(codes[place * INNER_FOLDS : (place + 1) * INNER_FOLDS])
            scores.append(float(_acc(gold, predicted, self.design).mean()))
            self.rows.append({"round": number, "n_train": n_train, "candidate": setting_text(candidate), "acc": scores[-1]})
        if number < len(SHARES):
            n_kept = -(-len(scores) // KEPT)
            others = np.argsort(-np.array(scores[1:]), kind="stable")[:n_kept] + 1
            self.candidates = [self.candidates[0], *(self.candidates[place] for place in sorted(others))]


def setting_text(setting: Setting) -> str:
    """Return changed parameters on one line."""
    return ", ".join(f"{name}={value!r}" for name, value in setting.items()) or "reference"
