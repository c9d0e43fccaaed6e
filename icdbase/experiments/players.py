"""Players of a Shapley ablation: the parts of a coder among which its score is shared.

Players are the text fields, groups of fields, or the feature blocks.  An
estimator that cannot leave a field out by itself gets records in which the
field is blank: :class:`BlankedFields`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from icdbase.core.errors import DataError, Problem, UsageError, did_you_mean
from icdbase.experiments.coalitions import Coalition
from icdbase.records.records import check_frame
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["BlankedFields", "Players", "as_coder", "expand_players", "read_groups_of_fields"]


@dataclass(frozen=True)
class Players:
    """Named parts of a coder.

    Parameters
    ----------
    parameter : {"fields", "blocks"}
        Parameter of the coder that chooses parts.
    parts : mapping of str to tuple of str
        Player to its fields or blocks.
    order : tuple of str
        All fields or blocks, in the order in which the coder takes them.
    """

    parameter: str
    parts: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return list(self.parts)

    def parameters(self, coalition: Coalition) -> dict[str, tuple[str, ...]]:
        """Return the changed parameters of the coder that has these players only."""
        names = self.names
        present = {part for player in coalition for part in self.parts[names[player]]}
        return {self.parameter: tuple(part for part in self.order if part in present)}

    def to_dict(self) -> dict:
        """Return plain lists and dicts, ready for ``json.dumps``."""
        return {"parameter": self.parameter, "parts": {name: list(parts) for name, parts in self.parts.items()}}


def expand_players(coder, players: str | Mapping[str, Sequence[str]] | Players = "fields") -> Players:
    """Return the players that a name or a table of groups of fields stands for.

    Parameters
    ----------
    coder : IcdCoder or BlankedFields
    players : {"fields", "blocks"} or mapping of str to list of str
        A mapping groups fields; a field that no group names is a player by itself.

    Returns
    -------
    Players

    Raises
    ------
    UsageError
        If a name or field is unknown, a field stands in two groups, a group is
        empty, or there are fewer than two players.

    Examples
    --------
    >>> from icdbase import IcdCoder
    >>> coder = IcdCoder(fields=("主诉", "既往史", "家族史"))
    >>> players = expand_players(coder, {"histories": ["家族史", "既往史"]})
    >>> players.names, players.parameters((0,))
    (['histories', '主诉'], {'fields': ('既往史', '家族史')})
    """
    if isinstance(players, Players):
        return players
    if isinstance(players, Mapping):
        order = _chosen(coder, "fields")
        parts = _groups(coder.task, order, players)
    elif players in ("fields", "blocks"):
        order = _chosen(coder, players)
        parts = {name: (name,) for name in order}
    else:
        raise UsageError(f"unknown players {players!r}{did_you_mean(players, ('fields', 'blocks'))}; or a JSON file of groups")
    if len(parts) < 2:
        raise UsageError(f"nothing to share: {len(parts)} player; name two at least")
    return Players("blocks" if players == "blocks" else "fields", parts, order)


def _chosen(coder, parameter: str) -> tuple[str, ...]:
    """Return all fields or blocks of a coder, in its order."""
    chosen = coder.get_params(deep=False).get(parameter)
    if parameter == "blocks":
        return tuple(coder.task.blocks if chosen is None else chosen)
    return coder.task.check_fields(coder.task.text_fields if chosen is None else chosen)


def _groups(task: Task, order: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Check groups of fields, and add the fields that no group names."""
    parts, owner = {}, {}
    for name, fields in groups.items():
        if isinstance(fields, str) or not fields:
            raise UsageError(f"group {name!r}: write a list of fields, one at least")
        parts[str(name)] = task.check_fields(fields)
        for field in parts[str(name)]:
            if field in owner:
                raise UsageError(f"field {field!r} stands in the groups {owner[field]!r} and {name!r}; leave it in one")
            if field not in order:
                raise UsageError(f"group {name!r}: the coder does not read {field!r}")
            owner[field] = name
    alone = {field: (field,) for field in order if field not in owner}
    for name in parts.keys() & alone.keys():
        raise UsageError(f"group {name!r} has the name of a field outside it; choose another name")
    return parts | alone


