"""Submissions of several systems: their names, and errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from icdbase.core.language import _

__all__ = ["name_systems", "named_errors", "read_systems"]


def read_systems(named: Mapping[str, Path], task, invalid_zero: bool) -> dict:
    """Read the submission of each system."""
    from icdbase import read_submission

    return {name: read_submission(path, task, invalid="zero" if invalid_zero else "raise") for name, path in named.items()}


@contextmanager
def named_errors(files: Mapping[str, Path]) -> Iterator[None]:
    """Put a system's file in place of its name in errors of the data."""
    from icdbase.core.errors import DataError

    try:
        yield
    except DataError as error:
        raise DataError(files.get(error.path, error.path), error.problems) from None


def name_systems(paths: Sequence[Path], names: Sequence[str] = ()) -> dict[str, Path]:
    """Return a name for each submission: those given, or the shortest part of its path that is its own.

    Raises
    ------
    UsageError
        On fewer than two submissions, or names that do not fit them.

    Examples
    --------
    >>> list(name_systems([Path("runs/ours.json"), Path("llm.json")]))
    ['ours', 'llm']
    >>> list(name_systems([Path("ours/pred.json"), Path("llm/pred.json"), Path("llm/pred.csv")]))
    ['ours/pred', 'llm/pred.json', 'pred.csv']
    >>> list(name_systems([Path("a.json"), Path("a.json")]))
    ['a', 'a (2)']
    """
    from icdbase.core.errors import UsageError

    if len(paths) < 2:
        raise UsageError(_("two submissions at least: give --pred twice; icdbase score scores one"))
    if names and len(names) != len(paths):
        raise UsageError(_("{} --name for {} --pred; give one for each", len(names), len(paths)))
    chosen = [name.strip() for name in names] or _own_names(paths)
    if not all(chosen) or len(set(chosen)) < len(chosen):
        raise UsageError(_("two systems have the same name, or one has none; give each its own with --name"))
    return dict(zip(chosen, paths, strict=True))


def _own_names(paths: Sequence[Path]) -> list[str]:
    """Name each file by as little of its path as tells it from the others; the same file twice gets a number."""
    depth = max(len(path.parts) for path in paths)
    ways = [_tail(path, n, ending) for n in range(1, depth + 1) for ending in (False, True) for path in paths]
    columns = [ways[start : start + len(paths)] for start in range(0, len(ways), len(paths))]
    chosen = []
    for place, path in enumerate(paths):
        others = [other for other, theirs in enumerate(paths) if theirs != path]
        name = next((column[place] for column in columns if column[place] not in [column[other] for other in others]), str(path))
        again = list(paths[:place]).count(path)
        chosen.append(f"{name} ({again + 1})" if again else name)
    return chosen


def _tail(path: Path, n_parts: int, ending: bool) -> str:
    if str(path) == "-":
        return _("standard input")
    return "/".join([*path.parts[-n_parts:-1], path.name if ending else path.stem])
