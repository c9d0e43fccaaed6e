"""The card of a model folder, ``model.json``: readable by people, checked before anything else is read."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.errors import ModelError, VersionWarning
from icdbase.core.language import _
from icdbase.core.versions import library_versions
from icdbase.records.origin import synthetic_share

__all__ = ["CARD", "fingerprint", "is_card", "long_numbers", "new_card", "read_bytes", "read_card", "warn_of_versions"]

CARD = "model.json"
FORMAT = "icdbase-model"
FORMAT_VERSION = 6

MAX_CARD_BYTES = 16 << 20

_SAME_MAJOR = ("scikit-learn", "lightgbm")
_LONG_NUMBER = re.compile(r"\d{6}")


def fingerprint(records: pd.DataFrame) -> str:
    """SHA-256 over names of columns, ids, texts and labels, which identifies the training data.

    >>> fingerprint(pd.DataFrame({"主诉": ["胸痛"]}, index=["1"]))[:8]
    '67144ef8'
    """
    records = records.reset_index()
    digest = hashlib.sha256(json.dumps(list(records.columns), ensure_ascii=False, default=str).encode())
    for row in records.itertuples(index=False, name=None):
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
    return digest.hexdigest()


def new_card(
    coder: IcdCoder, content: bytes, tables: Mapping[str, str], records: pd.DataFrame | None, scores: Mapping | None,
    options: Mapping | None,
) -> dict:
    """Return the card of a fitted coder.

    Parameters
    ----------
    coder : IcdCoder
    content : bytes
        The model file; the card holds its name and SHA-256.
    tables : mapping of str to str
        Concept tables: name in the folder to name before.
    records, scores, options
        As for :func:`icdbase.storage.model_folder.save`.
    """
    digest = hashlib.sha256(content).hexdigest()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "icdbase": __version__,
        "model": f"model-{digest[:12]}.skops",
        "sha256": digest,
        "task": coder.task.name,
        "fields": list(coder.features_.fields_),
        "parameters": {name: value for name, value in coder.get_params(deep=False).items() if name != "task"},
        "concept_tables": tables,
        "seed": coder.random_state,
        "codes": {target: len(codes) for target, codes in coder.codes_.items()},
        "unseen_codes": coder.unseen_codes_,
        "outside_codes": coder.outside_codes_,
        "vocabulary": {"words": len(coder.features_.terms_), "with_long_numbers": long_numbers(coder)},
        "training_data": None if records is None else _training_data(records),
        "options": options or None,
        "scores": scores,
        "python": platform.python_version(),
        "libraries": library_versions(),
    }


def _training_data(records: pd.DataFrame) -> dict:
    share = synthetic_share(records)
    return {"records": len(records), "sha256": fingerprint(records), **({"synthetic": share} if share else {})}


def long_numbers(coder: IcdCoder) -> int:
    """Count the words of a fitted coder's vocabulary that hold six digits or more in a row."""
    return sum(_LONG_NUMBER.search(term) is not None for term in coder.features_.terms_.tolist())


def is_card(path: Path) -> bool:
    """Return whether a file is the card of a model, of any version."""
    try:
        card = json.loads(read_bytes(path, MAX_CARD_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(card, dict) and card.get("format") == FORMAT


def read_card(folder) -> dict:
    """Return the card of a model folder.

    Raises
    ------
    ModelError
        If the folder holds no card, or one that is damaged or of another kind.
    """
    path = Path(folder) / CARD
    try:
        card = json.loads(read_bytes(path, MAX_CARD_BYTES).decode("utf-8"))
    except FileNotFoundError:
        raise ModelError(_("{}: no such file; is {} a folder written by 'icdbase train --model'?", path, folder)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(_("{}: not a readable model card ({}); train again", path, type(error).__name__)) from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ModelError(_("{}: not a card of an icdbase model; train again", path))
    if card.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            _("{}: format version {!r:.20}, this icdbase reads {}; "
              "train again with this version", path, card.get("format_version"), FORMAT_VERSION)
        )
    return card


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a plain file of a reasonable size: no pipe, no device."""
    if path.exists() and not path.is_file():
        raise OSError(_("no plain file"))
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(_("larger than {:,} bytes", limit))
    return content


def warn_of_versions(folder: Path, card: Mapping):
    """Warn if the model was made with another major version of a library that its predictions depend on."""
    libraries = card.get("libraries")
    for name in _SAME_MAJOR:
        made = ascii(str(libraries.get(name) if isinstance(libraries, dict) else None))[1:-1][:20]
        here = version(name)
        if made.split(".")[0] != here.split(".")[0]:
            warnings.warn(
                _("{}: made with {} {}, here is {}; predictions may differ, "
                  "train again to be sure", folder, name, made, here),
                VersionWarning,
            )
