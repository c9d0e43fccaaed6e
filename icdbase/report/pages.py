"""Pages of HTML from templates: one file each, without network access, in two languages, light and dark.

``base.html.j2`` is the frame of every page: header, contents, styles
(``style.css.j2``) and script (``page.js.j2``).  A page extends it and fills the
blocks ``title``, ``heading``, ``nav``, ``main`` and ``footer``;
``macros.html.j2`` has what their sections share.
"""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from icdbase.core.errors import UsageError
from icdbase.core.terminal import printable
from icdbase.core.text_tables import figure

__all__ = ["check_language", "page_template"]


def page_template(name: str) -> Template:
    """Return a template of this folder; it escapes HTML and control characters.

    A template needs ``language``, ``version``, ``title`` and ``synthetic`` (see
    :func:`icdbase.records.origin.synthetic_share`) besides what its own sections show.
    """
    environment = Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters["figure"] = lambda value, digits=3: figure(value, form=f"{{:.{digits}f}}", missing="–")
    return environment.get_template(name)


def _source(name: str) -> str:
    return (resources.files("icdbase.report") / name).read_text(encoding="utf-8")


def check_language(language: str) -> None:
    """Raise a UsageError if a page has no such language."""
    if language not in ("en", "zh"):
        raise UsageError(f"language must be 'en' or 'zh', got {language!r}")
