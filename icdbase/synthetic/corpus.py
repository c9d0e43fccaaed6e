"""Many records: as a table, as a stream, as files in the official format."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path

from icdbase.core.atomic_files import atomic_write
from icdbase.core.errors import UsageError, did_you_mean
from icdbase.core.language import N_, _
from icdbase.core.progress import report
from icdbase.synthetic.chance import Chance
from icdbase.synthetic.simulate import SimulatedRecord, simulate
from icdbase.synthetic.wards import code_names, iter_ward_records
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.tasks.source import SOURCE_FIELD, SYNTHETIC_SOURCE
from icdbase.tasks.task import Task

__all__ = ["PROPORTIONS", "iter_records", "iter_simulated", "make_records", "write_corpus"]

PROPORTIONS = {"train": 800, "val": 200, "test": 485}
"""Sizes of the three parts of CCL25-Eval Task 8."""

SEPARATORS = ("; ", ";", "; ", "；", ";  ")


def iter_simulated(n: int, random_state: int = 0, *, start: int = 0, doctors=None) -> Iterator[SimulatedRecord]:
    """Stream records with their latent patients; see :func:`icdbase.synthetic.simulate.simulate`."""
    if n < 0 or start < 0:
        raise UsageError(_("n and start must not be negative, got {} and {}", n, start))
    for index in range(start, start + n):
        yield simulate(index, random_state, doctors=doctors)


def iter_records(n: int, random_state: int = 0, *, start: int = 0, doctors=None) -> Iterator[dict]:
    """Stream records as the official files hold them.

    Parameters
    ----------
    n : int
    random_state : int
    start : int
        Number of the first record.
    doctors : sequence of str, optional
        By default every doctor but the held-out ones.

    Yields
    ------
    dict
        Text fields may be missing; other codes are one string.

    Examples
    --------
    >>> first, second = iter_records(2)
    >>> next(iter_records(1, start=1)) == second
    True
    >>> list(first)[:2], first["主诊断编码"] in CCL25.main.codes
    (['病案标识', '主诉'], True)
    """
    for place, one in enumerate(iter_simulated(n, random_state, start=start, doctors=doctors), start=start):
        separator = SEPARATORS[int(Chance(random_state, place, "file").random() * len(SEPARATORS))]
        yield {
            CCL25.id_field: one.id, **one.texts,
            CCL25.main.name: one.main, CCL25.others.name: separator.join(one.others),
        }


def make_records(n: int, random_state: int = 0, *, doctors=None, task: str = "ccl25"):
    """Make a table of synthetic records.

    Parameters
    ----------
    n : int
        How many.
    random_state : int
        Record ``i`` of a seed is the same whatever ``n``.
    doctors : sequence of str, optional
        Who writes; by default every doctor but the held-out ones.  Only in the
        department of ``ccl25``.
    task : {"ccl25", "ccl26"}
        A cardiology department, or ten departments with operations.

    Returns
    -------
    pandas.DataFrame of shape (n, 13) or (n, 18)
        Index 病案标识; text columns (``""`` where missing), and a column a
        target: str (None for "no operation") or tuple of str.

    Examples
    --------
    >>> records = make_records(3)
    >>> records.shape, records.index.name
    ((3, 13), '病案标识')
    """
    import pandas as pd

    from icdbase.records.origin import mark_synthetic

    if _known_task(task) is CCL26:
        from icdbase.records.records import check_frame

        return mark_synthetic(check_frame(pd.DataFrame(list(iter_ward_records(n, random_state))), CCL26))
    rows, ids = [], []
    for one in iter_simulated(n, random_state, doctors=doctors):
        ids.append(one.id)
        rows.append([*(one.texts.get(name, "") for name in CCL25.text_fields), one.main, one.others])
    columns = [*CCL25.text_fields, CCL25.main.name, CCL25.others.name]
    index = pd.Index(ids, name=CCL25.id_field, dtype="object")
    return mark_synthetic(pd.DataFrame(rows, index=index, columns=columns, dtype="object"))


def _known_task(name: str) -> Task:
    known = {task.name: task for task in (CCL25, CCL26)}
    if name not in known:
        raise UsageError(_("no synthetic records for task {!r}{}", name, did_you_mean(name, known)))
    return known[name]


def write_corpus(
    directory, n: int, seed: int = 0, *, task: str = "ccl25", progress: Callable[[int], None] | None = None
) -> list[Path]:
    """Write train, validation and test files in the official format, and label-free inputs.

    Each record says in a column of its own that it is synthetic; readers keep that
    (:mod:`icdbase.records.origin`).  Records are streamed: memory does not grow with ``n``.  The files take their
    names only when all of them are written.

    Parameters
    ----------
    directory : str or os.PathLike
    n : int
        Records in all, split 800 : 200 : 485.
    seed : int
    task : {"ccl25", "ccl26"}
        With ``ccl26`` two more files are written: the names of the codes, and a
        task that knows them.
    progress : callable, optional
        Called with the number of records done, now and then.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    UsageError
        If ``n`` is too small for three parts.
    """
    sizes = split_sizes(n)
    names = {part: [f"ICD-Coding-{part}.json"] for part in sizes}
    for part in ("val", "test"):
        names[part].append(f"ICD-Coding-{part}-input.json")
    folder, known = Path(directory), _known_task(task)
    records, done = (iter_records if known is CCL25 else iter_ward_records)(n, seed), count(1)
    labels = {target.name for target in known.targets}
    with ExitStack() as stack:  # all or none: an old test file never stays beside a new training file
        for part, size in sizes.items():
            files = [stack.enter_context(atomic_write(folder / name)) for name in names[part]]
            for place, record in enumerate(islice(records, size)):
                for file, labelled in zip(files, (True, False), strict=False):
                    file.write((",\n" if place else "[\n") + _as_json(record, () if labelled else labels))
                number = next(done)
                if number % 100 == 0 or number == n:
                    report(N_("synthetic records"), number, n)
                    if progress:
                        progress(number)
            for file in files:
                file.write("\n]\n")
        if known is CCL26:
            names |= {"names": ["codes.csv"], "task": ["named.toml"]}
            _write_names(*(stack.enter_context(atomic_write(folder / name)) for name in ("codes.csv", "named.toml")))
    return [folder / name for listed in names.values() for name in listed]


def _as_json(record: dict, left_out: Collection[str]) -> str:
    kept = {key: value for key, value in record.items() if key not in left_out}
    return json.dumps({**kept, SOURCE_FIELD: SYNTHETIC_SOURCE}, ensure_ascii=False)


def _write_names(table, task) -> None:
    """Write the codes with their names, and a task file that takes them for its own."""
    writer = csv.DictWriter(table, ["target", "code", "name"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(code_names())
    task.write('# ccl26, and the names of the codes that its open sets may hold\nbase = "ccl26"\ncode_table = "codes.csv"\n')


def split_sizes(n: int) -> dict[str, int]:
    """Share ``n`` records out like the evaluation did.

    >>> split_sizes(1485)
    {'train': 800, 'val': 200, 'test': 485}
    """
    if n < 3:
        raise UsageError(_("n must be at least 3, one record for each part, got {}", n))
    whole = sum(PROPORTIONS.values())
    val, test = (max(1, round(n * PROPORTIONS[part] / whole)) for part in ("val", "test"))
    return {"train": n - val - test, "val": val, "test": test}
