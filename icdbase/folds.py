"""Who is tested when: folds in which every code, even a rare one, is spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from icdbase.errors import DataError, Problem, UsageError
from icdbase.tasks import Task
from icdbase.values import shown_id

__all__ = ["check_groups", "deal_folds", "nested_order"]


def deal_folds(
    labels: pd.DataFrame, task: Task, n_folds: int = 5, random_state: int = 0, groups: Sequence | None = None
) -> np.ndarray:
    """Deal records to folds: the main code stratified, the other codes spread, groups whole.

    Iterative stratification: the code with the fewest records left is dealt
    first, each of its records to the fold that lacks the code most.  Each fold
    has its quota of every main code, exact but for one record; with groups,
    which are dealt as wholes, as near as they allow.

    Parameters
    ----------
    labels : DataFrame, shape (n_records, n_targets)
        A column for each target of the task, without missing labels.
    task : Task
    n_folds : int
    random_state : int
        Decides between folds that are equally in need.
    groups : sequence of hashable, length n_records, optional
        Records of one group (a patient's) share a fold.

    Returns
    -------
    int array of shape (n_records,)

    Raises
    ------
    UsageError
        If there are fewer than two folds, or more folds than records or groups.

    Notes
    -----
    Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data",
    ECML PKDD 2011; the quota of the main code is added here, because half of
    the official score hangs on it.

    Examples
    --------
    >>> from icdbase.tasks import CCL25
    >>> 病历 = pd.DataFrame({"主诊断编码": ["I20.000"] * 4, "其他诊断编码": [("E11.900",), (), ("E11.900",), ()]})
    >>> folds = deal_folds(病历, CCL25, n_folds=2)
    >>> sorted(folds[[0, 2]].tolist()), sorted(folds[[1, 3]].tolist())
    ([0, 1], [0, 1])
    """
    n_units, units = _units(len(labels), groups)
    if n_folds < 2 or n_folds > n_units:
        what = "records" if groups is None else "groups"
        raise UsageError(f"{n_folds} folds of {n_units} {what}; choose from 2 to the number of {what}")
    rng = np.random.default_rng(random_state)
    main, carried = _label_counts(labels, task)
    return _deal(_sum_by_unit(main, units), _sum_by_unit(carried, units), n_folds, rng)[units]


def check_groups(groups: Sequence | None, records: pd.DataFrame) -> np.ndarray | None:
    """Return one group name a record; say which record has none.

    Raises
    ------
    DataError
        If a record has no group.
    UsageError
        If there is not one group a record.
    """
    if groups is None:
        return None
    if len(groups) != len(records):
        raise UsageError(f"{len(groups)} groups for {len(records)} records; give one a record")
    values = pd.Series(list(groups), index=records.index, dtype=object)
    blank = values.isna() | (values.map(str).str.strip() == "")
    if blank.any():
        remedy = "name its patient, or give a record that stands alone a name of its own"
        raise DataError("groups", [Problem("no group", shown_id(record), remedy=remedy) for record in values.index[blank]])
    return values.map(lambda value: str(value).strip()).to_numpy(dtype=str)


def nested_order(main_codes: Sequence, random_state) -> np.ndarray:
    """Order records so that every beginning holds the main codes in their proportions.

    Parameters
    ----------
    main_codes : sequence of hashable, length n_records
    random_state : int or sequence of int

    Returns
    -------
    int array of shape (n_records,)
        Positions.

    Examples
    --------
    >>> order = nested_order(["I20.000"] * 6 + ["I48.x01"] * 2, 0)
    >>> sorted((order[:4] >= 6).tolist())
    [False, False, False, True]
    """
    _, codes = np.unique(np.asarray(main_codes, dtype=str), return_inverse=True)
    shuffled = np.random.default_rng(random_state).permutation(len(codes))
    share = np.empty(len(codes))
    for code in np.unique(codes):
        rows = shuffled[codes[shuffled] == code]
        share[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return shuffled[np.argsort(share[shuffled], kind="stable")]


def _units(n_records: int, groups: Sequence | None) -> tuple[int, np.ndarray]:
    """Number of things to deal, and which of them each record belongs to."""
    if groups is None:
        return n_records, np.arange(n_records)
    _, first, units = np.unique(np.asarray(groups, dtype=str), return_index=True, return_inverse=True)
    in_order = np.argsort(np.argsort(first))  # the names of groups must not matter
    return len(first), in_order[units]


def _label_counts(labels: pd.DataFrame, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """0/1 columns of the main codes (none without a single target), and of all other labels."""
    main = np.zeros((len(labels), 0), dtype=int)
    if task.main is not None:
        main = pd.get_dummies(labels[task.main.name].map(str)).to_numpy(dtype=int)
    carried = [np.zeros((len(labels), 0), dtype=int)]
    for target in task.targets:
        if target != task.main:
            listed = labels[target.name].map(lambda code: (code,) if isinstance(code, str) else tuple(code or ()))
            codes = sorted({code for each in listed for code in each})
            carried.append(np.array([[code in each for code in codes] for each in listed], dtype=int))
    return main, np.hstack([part.reshape(len(labels), -1) for part in carried])


def _sum_by_unit(counts: np.ndarray, units: np.ndarray) -> np.ndarray:
    summed = np.zeros((units.max() + 1, counts.shape[1]), dtype=int)
    np.add.at(summed, units, counts)
    return summed


def _deal(main: np.ndarray, carried: np.ndarray, n_folds: int, rng) -> np.ndarray:
    """Deal units with given label counts; return each unit's fold."""
    n_units = len(main)
    quota = _quotas(main.sum(axis=0), n_folds)
    # One column more, which everybody carries: it deals those without other codes last.
    carried = np.hstack([carried, np.ones((n_units, 1), dtype=int)])
    wanted = np.tile(carried.sum(axis=0) / n_folds, (n_folds, 1))
    fold_of = np.full(n_units, -1)
    priority = rng.permutation(n_units)
    while (left := fold_of < 0).any():
        remaining = carried[left].sum(axis=0)
        remaining[-1] = remaining[-1] if not remaining[:-1].any() else remaining.max() + 1
        label = np.where(remaining > 0, remaining, np.iinfo(int).max).argmin()
        holders = np.flatnonzero(left & (carried[:, label] > 0))
        # Large groups first: what is left must be able to level them out.
        for unit in sorted(holders, key=lambda unit: (-main[unit].sum(), priority[unit])):
            room = np.minimum(quota - main[unit], 0).sum(axis=1)
            need = np.lexsort((rng.random(n_folds), quota.sum(axis=1), wanted[:, label], room))
            fold = need[-1]
            fold_of[unit] = fold
            quota[fold] -= main[unit]
            wanted[fold] -= carried[unit]
    return fold_of


def _quotas(totals: np.ndarray, n_folds: int) -> np.ndarray:
    """Records of each main code that each fold should get; folds differ by one record at most."""
    dealt = np.repeat(np.arange(len(totals)), totals)
    quota = np.zeros((n_folds, len(totals)), dtype=int)
    np.add.at(quota, (np.arange(len(dealt)) % n_folds, dealt), 1)
    return quota
