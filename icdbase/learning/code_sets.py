"""From the probabilities of all targets to codes: the most probable single codes, and sets without what these exclude."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icdbase.core.errors import UsageError
from icdbase.core.language import _
from icdbase.learning.decoding import decode, parse_rule
from icdbase.tasks.codes import NO_CODE
from icdbase.tasks.task import Target, Task

__all__ = ["TaskDecoder"]

Probabilities = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class TaskDecoder:
    """Choose the codes of a task's targets.

    Parameters
    ----------
    task : Task
    rule : str
        How a set is chosen; see :func:`icdbase.learning.decoding.decode`.
    exclusive_groups : mapping of code to group
        A record gets at most one code of a group, single codes included.
    lowest_chosen : mapping of target name to (codes, array)
        The codes of its classifier, and out-of-fold probabilities of the least
        probable chosen code, for some training records.
    """

    task: Task
    rule: str
    exclusive_groups: Mapping[str, str]
    lowest_chosen: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def single_codes(self, probabilities: Probabilities) -> dict[str, np.ndarray]:
        """Return the most probable code of each single target, record by record."""
        singles = {target.name: probabilities[target.name] for target in self.task.targets if target.is_single}
        return {name: p.columns.to_numpy()[p.to_numpy().argmax(axis=1)] for name, p in singles.items()}

    def excluded(self, probabilities: Probabilities) -> dict[str, pd.DataFrame]:
        """Return the codes of each multi target that a record's single codes exclude: themselves and their groups.

        Returns
        -------
        dict of target name to DataFrame of bool
            Rows and columns as in the probabilities.
        """
        single_codes = self.single_codes(probabilities).values()
        tables = {target.name: probabilities[target.name] for target in self.task.targets if not target.is_single}
        return {
            name: pd.DataFrame(self._excluded_by(single_codes, p.columns, len(p)), p.index, p.columns)
            for name, p in tables.items()
        }

    def _excluded_by(self, single_codes: Iterable[np.ndarray], codes: Sequence[str], n_records: int) -> np.ndarray:
        excluded = np.zeros((n_records, len(codes)), dtype=bool)
        groups = np.array([self.exclusive_groups.get(code, "") for code in codes])
        for predicted in single_codes:
            for code in np.unique(predicted):
                same = np.asarray(codes) == code
                if group := self.exclusive_groups.get(code):
                    same = same | (groups == group)
                excluded[np.ix_(np.flatnonzero(predicted == code), same)] = True
        return excluded

    def decode(self, probabilities: Probabilities) -> pd.DataFrame:
        """Return the codes of each record: a code or None, or a tuple of codes, the most probable first."""
        chosen, excluded = self.single_codes(probabilities), self.excluded(probabilities)
        index = next(iter(probabilities.values())).index
        columns = {}
        for target in self.task.targets:
            if target.is_single:
                codes = pd.Series(chosen[target.name], index, dtype=object)
                columns[target.name] = codes.where(codes != NO_CODE, None)
            else:
                columns[target.name] = self._sets(target, probabilities[target.name], excluded[target.name])
        return pd.DataFrame(columns, index)

    def _sets(self, target: Target, p: pd.DataFrame, excluded: pd.DataFrame) -> pd.Series:
        if not p.shape[1]:
            return pd.Series([()] * len(p), p.index, dtype=object)
        sets = decode(
            p.to_numpy(), rule=self.rule, min_codes=target.min_codes, min_probability=self._min_probability(target, p.columns),
            groups=[self.exclusive_groups.get(code) for code in p.columns], forbidden=excluded.to_numpy(),
        )
        return _as_tuples(sets, p)

    def _min_probability(self, target: Target, codes: Sequence[str]) -> np.ndarray:
        """Return the lowest probability of a chosen code: 0 for codes that their names alone predict."""
        (rule, number), (learned, lowest) = parse_rule(self.rule), self.lowest_chosen[target.name]
        quantile = np.quantile(lowest, number) if rule == "expected_f1" and number and len(lowest) else 0.0
        return np.where(np.isin(np.asarray(codes, dtype=str), learned), quantile, 0.0)

    def top(self, probabilities: Probabilities, k: int) -> pd.DataFrame:
        """Return the ``k`` most probable codes of each target as tuples ``((code, probability), ...)``.

        Codes of probability zero, and of a set those that the single codes exclude,
        are left out.

        Raises
        ------
        UsageError
            If ``k`` is below one.
        """
        if k < 1:
            raise UsageError(_("k must be at least 1, got {}", k))
        excluded, tops = self.excluded(probabilities), {}
        for target in self.task.targets:
            table = probabilities[target.name]
            codes, p = table.columns.to_numpy(dtype=object), table.to_numpy()
            if not target.is_single:
                p = np.where(excluded[target.name], 0.0, p)
            order = np.argsort(-p, axis=1, kind="stable")[:, :k]
            listed = [
                tuple((codes[column], float(p[row, column])) for column in columns if p[row, column] > 0)
                for row, columns in enumerate(order)
            ]
            tops[target.name] = pd.Series(listed, table.index, dtype=object)
        return pd.DataFrame(tops)


def _as_tuples(sets: np.ndarray, probabilities: pd.DataFrame) -> pd.Series:
    order = np.argsort(-probabilities.to_numpy(), axis=1, kind="stable")
    taken = np.take_along_axis(sets, order, axis=1)
    codes = probabilities.columns.to_numpy()[order[taken]].tolist()
    ends = taken.sum(axis=1).cumsum().tolist()
    listed = [tuple(codes[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return pd.Series(listed, probabilities.index, dtype=object)
