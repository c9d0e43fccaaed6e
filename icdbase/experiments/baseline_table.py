"""The baseline table: several systems on the same records, each compared with the best."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.core.errors import DataError, DataWarning, Problem, UsageError
from icdbase.core.language import _
from icdbase.evaluation.resampling import approximate_randomisation, holm, paired_bootstrap
from icdbase.evaluation.scoring import Scores
from icdbase.experiments.ablation import SMALLEST_P
from icdbase.experiments.baseline_systems import DEAREST_FIRST, build_systems
from icdbase.experiments.cross_validation import N_BOOTSTRAP, Design, evaluate, json_rows, score_row
from icdbase.experiments.system_runs import SystemRun, run_systems
from icdbase.experiments.trials import Trial
from icdbase.learning.folds import check_groups
from icdbase.records.checks import not_learned
from icdbase.records.ids import shown_id
from icdbase.records.records import check_frame
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["BaselineResult", "run_baselines"]


@dataclass(frozen=True)
class BaselineResult:
    """Result of :func:`run_baselines`.

    Attributes
    ----------
    table : DataFrame
        One row for each system that finished: ``system``; ``acc``, ``acc_low``,
        ``acc_high``; the columns of
        :func:`icdbase.experiments.cross_validation.target_measures`; ``macro_f1``;
        ``difference``, ``low``, ``high`` (system minus best, official score,
        95 % interval), ``p`` and ``p_holm``; ``seconds``, ``cpu_seconds`` and
        ``peak_mib``, see :class:`icdbase.experiments.system_runs.SystemRun`.
    record_scores : DataFrame, shape (n_records, n_systems)
        Official score of each tested record.
    predictions : mapping of str to DataFrame
        By system the codes of the tested records, as ``predict`` returns them.
    failures : mapping of str to str
        System that failed, and the last line of its traceback.
    n_train, n_test : int
        Records; with cross-validation, all are trained on and tested.
    n_folds : int or None
        None if the test records are of a file of their own.
    random_state : int
    n_groups : int or None
        Groups that were resampled and swapped in place of records.
    """

    table: pd.DataFrame
    record_scores: pd.DataFrame
    predictions: Mapping[str, pd.DataFrame]
    failures: Mapping[str, str]
    n_train: int
    n_test: int
    n_folds: int | None
    random_state: int
    n_groups: int | None = None

    @property
    def best(self) -> str:
        """Return the system of largest official score, the first of several."""
        return self.table["system"].iloc[int(self.table["acc"].argmax())]

    def to_dict(self) -> dict:
        """Return plain numbers, lists and dicts, ready for ``json.dumps``."""
        return {
            "n_train": self.n_train,
            "n_test": self.n_test,
            "n_folds": self.n_folds,
            "random_state": self.random_state,
            "n_groups": self.n_groups,
            "best": self.best,
            "smallest_p": SMALLEST_P,
            "table": json_rows(self.table),
            "failures": dict(self.failures),
        }


def run_baselines(
    train: pd.DataFrame,
    test: pd.DataFrame | None = None,
    systems: Iterable[str] | Mapping[str, object] | None = None,
    *,
    task: Task = CCL25,
    n_folds: int = 5,
    random_state: int = 0,
    groups: Sequence | None = None,
    concept_tables: Sequence[str] = (),
    n_jobs: int | None = -1,
    folder=None,
    fresh_processes: bool = True,
) -> BaselineResult:
    """Fit and score classical systems, and systems of your own, on the same records.

    Parameters
    ----------
    train : DataFrame
        Labelled records.
    test : DataFrame, optional
        Labelled records with other ids; without them, cross-validation on ``train``.
    systems : iterable of str, or mapping of str to object, optional
        Names, or names with systems of your own; see
        :func:`icdbase.experiments.baseline_systems.build_systems`.
    task : Task
    n_folds : int
        Folds of the cross-validation.
    random_state : int
        Seed of folds and systems.
    groups : sequence, length n_train, optional
        Records of one group, such as a patient, stay in one fold, also inside each fit.
    concept_tables : sequence of paths
    n_jobs : int or None
        Systems at the same time; the result does not depend on it, time and memory apart.
    folder : str or os.PathLike, optional
        Run folder, in which an interrupted run continues.
    fresh_processes : bool
        See :func:`icdbase.experiments.system_runs.run_systems`.

    Raises
    ------
    DataError
        If records have no labels, a record is in both ``train`` and ``test``, or all systems fail.
    UsageError
        On an unknown system, or impossible folds.

    Examples
    --------
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from icdbase.synthetic import make_records
    >>> records = make_records(90, random_state=0)
    >>> systems = {"majority": "majority", "mine": RidgeClassifier()}
    >>> result = run_baselines(records[:60], records[60:], systems, n_jobs=1, fresh_processes=False)
    >>> result.table["system"].tolist(), result.best
    (['majority', 'mine'], 'mine')
    """
    coders = build_systems(systems, task=task, random_state=random_state, concept_tables=tuple(concept_tables))
    records, design, trials, groups = _design(train, test, task, n_folds, random_state, groups, next(iter(coders.values())))
    runs = run_systems(
        _dearest_first(coders), records, trials, groups=groups, folder=folder, n_jobs=n_jobs, fresh_processes=fresh_processes,
    )
    failures = {name: runs[name].failure for name in coders if runs[name].failure}
    finished = {name: runs[name] for name in coders if name not in failures}
    if not finished:
        raise DataError(_("all systems failed"), [Problem(f"{name}: {line}") for name, line in failures.items()])
    tested = records if test is None else records.iloc[trials[0].test]
    tested_groups = groups if test is None else None
    predictions = {name: _predictions(run, records, trials, design, task) for name, run in finished.items()}
    scored = {name: evaluate(tested, [codes], task, tested_groups) for name, codes in predictions.items()}
    return BaselineResult(
        table=_table(finished, scored, task, tested_groups),
        record_scores=pd.DataFrame({name: by_record["acc"] for name, (_, by_record) in scored.items()}),
        predictions=predictions,
        failures=failures,
        n_train=len(records) if test is None else len(trials[0].train),
        n_test=len(tested),
        n_folds=None if design is None else n_folds,
        random_state=random_state,
        n_groups=None if tested_groups is None else len(np.unique(tested_groups)),
    )


def _dearest_first(coders: Mapping[str, object]) -> dict[str, object]:
    """Systems of the user's own first, nobody knows how long they take; then the built-in ones."""
    place = {name: number for number, name in enumerate(DEAREST_FIRST)}
    return dict(sorted(coders.items(), key=lambda item: place.get(item[0], -1)))


