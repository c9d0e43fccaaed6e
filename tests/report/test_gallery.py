"""The pictures of the gallery are of the pages as they are now, and each is shown in both languages."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_gallery", DOCS / "make_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_current(script):
    drawn = script.CHECKSUM.read_text(encoding="ascii").strip()
    assert script.checksum() == drawn, "the pages have changed: run python docs/make_gallery.py and look at the pictures"


def test_what_draws_the_pages_is_there(script):
    for pattern in script.DRAWN_BY:
        assert list(script.ROOT.glob(pattern))


@pytest.mark.parametrize("page", ["gallery.md", "zh/gallery.md"])
def test_every_picture_is_shown(page, script):
    path = DOCS / page
    shown = {(path.parent / name).resolve() for name in re.findall(r"!\[.+\]\((.+)\)", path.read_text(encoding="utf-8"))}
    assert all(picture.is_file() for picture in shown)
    assert {picture for picture in shown if picture.parent == script.GALLERY} == set(script.GALLERY.glob("*.png"))
