"""LightGBM's model text, checked before LightGBM's own parser reads it.

That parser trusts its input: an index out of range in a tree is a read out of
bounds, a loop of nodes never ends, and both end the whole process.  So a text is
accepted only if every node of every tree leads to a leaf, every column exists,
and the stated sizes of the trees are their sizes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import lightgbm

from icdbase.core.errors import ModelError
from icdbase.core.language import _

__all__ = ["load_booster"]

_HEADER_KEYS = frozenset({
    "tree", "version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective",
    "feature_names", "monotone_constraints", "feature_infos", "tree_sizes",
})
_VERSION = "v4"
_WHOLE_NUMBERS = re.compile(r"(?:-?\d{1,15}(?: -?\d{1,15})*)?")
_NUMBERS = re.compile(r"[-+.0-9e ]*")
_NO_CATEGORY = frozenset({0, 2, 4, 6, 8, 10})
"""Decision types of numbers: which way a missing value goes; an odd type means a category."""
_PER_NODE = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "split_gain",
             "internal_value", "internal_weight", "internal_count")
_PER_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_OF_TREE = ("num_leaves", "num_cat", "is_linear", "shrinkage")
_TREE_KEYS = frozenset((*_PER_NODE, *_PER_LEAF, *_OF_TREE))
_END = "end of trees\n"


def load_booster(text: str, n_classes: int) -> lightgbm.Booster:
    """Return the booster of a model text, or refuse it; no text can crash the process.

    Parameters
    ----------
    text : str
        What ``Booster.model_to_string`` returned.
    n_classes : int
        1 for a yes-no question, else the number of classes.

    Raises
    ------
    ModelError
        If the text is no model of numeric trees for so many classes.
    """
    try:
        end = _check(text, n_classes)
        # Behind the trees stand settings of the training, which prediction does not read.
        return lightgbm.Booster(model_str=text[:end] + _END)
    except (ValueError, TypeError, KeyError, AttributeError, lightgbm.basic.LightGBMError) as error:
        raise ModelError(_("a LightGBM model text is damaged or hostile: {}", _reason(error))) from None


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else type(error).__name__


def _check(text: str, n_classes: int) -> int:
    """Raise a ValueError, or return where the trees end."""
    if not (text.isascii() and text.startswith("tree\n")) or "\0" in text or "\r" in text:
        raise ValueError("it is no such text")
    start = text.find("\nTree=") + 1
    if not start:
        raise ValueError("it holds no tree")
    header = _pairs(text[:start].split("\n"), _HEADER_KEYS)
    n_columns = _check_header(header, n_classes)
    sizes = _whole_numbers(header["tree_sizes"])
    if len(sizes) % n_classes:
        raise ValueError("the number of trees does not fit the classes")
    for number, size in enumerate(sizes):
        if size <= 0:
            raise ValueError("a tree without text")
        first, *lines = text[start : start + size].split("\n")
        if first != f"Tree={number}" or lines[-1]:
            raise ValueError("the sizes of the trees are not what the header says")
        _check_tree(_pairs(lines, _TREE_KEYS), n_columns)
        start += size
    if not text.startswith(_END, start):
        raise ValueError("the trees end too early or too late")
    return start


def _pairs(lines: Sequence[str], known: frozenset) -> dict[str, str]:
    pairs = {}
    for line in lines:
        if line:
            key, _, value = line.partition("=")
            if key not in known or key in pairs or "=" in value:
                raise ValueError("an unknown or repeated line")
            pairs[key] = value
    return pairs


def _check_header(header: dict[str, str], n_classes: int) -> int:
    """Check what the parser reads before the trees; return the number of columns."""
    objective = "binary sigmoid:1" if n_classes == 1 else f"multiclass num_class:{n_classes}"
    wanted = {"version": _VERSION, "num_class": str(n_classes), "num_tree_per_iteration": str(n_classes),
              "label_index": "0", "objective": objective}
    for key, value in wanted.items():
        if header[key] != value:
            raise ValueError(f"{key} is not {value}")
    (last,) = _whole_numbers(header["max_feature_idx"])
    if not 0 <= last == header["feature_names"].count(" ") == header["feature_infos"].count(" "):
        raise ValueError("the number of columns contradicts itself")
    return last + 1


def _check_tree(tree: dict[str, str], n_columns: int) -> None:
    (n_leaves,) = _whole_numbers(tree["num_leaves"])
    if n_leaves < 1 or tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0":
        raise ValueError("a tree that splits on categories, is linear, or has no leaf")
    for key, size in (*((key, n_leaves - 1) for key in _PER_NODE), *((key, n_leaves) for key in _PER_LEAF)):
        # A tree of one leaf has empty lines, or none.
        if (n_leaves > 1 or key == "leaf_value") and len(_numbers(tree[key])) != size:
            raise ValueError(f"{key} has not one number for each node or leaf")
    if not all(math.isfinite(float(number)) for number in _numbers(tree["leaf_value"])):
        raise ValueError("a leaf without a finite value")
    if n_leaves == 1:
        return
    if not all(0 <= column < n_columns for column in _whole_numbers(tree["split_feature"])):
        raise ValueError("a tree splits on a column that is not there")
    if not _NO_CATEGORY.issuperset(_whole_numbers(tree["decision_type"])):
        raise ValueError("a tree splits in an unknown way")
    children = sorted(_whole_numbers(tree["left_child"]) + _whole_numbers(tree["right_child"]))
    # Every node but the root and every leaf (leaf k is written -k - 1) is the child of one
    # node, and of a later one never: then all ways lead down to a leaf.
    if children != [*range(-n_leaves, 0), *range(1, n_leaves - 1)]:
        raise ValueError("the nodes are no tree")
    for side in ("left_child", "right_child"):
        if any(0 <= child <= node for node, child in enumerate(_whole_numbers(tree[side]))):
            raise ValueError("the nodes go round in a circle")


def _numbers(line: str) -> list[str]:
    if not _NUMBERS.fullmatch(line.replace("inf", "0").replace("nan", "0")):
        raise ValueError("no numbers where numbers belong")
    return line.split(" ") if line else []


def _whole_numbers(line: str) -> list[int]:
    if not _WHOLE_NUMBERS.fullmatch(line):
        raise ValueError("no whole numbers where whole numbers belong")
    return [int(number) for number in line.split(" ")] if line else []
