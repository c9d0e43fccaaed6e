"""``run.json``: everything that is needed to repeat an experiment."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.core.atomic_files import only_writer
from icdbase.core.errors import DataError, DataWarning, Problem
from icdbase.core.language import _
from icdbase.core.versions import code_version, library_versions
from icdbase.experiments.exports import write_json
from icdbase.experiments.variants import changed_parameters
from icdbase.storage.model_card import fingerprint

__all__ = ["RunCard"]

RUN = "run.json"
FORMAT = "icdbase-run"


@dataclass(frozen=True)
class RunCard:
    """Everything on which the figures of an experiment depend.

    Parameters
    ----------
    command : {"cv", "ablate", "curve"}
    train : str or list of str
        The file or files of records, as absolute paths.
    fingerprint : str
        Fingerprint of the records; see :func:`icdbase.storage.model_card.fingerprint`.
    parameters : mapping of str to object
        Parameters of the coder that are not the default.
    options : mapping of str to object
        Options of the experiment: folds, repeats, seed, variants, column of groups.
    code : str
        Version and hash of icdbase's files.
    libraries : mapping of str to str
    """

    command: str
    train: str | list[str]
    fingerprint: str
    parameters: Mapping[str, object]
    options: Mapping[str, object]
    code: str
    libraries: Mapping[str, str]

    @classmethod
    def of(cls, command: str, train, records: pd.DataFrame, coder: IcdCoder, options: Mapping) -> RunCard:
        """Describe a run that begins; ``train`` is one path or several."""
        paths = [str(Path(path).resolve()) for path in (train if isinstance(train, list | tuple) else [train])]
        return cls(command, paths[0] if len(paths) == 1 else paths, fingerprint(records), changed_parameters(coder), options,
                   code_version(), library_versions())

    @contextmanager
    def running(self, folder) -> Iterator[None]:
        """Lock a folder for this run, and write ``run.json`` there.

        An older ``run.json`` stays until this run has replaced the results beside it.

        Raises
        ------
        DataError
            If another run is writing there.

        Warns
        -----
        DataWarning
            If the older run used other records, so that its fits cannot be used.
        """
        path = Path(folder) / RUN
        with only_writer(path):
            try:
                before = json.loads(path.read_text("utf-8")).get("fingerprint", self.fingerprint)
            except (OSError, ValueError, AttributeError, RecursionError):
                self.write(folder)
                before = self.fingerprint
            if before != self.fingerprint:
                warnings.warn(_("{}: the earlier run there was of other records; its fits are not used", folder), DataWarning,
                              stacklevel=4)
            yield
            self.write(folder)

    def write(self, folder) -> Path:
        """Write ``run.json``."""
        return write_json({"format": FORMAT, **asdict(self)}, Path(folder) / RUN)

    @classmethod
    def read(cls, path, command: str) -> RunCard:
        """Read a run of a command.

        Raises
        ------
        DataError
            If the file is missing, is no ``run.json`` or belongs to another command.
        """
        remedy = _("name the run.json that icdbase {} --out wrote", command)
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            card = cls(**{name: value for name, value in content.items() if name != "format"})
        except FileNotFoundError:
            raise DataError(path, [Problem(_("no such file"), remedy=remedy)]) from None
        except (ValueError, TypeError, AttributeError, RecursionError, IsADirectoryError):
            raise DataError(path, [Problem(_("no description of a run"), remedy=remedy)]) from None
        if card.command != command:
            raise DataError(path, [Problem(_("a run of icdbase {}", card.command), remedy=remedy)])
        return card

    @property
    def train_files(self) -> list[Path]:
        """The files of records."""
        return [Path(path) for path in ([self.train] if isinstance(self.train, str) else self.train)]

    def check_records(self, records: pd.DataFrame, path) -> None:
        """Raise a DataError if the records are not those of the run."""
        if fingerprint(records) != self.fingerprint:
            remedy = _("name the file of that time with --train, or start a new run without --rerun")
            raise DataError(path, [Problem(_("not the records of the run"), remedy=remedy)])
