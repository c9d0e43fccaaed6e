"""Records of the demo: pasted or synthetic, checked as records of a file are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pandas as pd

from icdbase.core.errors import DataError, UsageError
from icdbase.records.records import check_frame
from icdbase.synthetic import iter_records
from icdbase.synthetic.wards import iter_ward_records
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.tasks.task import Task

__all__ = ["RecordError", "check_size", "checked_fields", "checked_record", "has_synthetic", "in_chinese", "parsed_record", "synthetic_record"]

SEED = 2026
"""Seed of the synthetic records; the models that the demo trains use another."""

N_RECORDS = 100_000
"""Number of synthetic records to choose from."""

OTHER_WARD = 1
"""A record of the delivery ward."""

MAX_TEXT = 20_000
"""Characters of one record, which take a second or two; a usual record has 2,400."""

MAX_NAME = 100
"""Characters in the name of a field or model."""

MAX_FIELDS = 200
"""Fields of one record; unknown names are compared with the known ones, which takes time."""


class RecordError(UsageError):
    """What is wrong with a record that was typed or pasted, in English and in Chinese."""

    def __init__(self, message: str, chinese: str):
        super().__init__(message)
        self.chinese = chinese


def in_chinese(error: Exception) -> str:
    """Return an error for the Chinese page; what only files can have wrong stays in English behind a Chinese beginning."""
    return error.chinese if isinstance(error, RecordError) else f"无法读取这份病历：{error}"


def checked_record(record, task: Task) -> dict:
    """Check a record as :func:`icdbase.read_records` does; return its id, texts and labels."""
    if not isinstance(record, dict):
        example = "{\"" + task.text_fields[0] + "\": \"...\"}"
        raise RecordError(f"this is no record; paste an object {example}", f"这不是病历；请粘贴形如 {example} 的对象")
    check_size(record)
    frame = pd.DataFrame([{**record, task.id_field: record.get(task.id_field) or "1"}], dtype=object)
    try:
        checked = check_frame(frame, task)
    except DataError as error:
        raise DataError("this record", error.problems) from None
    row = checked.iloc[0]
    texts = {name: row[name] for name in task.text_fields}
    if not any(text.strip() for text in texts.values()):
        raise RecordError("no field holds text; fill at least one of " + ", ".join(task.text_fields),
                          "所有字段都是空的；请至少填写一个：" + "、".join(task.text_fields))
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
    """Return a synthetic record by number, with its codes; number `N_RECORDS` is of another ward, and has none."""
    if number == N_RECORDS and task == CCL25:
        record = next(iter_ward_records(1, SEED, start=OTHER_WARD))
        return checked_record({name: record[name] for name in task.text_fields}, task) | {"number": number}
    if type(number) is not int or not 0 <= number < N_RECORDS:
        raise UsageError(f"the number of a synthetic record lies between 0 and {N_RECORDS - 1}")
    write = iter_records if set(task.text_fields) <= set(CCL25.text_fields) else iter_ward_records
    return checked_record(next(write(1, SEED, start=number)), task) | {"number": number}


def parsed_record(text, task: Task) -> object:
    """Parse what was pasted: one record as JSON, the first of an array, or free text with headings of fields."""
    if not isinstance(text, str) or not text.strip():
        raise RecordError("nothing was pasted; paste one record", "没有粘贴任何内容；请粘贴一份病历")
    text = text.strip().removeprefix("\ufeff").lstrip()
    if text[0] not in '[{"':
        return _by_headings(text, task)
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError(
            f"line {error.lineno}, column {error.colno}: no valid JSON ({error.msg}); paste one record {{...}} whole",
            f"第 {error.lineno} 行第 {error.colno} 列：JSON 格式有误；请完整粘贴一份病历 {{...}}",
        ) from None
    except ValueError:  # a number with thousands of digits
        raise RecordError("no valid JSON (a number is too long); paste one record {...} whole",
                          "JSON 格式有误（数字过长）；请完整粘贴一份病历 {...}") from None
    return parsed[0] if isinstance(parsed, list) and parsed else parsed


def _by_headings(text: str, task: Task) -> dict[str, str]:
    """Cut free text at the headings of fields, 主诉：... or 【主诉】..., that begin a line or follow a blank or a full stop.

    >>> _by_headings("主诉：胸痛3天。 现病史：活动后胸痛。", CCL25)
    {'主诉': '胸痛3天。', '现病史': '活动后胸痛。'}
    """
    names = [task.id_field, *task.text_fields, *(name for target in task.targets for name in target.spellings)]
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    headings = list(re.finditer(rf"(?:(?<=[\s。；;])|^)(?:[【\[](?P<b>{known})[】\]]\s*[：:]?|(?P<n>{known})\s*[：:])", text))
    example = " ".join(f"{name}：…" for name in task.text_fields[:2])
    if not headings or headings[0].start():
        raise RecordError(f"the text does not begin with the heading of a field; write {example}",
                          f"文字没有以字段名开头；请写成 {example}")
    record = {}
    for heading, after in zip(headings, [*headings[1:], None], strict=True):
        name = heading["b"] or heading["n"]
        if name in record:
            raise RecordError(f"the heading {name} stands twice; join the two", f"字段名 {name} 出现了两次；请合并")
        record[name] = text[heading.end() : after.start() if after else len(text)].strip()
    return record


def check_size(record: Mapping) -> None:
    """Raise a UsageError if a record is so long that the request would take many seconds."""
    size = sum(len(value) if isinstance(value, str | list) else 0 for value in record.values())
    if size > MAX_TEXT:
        raise RecordError(
            f"the record has {size:,} characters, and the demo reads at most {MAX_TEXT:,}; shorten it, or use 'icdbase explain'",
            f"病历共 {size:,} 字，演示页最多读取 {MAX_TEXT:,} 字；请缩短，或使用 icdbase explain",
        )
    if len(record) > MAX_FIELDS or any(len(name) > MAX_NAME for name in record):
        raise RecordError(f"the record must have at most {MAX_FIELDS} fields with names of at most {MAX_NAME} characters",
                          f"病历最多可有 {MAX_FIELDS} 个字段，字段名最多 {MAX_NAME} 字")
