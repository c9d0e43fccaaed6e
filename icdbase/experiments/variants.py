"""Variants of an ablation: presets of fields, feature blocks and techniques, or a table of one's own.

A variant is a name and the changed parameters of
:class:`~icdbase.coder.IcdCoder`.  The techniques come from the signature of the
coder: a new switch there is a new variant here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from icdbase.coder import SETTINGS, IcdCoder
from icdbase.core.errors import DataError, Problem, UsageError, did_you_mean
from icdbase.core.language import _
from icdbase.experiments.trials import check_parameters
from icdbase.learning.classifiers import LEARNERS
from icdbase.learning.decoding import RULES
from icdbase.tasks.field_roles import HISTORY_ROLES, PERSON_ROLES

__all__ = ["PRESETS", "changed_parameters", "expand_variants", "read_json_object", "read_variants"]

Variants = Mapping[str, Mapping[str, object]]


def expand_variants(coder: IcdCoder, factors: str | Iterable[str] | Variants) -> dict[str, dict[str, object]]:
    """Return the variants of one or several presets, or of a table of one's own.

    Parameters
    ----------
    coder : IcdCoder
        The reference.
    factors : str, iterable of str, or mapping of str to mapping
        Names from :data:`PRESETS`, separated by commas in a str; or variant
        name to changed parameters.

    Returns
    -------
    dict of str to dict
        Variant name to changed parameters.

    Raises
    ------
    UsageError
        If a preset, parameter or field is unknown, or there are no variants.

    Examples
    --------
    >>> variants = expand_variants(IcdCoder(fields=("主诉", "入院诊断")), "fields")
    >>> list(variants), variants["without 主诉"]
    (['without 主诉', 'without 入院诊断'], {'fields': ('入院诊断',)})
    """
    if isinstance(factors, Mapping):
        variants = {str(name): dict(parameters) for name, parameters in factors.items()}
    else:
        names = factors.split(",") if isinstance(factors, str) else factors
        variants = {}
        for name in (name.strip() for name in names):
            if name not in PRESETS:
                raise UsageError(_("unknown factors {!r}{}; or a JSON file", name, did_you_mean(name, PRESETS)))
            variants |= PRESETS[name](coder)
    if not variants:
        raise UsageError(_("nothing to vary: the coder has at most one of the named parts"))
    for name, parameters in variants.items():
        check_parameters(coder, parameters, name)
    return variants


def read_variants(path) -> dict[str, dict[str, object]]:
    """Read a JSON object of variant names and changed parameters.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "factors.json"
    >>> _ = path.write_text('{"诊断两栏": {"fields": ["入院诊断", "出院情况"]}}', encoding="utf-8")
    >>> read_variants(path)
    {'诊断两栏': {'fields': ['入院诊断', '出院情况']}}

    Raises
    ------
    DataError
        If the file is missing or has another form.
    """
    remedy = _('write {"variant name": {"fields": ["主诉"]}, "another": {"exclusive_groups": false}}')
    variants = read_json_object(path, remedy, _("name one of {}, or a file", ", ".join(PRESETS)))
    if variants is None or not all(isinstance(each, dict) for each in variants.values()):
        raise DataError(path, [Problem(_("not an object of objects"), remedy=remedy)])
    return variants


def read_json_object(path, remedy: str, if_missing: str) -> dict | None:
    """Return the object of a JSON file, None if it is something else; errors say ``remedy``, or ``if_missing``."""
    try:
        content = json.loads(Path(path).read_text("utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(path, [Problem(_("no such file"), remedy=if_missing)]) from None
    except (ValueError, RecursionError) as error:
        raise DataError(path, [Problem(f"not JSON: {error}", remedy=remedy)]) from None
    return content if isinstance(content, dict) else None


def changed_parameters(coder: IcdCoder) -> dict[str, object]:
    """Return the parameters that differ from the default, as JSON has them.

    >>> changed_parameters(IcdCoder(fields=("主诉",), n_jobs=1))
    {'fields': ['主诉']}
    """
    default = type(coder)().get_params(deep=False)
    return {
        name: list(value) if isinstance(value, tuple) else value if isinstance(value, _PLAIN) else repr(value)
        for name, value in coder.get_params(deep=False).items()
        if name not in ("n_jobs", "task") and value != default[name]
    }


_PLAIN = (str, int, float, bool, list, dict, type(None))


def _fields(coder: IcdCoder) -> tuple[str, ...]:
    return coder.task.check_fields(coder.task.text_fields if coder.fields is None else coder.fields)


def _without_each_field(coder: IcdCoder) -> dict:
    return _without_each("fields", _fields(coder))


def _only_each_field(coder: IcdCoder) -> dict:
    return _only_each("fields", _fields(coder))


def _fields_cumulative(coder: IcdCoder) -> dict:
    """The first field, the first two, and so on; the reference has all."""
    fields = _fields(coder)
    return {f"up to {fields[last]}": {"fields": fields[: last + 1]} for last in range(len(fields) - 1)}


def _histories(coder: IcdCoder) -> dict:
    fields, roles = _fields(coder), coder.task.roles
    sets = {
        "only histories": tuple(name for name in fields if roles.get(name) in HISTORY_ROLES),
        "only main text": tuple(name for name in fields if roles.get(name) not in HISTORY_ROLES),
        "without personal, marital, family": tuple(name for name in fields if roles.get(name) not in PERSON_ROLES),
    }
    return {name: {"fields": chosen} for name, chosen in sets.items() if 0 < len(chosen) < len(fields)}


def _blocks(coder: IcdCoder) -> dict:
    chosen = coder.get_params(deep=False).get("blocks", ())  # a system of the user's own has none
    blocks = tuple(coder.task.blocks if chosen is None else chosen)
    return _without_each("blocks", blocks) | _only_each("blocks", blocks)


def _techniques(coder: IcdCoder) -> dict:
    """Each switch reversed; each other learner, decoding rule and setting."""
    parameters = coder.get_params(deep=False)
    variants = {
        f"{name} {'off' if value else 'on'}": {name: not value}
        for name, value in parameters.items()
        if isinstance(value, bool) and (name != "codes_by_name" or coder.task.known_codes)  # has an effect on open sets only
    }
    if not isinstance(coder, IcdCoder):
        return variants
    variants |= {f"main_learner {name}": {"main_learner": name} for name in LEARNERS if name != coder.main_learner.split(":")[0]}
    variants |= {f"decoding {rule}": {"decoding": rule} for rule in RULES if rule != coder.decoding.split(":")[0]}
    for name, changed in SETTINGS.items():
        if any(parameters[parameter] != value for parameter, value in changed.items()):
            variants[f"setting {name}"] = dict(changed)
    return variants


def _without_each(parameter: str, names: tuple[str, ...]) -> dict:
    rest = {name: tuple(other for other in names if other != name) for name in names}
    return {f"without {name}": {parameter: others} for name, others in rest.items() if others}


def _only_each(parameter: str, names: tuple[str, ...]) -> dict:
    return {f"only {name}": {parameter: (name,)} for name in names} if len(names) > 1 else {}


PRESETS: Mapping[str, Callable[[IcdCoder], dict]] = {
    "fields": _without_each_field,
    "fields-only": _only_each_field,
    "fields-cumulative": _fields_cumulative,
    "histories": _histories,
    "blocks": _blocks,
    "techniques": _techniques,
}
"""Name of a preset to the function that returns its variants of a coder."""
