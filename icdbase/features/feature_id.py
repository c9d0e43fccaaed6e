"""What a feature is: the same name for its column and for its spans in a text."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AFFIRMED", "FeatureId"]

AFFIRMED = ("present", "uncertain", "historical")
"""Statuses of a mention that affirm its concept."""


class FeatureId(NamedTuple):
    """A feature: its kind, its name within the kind, and a detail, such as a status or a field.

    Examples
    --------
    >>> str(FeatureId("concept", "糖尿病", "@既往史"))
    '糖尿病 @既往史'
    """

    kind: str
    name: str
    detail: str = ""

    @property
    def finding(self) -> tuple[str, str, str]:
        """What the feature is about: a concept is one finding in whatever field, unless it is denied.

        >>> FeatureId("concept", "糖尿病", "@既往史").finding == FeatureId("concept", "糖尿病", "historical").finding
        True
        """
        affirmed = self.detail.startswith("@") or self.detail in AFFIRMED
        return self.kind, self.name, "" if affirmed else self.detail

    def __str__(self) -> str:
        return f"{self.name} {self.detail}".rstrip()
