"""A local web page that codes a record while you read it: ``icdbase demo``.

The page is three files in ``static``; here is what it asks for.  A record
that somebody pastes may be a patient's: it is answered and forgotten, never
stored, and no word of it enters a log.  Every web site that the same browser
visits can send requests to this address, so only requests that this page sent
are answered: JSON, from the page's own origin, to an address and not to a name
that somebody else's name server gave it (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import json
import logging
import traceback
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Lock
from time import perf_counter
from urllib.parse import urlsplit

import pandas as pd
from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.errors import DataError, IcdbaseError, UsageError, did_you_mean
from icdbase.explain.explanation import CodeExplanation, explain
from icdbase.records.records import check_frame
from icdbase.synthetic import iter_records
from icdbase.synthetic.wards import iter_ward_records
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.tasks.task import Task

__all__ = ["SEED", "demo_app"]

SEED = 2026
"""Of the synthetic records shown: another than the models' that the demo trains itself."""

FIRST = 14  # shown first: many other codes, denied findings, nothing exotic
N_LISTED = 24
N_RECORDS = 100_000
N_NEAR = 5
N_SPANS = 150
MAX_BODY = 1_000_000  # bytes; four hundred records of the usual length
MAX_TEXT = 20_000  # characters of one record, which take a second or two; the usual record has 2,400
MAX_NAME = 100  # characters of the name of a field or a model
MAX_FIELDS = 200  # of one record; names that are not known are compared with those that are

_log = logging.getLogger("icdbase.demo.app")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                               "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def demo_app(
    coders: Mapping[str, IcdCoder], *, about: Mapping[str, str] | None = None, host: str = "127.0.0.1"
) -> Flask:
    """Return the page and what answers it, as a WSGI application.

    Parameters
    ----------
    coders : mapping of name to IcdCoder
        Fitted, all of one task; the page lets choose among them.
    about : mapping of name to str, optional
        What each was trained on, to be shown.
    host : str
        The name or address that the server was told to listen on.

    Returns
    -------
    flask.Flask

    Raises
    ------
    UsageError
        If there is no coder, or they code different tasks.
    """
    task = _one_task(coders)
    app = Flask(__name__, static_folder="static", static_url_path="")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.ensure_ascii = app.json.sort_keys = False
    turn = Lock()  # one prediction at a time: the models use one thread each, and limit BLAS for the process

    @app.before_request
    def only_this_page():
        refusal = refused(request.method, request.headers, {host})
        return (jsonify(error=refusal[1]), refusal[0]) if refusal else None

    @app.after_request
    def closed(response):
        response.headers.update(_HEADERS)
        return response

    @app.errorhandler(Exception)
    def told_without_text(error):
        if isinstance(error, IcdbaseError):
            return jsonify(error=str(error)), 400
        if isinstance(error, RecursionError):  # of the body, of JSON pasted as text, or of a value that is shown
            return jsonify(error="nested too deep for a record; paste one record {...}"), 400
        if isinstance(error, HTTPException):
            return jsonify(error=f"{error.name}: {error.description}"), error.code
        place = traceback.extract_tb(error.__traceback__)[-1]
        # The message of an error may quote what it stumbled over; its place does not.
        _log.error("%s in %s, line %s", type(error).__name__, Path(place.filename).name, place.lineno)
        return jsonify(error=f"internal error: {type(error).__name__}"), 500

    @app.get("/")
    def page():
        return app.send_static_file("index.html")

    @app.post("/api/about")
    def tell_about():
        models = [
            {"name": name, "about": (about or {}).get(name, ""), "fields": coder.features_.fields_}
            for name, coder in coders.items()
        ]
        targets = [{"name": target.name, "single": target.is_single} for target in task.targets]
        examples = [
            {"number": number, "says": _synthetic(number, task)["texts"][task.text_fields[0]]}
            for number in range(N_LISTED if _has_synthetic(task) else 0)
        ]
        return jsonify(version=__version__, task=task.name, fields=task.text_fields, targets=targets,
                       models=models, examples=examples, first=FIRST, n_records=N_RECORDS)

    @app.post("/api/record")
    def tell_record():
        asked = _asked()
        if "number" in asked:
            return jsonify(_synthetic(asked["number"], task))
        given = _parsed(asked["json"]) if "json" in asked else asked.get("record")
        return jsonify(_given(given, task))

    @app.post("/api/predict")
    def predict():
        asked = _asked()
        name, record = asked.get("model"), asked.get("record")
        if name not in list(coders):
            raise UsageError(f"unknown model{did_you_mean(str(name)[:MAX_NAME], coders)}")
        if not isinstance(record, dict):
            raise UsageError("the record must be an object of fields and texts")
        fields = _fields(asked.get("fields"), task)
        read = {field: record.get(field) if field in fields else "" for field in task.text_fields}
        _check_size(read)
        with turn:
            started = perf_counter()
            told = explain(coders[name], read, n_near=N_NEAR)
            took = perf_counter() - started
        return jsonify(codes=[_code(code) for code in told.codes], milliseconds=round(1000 * took, 1))

    return app


