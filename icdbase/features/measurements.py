"""The ``measurements`` block: numbers with units, summarised a record."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from icdbase.clinical.implied_codes import load_value_rules
from icdbase.clinical.measurements.finder import MEASUREMENTS, FoundValue, find_in_field
from icdbase.clinical.measurements.grades import blood_pressure_grade
from icdbase.clinical.measurements.summary import summarise, summary_matrix, summary_sources
from icdbase.features.base import FeatureBlock, FeatureId, check_names, stated_code
from icdbase.features.texts import OriginalText, Span, TextBatch

__all__ = ["MeasurementBlock", "MeasurementExtractor", "MeasurementTable", "summarised_values"]

_NAMES = tuple(measurement.name for measurement in MEASUREMENTS)


@dataclass(frozen=True)
class MeasurementTable:
    """The values found in each record, without their offsets.

    Parameters
    ----------
    names, fields : tuple of str
        Quantities and fields by number.
    name_of : int16 array of shape (n_values,)
    field_of : int16 array of shape (n_values,)
    values : float64 array of shape (n_values,)
    ends : int64 array of shape (n_records + 1,)
        Record ``row`` has the values from ``ends[row]`` up to ``ends[row + 1]``.
    """

    names: tuple[str, ...]
    fields: tuple[str, ...]
    name_of: np.ndarray
    field_of: np.ndarray
    values: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends) - 1

    def in_fields(self, fields: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return quantity, record and value of each value found in some fields, in text order."""
        kept = np.isin(self.field_of, [number for number, name in enumerate(self.fields) if name in fields])
        row_of = np.repeat(np.arange(len(self)), np.diff(self.ends))
        return self.name_of[kept], row_of[kept], self.values[kept]

    def take(self, rows: np.ndarray) -> MeasurementTable:
        """Return the values of some records, by position, in that order."""
        lengths = np.diff(self.ends)[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        at = np.arange(ends[-1]) + np.repeat(self.ends[:-1][rows] - ends[:-1], lengths)
        return MeasurementTable(self.names, self.fields, self.name_of[at], self.field_of[at], self.values[at], ends)

    def keep(self, in_field: np.ndarray, measured: np.ndarray) -> MeasurementTable:
        """Return the values of kept fields (n_fields, n_records) and kept quantities (n_records, n_names)."""
        row_of = np.repeat(np.arange(len(self)), np.diff(self.ends))
        kept = in_field[self.field_of, row_of] & measured[row_of, self.name_of]
        ends = np.concatenate([[0], np.cumsum(np.bincount(row_of[kept], minlength=len(self)))])
        return MeasurementTable(self.names, self.fields, self.name_of[kept], self.field_of[kept], self.values[kept], ends)

    @staticmethod
    def concatenate(parts: Sequence[MeasurementTable]) -> MeasurementTable:
        """Put the values of records one under the other."""
        number: dict[str, int] = {}
        to = [np.array([number.setdefault(name, len(number)) for name in part.names], dtype=np.int16) for part in parts]
        starts = np.cumsum([0] + [part.ends[-1] for part in parts])
        return MeasurementTable(
            tuple(number), parts[0].fields,
            np.concatenate([names[part.name_of] for names, part in zip(to, parts, strict=True)]),
            np.concatenate([part.field_of for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([[0], *(part.ends[1:] + start for part, start in zip(parts, starts, strict=False))]),
        )


class MeasurementExtractor:
    """Find values: collect them for many records, or locate those behind the summaries of one record."""

    def __init__(self, fields: Sequence[str]):
        self.names: dict[str, int] = {}
        self.fields = {name: number for number, name in enumerate(fields)}
        self.name_of, self.field_of, self.values, self.ends = array("h"), array("h"), array("d"), array("q", [0])

    def add(self, found: Iterable[tuple[str, Iterable[tuple]]]):
        """Add a record: the values (name, value, start, end) of each field."""
        for field, values in found:
            for name, value, _, _ in values:
                self.name_of.append(self.names.setdefault(name, len(self.names)))
                self.field_of.append(self.fields[field])
                self.values.append(value)
        self.ends.append(len(self.values))

    @staticmethod
    def _found(batch: TextBatch) -> Iterator[tuple[str, list[tuple[str, float, int, int]]]]:
        """Return for each text its field and its values (name, value, start, end)."""
        return zip(batch.fields, map(find_in_field, batch.texts, batch.roles, batch.marked), strict=True)

    def count(self, batch: TextBatch):
        found = self._found(batch)
        for _ in range(batch.n_records):
            self.add(islice(found, len(self.fields)))

    def counts(self) -> MeasurementTable:
        return MeasurementTable(
            tuple(self.names), tuple(self.fields),
            np.array(self.name_of, dtype=np.int16), np.array(self.field_of, dtype=np.int16),
            np.array(self.values, dtype=np.float64), np.array(self.ends, dtype=np.int64),
        )

    def locate(self, batch: TextBatch, originals: Sequence[OriginalText]) -> Iterator[tuple[FeatureId, Span]]:
        original_of = {original.field: original for original in originals}
        found = [FoundValue(name, value, field, *at) for field, values in self._found(batch) for name, value, *at in values]
        measured = summarise(found)
        for name, values in summarised_values(found).items():
            keys = [FeatureId("measurement", name), *map(stated_code, _implied_codes(name, measured[name]))]
            for value in values:
                yield from ((key, original_of[value.field].span(value.start, value.end)) for key in keys)


def _implied_codes(name: str, value: float) -> list[str]:
    """Return the codes that a value implies alone."""
    return [
        rule.codes[0] for rule in load_value_rules()
        if rule.measurement == name and len(rule.codes) == 1 and rule.at_least <= value < rule.below
    ]


def summarised_values(found: Sequence[FoundValue]) -> dict[str, list[FoundValue]]:
    """Return for each measurement of one record the found values that give it; if none does alone, all that enter it.

    >>> from icdbase.clinical.measurements.finder import find_measurements
    >>> found = find_measurements({"诊疗经过": "血钾3.1mmol/l,复查4.0mmol/l"})
    >>> [item.value for item in summarised_values(found)["potassium_max"]]
    [4.0]
    """
    readings = _pressure_readings(found)
    giving = {}
    for name, value in summarise(found).items():
        entering = [item for item in found if item.name in summary_sources()[name]]
        if name == "bp_grade":
            exact = [item for item in entering if blood_pressure_grade(*readings[item[2:]]) == value]
        elif name in ("sbp_highest", "dbp_highest"):
            highest = max(readings[item[2:]] for item in entering)
            exact = [item for item in entering if readings[item[2:]] == highest]
        elif name == "vessels_narrowed":
            exact = [item for item in entering if item.value >= 50]
        else:
            exact = [item for item in entering if item.value == value]
        giving[name] = exact or entering
    return giving


def _pressure_readings(found: Sequence[FoundValue]) -> Mapping[tuple, tuple[float, float]]:
    """Return (systolic, diastolic) by (field, start, end) of the reading."""
    readings = defaultdict(tuple)
    for item in found:
        if item.name.startswith(("sbp_", "dbp_")):  # systolic first, as find_pressures returns them
            readings[item[2:]] += (item.value,)
    # A systolic pressure alone counts as one with a diastolic of 0, as in summarise.
    return {place: (*pressures, 0.0)[:2] for place, pressures in readings.items()}


class MeasurementBlock(FeatureBlock):
    """Summaries of the values of each record, a column for each of :data:`MEASUREMENTS`; NaN where nothing is stated.

    Attributes
    ----------
    names_ : array of str
        The measurements that there were when this was fitted.
    """

    source = "measurements"

    def fit(self, counts: MeasurementTable) -> MeasurementBlock:
        self.names_ = np.array(_NAMES)
        return self

    def transform(self, counts: MeasurementTable) -> np.ndarray:
        check_names(self.names_, _NAMES)
        return summary_matrix(counts.names, *counts.in_fields(self.fields), len(counts)).astype(np.float32)

    def feature_ids(self) -> list[FeatureId]:
        return [FeatureId("measurement", name) for name in self.names_.tolist()]
