"""The web application of ``icdbase demo``: a page that shows a record with its codes and their evidence.

The page is in ``static``; this module answers its requests.  A pasted record
may be a patient's: the application does not store it and does not log its text.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Lock
from time import perf_counter

from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.errors import IcdbaseError, UsageError, did_you_mean
from icdbase.demo import record_input
from icdbase.demo.guard import HEADERS, MAX_BODY, refused
from icdbase.explain.explanation import CodeExplanation, explain
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Task

__all__ = ["demo_app"]

FIRST = 14
"""Number of the synthetic record that is shown first."""

CURATED = {"clear": 72, "number": 1704, "denied": 26, "family": 5, "swap": 47, "slip": 34, "foreign": record_input.N_RECORDS}
"""Synthetic records that each show one thing with the models that the demo trains."""

N_LISTED = 24
N_NEAR = 5
N_SPANS = 150
LONG = 8000
"""Characters of a record from which on no span is deleted on trial: each trial reads the record again."""

_log = logging.getLogger(__name__)


def demo_app(
    coders: Mapping[str, IcdCoder], *, about: Mapping[str, str] | None = None, synthetic: Collection[str] = (),
    host: str = "127.0.0.1",
) -> Flask:
    """Return the page and the answers to its requests, as a WSGI application.

    Parameters
    ----------
    coders : mapping of name to IcdCoder
        Fitted, all for the same task; the user of the page chooses one.
    about : mapping of name to str, optional
        Number of training records of each coder, as text.
    synthetic : collection of str
        Names of the coders that learned from synthetic records alone.
    host : str
        Host name or address on which the server listens.

    Returns
    -------
    flask.Flask

    Raises
    ------
    UsageError
        If there is no coder, or the coders have different tasks.
    """
    api = _Api(coders, about or {}, synthetic)
    app = Flask(__name__, static_folder="static", static_url_path="")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.ensure_ascii = app.json.sort_keys = False

    @app.before_request
    def refuse():
        refusal = refused(request.method, request.headers, {host})
        return (jsonify(error=refusal[1]), refusal[0]) if refusal else None

    @app.after_request
    def add_headers(response):
        response.headers.update(HEADERS)
        return response

    app.register_error_handler(Exception, _error_answer)
    app.add_url_rule("/", "page", lambda: app.send_static_file("index.html"))
    for view in (api.about, api.record, api.predict):
        app.add_url_rule(f"/api/{view.__name__}", view_func=view, methods=["POST"])
    return app


class _Api:
    """The answers to the requests of the page."""

    def __init__(self, coders: Mapping[str, IcdCoder], about: Mapping[str, str], synthetic: Collection[str]):
        self.task = _common_task(coders)
        self.coders = coders
        self.training = about
        self.synthetic = synthetic
        self.lock = Lock()  # one prediction at a time: models run on one thread and limit BLAS for the whole process

    def about(self):
        """Return the task, the models and the list of synthetic records."""
        task = self.task
        models = [
            {"name": name, "about": self.training.get(name, ""),
             "synthetic": name in self.synthetic, "fields": coder.features_.fields_}
            for name, coder in self.coders.items()
        ]
        targets = [{"name": target.name, "single": target.is_single} for target in task.targets]
        examples = [
            {"number": number, "shows": shows, "says": record_input.synthetic_record(number, task)["texts"][task.text_fields[0]]}
            for number, shows in self._listed()
        ]
        return jsonify(version=__version__, task=task.name, fields=task.text_fields, targets=targets,
                       models=models, examples=examples, first=FIRST, n_records=record_input.N_RECORDS)

    def _listed(self) -> list[tuple[int, str]]:
        """Return the numbers of the records to choose from, and what the first of them show."""
        curated = [(number, shows) for shows, number in CURATED.items()] if self.task == CCL25 else []
        return curated + [(number, "") for number in range(N_LISTED)] if record_input.has_synthetic(self.task) else []

    def record(self):
        """Return a synthetic record by number, or the checked form of a given one."""
        body = _body()
        if "number" in body:
            return jsonify(record_input.synthetic_record(body["number"], self.task))
        given = record_input.parsed_record(body["text"], self.task) if "text" in body else body.get("record")
        return jsonify(record_input.checked_record(given, self.task))

    def predict(self):
        """Return the codes that a model predicts from some fields of a record, with their evidence."""
        body = _body()
        name, record = body.get("model"), body.get("record")
        if name not in list(self.coders):
            raise UsageError(f"unknown model{did_you_mean(str(name)[:record_input.MAX_NAME], self.coders)}")
        if not isinstance(record, dict):
            raise UsageError("the record must be an object of fields and texts")
        fields = record_input.checked_fields(body.get("fields"), self.task)
        texts = {field: record.get(field) if field in fields else "" for field in self.task.text_fields}
        record_input.check_size(texts)
        length = sum(len(text) for text in texts.values() if isinstance(text, str))
        untested = {"n_tried": 0} if body.get("quick") or length > LONG else {}
        with self.lock:
            start = perf_counter()
            explanation = explain(self.coders[name], texts, n_near=N_NEAR, **untested)
            seconds = perf_counter() - start
        probabilities = {target: {code: round(value, 4) for code, value in p.items()} for target, p in explanation.probabilities.items()}
        return jsonify(codes=[_shortened(code) for code in explanation.codes], probabilities=probabilities,
                       unlike=explanation.unlike, milliseconds=round(1000 * seconds, 1))


def _common_task(coders: Mapping[str, IcdCoder]) -> Task:
    """Return the task of all coders."""
    tasks = [coder.task for coder in coders.values()]
    if not tasks:
        raise UsageError("no model to show; name at least one")
    if any(task != tasks[0] for task in tasks):
        raise UsageError("the models code different tasks; show those of one task at a time")
    return tasks[0]


def _body() -> dict:
    """Return the JSON object in the body of the request."""
    try:
        body = json.loads(request.get_data())
    except ValueError:  # its message may quote the body
        raise UsageError("the body of the request is no valid JSON; send one JSON object in UTF-8") from None
    if not isinstance(body, dict):
        raise UsageError("send a JSON object")
    return body


def _error_answer(error: Exception):
    """Return the answer for an error in the language of the page, without any text of the record."""
    if isinstance(error, RecursionError):  # in the body, in JSON pasted as text, or in a value
        error = record_input.RecordError("nested too deep for a record; paste one record {...}", "嵌套过深；请粘贴一份病历 {...}")
    if isinstance(error, IcdbaseError):
        in_chinese = request.accept_languages.best_match(["en", "zh"], "en") == "zh"
        return jsonify(error=record_input.in_chinese(error) if in_chinese else str(error)), 400
    if isinstance(error, HTTPException):
        return jsonify(error=f"{error.name}: {error.description}"), error.code
    place = traceback.extract_tb(error.__traceback__)[-1]
    # The message of an error may quote the record; its place does not.
    _log.error("%s in %s, line %s", type(error).__name__, Path(place.filename).name, place.lineno)
    return jsonify(error=f"internal error: {type(error).__name__}"), 500


def _tested(code: CodeExplanation) -> list | None:
    """Return the place of the first evidence, what the probability loses without it, if anything, and in how many places it was deleted."""
    if not code.evidence or not (code.evidence[0].drop or 0) > 0:
        return None
    item = code.evidence[0]
    return [item.field, item.start, item.end, round(item.drop, 4), item.n_deleted]


def _shortened(code: CodeExplanation) -> dict:
    """Return what the page draws of an explanation; spans that are left out are summed."""
    strongest = sorted(code.evidence, key=lambda item: -abs(item.contribution))
    spans = [
        [item.field, item.start, item.end, round(item.contribution, 4), item.status, item.listed]
        for item in strongest[:N_SPANS]
    ]
    unplaced: dict[str, float] = {}
    by_field: dict[str, float] = {}
    for item in code.evidence:
        by_field[item.field] = by_field.get(item.field, 0.0) + item.contribution
    for item in code.unplaced:
        unplaced[item.kind] = unplaced.get(item.kind, 0.0) + item.contribution
    return {
        "target": code.target, "code": code.code, "name": code.name, "predicted": code.predicted,
        "probability": code.probability, "margin": code.margin, "spans": spans,
        "first": _tested(code), "rest": sum(item.contribution for item in strongest[N_SPANS:]), "unplaced": unplaced, "by_field": by_field,
    }
