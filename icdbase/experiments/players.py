"""Players of a Shapley ablation: the parts of a coder among which its score is shared.

Players are the text fields, groups of fields, or the feature blocks.  An
estimator that cannot leave a field out by itself gets records in which the
field is blank: :class:`icdbase.learning.user_system.SystemCoder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from icdbase.core.errors import DataError, Problem, UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.experiments.coalitions import Coalition
from icdbase.experiments.variants import read_json_object
from icdbase.learning.user_system import SystemCoder
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["Players", "as_coder", "expand_players", "read_groups_of_fields"]


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
    coder : IcdCoder or SystemCoder
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
        raise UsageError(_("unknown players {!r}{}; or a JSON file of groups", players, did_you_mean(players, ("fields", "blocks"))))
    if len(parts) < 2:
        raise UsageError(_("nothing to share: {} player; name two at least", len(parts)))
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
            raise UsageError(_("group {!r}: write a list of fields, one at least", name))
        parts[str(name)] = task.check_fields(fields)
        for field in parts[str(name)]:
            if field in owner:
                raise UsageError(_("field {!r} stands in the groups {!r} and {!r}; leave it in one", field, owner[field], name))
            if field not in order:
                raise UsageError(_("group {!r}: the coder does not read {!r}", name, field))
            owner[field] = name
    alone = {field: (field,) for field in order if field not in owner}
    for name in parts.keys() & alone.keys():
        raise UsageError(_("group {!r} has the name of a field outside it; choose another name", name))
    return parts | alone


def read_groups_of_fields(path) -> dict[str, list[str]]:
    """Read a JSON object of group names and lists of fields.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "groups.json"
    >>> _ = path.write_text('{"histories": ["既往史", "家族史"]}', encoding="utf-8")
    >>> read_groups_of_fields(path)
    {'histories': ['既往史', '家族史']}

    Raises
    ------
    DataError
        If the file is missing or has another form.
    """
    remedy = _('write {"name of a group": ["field", "field"], "another": ["field"]}')
    groups = read_json_object(path, remedy, _("write shapley, shapley:blocks or shapley:FILE.json"))
    lists = groups is not None and all(isinstance(each, list) for each in groups.values())
    if not lists or not all(isinstance(field, str) for each in groups.values() for field in each):
        raise DataError(path, [Problem(_("not an object of lists of fields"), remedy=remedy)])
    return groups


def as_coder(estimator, task: Task = CCL25):
    """Return an estimator that can be fitted with some fields only: itself, or a SystemCoder.

    >>> from icdbase import IcdCoder
    >>> as_coder(IcdCoder()).__class__.__name__
    'IcdCoder'
    """
    able = hasattr(estimator, "count") and "fields" in estimator.get_params(deep=False)
    return estimator if able else SystemCoder(estimator, task=getattr(estimator, "task", task))
