"""What each field says for the predicted codes: mean evidence of right and of wrong ones."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from icdbase.coder import IcdCoder
from icdbase.evaluation.alignment import Pairs
from icdbase.evaluation.per_code import as_code_set
from icdbase.explain.explanation import explain

__all__ = ["field_evidence"]


def field_evidence(coder: IcdCoder, gold: pd.DataFrame, pairs: Pairs, n_records: int, random_state: int = 0) -> dict:
    """Add up the evidence of each field for the predicted codes of some records, drawn at random.

    Returns
    -------
    dict
        ``n_records``; ``columns``: list of (target, right, n_codes), one for the right
        and one for the wrong codes of each target that has such; ``rows``: list of
        (field, values), the mean contribution to the margin in log-odds, one value a column.
    """
    rows = np.sort(np.random.default_rng(random_state).permutation(len(gold))[:n_records])
    sums: defaultdict[tuple, defaultdict] = defaultdict(lambda: defaultdict(float))
    counts: defaultdict[tuple, int] = defaultdict(int)
    for row in rows:
        for code in explain(coder, gold.iloc[[row]], n_tried=0).codes:
            column = (code.target, code.code in as_code_set(pairs.codes[code.target][0][row]))
            counts[column] += bool(code.code)
            for item in code.evidence if code.code else ():
                sums[column][item.field] += item.contribution
    columns = [(target.name, right) for target in coder.task.targets for right in (True, False)
               if counts[target.name, right]]
    return {
        "n_records": len(rows),
        "columns": [(*column, counts[column]) for column in columns],
        "rows": [(name, [sums[column][name] / counts[column] for column in columns]) for name in coder.features_.fields_],
    }
