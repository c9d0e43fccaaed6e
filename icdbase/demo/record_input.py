"""Records of the demo: pasted or synthetic, checked as records of a file are."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from icdbase.core.errors import DataError, UsageError
from icdbase.records.records import check_frame
from icdbase.synthetic import iter_records
from icdbase.synthetic.wards import iter_ward_records
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.tasks.task import Task

__all__ = ["check_size", "checked_fields", "checked_record", "has_synthetic", "parsed_record", "synthetic_record"]

SEED = 2026
"""Seed of the synthetic records; the models that the demo trains use another."""

N_RECORDS = 100_000
"""Number of synthetic records to choose from."""

MAX_TEXT = 20_000
"""Characters of one record, which take a second or two; a usual record has 2,400."""

MAX_NAME = 100
"""Characters in the name of a field or model."""

MAX_FIELDS = 200
"""Fields of one record; unknown names are compared with the known ones, which takes time."""


def checked_record(record, task: Task) -> dict:
    """Check a record as :func:`icdbase.read_records` does; return its id, texts and labels."""
    if not isinstance(record, dict):
        raise UsageError("this is no record; paste an object {\"" + task.text_fields[0] + "\": \"...\"}")
    check_size(record)
    frame = pd.DataFrame([{**record, task.id_field: record.get(task.id_field) or "1"}], dtype=object)
    try:
        checked = check_frame(frame, task)
    except DataError as error:
        raise DataError("this record", error.problems) from None
    row = checked.iloc[0]
    texts = {name: row[name] for name in task.text_fields}
    if not any(text.strip() for text in texts.values()):
        raise UsageError("no field holds text; fill at least one of " + ", ".join(task.text_fields))
    truth = {
        target.name: list(row[target.name]) if isinstance(row[target.name], tuple) else [row[target.name]]
        for target in task.targets if target.name in checked and row[target.name] is not None
    }
    return {"id": str(checked.index[0]) if record.get(task.id_field) else "", "texts": texts, "truth": truth}


def checked_fields(given, task: Task) -> tuple[str, ...]:
    """Return the fields to use: all by default, none for an empty list."""
    if given is None:
        return task.text_fields
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise UsageError("fields must be a list of field names")
    if len(given) > MAX_FIELDS or any(len(name) > MAX_NAME for name in given):
        raise UsageError(f"fields must be at most {MAX_FIELDS} names of at most {MAX_NAME} characters")
    return task.check_fields(given) if given else ()


def has_synthetic(task: Task) -> bool:
    """Return whether the simulator writes all fields of the task."""
    return set(task.text_fields) <= set(CCL26.text_fields)


def synthetic_record(number, task: Task) -> dict:
    """Return a synthetic record with its codes, by number."""
    if type(number) is not int or not 0 <= number < N_RECORDS:
        raise UsageError(f"the number of a synthetic record lies between 0 and {N_RECORDS - 1}")
    write = iter_records if set(task.text_fields) <= set(CCL25.text_fields) else iter_ward_records
    return checked_record(next(write(1, SEED, start=number)), task) | {"number": number}


def parsed_record(text) -> object:
    """Parse pasted JSON; return the first record of an array."""
    if not isinstance(text, str) or not text.strip():
        raise UsageError("nothing was pasted; paste one record of the official format")
    try:
        parsed = json.loads(text.strip().removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise UsageError(
            f"line {error.lineno}, column {error.colno}: no valid JSON ({error.msg}); paste one record {{...}} whole"
        ) from None
    except ValueError:  # a number with thousands of digits
        raise UsageError("no valid JSON (a number is too long); paste one record {...} whole") from None
    return parsed[0] if isinstance(parsed, list) and parsed else parsed


def check_size(record: Mapping) -> None:
    """Raise a UsageError if a record is so long that the request would take many seconds."""
    size = sum(len(value) if isinstance(value, str | list) else 0 for value in record.values())
    if size > MAX_TEXT:
        raise UsageError(
            f"the record has {size:,} characters, and the demo reads at most {MAX_TEXT:,}; shorten it, or use 'icdbase explain'"
        )
    if len(record) > MAX_FIELDS or any(len(name) > MAX_NAME for name in record):
        raise UsageError(f"the record must have at most {MAX_FIELDS} fields with names of at most {MAX_NAME} characters")
