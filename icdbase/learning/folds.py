"""Folds for cross-validation and for out-of-fold predictions: stratified by main code, other codes spread evenly."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from icdbase.core.errors import DataError, Problem, UsageError
from icdbase.core.language import _
from icdbase.records.ids import shown_id
from icdbase.tasks.task import Task

__all__ = ["check_groups", "inner_folds", "make_folds", "nested_order"]


def make_folds(
    labels: pd.DataFrame, task: Task, n_folds: int = 5, random_state: int = 0, groups: Sequence | None = None
) -> np.ndarray:
    """Assign records to folds: stratified by main code, other codes spread evenly, groups undivided.

    Iterative stratification: the code with the fewest records left comes first,
    and each of its records goes to the fold that needs the code most.  The number
    of records of a main code differs between folds by one at most; with groups,
    as little as the groups allow.

    Parameters
    ----------
    labels : DataFrame, shape (n_records, n_targets)
        A column for each target of the task, without missing labels.
    task : Task
    n_folds : int
    random_state : int
        Decides between folds with equal need.
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
    ECML PKDD 2011.  The quota of the main code is added here, because half of the
    official score depends on it.

    Examples
    --------
    >>> from icdbase.tasks.editions import CCL25
    >>> 病历 = pd.DataFrame({"主诊断编码": ["I20.000"] * 4, "其他诊断编码": [("E11.900",), (), ("E11.900",), ()]})
    >>> folds = make_folds(病历, CCL25, n_folds=2)
    >>> sorted(folds[[0, 2]].tolist()), sorted(folds[[1, 3]].tolist())
    ([0, 1], [0, 1])
    """
    n_units, units = _units(len(labels), groups)
    if n_folds < 2 or n_folds > n_units:
        form = _("{} folds of {} records; choose from 2 to the number of records")
        if groups is not None:
            form = _("{} folds of {} groups; choose from 2 to the number of groups")
        raise UsageError(form.format(n_folds, n_units))
    members = sparse.csr_matrix((np.ones(len(units), dtype=int), (units, np.arange(len(units)))))
    main, carried = (members @ counts for counts in _label_counts(labels, task))
    return _deal(main.tocsr(), carried.tocsr(), n_folds, np.random.default_rng(random_state))[units]


def inner_folds(
    labels: pd.DataFrame, task: Task, n_folds: int, random_state: int, groups: Sequence | None = None
) -> np.ndarray:
    """Return the folds of :func:`make_folds` inside a fit: fewer where there are fewer records or groups.

    Raises
    ------
    UsageError
        On fewer than two folds.
    DataError
        If a record has no group, or all are of one.
    """
    if n_folds < 2:
        raise UsageError(_("n_folds must be at least 2, got {}", n_folds))
    groups = check_groups(groups, labels)
    n_units = len(labels) if groups is None else len(np.unique(groups))
    if n_units < 2:
        remedy = _("add records of another group, or leave the groups out")
        raise DataError("training records", [Problem(_("all are of one group"), remedy=remedy)])
    return make_folds(labels, task, min(n_folds, n_units), random_state, groups)


def check_groups(groups: Sequence | None, records: pd.DataFrame) -> np.ndarray | None:
    """Return one group name per record.

    Raises
    ------
    DataError
        If a record has no group.
    UsageError
        If the number of groups is not the number of records.
    """
    if groups is None:
        return None
    if len(groups) != len(records):
        raise UsageError(_("{} groups for {} records; give one per record", len(groups), len(records)))
    values = pd.Series(list(groups), index=records.index, dtype=object)
    blank = values.isna() | (values.map(str).str.strip() == "")
    if blank.any():
        remedy = _("name its patient, or give a record that stands alone a name of its own")
        raise DataError("groups", [Problem(_("no group"), shown_id(record), remedy=remedy) for record in values.index[blank]])
    return values.map(lambda value: str(value).strip()).to_numpy(dtype=str)


def nested_order(main_codes: Sequence, random_state) -> np.ndarray:
    """Return an order of the records in which every prefix has the main codes in proportion.

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
    """Return the number of units (records or groups) and the unit of each record."""
    if groups is None:
        return n_records, np.arange(n_records)
    _, first, units = np.unique(np.asarray(groups, dtype=str), return_index=True, return_inverse=True)
    in_order = np.argsort(np.argsort(first))  # independent of the names of the groups
    return len(first), in_order[units]


def _label_counts(labels: pd.DataFrame, task: Task) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """0/1 columns of the main codes (none without a single target), and of all other labels."""
    main = sparse.csr_matrix((len(labels), 0), dtype=int)
    if task.main is not None:
        main = _indicators([(str(code),) for code in labels[task.main.name]])
    carried = [
        _indicators([(code,) if isinstance(code, str) else code or () for code in labels[target.name]])
        for target in task.targets if target != task.main
    ]
    # A last column that all records have: those without other codes are assigned last.
    everybody = sparse.csr_matrix(np.ones((len(labels), 1), dtype=int))
    return main, sparse.hstack([*carried, everybody], format="csr")


def _indicators(listed: Sequence[Collection[str]]) -> sparse.csr_matrix:
    """0/1 matrix (n_records, n_codes), the codes sorted."""
    number = {code: column for column, code in enumerate(sorted({code for codes in listed for code in codes}))}
    columns = [number[code] for codes in listed for code in sorted(set(codes))]
    ends = np.cumsum([0, *(len(set(codes)) for codes in listed)])
    return sparse.csr_matrix((np.ones(len(columns), dtype=int), columns, ends), shape=(len(listed), len(number)))


def _deal(main: sparse.csr_matrix, carried: sparse.csr_matrix, n_folds: int, rng) -> np.ndarray:
    """Return the fold of each unit from its label counts; all units have the last label."""
    quota = _quotas(np.asarray(main.sum(axis=0)).ravel(), n_folds)
    remaining = np.asarray(carried.sum(axis=0)).ravel()
    wanted = np.tile(remaining / n_folds, (n_folds, 1))
    holders, sizes = carried.tocsc(), np.asarray(main.sum(axis=1)).ravel()
    fold_of = np.full(main.shape[0], -1)
    priority = rng.permutation(len(fold_of))
    while remaining.any():
        rare = np.where(remaining[:-1] > 0, remaining[:-1], np.iinfo(int).max)
        label = rare.argmin() if remaining[:-1].any() else len(remaining) - 1
        units = holders.indices[holders.indptr[label] : holders.indptr[label + 1]]
        units = units[fold_of[units] < 0]
        # Large groups first: the small ones can still balance them.
        for unit in units[np.lexsort((priority[units], -sizes[units]))]:
            of_main, of_others = (slice(*counts.indptr[unit : unit + 2]) for counts in (main, carried))
            left = quota.copy()
            left[:, main.indices[of_main]] -= main.data[of_main]
            room = np.minimum(left, 0).sum(axis=1)
            fold = np.lexsort((rng.random(n_folds), quota.sum(axis=1), wanted[:, label], room))[-1]
            fold_of[unit], quota[fold] = fold, left[fold]
            wanted[fold, carried.indices[of_others]] -= carried.data[of_others]
            remaining[carried.indices[of_others]] -= carried.data[of_others]
    return fold_of


def _quotas(totals: np.ndarray, n_folds: int) -> np.ndarray:
    """Return the number of records of each main code for each fold; folds differ by one at most."""
    dealt = np.repeat(np.arange(len(totals)), totals)
    quota = np.zeros((n_folds, len(totals)), dtype=int)
    np.add.at(quota, (np.arange(len(dealt)) % n_folds, dealt), 1)
    return quota
