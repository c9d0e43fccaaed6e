"""A fitted coder as a folder: safe to load, whole or not there at all.

``model.json`` is the card, readable by people; the user's concept tables lie
beside it as copies.  The card names the one file that holds the estimator
(skops format: plain arrays and text, no code runs on load) and that file's
SHA-256.  Saving writes the estimator under a new name first and swaps the card
last, so an interruption leaves the old model whole.
Loading looks the file through, builds it, and lets the coder code an empty
record and one of its own words: what does not fit together is refused then, not at the first patient.
``docs/security.md`` says what is promised.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from icdbase import __version__
from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import atomic_write, check_output, only_writer
from icdbase.core.errors import DataError, ModelError, PrivacyWarning, UsageError, VersionWarning
from icdbase.core.versions import library_versions
from icdbase.features.words import WordBlock
from icdbase.learning.classifiers import SingleCodeClassifier
from icdbase.learning.codes_by_name import N_SHARES
from icdbase.learning.logistic import PerCodeLogistic
from icdbase.learning.multiclass_linear import MulticlassLogistic, MulticlassRidge
from icdbase.learning.trees import MulticlassTrees
from icdbase.storage.archive_checks import check_model_file
from icdbase.storage.concept_tables import TABLE_NAME, copy_tables, open_tables
from icdbase.tasks.task import Target, Task

__all__ = ["check_model_folder", "fingerprint", "load", "load_with_card", "read_card", "save"]

CARD = "model.json"
FORMAT = "icdbase-model"
FORMAT_VERSION = 4

_SAME_MAJOR = ("scikit-learn", "lightgbm")

MAX_CARD_BYTES = 16 << 20
MAX_MODEL_BYTES = 2 << 30
"""Larger files are not even read; a coder of 100,000 records takes a few megabytes."""

_MOST_IDF = 100.0  # 1 + log(n) of n records
_TRIED_OUT = 1000  # words
_LONG_NUMBER = re.compile(r"\d{6}")
_MISFIT = "damaged, its parts do not fit together"
_MODEL_NAME = re.compile(r"model-[0-9a-f]{12}\.skops")

# All that a coder is made of, besides plain containers and arrays.
_OWN_TYPES = frozenset(
    {
        "icdbase.learning.calibration.CodeCalibrator",
        "icdbase.learning.calibration.TemperatureScaler",
        "icdbase.learning.classifiers.SingleCodeClassifier",
        "icdbase.learning.classifiers.CodeSetClassifier",
        "icdbase.coder.IcdCoder",
        "icdbase.features.blocks.FeatureBuilder",
        "icdbase.features.concepts.ConceptBlock",
        "icdbase.features.diagnosis_list.DiagnosisListBlock",
        "icdbase.features.measurements.MeasurementBlock",
        "icdbase.features.words.WordBlock",
        "icdbase.learning.trees.BoostedTrees",
        "icdbase.learning.trees.MulticlassTrees",
        "icdbase.learning.logistic.PerCodeLogistic",
        "icdbase.learning.trees.PerCodeTrees",
        "icdbase.learning.logistic.StackingLogistic",
        "icdbase.learning.column_selection.ColumnSelector",
        "icdbase.learning.multiclass_linear.MulticlassLogistic",
        "icdbase.learning.multiclass_linear.MulticlassRidge",
        "icdbase.learning.codes_by_name.CodesByName",
        "icdbase.tasks.task.Target",
        "icdbase.tasks.task.Task",
        "sklearn.feature_extraction.text.TfidfTransformer",
    }
)


def fingerprint(records: pd.DataFrame) -> str:
    """SHA-256 over names of columns, ids, texts and labels, so that a card says what data made a model.

    >>> fingerprint(pd.DataFrame({"主诉": ["胸痛"]}, index=["1"]))[:8]
    '67144ef8'
    """
    records = records.reset_index()
    digest = hashlib.sha256(json.dumps(list(records.columns), ensure_ascii=False, default=str).encode())
    for row in records.itertuples(index=False, name=None):
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
    return digest.hexdigest()


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
        "concept_tables": tables,
        "seed": coder.random_state,
        "codes": {target: len(codes) for target, codes in coder.codes_.items()},
        "unseen_codes": coder.unseen_codes_,
        "outside_codes": coder.outside_codes_,
        "vocabulary": {"words": len(coder.features_.terms_), "with_long_numbers": long_numbers(coder)},
        "training_data": None if records is None else {"records": len(records), "sha256": fingerprint(records)},
        "options": options or None,
        "scores": scores,
        "python": platform.python_version(),
        "libraries": library_versions(),
    }
    with only_writer(folder / CARD, wait=True):  # or another's save would remove the file that our card names
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
            f"{folder}: {found} of the model's words hold six digits or more, as the numbers of phones and ID cards "
            "do; take them out of the records, or raise --min-df, before you give the model away",
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
        raise UsageError(f"{folder} is a file; name a folder for the model, models/first say")
    check_output(folder, folder=True)
    if not folder.exists():
        return folder
    # Hidden files are somebody's .gitkeep, a model file without a card the rest of an interrupted save.
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and not _is_part(path))
    if others and not _is_card(folder / CARD):
        raise UsageError(
            f"{folder} is no model folder, it holds {ascii(others[0])[1:-1]}; name a new or empty folder for the model, "
            "models/first say"
        )
    return folder


def _is_part(path: Path) -> bool:
    return any(name.fullmatch(path.name) for name in (_MODEL_NAME, TABLE_NAME))


def _is_card(path: Path) -> bool:
    """Whether a file is the card of a model, of whatever version."""
    try:
        card = json.loads(_read_bytes(path, MAX_CARD_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(card, dict) and card.get("format") == FORMAT


def long_numbers(coder: IcdCoder) -> int:
    """Count the words of a fitted coder's vocabulary that hold six digits or more in a row."""
    return sum(_LONG_NUMBER.search(term) is not None for term in coder.features_.terms_.tolist())


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
        card = json.loads(_read_bytes(path, MAX_CARD_BYTES).decode("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; is {folder} a folder written by 'icdbase train --model'?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable model card ({type(error).__name__}); train again") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ModelError(f"{path}: not a card of an icdbase model; train again")
    if card.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{path}: format version {card.get('format_version')!r:.20}, this icdbase reads {FORMAT_VERSION}; "
            "train again with this version"
        )
    return card


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
    """Load a coder and the card that belongs to it, also while another process replaces the model."""
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
    _warn_of_versions(folder, card)
    try:
        return _built(content, card, folder), card
    except DataError:
        raise
    except ModelError as error:
        raise ModelError(f"{path}: {error}; train again") from None
    except MemoryError:
        raise ModelError(f"{path}: not enough memory to load it; close other programs") from None
    except Exception as error:  # damaged parts meet whatever library they are handed to
        raise ModelError(f"{path}: damaged model file ({type(error).__name__}); train again") from None


