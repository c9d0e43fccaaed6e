"""Operations that a text says were done: no block of features; :mod:`icdbase.learning.codes_by_name` reads their counts."""

from __future__ import annotations

from collections.abc import Iterator

from icdbase.clinical.diagnosis_lists import Item
from icdbase.clinical.operations import OperationFinder
from icdbase.features.diagnosis_list import NamedCodeExtractor

__all__ = ["OperationExtractor"]


class OperationExtractor(NamedCodeExtractor):
    """Link the operations that a text says were done.

    Parameters
    ----------
    finder : OperationFinder
    """

    def __init__(self, finder: OperationFinder):
        super().__init__(finder, "named operation")

    def _names(self, text: str) -> Iterator[tuple[Item, str]]:
        return ((item, code) for item, code, _ in self.finder.find(text))
