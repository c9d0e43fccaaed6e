"""Rows of JSON: an array, JSON Lines, or one object.

What is wrong with a file as a whole raises a DataError; what is wrong with
single rows is returned beside the good ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from icdbase.core.errors import DataError, Problem
from icdbase.core.language import _
from icdbase.files.cells import type_name
from icdbase.files.encoding import clean_name

__all__ = ["JSON_LINES_ENDINGS", "is_object", "json_decoder", "json_problem", "parsed_lines", "read_array", "read_objects", "rows_of_objects", "too_deep", "try_parse"]

JSON_LINES_ENDINGS = (".jsonl", ".ndjson")

ParsedRows = tuple[tuple[str, ...], list[tuple[int, dict]], list[Problem]]
"""Columns in order of appearance, number and content of each good row, and problems."""


class _Doubled(dict):
    """An object of which some keys occurred twice."""

    twice: tuple[str, ...] = ()


def _as_object(pairs: list[tuple[str, object]]) -> dict:
    row = {clean_name(key): value for key, value in pairs}
    if len(row) == len(pairs):
        return row
    counts = Counter(clean_name(key) for key, _ in pairs)
    row = _Doubled(row)
    row.twice = tuple(name for name, count in counts.items() if count > 1)
    return row


def _number_text(literal: str) -> str:
    """Return a number as it is written, so that ids and codes stay the same."""
    return literal.removesuffix(".0")


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def json_decoder(*, strict: bool) -> json.JSONDecoder:
    """Return a decoder that keeps numbers as text, cleans names and remembers those that occur twice."""
    return json.JSONDecoder(
        object_pairs_hook=_as_object,
        parse_float=_number_text,
        parse_int=str,
        parse_constant=_constant,
        strict=strict,
    )


def _parse(text: str):
    """Parse JSON; raw line breaks and tabs inside strings are accepted."""
    try:
        return json_decoder(strict=True).decode(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Invalid control character"):
            raise
        return json_decoder(strict=False).decode(text)


def try_parse(text: str, problem: Callable[[json.JSONDecodeError], Problem]):
    """Return the parsed value and no problem, or no value and the problem."""
    try:
        return _parse(text), None
    except json.JSONDecodeError as error:
        return None, problem(error)
    except RecursionError:
        return None, too_deep()


def too_deep() -> Problem:
    """Return the problem of JSON that Python cannot parse, for it is nested hundreds of times."""
    return Problem(_("JSON nested too deeply to be records"), remedy=_("write an array of flat objects"))


def json_problem(error: json.JSONDecodeError, line: int, record: str) -> Problem:
    """Return the problem of malformed JSON, with line and column."""
    cut_off = not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string")
    rule = _("malformed JSON at line {} column {} ({})", line, error.colno, _(error.msg))
    if cut_off:
        rule, remedy = _("{}: the text ends too early", rule), _("the file was cut off: copy it again")
    else:
        remedy = _("repair this place; quotes, commas and brackets are the usual causes")
    return Problem(rule, record, remedy=remedy)


def read_array(text: str, path, known) -> ParsedRows:
    """Return the rows of a JSON array."""
    items, problem = try_parse(
        text, lambda error: json_problem(error, error.lineno, _("number {}", _items_before(text, error.pos) + 1))
    )
    if problem:
        raise DataError(path, [problem])
    return rows_of_objects(enumerate(items, 1), known)


def _items_before(text: str, stop: int) -> int:
    """Count the whole items of a broken array, to name the record that broke it."""
    decoder, count = json_decoder(strict=False), 0
    position = text.index("[") + 1
    while True:
        while position < stop and text[position] in " \t\r\n,":
            position += 1
        try:
            _, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            return count
        if position > stop:
            return count
        count += 1


def read_objects(text: str, path, ending: str, known, from_object: Callable[[dict], list[dict]]) -> tuple[str, ParsedRows]:
    """Return layout and rows of a text that starts with ``{``: JSON Lines, or one object."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    whole, problem = try_parse(text, lambda error: json_problem(error, error.lineno, ""))
    if problem:
        if ending not in JSON_LINES_ENDINGS and not any(is_object(line) for _, line in lines[:2]):
            raise DataError(path, [problem])
    elif found := from_object(whole):
        return "one JSON object", rows_of_objects(enumerate(found, 1), known)
    elif len(lines) > 1 or ending == ".json":
        remedy = _("wrap it in [ ], or put each record on a line of its own in a .jsonl file")
        if not any(name in known for name in whole):
            remedy = _("the file must be an array of records: [ {...}, {...} ]")
        raise DataError(path, [Problem(_("a JSON object instead of an array"), remedy=remedy)])
    return "JSON Lines", rows_of_objects(parsed_lines(lines), known)


def is_object(line: str) -> bool:
    """Whether a line is a whole JSON object."""
    value, problem = try_parse(line, lambda error: Problem(error.msg))
    return problem is None and isinstance(value, dict)


def parsed_lines(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, object]]:
    """Yield the number of each line that is not blank, and its value or the problem with it."""
    filled = ((line_number, line) for line_number, line in lines if line.strip())
    for number, (line_number, line) in enumerate(filled, 1):
        value, problem = try_parse(line, partial(json_problem, line=line_number, record=_("number {}", number)))
        yield number, problem or value


def rows_of_objects(items: Iterable[tuple[int, object]], known) -> ParsedRows:
    """Turn numbered values into rows; a value may be a problem, which is returned with the others."""
    columns, records, problems = {}, [], []
    for number, item in items:
        if isinstance(item, Problem):
            problems.append(item)
            continue
        if not isinstance(item, dict):
            rule = _("{} instead of an object {{...}}", type_name(item))
            problems.append(Problem(rule, _("number {}", number), remedy=_("each record is one JSON object")))
            continue
        problems += [
            Problem(_("the field occurs twice"), _("number {}", number), name, _("keep one of the two"))
            for name in getattr(item, "twice", ()) if name in known
        ]
        columns.update(dict.fromkeys(item))
        records.append((number, item))
    return tuple(columns), records, problems
