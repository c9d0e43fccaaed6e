"""The house keeps its shape: one-way imports, no import-time weight, files that fit a reader."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import icdbase

PACKAGE = Path(icdbase.__file__).parent

# A module imports only from those above it; docs/architecture.md draws the same picture.
ORDER = [
    "errors", "progress", "files", "backends", "tasks",
    "filetext", "tables", "rows", "streams", "values", "findings", "frames", "records", "batches",
    "predictions", "answers", "submissions", "toplists", "proposals",
    "text", "taskfile", "matching", "assertion", "concepts",
    "analytes", "grades", "durations", "pressures", "vessels", "cardiac", "measurements", "summaries", "diagnosis_list", "operations", "tally",
    "fingerprints", "features",
    "folds", "listed_codes", "calibration", "boosters", "learners", "linear", "classifiers", "decoding", "coder",
    "statistics", "pairing", "scoring", "baselines", "modelfile", "model_tables", "store", "bulk", "report",
    "runs", "experiments", "factors", "ablation", "curves", "plots", "exports", "runcard",
    "places", "contributions", "explain", "html_report",
    "synthetic", "demo", "demo_server", "cli_common", "cli_demo", "cli_experiments", "cli_explain", "cli_tasks", "cli",
]


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


def floor(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_floors(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" if node.module == "icdbase" else node.module for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "icdbase" and len(parts) > 1 and parts[1] in ORDER:
                yield parts[1]


def test_every_module_has_its_floor():
    assert {floor(path) for path in modules()} == set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    above = set(ORDER[: ORDER.index(floor(path))])
    if floor(path) == "synthetic":
        above.add("synthetic")
    wrong = set(imported_floors(path)) - above
    assert not wrong, f"{path.name} imports {sorted(wrong)} from below"


def test_importing_the_package_is_light():
    heavy = {"sklearn", "lightgbm", "pandas", "numpy", "jieba", "rjieba", "rich"}
    code = "import sys, icdbase, icdbase.cli; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_every_public_name_is_there():
    for name in icdbase.__all__:
        assert getattr(icdbase, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = icdbase.nothing