def refused(method: str, headers: Mapping[str, str], names: Collection[str]) -> tuple[int, str] | None:
    """Say why a request is not this page's, with its HTTP status; None if it may be answered.

    Parameters
    ----------
    method : str
    headers : mapping of str to str
        As Flask gives them: any case will do.
    names : collection of str
        Host names that may be used besides ``localhost`` and bare addresses.

    Returns
    -------
    tuple of (int, str) or None

    Examples
    --------
    >>> refused("GET", {"Host": "127.0.0.1:8765"}, ())
    >>> refused("GET", {"Host": "evil.example"}, ())[0]
    421
    """
    host = headers.get("Host", "")
    if not _is_ours(host, names):
        return 421, "this host name is not served here; use the address that 'icdbase demo' printed"
    if method not in ("GET", "HEAD", "POST"):
        return 405, "only GET and POST are answered"
    origin = headers.get("Origin")
    elsewhere = (origin and urlsplit(origin).netloc != host) or headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    # A link from elsewhere may open the page; it holds nothing until the page itself asks.
    if elsewhere and (method == "POST" or headers.get("Sec-Fetch-Mode") != "navigate"):
        return 403, "requests from other sites are not answered"
    if method == "POST" and headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        return 415, "send JSON, as application/json"
    return None


def _is_ours(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this machine by address, or by a name of ours."""
    try:
        name = "" if "@" in host else urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name in {known.lower() for known in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _one_task(coders: Mapping[str, IcdCoder]) -> Task:
    tasks = [coder.task for coder in coders.values()]
    if not tasks:
        raise UsageError("no model to show; name at least one")
    if any(task != tasks[0] for task in tasks):
        raise UsageError("the models code different tasks; show those of one task at a time")
    return tasks[0]


def _asked() -> dict:
    try:
        asked = json.loads(request.get_data())
    except ValueError:  # its message may quote the body
        raise UsageError("the body of the request is no valid JSON; send one JSON object in UTF-8") from None
    if not isinstance(asked, dict):
        raise UsageError("send a JSON object")
    return asked


def _fields(given, task: Task) -> tuple[str, ...]:
    """Return the fields to be read: all by default, none where none is named."""
    if given is None:
        return task.text_fields
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise UsageError("fields must be a list of field names")
    if len(given) > MAX_FIELDS or any(len(name) > MAX_NAME for name in given):
        raise UsageError(f"fields must be at most {MAX_FIELDS} names of at most {MAX_NAME} characters")
    return task.check_fields(given) if given else ()


def _has_synthetic(task: Task) -> bool:
    """Whether the simulated departments write what the task reads."""
    return set(task.text_fields) <= set(CCL26.text_fields)


def _synthetic(number, task: Task) -> dict:
    if type(number) is not int or not 0 <= number < N_RECORDS:
        raise UsageError(f"the number of a synthetic record lies between 0 and {N_RECORDS - 1}")
    write = iter_records if set(task.text_fields) <= set(CCL25.text_fields) else iter_ward_records
    return _given(next(write(1, SEED, start=number)), task) | {"number": number}


def _parsed(text) -> object:
    """Read pasted JSON; of an array its first record."""
    if not isinstance(text, str) or not text.strip():
        raise UsageError("nothing was pasted; paste one record of the official format")
    try:
        parsed = json.loads(text.strip().removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise UsageError(
            f"line {error.lineno}, column {error.colno}: no valid JSON ({error.msg}); paste one record {{...}} whole"
        ) from None
    except ValueError:  # a number of thousands of digits
        raise UsageError("no valid JSON (a number is too long); paste one record {...} whole") from None
    return parsed[0] if isinstance(parsed, list) and parsed else parsed


def _check_size(record: Mapping):
    """Refuse a record that would take long to read; the time of a request grows with its text."""
    size = sum(len(value) if isinstance(value, str | list) else 0 for value in record.values())
    if size > MAX_TEXT:
        raise UsageError(
            f"the record has {size:,} characters, and the demo reads at most {MAX_TEXT:,}; shorten it, or use 'icdbase explain'"
        )
    if len(record) > MAX_FIELDS or any(len(name) > MAX_NAME for name in record):
        raise UsageError(f"the record must have at most {MAX_FIELDS} fields with names of at most {MAX_NAME} characters")


def _given(record, task: Task) -> dict:
    """Check a record as a file's would be, and tell it with its labels, where it has them."""
    if not isinstance(record, dict):
        raise UsageError("this is no record; paste an object {\"" + task.text_fields[0] + "\": \"...\"}")
    _check_size(record)
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


def _code(code: CodeExplanation) -> dict:
    """Shorten an explanation to what the page draws; what is left out is added up."""
    strongest = sorted(code.evidence, key=lambda item: -abs(item.contribution))
    spans = [
        [item.field, item.start, item.end, round(item.contribution, 4), item.status]
        for item in strongest[:N_SPANS]
    ]
    unplaced: dict[str, float] = {}
    for item in code.unplaced:
        unplaced[item.kind] = unplaced.get(item.kind, 0.0) + item.contribution
    return {
        "target": code.target, "code": code.code, "name": code.name, "predicted": code.predicted,
        "probability": code.probability, "margin": code.margin, "spans": spans,
        "rest": sum(item.contribution for item in strongest[N_SPANS:]), "unplaced": unplaced,
    }
