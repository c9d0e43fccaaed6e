"""icdbase: classical-ML baselines for ICD coding of Chinese medical records.

>>> from icdbase import IcdCoder, read_records, score
"""

from importlib import import_module

__version__ = "0.1.0"

# Name to module; imported on first use, so that `icdbase --help` need not wait for scikit-learn.
_PUBLIC = {
    "CCL25": "tasks.editions",
    "CCL26": "tasks.editions",
    "EstimatorCoder": "learning.estimator_coder",
    "IcdCoder": "coder",
    "SETTINGS": "coder",
    "SystemCoder": "learning.user_system",
    "Target": "tasks.task",
    "Task": "tasks.task",
    "check_submission": "records.submissions",
    "compare": "evaluation.comparison",
    "get_task": "tasks.task_file",
    "load": "storage.model_folder",
    "majority_predictions": "evaluation.baselines",
    "make_records": "synthetic",
    "official_scorer": "evaluation.scoring",
    "per_code_table": "evaluation.per_code",
    "predict_file": "storage.file_prediction",
    "read_records": "records.records",
    "read_submission": "records.submissions",
    "run_baselines": "experiments.baseline_table",
    "save": "storage.model_folder",
    "score": "evaluation.scoring",
    "write_records": "records.records",
    "write_submission": "records.submissions",
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
