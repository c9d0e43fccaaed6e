"""Build the notebooks from the lessons, run them, and note what they print at the end of each lesson.

    pip install -e '.[lessons]'
    python examples/build_notebooks.py            # all of them
    python examples/build_notebooks.py 03 05      # two of them

A lesson is a script in percent format.  A cell of text names its language, ``# %% [markdown] en`` or
``# %% [markdown] zh``; cells of code serve both.  Each lesson runs once and gives one notebook per language.
Its last cell holds what it prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / "notebooks"
LANGUAGES = ("en", "zh")
CELL = "# %%"
EXPECTED = '# %% tags=["expected"]\n# Expected output:\n#\n'


def lessons() -> list[Path]:
    """Return the scripts, in the order of teaching."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def notebook_path(script: Path, language: str) -> Path:
    """Return where the notebook of a lesson in a language lies."""
    return FOLDER / language / f"{script.stem}.ipynb"


def cells(script: Path) -> list[tuple[str, str]]:
    """Split a lesson into ``("code", source)`` and ``(language, text)``; the expected output is no cell."""
    teaching, _, _ = script.read_text(encoding="utf-8").partition(EXPECTED)
    split = []
    for block in ("\n" + teaching).split("\n" + CELL)[1:]:
        head, _, source = block.partition("\n")
        kind = head.replace("[markdown]", "").strip() or "code"
        if kind not in ("code", *LANGUAGES) or (kind == "code") == ("[markdown]" in head):
            raise SystemExit(f"{script.name}: the cell '{CELL}{head}' must be code, '[markdown] en' or '[markdown] zh'")
        if kind != "code":
            source = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.strip().splitlines())
        split.append((kind, source.strip()))
    return split


def cells_in(script: Path, language: str) -> list[tuple[str, str]]:
    """Return the cells of one language's notebook as ``("code" or "markdown", source)``."""
    return [
        ("code" if kind == "code" else "markdown", source)
        for kind, source in cells(script) if kind in ("code", language)
    ]


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
        for output in _outputs(notebook) if output["output_type"] == "stream" and output["name"] == "stdout"
    ]
    return "\n".join(line.rstrip() for line in "".join(streams).strip().splitlines())


def n_figures(notebook: dict) -> int:
    """Return how many pictures the notebook shows."""
    return sum("image/png" in output.get("data", {}) for output in _outputs(notebook))


def _outputs(notebook: dict) -> list[dict]:
    return [output for cell in notebook["cells"] if cell["cell_type"] == "code" for output in cell["outputs"]]


def build(script: Path) -> list[Path]:
    """Write the notebooks of a lesson with their outputs, and the outputs into the lesson."""
    import nbformat

    ran = _run(script)
    code_cells = iter([cell for cell in ran.cells if cell.cell_type == "code"])
    by_language = {language: [] for language in LANGUAGES}
    for place, (kind, source) in enumerate(cells(script)):
        cell = nbformat.v4.new_markdown_cell(source) if kind != "code" else next(code_cells)
        cell.id = f"cell-{place:02}"
        for language in LANGUAGES if kind == "code" else (kind,):
            by_language[language].append(cell)
    for language, chosen in by_language.items():
        path = notebook_path(script, language)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=chosen, metadata=ran.metadata), path)
    teaching, _, _ = script.read_text(encoding="utf-8").partition(EXPECTED)
    block = "".join(f"# {line}".rstrip() + "\n" for line in printed(ran).splitlines())
    script.write_text(teaching.rstrip() + "\n\n" + EXPECTED + block, encoding="utf-8")
    return [notebook_path(script, language) for language in LANGUAGES]


def _run(script: Path):
    """Return a notebook of the code cells of a lesson, with their outputs."""
    import nbformat
    from nbclient import NotebookClient

    code = [nbformat.v4.new_code_cell(source) for kind, source in cells(script) if kind == "code"]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
    NotebookClient(notebook, timeout=300, record_timing=False).execute()
    notebook.metadata["language_info"] = {"name": "python"}  # not the version of whoever built it
    return notebook


if __name__ == "__main__":
    wanted = tuple(sys.argv[1:])
    for lesson in lessons():
        if not wanted or lesson.name.startswith(wanted):
            print(*build(lesson), sep="\n")
