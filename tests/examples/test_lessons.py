"""The lessons run, print what they say, show figures that can be read, and are the notebooks that lie beside them."""

import importlib.util
import json
import re
import runpy
from functools import lru_cache
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

import icdbase
from icdbase.experiments.plots import drawable

EXAMPLES = Path(__file__).parents[2] / "examples"

_spec = importlib.util.spec_from_file_location("build_notebooks", EXAMPLES / "build_notebooks.py")
build_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build_notebooks)

LESSONS = build_notebooks.lessons()
LANGUAGES = build_notebooks.LANGUAGES
lessons = pytest.mark.parametrize("script", LESSONS, ids=lambda script: script.stem)
languages = pytest.mark.parametrize("language", LANGUAGES)

FITTED = re.compile(r"≈\s*(-?\d+(?:\.\d+)?)")
SECONDS_TO_READ = {"en": (r"[A-Za-z]+", 60 / 180), "zh": (r"[\u4e00-\u9fff]", 60 / 300)}
_make_records = lru_cache(icdbase.make_records)


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


def text_of(script: Path, language: str) -> str:
    return "\n".join(source for kind, source in build_notebooks.cells(script) if kind == language)


@pytest.fixture
def quiet_matplotlib(monkeypatch):
    """Leave fonts and open figures as they were, and make the same records once for all lessons."""
    monkeypatch.setattr(icdbase, "make_records", lambda *args, **options: _make_records(*args, **options).copy())
    with matplotlib.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


@lessons
def test_a_lesson_prints_what_it_says_and_its_figures_can_be_read(script, capsys, monkeypatch, quiet_matplotlib):
    figures = []
    monkeypatch.setattr(plt, "close", figures.append)
    runpy.run_path(str(script), run_name="__main__")
    monkeypatch.undo()
    assert not differences(capsys.readouterr().out, build_notebooks.expected_output(script))
    assert len(figures) >= 2
    assert not boxes(figures), "these characters are not in the package's font"


def boxes(figures) -> str:
    """Characters of the figures that neither matplotlib's font nor the package's has."""
    shown = {text.get_text() for figure in figures for text in figure.findobj(matplotlib.text.Text)}
    families = drawable(["a"])[1]
    return "".join(sorted({c for c in "".join(shown) if c.isprintable() and drawable([c]) != ([c], families)}))


@languages
@lessons
def test_the_notebook_is_the_lesson(script, language):
    notebook = json.loads(build_notebooks.notebook_path(script, language).read_text(encoding="utf-8"))
    there = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert there == build_notebooks.cells_in(script, language), "run python examples/build_notebooks.py"
    assert build_notebooks.printed(notebook) == build_notebooks.expected_output(script)
    assert build_notebooks.n_figures(notebook) >= 2


def test_every_lesson_has_its_notebooks_and_its_line():
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for language in LANGUAGES:
        notebooks = sorted((EXAMPLES / "notebooks" / language).glob("*.ipynb"))
        assert [path.stem for path in notebooks] == [path.stem for path in LESSONS]
        assert all(f"notebooks/{language}/{script.stem}.ipynb" in readme for script in LESSONS)


@pytest.mark.parametrize("name", ["TEACHING.md", "TEACHING.zh-CN.md"])
def test_the_teachers_have_a_page_of_forty_five_minutes_for_every_lesson(name):
    teaching = (EXAMPLES / name).read_text(encoding="utf-8")
    pages = re.split(r"^## ", teaching, flags=re.MULTILINE)[1:]
    assert [page[:2] for page in pages] == [script.stem[:2] for script in LESSONS]
    for page in pages:
        spans = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)–(\d+) \|", page, re.MULTILINE)]
        assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])], page.splitlines()[0]
        assert spans[-1][1] == 45, page.splitlines()[0]
        assert (EXAMPLES / re.search(r"\((notebooks/\S+)\)", page)[1]).exists()


@lessons
def test_both_languages_have_the_same_sections_exercises_and_answers(script):
    english, chinese = (shape(text_of(script, language)) for language in LANGUAGES)
    assert english == chinese
    assert english["questions"] == english["answers"] > 0


def shape(text: str) -> dict:
    """Numbered sections, and how many exercises and answers a lesson has."""
    exercises, _, answers = re.split(r"^## (?:Exercise|练习)$", text, flags=re.MULTILINE)[-1].partition("<details>")
    count = [len(re.findall(r"^\d\. ", part, re.MULTILINE)) for part in (exercises, answers)]
    return {"sections": re.findall(r"^## (\d)", text, re.MULTILINE), "questions": count[0], "answers": count[1]}


@languages
@lessons
def test_a_lesson_is_read_in_the_time_it_tells(script, language):
    """300 Chinese characters or 180 English words a minute, 10 lines of code a minute."""
    pattern, seconds = SECONDS_TO_READ[language]
    code = sum(source.count("\n") + 1 for kind, source in build_notebooks.cells(script) if kind == "code")
    minutes = len(re.findall(pattern, text_of(script, language))) * seconds / 60 + code / 10
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    told = re.search(rf"\| (\d+) min \| \[\.py\]\({script.name}\)", readme)
    assert minutes < 20
    assert int(told[1]) - 2 < minutes < int(told[1]) + 1, f"{script.stem} takes {minutes:.1f} minutes"


@pytest.mark.parametrize("printed", ["F1 ≈0.54 of 9", "F1 ≈0.40 of 8", "F2 ≈0.50 of 8", "", "F1 ≈0.50 of 8\nmore"])
def test_another_output_is_noticed(printed):
    assert differences(printed, "F1 ≈0.50 of 8")
    assert not differences("F1 ≈0.54  of 8", "F1 ≈0.50 of 8")


def test_a_character_without_a_font_is_noticed(quiet_matplotlib):
    figure = plt.figure()
    figure.suptitle("阈值")
    assert boxes([figure]) == ""
    figure.suptitle("绿")
    assert boxes([figure]) == "绿"


def test_a_cell_without_a_language_is_refused(tmp_path):
    lesson = tmp_path / "00_x.py"
    lesson.write_text("# %% [markdown]\n# text\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"00_x\.py.*en"):
        build_notebooks.cells(lesson)
