"""The language of messages: English, or Chinese where the locale or ``--lang`` asks; standard gettext.

Python users read English.  Programs that a person starts run inside :func:`speaking`; ``CONTRIBUTING.md`` says
how to add a message.
"""

from __future__ import annotations

import gettext
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LANGUAGES", "N_", "_", "asked_language", "speaking"]

LANGUAGES = ("en", "zh")

_DOMAIN, _FOLDER = "icdbase", Path(__file__).with_name("locale")
_catalogue = gettext.NullTranslations()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translate the messages that are made inside the block, those of click and argparse too."""
    global _catalogue
    before = _catalogue, os.environ.get("LANGUAGE", "")
    os.environ["LANGUAGE"] = language  # read by the gettext of click and argparse, and by child processes
    gettext.bindtextdomain(_DOMAIN, _FOLDER)
    gettext.textdomain(_DOMAIN)
    _catalogue = gettext.translation(_DOMAIN, _FOLDER, [language], fallback=True)
    try:
        yield
    finally:
        _catalogue, os.environ["LANGUAGE"] = before


def asked_language(words: Sequence[str] = ()) -> str:
    """Return the language that the words of a command line ask for with ``--lang``, or else the environment.

    Returns
    -------
    str
        One of :data:`LANGUAGES`; variables count in the order of GNU gettext.

    Examples
    --------
    >>> asked_language(["train", "--lang", "zh"])
    'zh'
    """
    given = " ".join(words).partition("--lang")[2][1:3]
    if given in LANGUAGES:
        return given
    places = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[name] for name in places if os.environ.get(name)), "")
    if locale in ("C", "POSIX"):
        return "en"
    preferred = os.environ.get("LANGUAGE") or locale or _language_of_windows()
    return "zh" if preferred.lower().startswith("zh") else "en"


def _language_of_windows() -> str:
    """Return the language of the user interface, where no environment variable names one."""
    if sys.platform != "win32":
        return ""
    import ctypes
    import locale

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")


def _(text: str, *values) -> str:
    """Translate a text, then put the values into its braces.

    >>> _("{} of {} records", 3, 9)
    '3 of 9 records'
    """
    text = text and _catalogue.gettext(text)  # the translation of "" is the head of the catalogue
    return text.format(*values) if values else text


def N_(text: str) -> str:
    """Return a text unchanged, but let it be translated where it is shown.

    >>> N_("no such file")
    'no such file'
    """
    return text
