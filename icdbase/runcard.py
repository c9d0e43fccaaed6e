"""``run.json``: what a run was, enough to do it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from icdbase.backends import code_version, library_versions
from icdbase.coder import IcdCoder
from icdbase.errors import DataError, Problem
from icdbase.exports import write_json
from icdbase.factors import changed_parameters
from icdbase.store import fingerprint

__all__ = ["RunCard", "changed_parameters"]

RUN = "run.json"
FORMAT = "icdbase-run"


@dataclass(frozen=True)
class RunCard:
    """All that an experiment's figures depend on.

    Parameters
    ----------
    command : {"cv", "ablate", "curve"}
    train : str
        The file of records, as an absolute path.
    fingerprint : str
        Of the records; see :func:`icdbase.store.fingerprint`.
    parameters : mapping of str to object
        Parameters of the coder that are not the default.
    options : mapping of str to object
        Of the experiment: folds, repeats, seed, variants, column of groups.
    code : str
        Version and hash of icdbase's files.
    libraries : mapping of str to str
    """

    command: str
    train: str
    fingerprint: str
    parameters: Mapping[str, object]
    options: Mapping[str, object]
    code: str
    libraries: Mapping[str, str]

    @classmethod
    def of(cls, command: str, train, records: pd.DataFrame, coder: IcdCoder, options: Mapping) -> RunCard:
        """Describe a run that is about to begin."""
        return cls(command, str(Path(train).resolve()), fingerprint(records), changed_parameters(coder), options,
                   code_version(), library_versions())

    def write(self, folder) -> Path:
        """Write ``run.json``."""
        return write_json({"format": FORMAT, **asdict(self)}, Path(folder) / RUN)

    @classmethod
    def read(cls, path, command: str) -> RunCard:
        """Read a run of a command.

        Raises
        ------
        DataError
            If the file is not there, is something else or another command's.
        """
        remedy = f"name the run.json that icdbase {command} --out wrote"
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            card = cls(**{name: value for name, value in content.items() if name != "format"})
        except FileNotFoundError:
            raise DataError(path, [Problem("no such file", remedy=remedy)]) from None
        except (ValueError, TypeError, AttributeError, IsADirectoryError):
            raise DataError(path, [Problem("no description of a run", remedy=remedy)]) from None
        if card.command != command:
            raise DataError(path, [Problem(f"a run of icdbase {card.command}", remedy=remedy)])
        return card

    def check_records(self, records: pd.DataFrame, path) -> None:
        """Raise a DataError if the records are not those of the run."""
        if fingerprint(records) != self.fingerprint:
            remedy = "name the file of that time with --train, or start a new run without --rerun"
            raise DataError(path, [Problem("not the records of the run", remedy=remedy)])
