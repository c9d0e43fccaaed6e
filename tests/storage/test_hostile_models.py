"""Model folders made to harm: each is refused with a ModelError, and nothing in it runs or crashes.

All start from one good model; SHA-256 and card are made to fit again, as an
attacker would.
"""

import copy
import hashlib
import io
import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from icdbase import IcdCoder
from icdbase.core.errors import ModelError
from icdbase.learning.booster_text import load_booster
from icdbase.learning.logistic import StackingLogistic
from icdbase.storage import model_card, model_folder
from icdbase.storage.archive_checks import check_model_file
from icdbase.tasks.editions import CCL25

SCHEMA = "schema.json"


# A few candidate codes make small models; of the others fit says that they are not learned.
pytestmark = pytest.mark.filterwarnings("ignore:.*outside the candidate list")


def small_coder(**parameters):
    """Three other codes, few trees: what is to be broken is quickly made."""
    main, others = CCL25.targets
    task = replace(CCL25, targets=(main, replace(others, codes=others.codes[:3])))
    return IcdCoder(task=task, main_learner="trees:2", n_folds=2, **parameters)


def few(train, n_records):
    """The first records, with the three codes that the small coder knows."""
    records, name, known = train.iloc[:n_records].copy(), CCL25.others.name, CCL25.others.codes[:3]
    records[name] = records[name].map(lambda codes: tuple(code for code in codes if code in known))
    return records


@pytest.fixture(scope="module")
def good(train, tmp_path_factory):
    """A small model's card and parts."""
    folder = model_folder.save(small_coder().fit(few(train, 60)), tmp_path_factory.mktemp("good"))
    with zipfile.ZipFile(next(folder.glob("*.skops"))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts.pop(SCHEMA))
    return model_card.read_card(folder), schema, parts


class Model:
    """A model taken apart; what `write` makes of it has the right SHA-256."""

    def __init__(self, good, folder):
        card, schema, parts = good
        self.card = card | {"model": "model-0123456789ab.skops"}
        self.schema, self.parts, self.folder = copy.deepcopy(schema), dict(parts), folder
        self.content = None  # bytes of the model file, if not made of schema and parts

    def write(self):
        content = self.content
        if content is None:
            schema = self.schema if isinstance(self.schema, bytes) else json.dumps(self.schema).encode()
            content = pack({**self.parts, SCHEMA: schema})
        (self.folder / "model-0123456789ab.skops").write_bytes(content)
        self.card["sha256"] = hashlib.sha256(content).hexdigest()
        (self.folder / model_folder.CARD).write_text(json.dumps(self.card), encoding="utf-8")
        return self.folder

    def objects(self, name):
        """Nodes of a class."""
        return [node for node in nodes(self.schema) if node.get("__class__") == name]

    def attribute(self, owner, name):
        """The node of an attribute of the first object of a class."""
        return self.objects(owner)[0]["content"]["content"][name]

    def set(self, owner, name, value):
        node = self.attribute(owner, name)
        node.update(content=json.dumps(value))
        node.pop("__id__")  # nodes of one id are built once

    def array(self, owner, name, change):
        part = self.attribute(owner, name)["file"]
        self.parts[part] = npy(change(np.load(io.BytesIO(self.parts[part]))))

    def swap(self, loader, module, cls, **more):
        """Let another type stand where the calibrator of the main code is."""
        self.objects("TemperatureScaler")[0].update(__loader__=loader, __module__=module, __class__=cls, **more)


def nodes(item):
    if isinstance(item, dict):
        if "__loader__" in item:
            yield item
        for value in item.values():
            yield from nodes(value)
    elif isinstance(item, list):
        for value in item:
            yield from nodes(value)


