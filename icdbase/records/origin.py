"""Whether records are synthetic: read from the files' column, kept with the frame and in the model card.

The mark is no column of a frame, so no model can learn from it.  A frame keeps it
in ``attrs``, which pandas hands on to its rows and copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from icdbase.tasks.source import SOURCE_FIELD, SYNTHETIC_SOURCE

__all__ = ["joined_share", "mark_synthetic", "synthetic_share", "synthetic_share_of_rows"]

_KEY = "synthetic"


def synthetic_share(frame: pd.DataFrame) -> str:
    """Return how many records of a frame are synthetic: ``"all"``, ``"some"`` or, as far as is known, ``""``.

    >>> synthetic_share(pd.DataFrame({"主诉": ["胸闷3天"]}))
    ''
    """
    return frame.attrs.get(_KEY, "")


def mark_synthetic(frame: pd.DataFrame, share: str = "all") -> pd.DataFrame:
    """Mark a frame in place and return it; a share of ``""`` takes the mark away."""
    frame.attrs.pop(_KEY, None)
    frame.attrs.update({_KEY: share} if share else {})
    return frame


def synthetic_share_of_rows(rows: Iterable[Mapping]) -> str:
    """Return how many rows of a file say that they are synthetic.

    >>> synthetic_share_of_rows([{"来源": "模拟"}, {"来源": "门诊"}])
    'some'
    """
    marked = [row.get(SOURCE_FIELD) == SYNTHETIC_SOURCE for row in rows]
    return "all" if marked and all(marked) else "some" if any(marked) else ""


def joined_share(frames: Iterable[pd.DataFrame]) -> str:
    """Return the share of several frames that are put together."""
    shares = {synthetic_share(frame) for frame in frames}
    return shares.pop() if len(shares) == 1 else "some" if any(shares) else ""
