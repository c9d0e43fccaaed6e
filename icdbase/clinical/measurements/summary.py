"""What the numbers of a record come to: first, last, largest, smallest; highest pressure, worst vessel.

All records at once, as arrays: a loop over records took as long as the rest of building features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from icdbase.clinical.measurements.coronary import VESSELS
from icdbase.clinical.measurements.durations import DISEASES
from icdbase.clinical.measurements.finder import MEASUREMENTS, SIZES, FoundValue, find_measurements
from icdbase.clinical.measurements.grades import DIASTOLIC_LIMITS, SYSTOLIC_LIMITS
from icdbase.clinical.measurements.laboratory import ANALYTES

__all__ = ["measure", "summarise", "summary_matrix"]

_KINDS = ("highest", "admission", "discharge", "other")
"""Of pressures that are told in pairs; see :func:`icdbase.clinical.measurements.blood_pressure.find_pressures`."""

_LARGEST = ("hypertension_grade", "hypertension_stratum", "nyha", "killip", "pac_count", "pvc_count", "valve_lesion",
            "nodule_mm", "stents", "attack_minutes", "smoking_years")


@cache
def _columns() -> dict[str, int]:
    return {measurement.name: column for column, measurement in enumerate(MEASUREMENTS)}


@cache
def _kept() -> dict[str, list[tuple[str, str]]]:
    """By name of a number: what is told of its values in text order, and how."""
    largest = (*_LARGEST, *SIZES, *(f"{disease}_years" for disease in DISEASES), *(f"stenosis_{name}" for name in VESSELS))
    kept = {name: [(name, "max")] for name in largest}
    first = ("age", "male", *(f"{side}_{kind}" for kind in ("admission", "discharge") for side in ("sbp", "dbp")))
    kept |= {name: [(name, "first")] for name in first}
    kept["timi"] = [("timi_min", "min")]
    for analyte in ANALYTES:
        alone = len(analyte.keep) == 1
        kept[analyte.name] = [(analyte.name if alone else f"{analyte.name}_{how}", how) for how in analyte.keep]
    return kept


def summary_matrix(
    names: Sequence[str], name_of: np.ndarray, row_of: np.ndarray, values: np.ndarray, n_rows: int
) -> np.ndarray:
    """Return what is told of each record.

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
        where nothing is told, or nothing plausible.
    """
    matrix, number = np.full((n_rows, len(MEASUREMENTS)), np.nan), {name: code for code, name in enumerate(names)}
    if len(values):
        _fill_series(matrix, number, name_of, row_of, values)
        _fill_pressures(matrix, number, name_of, row_of, values)
        _fill_vessels(matrix)
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
    told = {
        "first": values[starts], "last": values[ends],
        "max": np.maximum.reduceat(values, starts), "min": np.minimum.reduceat(values, starts),
    }
    # Of a single value there is no rise.
    told["ratio"] = np.where(starts < ends, told["max"] / np.where(told["first"] == 0, np.nan, told["first"]), np.nan)
    columns = _columns()
    for name, kept in _kept().items():
        if name in number:
            at = np.flatnonzero(names == number[name])
            for summary, how in kept:
                matrix[rows[at], columns[summary]] = told[how][at]


def _fill_pressures(matrix, number: Mapping[str, int], name_of, row_of, values):
    """The stated highest reading with its own diastolic pressure, and the worst grade of any one reading.

    An admission pressure is no highest one: where the history is missing, it would tell a grade that nobody stated.
    """
    columns = _columns()
    kinds = [np.isin(name_of, [number.get(f"{side}_{kind}", -1) for kind in _KINDS]) for side in ("sbp", "dbp")]
    alone = name_of == number.get("sbp_alone", -1)
    # Each systolic pressure of a pair is told with its diastolic, so the two stand in the same order.
    rows, systolic = (np.concatenate([array[kinds[0]], array[alone]]) for array in (row_of, values))
    # Told alone it has the diastolic 0: grade 0, and dropped as implausible.
    diastolic = np.concatenate([values[kinds[1]], np.zeros(alone.sum())])
    stated = np.flatnonzero(np.append(name_of[kinds[0]] == number.get("sbp_highest", -1), np.ones(alone.sum(), dtype=bool)))
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
    stenoses = matrix[:, [columns[f"stenosis_{vessel}"] for vessel in VESSELS]]
    told = ~np.isnan(stenoses).all(axis=1)
    matrix[told, columns["stenosis_max"]] = np.fmax.reduce(stenoses[told], axis=1)
    matrix[told, columns["vessels_narrowed"]] = (stenoses[told] >= 50).sum(axis=1)


def summarise(found: Iterable[FoundValue]) -> dict[str, float]:
    """Return what the numbers of one record come to.

    Parameters
    ----------
    found : iterable of FoundValue
        As :func:`icdbase.clinical.measurements.finder.find_measurements` returns them, or a part of them.

    Returns
    -------
    dict of str to float
        By name of :data:`icdbase.clinical.measurements.finder.MEASUREMENTS`; what is not told is absent.

    Examples
    --------
    >>> summarise(find_measurements({"诊疗经过": "肌钙蛋白i 0.05ng/ml→1.2ng/ml"}))["troponin_ratio"]
    24.0
    """
    found, number = list(found), {}
    name_of = np.array([number.setdefault(item.name, len(number)) for item in found], dtype=int)
    values = np.array([item.value for item in found], dtype=float)
    (told,) = summary_matrix(tuple(number), name_of, np.zeros(len(found), dtype=int), values, 1).tolist()
    return {name: value for name, value in zip(_columns(), told, strict=True) if value == value}


def measure(fields: Mapping[str, str]) -> dict[str, float]:
    """Return the numbers of a record: :func:`summarise` of what is found in its normalised fields.

    Examples
    --------
    >>> told = measure({"入院情况": "患者老年男性,76岁。血压最高180/100mmhg,控制在130-140/80-90mmhg。"})
    >>> told["age"], told["male"], told["sbp_highest"], told["bp_grade"]
    (76.0, 1.0, 180.0, 3.0)
    """
    return summarise(find_measurements(fields))