def pack(parts, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


class Trap:
    """A pickle that leaves a trace when it is opened."""

    def __reduce__(self):
        return os.mkdir, (str(Path(os.environ["TRAP"])),)


def first_part(model):
    return next(iter(model.parts))


# --- the archive ----------------------------------------------------------------------


def text_instead(m):
    m.content = b"no archive at all"


def nothing_at_all(m):
    m.content = b""


def pickle_instead(m):
    m.content = pickle.dumps(Trap())


def cut_short(m):
    m.content = pack({**m.parts, SCHEMA: json.dumps(m.schema)})[:-100]


def cut_in_half(m):
    whole = pack({**m.parts, SCHEMA: json.dumps(m.schema)})
    m.content = whole[: len(whole) // 2]


def a_byte_turned(m):
    whole = bytearray(pack({**m.parts, SCHEMA: json.dumps(m.schema)}))
    whole[whole.index(b"\x93NUMPY") + 200] ^= 1
    m.content = bytes(whole)


def bomb(m):
    m.content = pack({SCHEMA: json.dumps(m.schema), "1.npy": bytes(50 << 20)}, zipfile.ZIP_DEFLATED)


def compressed(m):
    m.content = pack({**m.parts, SCHEMA: json.dumps(m.schema)}, zipfile.ZIP_DEFLATED)


def lying_about_sizes(m):
    """A part that claims to hold more than the whole file does."""
    part = first_part(m)
    whole = bytearray(pack({part: m.parts[part], SCHEMA: json.dumps(m.schema)}))
    directory = whole.rindex(b"PK\x01\x02", 0, whole.rindex(b"PK\x01\x02"))
    whole[directory + 24 : directory + 28] = (1 << 30).to_bytes(4, "little")
    m.content = bytes(whole)


def twice_the_same_part(m):
    file = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "w") as archive:
        for name in (SCHEMA, SCHEMA):
            archive.writestr(name, json.dumps(m.schema))
    m.content = file.getvalue()


def part_outside(m):
    m.parts["../../outside.npy"] = npy(np.zeros(1))


def part_at_the_root(m):
    m.parts["/etc/outside.npy"] = npy(np.zeros(1))


def part_of_another_kind(m):
    m.parts["run.py"] = b"print()"


def no_schema(m):
    m.content = pack(m.parts)


def schema_no_json(m):
    m.schema = b"{"


def schema_a_list(m):
    m.schema = [m.schema]


def schema_empty(m):
    m.schema = {}


def schema_nested_deeply(m):
    m.schema = b"[" * 200_000


def schema_of_the_future(m):
    m.schema["protocol"] = 10**6


def schema_without_protocol(m):
    del m.schema["protocol"]


# --- arrays ---------------------------------------------------------------------------


def array_of_pickles(m):
    m.parts[first_part(m)] = npy(np.array([Trap()], dtype=object))


def array_of_records(m):
    m.parts[first_part(m)] = npy(np.zeros(3, dtype=[("a", "f4")]))


def array_missing(m):
    del m.parts[first_part(m)]


def array_that_is_the_schema(m):
    m.attribute("StackingLogistic", "coef_")["file"] = SCHEMA


def array_outside(m):
    m.attribute("StackingLogistic", "coef_")["file"] = "/etc/passwd"


def array_of_a_terabyte(m):
    part = m.attribute("StackingLogistic", "coef_")["file"]
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    m.parts[part] = header.getvalue() + bytes(800)


def array_of_negative_size(m):
    part = first_part(m)
    head, _, tail = m.parts[part].partition(b"'shape': (")
    m.parts[part] = head + b"'shape': (-" + tail[:-1]


def array_that_is_an_archive(m):
    m.parts[first_part(m)] = pack({"a.npy": npy(np.zeros(1))})


def array_cut(m):
    m.parts[first_part(m)] = m.parts[first_part(m)][:-8]


# --- types ----------------------------------------------------------------------------


def function(m):
    m.swap("FunctionNode", "os", "system")


def harmless_function(m):
    m.swap("FunctionNode", "numpy", "sqrt")


def type_of_builtins(m):
    m.swap("TypeNode", "builtins", "eval")


def method(m):
    m.swap("MethodNode", "icdbase.learning.logistic", "StackingLogistic", content={"func": "fit", "obj": m.objects("StackingLogistic")[0]})


def operator_call(m):
    m.swap("OperatorFuncNode", "operator", "methodcaller", attrs={})


def partial(m):
    m.swap("PartialNode", "functools", "partial", content={})


def reducible(m):
    m.swap("ReduceNode", "sklearn.linear_model._sgd_fast", "Log", reduce={})


def process(m):
    m.swap("ObjectNode", "subprocess", "Popen")


def another_estimator(m):
    m.swap("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression")


def unknown_loader(m):
    m.swap("NoNode", "builtins", "str")


def old_protocol(m):
    m.schema["protocol"] = 0
    m.swap("FunctionNode", "os", "system", content={"module_path": "os", "function": "system"})


def module_and_class_are_no_text(m):
    m.swap("ObjectNode", ["os"], {"a": 1})


def bell_in_a_name(m):
    m.swap("ObjectNode", "os\x1b]0;gone\x07", "system")


def other_array_class(m):
    m.attribute("StackingLogistic", "coef_").update(__module__="numpy", __class__="memmap")


def array_from_json(m):
    m.attribute("StackingLogistic", "coef_").update(type="json", content=[], shape=m.attribute("StackingLogistic", "C"))


def other_dict_class(m):
    m.objects("Task")[0]["content"].update(__module__="collections", __class__="OrderedDict")


def object_inside_itself(m):
    m.objects("TemperatureScaler")[0]["content"] = m.objects("TemperatureScaler")[0]["content"] | {
        "content": {"a": {**m.schema, "content": None, "__id__": m.objects("TemperatureScaler")[0]["__id__"]}}
    }


def one_part_of_a_model(m):
    m.schema = m.objects("StackingLogistic")[0] | {"protocol": m.schema["protocol"], "_skops_version": "0.13.0"}


# --- values and shapes ----------------------------------------------------------------


def unfitted(m):
    content = m.schema["content"]["content"]
    for name in [name for name in content if name.endswith("_")]:
        del content[name]
    m.schema["content"]["key_types"]["content"] = m.schema["content"]["key_types"]["content"][: len(content)]


def one_row(a):
    return a[:1]


def too_long(a):
    return np.concatenate([a, a])


SHAPES = {
    f"{change.__name__}_{owner}.{name}": (lambda m, owner=owner, name=name, change=change: m.array(owner, name, change))
    for owner, name in [
        ("StackingLogistic", "coef_"), ("StackingLogistic", "intercept_"), ("CodeCalibrator", "offsets_"),
        ("CodeCalibrator", "shape_"), ("StatementRule", "gain_"), ("StatementRule", "weights_"), ("ColumnSelector", "union_"),
        ("WordBlock", "terms_"), ("ConceptBlock", "names_"), ("MeasurementBlock", "names_"), ("DiagnosisListBlock", "codes_"),
        ("TfidfTransformer", "idf_"), ("SingleCodeClassifier", "classes_"), ("CodeSetClassifier", "seen_"),
    ]
    for change in (one_row, too_long, np.transpose if name == "coef_" else np.atleast_2d)
    if (change, name) not in [(np.atleast_2d, "union_"), (np.atleast_2d, "weights_")]  # read by a mask, which makes it flat again
}


def not_a_number(m):
    m.array("StackingLogistic", "intercept_", lambda a: np.full_like(a, np.nan))


def texts_for_numbers(m):
    m.array("StackingLogistic", "coef_", lambda a: a.astype(str))


def idf_not_a_number(m):
    m.array("TfidfTransformer", "idf_", lambda a: np.full_like(a, np.nan))


def idf_without_end(m):
    m.array("TfidfTransformer", "idf_", lambda a: np.where(np.arange(len(a)), a, np.inf))


def idf_very_large(m):
    m.array("TfidfTransformer", "idf_", lambda a: np.full_like(a, np.finfo(a.dtype).max))


def weights_without_end(m):
    m.array("StackingLogistic", "coef_", lambda a: np.full_like(a, np.inf))


def a_list_for_a_group(m):
    groups = m.attribute("Task", "exclusive_groups")["content"]
    groups[next(iter(groups))] = m.attribute("Task", "text_fields")


def a_number_for_a_name(m):
    names = m.attribute("Task", "code_names")["content"]
    names[next(iter(names))] = m.attribute("StackingLogistic", "C")


def nothing_for_candidates(m):
    m.objects("Target")[1]["content"]["content"]["codes"] = m.attribute("Target", "name") | {"content": "null", "__id__": 7}


def columns_out_of_range(m):
    m.array("ColumnSelector", "union_", lambda a: a + 10**9)


def another_number_of_codes(m):
    m.set("CodeSetClassifier", "n_codes_", 10**12)


def a_text_for_a_model(m):
    m.attribute("IcdCoder", "models_")["content"][CCL25.main.name] = m.attribute("StackingLogistic", "C")


def a_method_hidden_by_a_value(m):
    m.schema["content"]["content"]["count"] = m.attribute("StackingLogistic", "C")
    m.schema["content"]["key_types"]["content"].append(m.schema["content"]["key_types"]["content"][0])


def unknown_decoding(m):
    m.set("IcdCoder", "decoding", "__import__('os')")


def unknown_kind_of_target(m):
    m.set("Target", "kind", "both")


def concept_table_is_a_device(m):
    node = m.attribute("IcdCoder", "concept_tables")
    text = m.attribute("StackingLogistic", "C") | {"content": '"/dev/zero"', "__id__": 1}
    node.update(__loader__="ListNode", __class__="list", content=[text], __id__=2)


def another_task(m):
    m.set("Task", "name", "ccl26")


def another_tasks_fields(m):
    m.attribute("Task", "text_fields")["content"].pop()


def another_tasks_targets(m):
    m.attribute("Task", "targets")["content"].pop()


# --- trees ----------------------------------------------------------------------------


def tree_text(change):
    def damage(m):
        node = m.attribute("BoostedTrees", "booster_")
        text = json.loads(node["content"])
        changed = change(text)
        assert changed != text
        node["content"] = json.dumps(changed)

    return damage


def line(key, change, sizes=True):
    """Change the first line of a key, and the sizes of the trees with it."""

    def edit(text):
        before, _, rest = text.partition(f"\n{key}=")
        value, _, after = rest.partition("\n")
        new = change(value)
        if sizes:
            head, _, tail = before.partition("\ntree_sizes=")
            first, _, others = tail.partition(" ")
            before = f"{head}\ntree_sizes={int(first) + len(new) - len(value)} {others}" if tail else before
        return f"{before}\n{key}={new}\n{after}"

    return edit


TREES = {
    "empty": lambda text: "",
    "no_tree": lambda text: text[: text.index("Tree=0")],
    "cut": lambda text: text[: len(text) // 2],
    "no_end": lambda text: text[: text.index("end of trees")],
    "not_ascii": lambda text: text.replace("Tree=1", "Tree=１"),
    "nul": lambda text: text.replace("Tree=1", "Tree=1\0"),
    "sizes_too_large": line("tree_sizes", lambda value: "9" * 12 + value, sizes=False),
    "sizes_negative": line("tree_sizes", lambda value: "-" + value, sizes=False),
    "sizes_missing": lambda text: text.replace("tree_sizes", "tree_names"),
    "sizes_swapped": line("tree_sizes", lambda value: " ".join(reversed(value.split())), sizes=False),
    "one_tree_less": line("tree_sizes", lambda value: value.rpartition(" ")[0], sizes=False),
    "other_version": line("version", lambda _: "v99"),
    "many_classes": line("num_class", lambda _: "1000000"),
    "other_objective": line("objective", lambda _: "lambdarank"),
    "many_columns": line("max_feature_idx", lambda _: "99999999"),
    "negative_columns": line("max_feature_idx", lambda _: "-5"),
    "twice_the_same_line": lambda text: text.replace("num_leaves=", "num_cat=0\nnum_leaves=", 1),
    "many_leaves": line("num_leaves", lambda _: "2147483647"),
    "no_leaves": line("num_leaves", lambda _: "0"),
    "huge_leaves": line("num_leaves", lambda _: "9" * 5000),
    "categories": line("num_cat", lambda _: "7"),
    "linear": line("is_linear", lambda _: "1"),
    "column_out_of_range": line("split_feature", lambda value: "1999999999" + value[value.index(" ") :]),
    "column_negative": line("split_feature", lambda value: "-7" + value[value.index(" ") :]),
    "category_split": line("decision_type", lambda value: "1" + value[1:]),
    "node_to_itself": line("left_child", lambda value: "0" + value[value.index(" ") :]),
    "leaf_out_of_range": line("left_child", lambda value: "-1999999" + value[value.index(" ") :]),
    "child_out_of_range": line("right_child", lambda value: "1999999" + value[value.index(" ") :]),
    "children_missing": line("right_child", lambda value: value.partition(" ")[0]),
    "leaves_missing": line("leaf_value", lambda value: value.partition(" ")[0]),
    "leaf_not_finite": line("leaf_value", lambda value: "nan" + value[value.index(" ") :]),
    "thresholds_missing": line("threshold", lambda _: ""),
    "thresholds_no_numbers": line("threshold", lambda value: value.replace("0", "\x1b", 1)),
}

DAMAGE = {
    damage.__name__: damage
    for damage in (
        text_instead, nothing_at_all, pickle_instead, cut_short, cut_in_half, a_byte_turned, bomb, compressed,
        lying_about_sizes, twice_the_same_part, part_outside, part_at_the_root, part_of_another_kind, no_schema,
        schema_no_json, schema_a_list, schema_empty, schema_nested_deeply, schema_of_the_future,
        schema_without_protocol, array_of_pickles, array_of_records, array_missing, array_that_is_the_schema,
        array_outside, array_of_a_terabyte, array_of_negative_size, array_that_is_an_archive, array_cut, function,
        harmless_function, type_of_builtins, method, operator_call, partial, reducible, process, another_estimator,
        unknown_loader, old_protocol, module_and_class_are_no_text, bell_in_a_name, other_array_class,
        array_from_json, other_dict_class, object_inside_itself, one_part_of_a_model, unfitted, not_a_number,
        texts_for_numbers, idf_not_a_number, idf_without_end, idf_very_large, weights_without_end, a_list_for_a_group,
        a_number_for_a_name, nothing_for_candidates, columns_out_of_range, another_number_of_codes, a_text_for_a_model,
        a_method_hidden_by_a_value, unknown_decoding, unknown_kind_of_target,
        concept_table_is_a_device, another_task, another_tasks_fields, another_tasks_targets,
    )
} | SHAPES | {f"tree_{name}": tree_text(change) for name, change in TREES.items()}

CARDS = {
    "task_of_another": {"task": "ccl26"},
    "codes_of_another": {"codes": {CCL25.main.name: 5}},
    "codes_missing": {"codes": None},
    "name_outside": {"model": "../model-0123456789ab.skops"},
    "name_absolute": {"model": "/etc/passwd"},
    "name_with_nul": {"model": "model\0.skops"},
    "name_of_the_card": {"model": model_folder.CARD},
    "name_no_text": {"model": {"a": ["b"] * 1000}},
    "version_a_novel": {"format_version": "x" * 100_000},
}


@pytest.fixture
def model(good, tmp_path, monkeypatch):
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    (tmp_path / "model").mkdir()
    return Model(good, tmp_path / "model")


def test_taken_apart_and_put_together_it_still_loads(model, held_out):
    assert len(model_folder.load(model.write()).predict(held_out[:3])) == 3


def test_there_are_enough_of_them():
    assert len(DAMAGE) + len(CARDS) > 120


def refused(model):
    with pytest.raises(ModelError) as caught:
        model_folder.load(model.folder)
    message = str(caught.value)
    assert message.startswith(str(model.folder)) and len(message) < 500 and message.isprintable()
    assert [path.name for path in model.folder.parent.iterdir()] == ["model"], "something in the model was executed"
    return message


@pytest.mark.parametrize("name", DAMAGE)
def test_a_hostile_model_is_refused(model, name):
    DAMAGE[name](model)
    model.write()
    message = refused(model)
    assert "train again" in message
    if name.startswith("tree_"):
        assert "LightGBM model text is damaged or hostile" in message


@pytest.mark.parametrize("name", CARDS)
def test_a_hostile_card_is_refused(model, name):
    model.card |= CARDS[name]
    model.write()
    refused(model)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 200_000, b"1" * 10_000, b"null", b"{}"])
