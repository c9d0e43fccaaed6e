"""Settings of a coder as a TOML file, which ``--setting FILE`` reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import DataError, Problem, did_you_mean
from icdbase.core.language import N_, _
from icdbase.learning.classifiers import parse_learner
from icdbase.learning.decoding import parse_rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_setting", "write_setting"]

TABLE = "setting"
REMEDY = N_("see docs/baselines.md, or let icdbase tune write it")
_ELSEWHERE = {"task": "--task", "n_jobs": "--n-jobs", "random_state": "--seed", "concept_tables": "--concepts"}


def write_setting(setting: Mapping[str, object], path, comments: Sequence[str] = ()) -> Path:
    """Write parameters of :class:`icdbase.IcdCoder` as TOML, atomically.

    Parameters that are options of their own (:data:`_ELSEWHERE`) and those that
    are None, the default, are left out.
    """
    lines = [f"# {comment}" for comment in comments] + [f"[{TABLE}]"]
    kept = {name: value for name, value in setting.items() if value is not None and name not in _ELSEWHERE}
    # Texts, numbers, truth values and lists of texts are the same in TOML as in JSON.
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in kept.items()]
    with atomic_write(path) as file:
        file.write("\n".join(lines) + "\n")
    return Path(path)


def read_setting(path) -> dict[str, object]:
    """Read parameters of :class:`icdbase.IcdCoder` from the table ``[setting]`` of a TOML file.

    Raises
    ------
    DataError
        If the file is missing or no TOML, or a parameter is unknown, of another
        kind, or an option of its own.

    Examples
    --------
    >>> import tempfile
    >>> path = write_setting({"blocks": ["words"], "exclusive_groups": False}, Path(tempfile.mkdtemp()) / "mine.toml")
    >>> read_setting(path)
    {'blocks': ('words',), 'exclusive_groups': False}
    """
    try:
        content = tomllib.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(path, [Problem(_("no such file"), remedy=_("name a setting (default, plain) or a TOML file"))]) from None
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise DataError(path, [Problem(_("not TOML: {}", error), remedy=_(REMEDY))]) from None
    setting = content.get(TABLE)
    if not isinstance(setting, dict):
        raise DataError(path, [Problem(_("no table [{}]", TABLE), remedy=_(REMEDY))])
    problems = [problem for name, value in setting.items() for problem in _problems(name, value)]
    if problems:
        raise DataError(path, problems)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in setting.items()}


def _problems(name: str, value) -> list[Problem]:
    default = IcdCoder().get_params()
    if name in _ELSEWHERE:
        return [Problem(_("no parameter of a settings file"), field=name, remedy=_("give it with {}", _ELSEWHERE[name]))]
    if name not in default:
        return [Problem(_("unknown parameter{}", did_you_mean(name, default)), field=name)]
    wanted = _KINDS.get(name, type(default[name]))
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        wanted = int
    if type(value) is not wanted or (wanted is list and not all(isinstance(each, str) for each in value)):
        kinds = {str: _("a text"), list: _("a list of texts"), bool: _("true or false"), int: _("a whole number"), float: _("a number")}
        return [Problem(_("{} is wanted here", kinds[wanted]), field=name, remedy=_(REMEDY))]
    check = {"decoding": parse_rule, "main_learner": parse_learner}.get(name)
    try:
        if check:
            check(value)
    except ValueError as error:  # UsageError is one
        return [Problem(str(error), field=name)]
    return []


_KINDS = {"fields": list, "blocks": list, "tokenizer": str}
"""Kind of the parameters whose default is None."""
