"""The house keeps its shape: imports go down only, importing is light, every public name is there."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import icdbase
from icdbase.records.checks import known_columns
from icdbase.tasks.editions import BUILT_IN
from icdbase.tasks.field_roles import FIELD_ROLES

PACKAGE = Path(icdbase.__file__).parent

# From the ground up: a room imports only from those before it, and its own files form no cycle.
ROOMS = (
    "core", "files", "tasks", "records", "text", "clinical", "features", "learning", "evaluation", "coder",
    "storage", "experiments", "explain", "report", "synthetic", "demo", "cli",
)


def modules() -> dict[str, Path]:
    """Every module by dotted name; the package's face, which hands names on, is not among them."""
    paths = (path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py" or path.parent != PACKAGE)
    return {dotted(path): path for path in paths}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, known) -> set[str]:
    """Modules of the package that a file imports, wherever the import stands."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found.update(name if name in known else node.module for name in names)
    return found & set(known)


def room(name: str) -> str:
    return name.split(".")[1]


@cache
def folder_graph() -> dict[str, set[str]]:
    """Room to the rooms that it imports from."""
    known = modules()
    graph = {name: set() for name in ROOMS}
    for name, path in known.items():
        graph[room(name)] |= {room(other) for other in imported(path, known)} - {room(name)}
    return graph


def test_every_module_has_its_room():
    assert {room(name) for name in modules()} == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_import_only_downward(name):
    upward = folder_graph()[name] - set(ROOMS[: ROOMS.index(name)])
    assert not upward, f"{name} imports from {sorted(upward)}, which stand above it"


def test_no_module_is_in_a_cycle():
    known = modules()
    waiting = {name: imported(path, known) - {name} for name, path in known.items()}
    while ready := [name for name, others in waiting.items() if not others & set(waiting)]:
        for name in ready:
            del waiting[name]
    assert not waiting, f"these modules import each other: {sorted(waiting)}"


def texts_in_code(path: Path) -> set[str]:
    """Texts that are no docstrings; messages and help, which hold blanks, may show a field as an example."""
    tree = parsed(path)
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = {node for node in ast.walk(tree) if isinstance(node, ast.Constant)} - docstrings
    return {node.value for node in constants if isinstance(node.value, str) and " " not in node.value}


@pytest.mark.parametrize("name", sorted(set(ROOMS) - {"tasks", "synthetic"}))
def test_no_field_is_named_outside_the_tasks(name):
    known = {*FIELD_ROLES, *(column for task in BUILT_IN.values() for column in known_columns(task))}
    texts = {text for each, path in modules().items() if room(each) == name for text in texts_in_code(path)}
    assert not {text for text in texts if any(column in text for column in known)}


def test_the_tree_is_seen_at_a_glance():
    shown = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(shown) <= 20


def test_importing_the_package_is_light():
    heavy = {"sklearn", "lightgbm", "pandas", "numpy", "jieba", "rjieba", "rich"}
    code = "import sys, icdbase, icdbase.cli.main; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_every_public_name_is_there():
    for name in icdbase.__all__:
        assert getattr(icdbase, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = icdbase.nothing


if __name__ == "__main__":
    for name, below in folder_graph().items():
        print(f"{name:12} -> {', '.join(sorted(below, key=ROOMS.index)) or '-'}")
