"""Versions of icdbase and of the libraries on which predictions depend."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from icdbase import __version__

__all__ = ["code_version", "library_versions"]

LIBRARIES = ("scikit-learn", "lightgbm", "numpy", "scipy", "pandas", "jieba", "rjieba", "ahocorasick-rs", "skops")
"""Libraries whose versions may change predictions."""


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the version and a hash of the package's own files."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".csv"):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:16]}"


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str | None]:
    """Return the version of each of :data:`LIBRARIES`; None if it is not installed.

    >>> sorted(library_versions())[:3]
    ['ahocorasick-rs', 'jieba', 'lightgbm']
    """
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