def test_a_card_that_is_none(model, content):
    (model.write() / model_folder.CARD).write_bytes(content)
    refused(model)


def test_libraries_that_are_none(model):
    model.card["libraries"] = {"scikit-learn": "\x1b[2J" * 1000, "lightgbm": None}
    with pytest.warns(model_card.VersionWarning) as caught:
        model_folder.load(model.write())
    assert all(len(str(warning.message)) < 300 and str(warning.message).isprintable() for warning in caught)
    model.card["libraries"] = ["1.0"]
    with pytest.warns(model_card.VersionWarning) as caught:
        model_folder.load(model.write())
    assert "made with scikit-learn None, here is" in str(caught[0].message)


def test_no_pipe_is_read_and_nothing_endless(model, monkeypatch):
    folder = model.write()
    file = next(folder.glob("*.skops"))
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    assert "no plain file" in refused(model)
    file.unlink()
    file.write_bytes(content)
    monkeypatch.setattr(model_folder, "MAX_MODEL_BYTES", 1000)
    assert "larger than 1,000 bytes" in refused(model)
    monkeypatch.setattr(model_card, "MAX_CARD_BYTES", 10)
    assert "not a readable model card" in refused(model)


@pytest.mark.filterwarnings("ignore:其他诊断编码. 40 training records get one")
def test_a_concept_table_that_was_changed_or_is_not_there(train, tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("concept,kind,codes,forms\n我科自定,disease,X1,怪病甲\n", encoding="utf-8")
    folder = model_folder.save(small_coder(concept_tables=(str(table),)).fit(few(train, 40)), tmp_path / "model")
    table.unlink()  # the model has its own copy
    (copied,) = folder.glob("concepts-*.csv")
    content = copied.read_text(encoding="utf-8")
    copied.write_text("concept,kind,codes,forms\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"its concept table concepts-\w+\.csv is missing from the folder or was changed"):
        model_folder.load(folder)
    copied.write_text(content, encoding="utf-8")
    model_folder.load(folder)
    with pytest.raises(ModelError, match="the counts and the model differ in: concept tables; they have changed since training"):
        model_folder.load(folder).set_params(concept_tables=()).predict(train.iloc[:2])
    copied.unlink()
    with pytest.raises(ModelError, match=r"its concept table concepts-\w+\.csv is missing from the folder"):
        model_folder.load(folder)


def test_a_tree_of_one_leaf_is_no_damage():
    from icdbase.learning.trees import BoostedTrees

    trees = BoostedTrees(n_estimators=1).fit(np.zeros((4, 2), dtype=np.float32), np.array([0, 1, 0, 1]))
    booster = load_booster(trees.booster_.model_to_string(), 1)
    assert booster.predict(np.zeros((1, 2))) == trees.booster_.predict(np.zeros((1, 2)))


def test_the_small_parts_are_refused_by_themselves():
    import skops.io

    content = skops.io.dumps(StackingLogistic())
    with pytest.raises(ValueError, match=r"no part of an icdbase model: icdbase\.learning\.logistic\.StackingLogistic"):
        check_model_file(content, ())