def _design(train, test, task: Task, n_folds: int, random_state: int, groups, coder) -> tuple:
    """Return all records, the design (None with a test file), the trials and the groups."""
    if test is None:
        design = Design(coder, train, n_folds=n_folds, random_state=random_state, groups=groups)
        return design.records, design, design.trials({"random_state": random_state}), design.groups
    train, test = (check_frame(frame, task, require_labels=True) for frame in (train, test))
    for message in not_learned(train, task):
        warnings.warn(message, DataWarning, stacklevel=3)
    shared = train.index.intersection(test.index)
    if len(shared):
        rule = _("{} of {} test records are training records too, e.g. {}", len(shared), len(test), shown_id(shared[0]))
        raise DataError("test records", [Problem(rule, remedy=_("take them out of one of the two files"))])
    if groups is not None and len(groups) != len(train):
        raise UsageError(_("{} groups for {} training records; give one per record", len(groups), len(train)))
    if groups is not None:
        groups = np.concatenate([check_groups(groups, train), np.full(len(test), "")])
    places = np.arange(len(train) + len(test))
    trial = Trial({"random_state": random_state}, places[: len(train)], places[len(train) :])
    return pd.concat([train, test]), None, [trial], groups


def _predictions(run: SystemRun, records: pd.DataFrame, trials: Sequence[Trial], design: Design | None, task: Task) -> pd.DataFrame:
    """Return the codes of all tested records, in the order of the records."""
    names = [target.name for target in task.targets]
    parts = [
        pd.DataFrame(codes, index=records.index[trial.test], columns=names, dtype=object)
        for codes, trial in zip(run.codes, trials, strict=True)
    ]
    return parts[0] if design is None else design.gather(parts)[0]


def _table(runs: Mapping[str, SystemRun], scored: Mapping[str, tuple[Scores, pd.DataFrame]], task: Task, groups) -> pd.DataFrame:
    best = max(scored, key=lambda name: scored[name][0].acc)
    rows = []
    for name, (scores, by_record) in scored.items():
        row = {"system": name, **score_row(scores, task)}
        row |= {"macro_f1": scores.macro_f1, **_against(by_record["acc"], scored[best][1]["acc"], name == best, groups)}
        rows.append(row | {what: getattr(runs[name], what) for what in ("seconds", "cpu_seconds", "peak_mib")})
    table = pd.DataFrame(rows)
    compared = table["p"].notna()
    table["p_holm"] = np.nan
    table.loc[compared, "p_holm"] = holm(table.loc[compared, "p"])
    table.insert(table.columns.get_loc("p") + 1, "p_holm", table.pop("p_holm"))
    return table


def _against(values: pd.Series, best: pd.Series, is_best: bool, groups) -> dict[str, float]:
    """Return the paired difference from the best system with its interval and p."""
    if is_best:
        return dict.fromkeys(("difference", "low", "high", "p"), np.nan)
    difference = paired_bootstrap(values, best, groups=groups, n_bootstrap=N_BOOTSTRAP)
    return difference._asdict() | {"p": approximate_randomisation(values, best, groups=groups)}
