"""Progress of long work: silent in the library, bars on a terminal.

Long work calls :func:`report` or :func:`track`; they do nothing unless a
caller has opened :func:`bars`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from icdbase.core.language import _

__all__ = ["bars", "report", "track"]

_listeners: list = []


def report(stage: str, done: int, total: int) -> None:
    """Report that ``done`` of ``total`` steps of a stage are finished."""
    if _listeners:
        _listeners[-1](stage, done, total)


def track(items: Iterable, stage: str, total: int) -> Iterator:
    """Yield the items; report after each."""
    report(stage, 0, total)
    for done, item in enumerate(items, start=1):
        yield item
        report(stage, done, total)


@contextmanager
def bars(enabled: bool | None = None):
    """Show a bar for each stage on stderr; by default only if stderr is a terminal."""
    from rich import progress as rich
    from rich.console import Console

    console = Console(stderr=True)
    shown = console.is_terminal if enabled is None else enabled
    columns = (rich.TextColumn("{task.description:<24}"), rich.BarColumn(bar_width=24), rich.MofNCompleteColumn(),
               rich.TimeElapsedColumn(), rich.TimeRemainingColumn())
    with rich.Progress(*columns, console=console, disable=not shown) as progress:
        tasks = {}

        def listener(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(_(stage), total=total)
            progress.update(tasks[stage], completed=done, total=total)

        _listeners.append(listener)
        try:
            yield
        finally:
            _listeners.remove(listener)
