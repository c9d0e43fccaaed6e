"""Build the notebooks from the lessons, run them, and note what they print at the end of each lesson.

    pip install -e '.[lessons]'
    python examples/build_notebooks.py            # all of them
    python examples/build_notebooks.py 03 05      # two of them

A lesson is a script in percent format; its last cell holds what it prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / "notebooks"
CELL = "# %%"
EXPECTED = '# %% tags=["expected"]\n# Expected output:\n#\n'


def lessons() -> list[Path]:
    """Return the scripts, in the order of teaching."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def cells(script: Path) -> list[tuple[str, str]]:
    """Split a lesson into ``("markdown" or "code", source)``; the expected output is no cell."""
    teaching, _, _ = script.read_text(encoding="utf-8").partition(EXPECTED)
    split = []
    for block in ("\n" + teaching).split("\n" + CELL)[1:]:
        head, _, source = block.partition("\n")
        kind = "markdown" if head.strip() == "[markdown]" else "code"
        if kind == "markdown":
            source = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.strip().splitlines())
        split.append((kind, source.strip()))
    return split


def expected_output(script: Path) -> str:
    """Return what the lesson says that it prints."""
    _, found, block = script.read_text(encoding="utf-8").partition(EXPECTED)
    if not found:
        raise SystemExit(f"{script.name}: no expected output at the end; run {Path(__file__).name}")
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in block.strip().splitlines())


def printed(notebook: dict) -> str:
    """Return all that the code cells of a notebook printed, line ends of each line trimmed."""
    streams = [
        "".join(output["text"])
        for cell in notebook["cells"] if cell["cell_type"] == "code"
        for output in cell["outputs"] if output["output_type"] == "stream" and output["name"] == "stdout"
    ]
    return "\n".join(line.rstrip() for line in "".join(streams).strip().splitlines())


def build(script: Path) -> Path:
    """Write the notebook of a lesson with its outputs, and the outputs into the lesson."""
    import nbformat
    from nbclient import NotebookClient

    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(
        cells=[make[kind](source, id=f"cell-{place:02}") for place, (kind, source) in enumerate(cells(script))],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    NotebookClient(notebook, timeout=300, record_timing=False).execute()
    notebook.metadata["language_info"] = {"name": "python"}  # not the version of whoever built it
    teaching, _, _ = script.read_text(encoding="utf-8").partition(EXPECTED)
    block = "".join(f"# {line}".rstrip() + "\n" for line in printed(notebook).splitlines())
    script.write_text(teaching.rstrip() + "\n\n" + EXPECTED + block, encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{script.stem}.ipynb"
    nbformat.write(notebook, path)
    return path


if __name__ == "__main__":
    wanted = tuple(sys.argv[1:])
    for lesson in lessons():
        if not wanted or lesson.name.startswith(wanted):
            print(build(lesson))
