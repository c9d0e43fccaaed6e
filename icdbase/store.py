"""A fitted coder as a folder: safe to load, whole or not there at all.

``model.json`` is the card, readable by people; it names the one file that
holds the estimator (skops format: plain arrays and text, no code runs on
load) and that file's SHA-256.  Saving writes the estimator under a new name
first and swaps the card last, so an interruption leaves the old model whole.
"""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.errors import ModelError, VersionWarning
from icdbase.files import atomic_write

__all__ = ["fingerprint", "load", "read_card", "save"]

CARD = "model.json"
FORMAT = "icdbase-model"
FORMAT_VERSION = 2

LIBRARIES = ("scikit-learn", "lightgbm", "numpy", "scipy", "skops")
_SAME_MAJOR = ("scikit-learn", "lightgbm")

# All that a coder is made of, besides what skops knows to be harmless.
_OWN_TYPES = frozenset(
    {
        "icdbase.calibration.CodeCalibrator",
        "icdbase.calibration.TemperatureScaler",
        "icdbase.classifiers.MainCodeClassifier",
        "icdbase.classifiers.OtherCodesClassifier",
        "icdbase.coder.IcdCoder",
        "icdbase.features.FeatureBuilder",
        "icdbase.learners.BoostedTrees",
        "icdbase.learners.CodeLogits",
        "icdbase.learners.CodeTrees",
        "icdbase.learners.Deciders",
        "icdbase.learners.TellingColumns",
        "icdbase.tasks.Target",
        "icdbase.tasks.Task",
    }
)


def fingerprint(records: pd.DataFrame) -> str:
    """SHA-256 over ids, texts and labels, so that a card says what data made a model.

    >>> fingerprint(pd.DataFrame({"主诉": ["胸痛"]}, index=["1"]))[:8]
    'cb4c1ecc'
    """
    digest = hashlib.sha256()
    for row in records.reset_index().itertuples(index=False, name=None):
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
    return digest.hexdigest()


def save(coder: IcdCoder, folder, *, records: pd.DataFrame | None = None, scores: Mapping | None = None) -> Path:
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

    Returns
    -------
    Path
        The folder.
    """
    import skops.io

    folder = Path(folder)
    content = skops.io.dumps(coder)
    digest = hashlib.sha256(content).hexdigest()
    card = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "icdbase": __version__,
        "model": f"model-{digest[:12]}.skops",
        "sha256": digest,
        "task": coder.task.name,
        "fields": list(coder.features_.fields_),
        "parameters": _parameters(coder),
        "seed": coder.random_state,
        "codes": {target: len(codes) for target, codes in coder.codes_.items()},
        "unseen_codes": coder.unseen_codes_,
        "training_data": None if records is None else {"records": len(records), "sha256": fingerprint(records)},
        "scores": scores,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    with atomic_write(folder / card["model"], binary=True) as file:
        file.write(content)
    with atomic_write(folder / CARD) as file:
        json.dump(card, file, ensure_ascii=False, indent=2, default=str)
        file.write("\n")
    for old in folder.glob("model-*.skops"):
        if old.name != card["model"]:
            old.unlink()
    return folder


def _parameters(coder: IcdCoder) -> dict:
    return {name: value for name, value in coder.get_params(deep=False).items() if name != "task"}


def read_card(folder) -> dict:
    """Return the card of a model folder.

    Raises
    ------
    ModelError
        If the folder holds no card, or one that is damaged or of another kind.
    """
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; is {folder} a folder written by 'icdbase train --model'?") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: not a readable model card ({type(error).__name__}); train again") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ModelError(f"{path}: not a card of an icdbase model; train again")
    if card.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{path}: format version {card.get('format_version')!r}, this icdbase reads {FORMAT_VERSION}; "
            "train again with this version"
        )
    return card


def load(folder) -> IcdCoder:
    """Load a coder; nothing in the folder is executed.

    Raises
    ------
    ModelError
        If a file is missing, damaged, foreign, or holds types that are not
        part of a coder.

    Warns
    -----
    VersionWarning
        If another major version of scikit-learn or lightgbm made the model.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    folder = Path(folder)
    card = read_card(folder)
    _warn_of_versions(folder, card)
    content = _read_model_file(folder, card)
    path = folder / card["model"]
    try:
        unknown = set(skops.io.get_untrusted_types(data=content))
        if unknown - _OWN_TYPES:
            named = ", ".join(sorted(unknown - _OWN_TYPES))
            raise ModelError(f"{path}: refused, holds types that are no part of an icdbase model: {named}")
        coder = skops.io.loads(content, trusted=sorted(unknown))
    except UntrustedTypesFoundException as error:
        raise ModelError(f"{path}: refused, holds untrusted types ({error})") from None
    except (BadZipFile, KeyError, ValueError, TypeError, AttributeError, EOFError, ImportError) as error:
        raise ModelError(f"{path}: damaged model file ({type(error).__name__}); train again") from None
    if not isinstance(coder, IcdCoder):
        raise ModelError(f"{path}: holds a {type(coder).__name__}, not an IcdCoder; train again")
    return coder


def _read_model_file(folder: Path, card: Mapping) -> bytes:
    name = str(card.get("model"))
    path = folder / name
    if Path(name).name != name:
        raise ModelError(f"{folder / CARD}: model file {name!r} lies outside the folder; refused")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); train again") from None
    if hashlib.sha256(content).hexdigest() != card.get("sha256"):
        raise ModelError(f"{path}: damaged, its SHA-256 is not the card's; copy the folder again or train again")
    return content


def _warn_of_versions(folder: Path, card: Mapping):
    for name in _SAME_MAJOR:
        made, here = str(card.get("libraries", {}).get(name)), version(name)
        if made.split(".")[0] != here.split(".")[0]:
            warnings.warn(
                f"{folder}: made with {name} {made}, here is {here}; predictions may differ, train again to be sure",
                VersionWarning,
            )