def _built(content: bytes, card: Mapping, folder: Path) -> IcdCoder:
    """Look a model file through, build the coder and try it out."""
    import skops.io

    try:
        check_model_file(content, _OWN_TYPES)
    except ValueError as error:
        raise ModelError(str(error)) from None
    coder = skops.io.loads(content, trusted=sorted(_OWN_TYPES))
    if not isinstance(coder, IcdCoder):
        raise ModelError(f"holds a {type(coder).__name__}, not an IcdCoder")
    open_tables(coder, folder)
    _try_out(coder, card)
    return coder


def _try_out(coder: IcdCoder, card: Mapping) -> None:
    """Let a coder that was just built code an empty record and one of its own words, and hold it to its card."""
    targets = tuple(replace(target) for target in coder.task.targets if isinstance(target, Target))
    coder.task = replace(coder.task, targets=targets)  # their own checks run again
    if not isinstance(coder.task, Task) or len(targets) != len(coder.codes_):
        raise ModelError("holds no task of ours")
    found = {"task": coder.task.name, "codes": {target: len(codes) for target, codes in coder.codes_.items()}}
    for name, value in found.items():
        if card.get(name) != value:
            raise ModelError(f"the card's {name} are another model's")
    for target, model in coder.models_.items():
        if model is None and not len(coder.codes_[target]):
            continue  # a set of codes that was empty in every training record
        _check_shapes(model, len(coder.codes_[target]))
    if any(listed.shares_.shape != (N_SHARES,) for listed in coder.codes_by_name_.values()):
        raise ModelError(_MISFIT)
    _check_words(coder.features_.blocks_.get("words"))
    task, terms = coder.task, coder.features_.terms_
    texts = [*task.text_fields, *(text for pair in (task.code_names, task.exclusive_groups) for item in pair.items() for text in item)]
    if not all(isinstance(text, str) for text in texts):
        raise ModelError(_MISFIT)
    own_words = "，".join(terms[:_TRIED_OUT].tolist())
    codes = {target.name: [None, next(iter(coder.codes_[target.name]), None)] for target in targets}
    texts = dict.fromkeys(task.text_fields, "") | {coder.features_.fields_[0]: ["", own_words]}
    coder.predict(pd.DataFrame({task.id_field: ["1", "2"], **texts, **codes}))


