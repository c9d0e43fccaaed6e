"""A fitted coder as a folder: safe to load, and never half written.

``model.json`` is the card; the user's concept tables lie beside it as copies.
The card names the one file that holds the estimator (skops format: plain arrays
and text, no code runs on load) and that file's SHA-256.  Saving writes the
estimator under a new name first and replaces the card last, so an interruption
leaves the old model complete.
``docs/security.md`` says what is promised.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write, check_output, only_writer
from icdbase.core.errors import DataError, ModelError, PrivacyWarning, UsageError
from icdbase.core.language import _
from icdbase.storage.archive_checks import check_model_file
from icdbase.storage.concept_tables import TABLE_NAME, copy_tables, open_tables
from icdbase.storage.loaded_model_checks import OWN_TYPES, check_loaded_model
from icdbase.storage.model_card import CARD, is_card, new_card, read_bytes, read_card, warn_of_versions

__all__ = ["check_model_folder", "load", "load_with_card", "save"]

MAX_MODEL_BYTES = 2 << 30
"""Larger files are not even read; a coder of 100,000 records takes a few megabytes."""

_MODEL_NAME = re.compile(r"model-[0-9a-f]{12}\.skops")


def save(
    coder: IcdCoder, folder, *, records: pd.DataFrame | None = None, scores: Mapping | None = None,
    options: Mapping | None = None,
) -> Path:
    """Write a fitted coder and its card to a folder.

    Parameters
    ----------
    coder : IcdCoder
        Fitted.
    folder : str or os.PathLike
        Made if it is not there; a model in it is replaced in one step.
    records : pandas.DataFrame, optional
        The training records; the card keeps their number and fingerprint only.
    scores : mapping, optional
        What was measured, and on what; kept in the card as given.
    options : mapping, optional
        What ``icdbase train`` was given besides the coder's parameters: ``task``
        (the file), ``group`` (the column); kept in the card as given.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the folder holds something else: see :func:`check_model_folder`.
    DataError
        If the model cannot be written, or a concept table is not there any more.

    Warns
    -----
    PrivacyWarning
        If words of the vocabulary hold numbers as long as a phone number.
    """
    import skops.io

    folder = check_model_folder(folder)
    stored, tables = copy_tables(coder, folder)
    content = skops.io.dumps(stored)
    card = new_card(coder, content, tables, records, scores, options)
    with only_writer(folder / CARD, wait=True):  # another save must not remove the file that this card names
        with atomic_write(folder / card["model"], binary=True) as file:
            file.write(content)
        with atomic_write(folder / CARD) as file:
            json.dump(card, file, ensure_ascii=False, indent=2, default=str)
            file.write("\n")
        for old in filter(_is_part, folder.iterdir()):
            if old.name not in (card["model"], *tables):
                old.unlink()
    if found := card["vocabulary"]["with_long_numbers"]:
        warnings.warn(
            _("{}: {} of the model's words hold six digits or more, as the numbers of phones and ID cards "
              "do; take them out of the records, or raise --min-df, before you give the model away", folder, found),
            PrivacyWarning,
        )
    return folder


def check_model_folder(folder) -> Path:
    """Return the folder if a model may be written there: it is not there yet, empty, or a model's.

    Raises
    ------
    UsageError
        If it holds something else, or is no folder.
    DataError
        If nothing can be written there.

    >>> check_model_folder("models/no/such/folder").as_posix()
    'models/no/such/folder'
    """
    folder = Path(folder)
    if folder.is_file():
        raise UsageError(_("{} is a file; name a folder for the model, models/first say", folder))
    check_output(folder, folder=True)
    if not folder.exists():
        return folder
    # Hidden files may be a .gitkeep; a model file without a card is left by an interrupted save.
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and not _is_part(path))
    if others and not is_card(folder / CARD):
        raise UsageError(
            _("{} is no model folder, it holds {}; name a new or empty folder for the model, "
              "models/first say", folder, ascii(others[0])[1:-1])
        )
    return folder


def _is_part(path: Path) -> bool:
    return any(name.fullmatch(path.name) for name in (_MODEL_NAME, TABLE_NAME))


def load(folder) -> IcdCoder:
    """Load a coder; nothing in the folder is executed.

    Raises
    ------
    ModelError
        If a file is missing, damaged, foreign, holds types that are not part of
        a coder, or parts that do not fit together; if the memory does not suffice.

    Warns
    -----
    VersionWarning
        If another major version of scikit-learn or lightgbm made the model.
    """
    return load_with_card(folder)[0]


def load_with_card(folder) -> tuple[IcdCoder, dict]:
    """Load a coder and the card that belongs to it, even if another process replaces the model meanwhile."""
    folder = Path(folder)
    while True:
        card = read_card(folder)
        path = folder / _model_name(folder, card)
        try:
            content = _read_model_file(path, card)
            break
        except ModelError:
            if read_card(folder) == card:
                raise
    warn_of_versions(folder, card)
    try:
        return _built(content, card, folder), card
    except DataError:
        raise
    except ModelError as error:
        raise ModelError(_("{}: {}; train again", path, error)) from None
    except MemoryError:
        raise ModelError(_("{}: not enough memory to load it; close other programs", path)) from None
    except Exception as error:  # damaged parts raise any type, in any library
        raise ModelError(_("{}: damaged model file ({}); train again", path, type(error).__name__)) from None


def _built(content: bytes, card: Mapping, folder: Path) -> IcdCoder:
    """Check a model file, build the coder and check the coder."""
    import skops.io

    try:
        check_model_file(content, OWN_TYPES)
    except ValueError as error:
        raise ModelError(str(error)) from None
    coder = skops.io.loads(content, trusted=sorted(OWN_TYPES))
    if not isinstance(coder, IcdCoder):
        raise ModelError(_("holds a {}, not an IcdCoder", type(coder).__name__))
    open_tables(coder, folder)
    check_loaded_model(coder, card)
    return coder


def _model_name(folder: Path, card: Mapping) -> str:
    name = str(card.get("model"))
    if Path(name).name != name:
        raise ModelError(_("{}: model file {!r:.60} lies outside the folder; refused", folder / CARD, name))
    if not _MODEL_NAME.fullmatch(name):
        raise ModelError(_("{}: model file {!r:.60} is not a name that icdbase gives; train again", folder / CARD, name))
    return name


def _read_model_file(path: Path, card: Mapping) -> bytes:
    try:
        content = read_bytes(path, MAX_MODEL_BYTES)
    except OSError as error:
        raise ModelError(_("{}: cannot be read ({}); train again", path, error.strerror or _("no plain file"))) from None
    except ValueError as error:
        raise ModelError(_("{}: {}; train again", path, error)) from None
    if hashlib.sha256(content).hexdigest() != card.get("sha256"):
        raise ModelError(_("{}: damaged, its SHA-256 is not the card's; copy the folder again or train again", path))
    return content
