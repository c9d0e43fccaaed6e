"""The lessons run, print what they say, fit into a quarter of an hour, and are the notebooks that lie beside them."""

import importlib.util
import json
import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

_spec = importlib.util.spec_from_file_location("build_notebooks", EXAMPLES / "build_notebooks.py")
build_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build_notebooks)

LESSONS = build_notebooks.lessons()
lessons = pytest.mark.parametrize("script", LESSONS, ids=lambda script: script.stem)

FITTED = re.compile(r"≈\s*(-?\d+(?:\.\d+)?)")


def differences(printed: str, expected: str) -> list[str]:
    """Lines that are not the same; a number behind ≈ may move as far as a fitted model may."""
    ours, theirs = printed.strip().splitlines(), expected.strip().splitlines()
    wrong = [f"{len(ours)} lines, expected {len(theirs)}"] if len(ours) != len(theirs) else []
    return wrong + [f"{a!r}, expected {b!r}" for a, b in zip(ours, theirs, strict=False) if not same_line(a, b)]


def same_line(ours: str, theirs: str) -> bool:
    if "".join(FITTED.sub("≈", ours).split()) != "".join(FITTED.sub("≈", theirs).split()):
        return False
    pairs = zip(FITTED.findall(ours), FITTED.findall(theirs), strict=True)
    return all(abs(float(a) - float(b)) <= leeway(b) for a, b in pairs)


def leeway(number: str) -> float:
    return 0.05 * max(1, abs(float(number))) if "." in number else max(5, 0.25 * abs(float(number)))


@lessons
def test_a_lesson_prints_what_it_says(script, capsys):
    runpy.run_path(str(script), run_name="__main__")
    assert not differences(capsys.readouterr().out, build_notebooks.expected_output(script))


@lessons
def test_the_notebook_is_the_lesson(script):
    notebook = json.loads((EXAMPLES / "notebooks" / f"{script.stem}.ipynb").read_text(encoding="utf-8"))
    there = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert there == build_notebooks.cells(script), "run python examples/build_notebooks.py"
    assert build_notebooks.printed(notebook) == build_notebooks.expected_output(script)


def test_every_lesson_has_its_notebook_and_its_line():
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [path.stem for path in sorted((EXAMPLES / "notebooks").glob("*.ipynb"))] == [path.stem for path in LESSONS]
    assert [script.name in readme for script in LESSONS] == [True] * 6


@lessons
def test_a_lesson_is_read_in_the_time_it_tells(script):
    """300 Chinese characters or 180 English words a minute, 10 lines of code a minute."""
    cells = build_notebooks.cells(script)
    prose = "\n".join(source for kind, source in cells if kind == "markdown")
    code = sum(source.count("\n") + 1 for kind, source in cells if kind == "code")
    chinese, english = len(re.findall(r"[\u4e00-\u9fff]", prose)) / 300, len(re.findall(r"[A-Za-z]+", prose)) / 180
    minutes = max(chinese, english) + code / 10
    told = re.search(rf"\| (\d+) min \| \[\.py\]\({script.name}\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert minutes < 15
    assert abs(minutes - int(told[1])) < 1, f"{script.stem} takes {minutes:.1f} minutes"


@pytest.mark.parametrize("printed", ["F1 ≈0.54 of 9", "F1 ≈0.40 of 8", "F2 ≈0.50 of 8", "", "F1 ≈0.50 of 8\nmore"])
def test_another_output_is_noticed(printed):
    assert differences(printed, "F1 ≈0.50 of 8")
    assert not differences("F1 ≈0.54  of 8", "F1 ≈0.50 of 8")