def _check_words(block: WordBlock | None) -> None:
    if block is not None:
        idf = block.tfidf_.idf_
        if idf.shape != block.terms_.shape or not ((idf >= 0) & (idf < _MOST_IDF)).all():
            raise ModelError(_MISFIT)


def _check_shapes(model, n_codes: int) -> None:
    """Check what arithmetic would stretch to fit: a number for each code, or none."""
    if isinstance(model, SingleCodeClassifier):
        fits = model.classes_.shape == (n_codes,) and len(model.weights_) == len(model.base_models_)
        fits = fits and all(_n_classes(reader) == n_codes for reader in model.base_models_)
        fits = fits and (n_codes == 1) == (not model.base_models_)
    else:
        n_seen, deciders = len(model.seen_), model.stacker_
        fits = model.calibrator_.offsets_.shape == (n_seen,) and n_codes == model.n_codes_
        if deciders is not None:
            fits = fits and len(deciders.coef_) == n_seen and deciders.intercept_.shape == (n_seen,)
        if isinstance(model.base_model_, PerCodeLogistic):
            fits = fits and len(model.base_model_.coef_) == n_seen and model.base_model_.intercept_.shape == (n_seen,)
    if not fits:
        raise ModelError(_MISFIT)


def _n_classes(reader: MulticlassTrees | MulticlassLogistic | MulticlassRidge) -> int:
    if isinstance(reader, MulticlassTrees):
        return reader.trees_.n_classes
    return len(reader.coef_) if reader.intercept_.shape == (len(reader.coef_),) else 0


def _model_name(folder: Path, card: Mapping) -> str:
    name = str(card.get("model"))
    if Path(name).name != name:
        raise ModelError(f"{folder / CARD}: model file {name!r:.60} lies outside the folder; refused")
    if not _MODEL_NAME.fullmatch(name):
        raise ModelError(f"{folder / CARD}: model file {name!r:.60} is not a name that icdbase gives; train again")
    return name


def _read_model_file(path: Path, card: Mapping) -> bytes:
    try:
        content = _read_bytes(path, MAX_MODEL_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or 'no plain file'}); train again") from None
    except ValueError as error:
        raise ModelError(f"{path}: {error}; train again") from None
    if hashlib.sha256(content).hexdigest() != card.get("sha256"):
        raise ModelError(f"{path}: damaged, its SHA-256 is not the card's; copy the folder again or train again")
    return content


def _read_bytes(path: Path, limit: int) -> bytes:
    """Read a plain file of a reasonable size: no pipe, no device."""
    if path.exists() and not path.is_file():
        raise OSError("no plain file")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"larger than {limit:,} bytes")
    return content


def _warn_of_versions(folder: Path, card: Mapping):
    libraries = card.get("libraries")
    for name in _SAME_MAJOR:
        made = ascii(str(libraries.get(name) if isinstance(libraries, dict) else None))[1:-1][:20]
        here = version(name)
        if made.split(".")[0] != here.split(".")[0]:
            warnings.warn(
                f"{folder}: made with {name} {made}, here is {here}; predictions may differ, "
                "train again to be sure",
                VersionWarning,
            )
