"""Summaries of the numbers of a record: first, last, largest, smallest; highest pressure, worst vessel.

All records at once, as arrays: a loop over records took as long as the rest of building features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from icdbase.clinical.measurements.finder import MEASUREMENTS, FoundValue, find_measurements
from icdbase.clinical.measurements.grades import DIASTOLIC_LIMITS, SYSTOLIC_LIMITS

__all__ = ["measure", "summarise", "summary_matrix", "summary_sources"]

_KINDS = ("highest", "admission", "discharge", "other")
"""Kinds of pressures that stand in pairs; see :func:`icdbase.clinical.measurements.blood_pressure.find_pressures`."""

_SERIES = frozenset({"first", "last", "max", "min", "ratio"})
"""Summaries that take the values of one name in text order."""


INFARCTION = 200
"""Troponin in ng/L from which rales argue a Killip class; some ten times the 99th percentile."""

FAILURE_NT_PROBNP, FAILURE_BNP = 450, 100
"""In pg/mL: from here on dyspnoea argues a NYHA class (中国心力衰竭诊断和治疗指南 2024)."""


@cache
def _columns() -> dict[str, int]:
    return {measurement.name: column for column, measurement in enumerate(MEASUREMENTS)}


@cache
def _kept() -> dict[str, list[tuple[str, str]]]:
    """Return by name of a number its measurements, and how each summarises the values in text order."""
    kept: dict[str, list[tuple[str, str]]] = {}
    for measurement in MEASUREMENTS:
        if measurement.summary in _SERIES:
            kept.setdefault(measurement.value, []).append((measurement.name, measurement.summary))
    return kept


@cache
def summary_sources() -> dict[str, tuple[str, ...]]:
    """Return for each measurement the names of the found values that enter it.

    >>> summary_sources()["potassium_min"], summary_sources()["dbp_admission"]
    (('potassium',), ('dbp_admission',))
    """
    sources = {summary: (name,) for name, kept in _kept().items() for summary, _ in kept}
    systolic, diastolic = (tuple(f"{side}_{kind}" for kind in (*_KINDS, "alone")) for side in ("sbp", "dbp"))
    sources |= {"sbp_highest": tuple(f"sbp_{kind}" for kind in ("highest", "other", "alone")),
                "dbp_highest": ("dbp_highest", "dbp_other"), "bp_grade": systolic + diastolic}
    stenoses = tuple(item.value for item in MEASUREMENTS if item.value.startswith("stenosis_"))
    sources |= {name: (name, f"{name}_signs") for name in ("killip", "nyha")}
    return sources | dict.fromkeys(("stenosis_max", "vessels_narrowed"), stenoses)


def summary_matrix(
    names: Sequence[str], name_of: np.ndarray, row_of: np.ndarray, values: np.ndarray, n_rows: int
) -> np.ndarray:
    """Return the measurements of each record.

    Parameters
    ----------
    names : sequence of str
        Quantities by number, as :func:`icdbase.clinical.measurements.finder.find_in_field` names them.
    name_of, row_of : int array of shape (n_numbers,)
        Quantity and record of each number; the numbers of a record in text order.
    values : float array of shape (n_numbers,)
    n_rows : int

    Returns
    -------
    float64 array of shape (n_rows, n_measurements)
        Columns in the order of :data:`icdbase.clinical.measurements.finder.MEASUREMENTS`; NaN
        where no value is stated, or none that is plausible.
    """
    matrix, number = np.full((n_rows, len(MEASUREMENTS)), np.nan), {name: code for code, name in enumerate(names)}
    if len(values):
        _fill_series(matrix, number, name_of, row_of, values)
        _fill_pressures(matrix, number, name_of, row_of, values)
        _fill_vessels(matrix)
        _fill_classes(matrix, number, name_of, row_of, values)
    low, high = np.array([(measurement.low, measurement.high) for measurement in MEASUREMENTS]).T
    matrix[(matrix < low) | (matrix > high)] = np.nan
    return matrix


def _fill_series(matrix, number: Mapping[str, int], name_of, row_of, values):
    key = row_of.astype(np.int64) * len(number) + name_of
    order = np.argsort(key, kind="stable")
    key, values = key[order], values[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    ends = np.append(starts[1:], len(key)) - 1
    rows, names = np.divmod(key[starts], len(number))
    summaries = {
        "first": values[starts], "last": values[ends],
        "max": np.maximum.reduceat(values, starts), "min": np.minimum.reduceat(values, starts),
    }
    # A single value has no ratio.
    first = summaries["first"]
    summaries["ratio"] = np.where(starts < ends, summaries["max"] / np.where(first == 0, np.nan, first), np.nan)
    columns = _columns()
    for name, kept in _kept().items():
        if name in number:
            at = np.flatnonzero(names == number[name])
            for measurement, how in kept:
                matrix[rows[at], columns[measurement]] = summaries[how][at]


def _fill_pressures(matrix, number: Mapping[str, int], name_of, row_of, values):
    """The highest reading, those of admission and discharge aside, and the worst grade of any one reading.

    Where the history is missing, an admission pressure is not the highest: the patient came treated.
    """
    columns = _columns()
    kinds = [np.isin(name_of, [number.get(f"{side}_{kind}", -1) for kind in _KINDS]) for side in ("sbp", "dbp")]
    alone = name_of == number.get("sbp_alone", -1)
    # Each systolic pressure of a pair stands with its diastolic, so the two are in the same order.
    rows, systolic = (np.concatenate([array[kinds[0]], array[alone]]) for array in (row_of, values))
    # A systolic pressure alone has the diastolic 0: grade 0, and dropped as implausible.
    diastolic = np.concatenate([values[kinds[1]], np.zeros(alone.sum())])
    history = np.isin(name_of[kinds[0]], [number.get(f"sbp_{kind}", -1) for kind in ("highest", "other")])
    stated = np.flatnonzero(np.append(history, np.ones(alone.sum(), dtype=bool)))
    order = stated[np.lexsort((diastolic[stated], systolic[stated], rows[stated]))]
    last = order[np.append(np.flatnonzero(np.diff(rows[order])), len(order) - 1)] if len(order) else order
    matrix[rows[last], columns["sbp_highest"]] = systolic[last]
    matrix[rows[last], columns["dbp_highest"]] = diastolic[last]
    grades = np.maximum(_grade(systolic, SYSTOLIC_LIMITS), _grade(diastolic, DIASTOLIC_LIMITS))
    np.fmax.at(matrix[:, columns["bp_grade"]], rows, grades)


def _grade(pressure: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    return np.searchsorted(limits, pressure, side="right").astype(float)


def _fill_vessels(matrix):
    """Worst stenosis of all vessels, and how many are narrowed by half or more."""
    columns = _columns()
    stenoses = matrix[:, [columns[item.name] for item in MEASUREMENTS if item.value.startswith("stenosis_")]]
    stated = ~np.isnan(stenoses).all(axis=1)
    matrix[stated, columns["stenosis_max"]] = np.fmax.reduce(stenoses[stated], axis=1)
    matrix[stated, columns["vessels_narrowed"]] = (stenoses[stated] >= 50).sum(axis=1)


def _fill_classes(matrix, number: Mapping[str, int], name_of, row_of, values):
    """Where no class is written, the one that signs argue: Killip where an infarction is measured, else NYHA where failure is."""
    columns = _columns()
    infarction = matrix[:, columns["troponin_max"]] >= INFARCTION
    failure = (matrix[:, columns["nt_probnp_max"]] >= FAILURE_NT_PROBNP) | (matrix[:, columns["bnp"]] >= FAILURE_BNP)
    for name, argued in (("killip", infarction), ("nyha", failure & ~infarction)):
        signs = np.full(len(matrix), np.nan)
        at = name_of == number.get(f"{name}_signs", -1)
        np.fmax.at(signs, row_of[at], values[at])
        column = matrix[:, columns[name]]
        column[:] = np.where(np.isnan(column) & argued, signs, column)


def summarise(found: Iterable[FoundValue]) -> dict[str, float]:
    """Return the measurements of one record.

    Parameters
    ----------
    found : iterable of FoundValue
        As :func:`icdbase.clinical.measurements.finder.find_measurements` returns them, or a part of them.

    Returns
    -------
    dict of str to float
        By name of :data:`icdbase.clinical.measurements.finder.MEASUREMENTS`; those without a value are absent.

    Examples
    --------
    >>> summarise(find_measurements({"诊疗经过": "肌钙蛋白i 0.05ng/ml→1.2ng/ml"}))["troponin_ratio"]
    24.0
    """
    found, number = list(found), {}
    name_of = np.array([number.setdefault(item.name, len(number)) for item in found], dtype=int)
    values = np.array([item.value for item in found], dtype=float)
    (row,) = summary_matrix(tuple(number), name_of, np.zeros(len(found), dtype=int), values, 1).tolist()
    return {name: value for name, value in zip(_columns(), row, strict=True) if value == value}


def measure(fields: Mapping[str, str]) -> dict[str, float]:
    """Find the numbers of a record in its normalised fields and summarise them.

    Examples
    --------
    >>> measured = measure({"入院情况": "患者老年男性,76岁。血压最高180/100mmhg,控制在130-140/80-90mmhg。"})
    >>> measured["age"], measured["male"], measured["sbp_highest"], measured["bp_grade"]
    (76.0, 1.0, 180.0, 3.0)
    """
    return summarise(find_measurements(fields))
