"""The column by which a file says of each record that it is synthetic."""

from __future__ import annotations

__all__ = ["SOURCE_FIELD", "SYNTHETIC_SOURCE"]

SOURCE_FIELD = "来源"
"""Column of all files that the simulator writes; no task reads it."""

SYNTHETIC_SOURCE = "模拟"
"""Its value in a synthetic record."""
