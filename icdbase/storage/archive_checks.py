"""Check a model file before any object in it is built.

skops promises that it runs no code; this module does not rely on that alone.
Every node of the file must be of a type that a coder consists of, and the file
unpacks to no more than its own size: its parts are stored, not compressed.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Collection, Iterator

import numpy as np

from icdbase.core.language import _

__all__ = ["check_model_file"]

_SCHEMA = "schema.json"
_ARRAY_NAME = re.compile(r"[\w-]{1,80}\.npy", re.ASCII)
_ARRAY_KINDS = "biufU"
"""Truth values, numbers and texts; no objects, which would be pickles."""

_PLAIN_NODES = frozenset({
    ("DictNode", "builtins.dict"),
    ("JsonNode", "builtins.str"),
    ("ListNode", "builtins.list"),
    ("NdArrayNode", "numpy.ndarray"),
    ("TupleNode", "builtins.tuple"),
    ("TypeNode", "builtins.int"),
    ("TypeNode", "builtins.str"),
})
_NAMES_SHOWN = 5


def check_model_file(content: bytes, own_types: Collection[str]) -> None:
    """Raise a ValueError if a skops file is not a model that icdbase wrote.

    Parameters
    ----------
    content : bytes
        The file.
    own_types : collection of str
        Classes that a coder consists of, besides plain containers and arrays.

    Raises
    ------
    ValueError
        If the archive, its description or one of its arrays is not in order.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_archive(archive, len(content))
            schema = json.loads(archive.read(_SCHEMA))
            _check_nodes(schema, own_types, set(archive.namelist()))
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # zipfile, json and numpy raise many types on damaged files
        raise ValueError(_("damaged model file ({})", type(error).__name__)) from None


def _check_archive(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) != len(names) or _SCHEMA not in names:
        raise ValueError(_("damaged model file (a part is missing or there twice)"))
    if sum(member.file_size for member in members) > size or any(m.compress_type for m in members):
        raise ValueError(_("refused, its parts are compressed: icdbase writes them as they are"))
    for member in members:
        if member.filename != _SCHEMA:
            if not _ARRAY_NAME.fullmatch(member.filename):
                raise ValueError(_("refused, holds a part that icdbase does not write"))
            _check_array(archive, member)


def _check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Check that an array holds no objects and has the size of its header."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, *__, dtype = read_header[version](file)
        if dtype.kind not in _ARRAY_KINDS:
            raise ValueError(_("refused, holds an array of objects"))
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError(_("damaged model file (an array is not as large as it says)"))


def _check_nodes(schema, own_types: Collection[str], parts: Collection[str]) -> None:
    foreign = set()
    for node in _nodes(schema):
        loader, name = node.get("__loader__"), f"{node.get('__module__')}.{node.get('__class__')}"
        if (loader, name) not in _PLAIN_NODES and not (loader == "ObjectNode" and name in own_types):
            foreign.add(name)
        elif loader == "NdArrayNode" and (node.get("type") != "numpy" or node.get("file") not in parts - {_SCHEMA}):
            raise ValueError(_("damaged model file (an array is missing)"))
    if foreign:
        named = ", ".join(ascii(name)[1:-1] for name in sorted(foreign)[:_NAMES_SHOWN])
        raise ValueError(_("refused, holds types that are no part of an icdbase model: {}", named))


def _nodes(schema) -> Iterator[dict]:
    """Yield every object of the description that skops would build something from."""
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "__loader__" in item or "__class__" in item:
                yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
