"""What an ablation varies: fields, feature blocks, techniques; by name, or as a table of your own.

A variant is a name and the parameters of :class:`~icdbase.coder.IcdCoder` to
change.  Techniques are read off the coder's own signature, so that a switch
added there is measured here without another list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from icdbase.coder import SETTINGS, IcdCoder
from icdbase.core.errors import DataError, Problem, UsageError, did_you_mean
from icdbase.experiments.cells import check_parameters
from icdbase.learning.classifiers import LEARNERS
from icdbase.learning.decoding import RULES

__all__ = ["HISTORY_FIELDS", "PRESETS", "changed_parameters", "expand_variants", "read_variants"]

Variants = Mapping[str, Mapping[str, object]]

HISTORY_FIELDS = ("既往史", "个人史", "婚姻史", "家族史")
"""What the patient was before the present illness, by name, as in the evaluation's published comparisons."""

_PERSON_FIELDS = ("个人史", "婚姻史", "家族史")
"""Those a team of the evaluation found to help (rank 4)."""


def expand_variants(coder: IcdCoder, factors: str | Iterable[str] | Variants) -> dict[str, dict[str, object]]:
    """Return the variants of a preset, of several, or of a table of one's own.

    Parameters
    ----------
    coder : IcdCoder
        The reference.
    factors : str, iterable of str, or mapping of str to mapping
        Names out of :data:`PRESETS`, commas between them in a str; or variant
        name to the parameters that it changes.

    Returns
    -------
    dict of str to dict
        Variant name to changed parameters.

    Raises
    ------
    UsageError
        On an unknown preset, parameter or field, or if nothing is varied.

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
                raise UsageError(f"unknown factors {name!r}{did_you_mean(name, PRESETS)}; or a JSON file")
            variants |= PRESETS[name](coder)
    if not variants:
        raise UsageError("nothing to vary: the coder has one of what the factors name, or none")
    for name, parameters in variants.items():
        check_parameters(coder, parameters, name)
    return variants


def read_variants(path) -> dict[str, dict[str, object]]:
    """Read a JSON object: variant name to the parameters that it changes.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "factors.json"
    >>> _ = path.write_text('{"诊断两栏": {"fields": ["入院诊断", "出院情况"]}}', encoding="utf-8")
    >>> read_variants(path)
    {'诊断两栏': {'fields': ['入院诊断', '出院情况']}}

    Raises
    ------
    DataError
        If the file is not there or not of this form.
    """
    remedy = 'write {"variant name": {"fields": ["主诉"]}, "another": {"calibrate": false}}'
    try:
        variants = json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(path, [Problem("no such file", remedy=f"name one of {', '.join(PRESETS)}, or a file")]) from None
    except (ValueError, RecursionError) as error:
        raise DataError(path, [Problem(f"not JSON: {error}", remedy=remedy)]) from None
    if not isinstance(variants, dict) or not all(isinstance(each, dict) for each in variants.values()):
        raise DataError(path, [Problem("not an object of objects", remedy=remedy)])
    return variants


def changed_parameters(coder: IcdCoder) -> dict[str, object]:
    """Return the parameters that are not the default, as JSON has them.

    >>> changed_parameters(IcdCoder(fields=("主诉",), n_jobs=1))
    {'fields': ['主诉']}
    """
    default = type(coder)().get_params(deep=False)
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in coder.get_params(deep=False).items()
        if name not in ("n_jobs", "task") and value != default[name]
    }


def _fields(coder: IcdCoder) -> tuple[str, ...]:
    return coder.task.check_fields(coder.task.text_fields if coder.fields is None else coder.fields)


def _without_each_field(coder: IcdCoder) -> dict:
    return _without_each("fields", _fields(coder))


def _only_each_field(coder: IcdCoder) -> dict:
    return _only_each("fields", _fields(coder))


def _fields_cumulative(coder: IcdCoder) -> dict:
    """The first field, the first two, and so on; all of them are the reference."""
    fields = _fields(coder)
    return {f"up to {fields[last]}": {"fields": fields[: last + 1]} for last in range(len(fields) - 1)}


def _histories(coder: IcdCoder) -> dict:
    fields = _fields(coder)
    sets = {
        "only histories": tuple(name for name in fields if name in HISTORY_FIELDS),
        "only main text": tuple(name for name in fields if name not in HISTORY_FIELDS),
        "without personal, marital, family": tuple(name for name in fields if name not in _PERSON_FIELDS),
    }
    return {name: {"fields": chosen} for name, chosen in sets.items() if 0 < len(chosen) < len(fields)}


def _blocks(coder: IcdCoder) -> dict:
    blocks = tuple(coder.task.blocks if coder.blocks is None else coder.blocks)
    return _without_each("blocks", blocks) | _only_each("blocks", blocks)


def _techniques(coder: IcdCoder) -> dict:
    """Every switch of the signature turned over, every other learner, decoding rule and setting."""
    parameters = coder.get_params(deep=False)
    variants = {
        f"{name} {'off' if value else 'on'}": {name: not value}
        for name, value in parameters.items()
        if isinstance(value, bool) and (name != "codes_by_name" or coder.task.known_codes)  # needs an open set
    }
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
"""Name to what makes its variants of a coder."""
