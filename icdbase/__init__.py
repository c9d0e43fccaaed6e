"""icdbase: classical-ML baselines for ICD coding of Chinese medical records.

>>> from icdbase import IcdCoder, read_records, score
"""

from importlib import import_module

__version__ = "0.1.0"

# Name to module; imported on first use, so that `icdbase --help` need not wait for scikit-learn.
_PUBLIC = {
    "CCL25": "tasks",
    "CCL26": "tasks",
    "IcdCoder": "coder",
    "SETTINGS": "coder",
    "Target": "tasks",
    "Task": "tasks",
    "check_submission": "submissions",
    "get_task": "taskfile",
    "load": "store",
    "majority_predictions": "baselines",
    "make_records": "synthetic",
    "official_scorer": "scoring",
    "per_code_table": "scoring",
    "predict_file": "bulk",
    "read_records": "records",
    "read_submission": "submissions",
    "save": "store",
    "score": "scoring",
    "write_records": "records",
    "write_submission": "submissions",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'icdbase' has no attribute {name!r}")
    value = getattr(import_module(f"icdbase.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_PUBLIC})