def read_groups_of_fields(path) -> dict[str, list[str]]:
    """Read a JSON object of group names and lists of fields.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "groups.json"
    >>> _ = path.write_text('{"histories": ["既往史", "家族史"]}', encoding="utf-8")
    >>> read_groups_of_fields(path)
    {'histories': ['既往史', '家族史']}

    Raises
    ------
    DataError
        If the file is missing or has another form.
    """
    remedy = 'write {"name of a group": ["field", "field"], "another": ["field"]}'
    try:
        groups = json.loads(Path(path).read_text("utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(path, [Problem("no such file", remedy="write shapley, shapley:blocks or shapley:FILE.json")]) from None
    except (ValueError, RecursionError) as error:
        raise DataError(path, [Problem(f"not JSON: {error}", remedy=remedy)]) from None
    lists = isinstance(groups, dict) and all(isinstance(each, list) for each in groups.values())
    if not lists or not all(isinstance(field, str) for each in groups.values() for field in each):
        raise DataError(path, [Problem("not an object of lists of fields", remedy=remedy)])
    return groups


def as_coder(estimator, task: Task = CCL25):
    """Return an estimator that can be fitted with some fields only: itself, or a :class:`BlankedFields`.

    >>> from icdbase import IcdCoder
    >>> as_coder(IcdCoder()).__class__.__name__
    'IcdCoder'
    """
    able = hasattr(estimator, "count") and "fields" in estimator.get_params(deep=False)
    return estimator if able else BlankedFields(estimator, task=getattr(estimator, "task", task))


@dataclass(frozen=True)
class _Texts:
    """Records as an estimator without counts reads them; takes the place of counts."""

    texts: pd.DataFrame
    labels: pd.DataFrame

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows) -> _Texts:
        return _Texts(self.texts.iloc[np.asarray(rows)], self.labels.iloc[np.asarray(rows)])


class BlankedFields(BaseEstimator):
    """Any estimator, fitted on records in which some fields are blank.

    Parameters
    ----------
    estimator : object
        With ``fit(records)``, records with their labels, and ``predict(records)``,
        which returns a DataFrame of codes as :meth:`IcdCoder.predict` does.
        Each fit uses a copy.
    task : Task
    fields : sequence of str, optional
        The fields that stay; all by default.
    random_state : int
        Given to the estimator if it has this attribute.
    n_jobs : int or None
        Likewise.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> mirror = SimpleNamespace(fit=lambda records: None, predict=lambda records: records)
    >>> records = pd.DataFrame({"主诉": ["胸痛"], "现病史": ["三天"]}, index=["1"])
    >>> seen = BlankedFields(mirror, fields=["主诉"]).fit(records).predict(records)
    >>> seen[["主诉", "现病史"]].iloc[0].tolist()
    ['胸痛', '']
    """

    def __init__(self, estimator, *, task=CCL25, fields=None, random_state=0, n_jobs=1):
        self.estimator = estimator
        self.task = task
        self.fields = fields
        self.random_state = random_state
        self.n_jobs = n_jobs

    def count(self, records: pd.DataFrame) -> _Texts:
        """Check records; nothing is counted."""
        records = check_frame(records, self.task)
        names = [target.name for target in self.task.targets if target.name in records]
        return _Texts(records.drop(columns=names), records[names])

    def fit(self, records, y=None, *, groups=None) -> BlankedFields:
        """Fit a copy of the estimator; ``groups`` is not handed on."""
        given = records if isinstance(records, _Texts) else self.count(records)
        self.estimator_ = deepcopy(self.estimator)
        for name in ("random_state", "n_jobs"):
            if hasattr(self.estimator_, name):
                setattr(self.estimator_, name, getattr(self, name))
        self.estimator_.fit(pd.concat([self._blanked(given.texts), given.labels], axis=1))
        return self

    def predict(self, records) -> pd.DataFrame:
        """Return the codes of each record, a column per target."""
        check_is_fitted(self)
        given = records if isinstance(records, _Texts) else self.count(records)
        return self.estimator_.predict(self._blanked(given.texts))

    def _blanked(self, texts: pd.DataFrame) -> pd.DataFrame:
        kept = self.task.text_fields if self.fields is None else self.fields
        return texts.assign(**{field: "" for field in self.task.text_fields if field not in kept})
