"""Model folders: the same predictions after loading, clear words for damage, whole after an interruption."""

import errno
import json
import threading
import warnings

import pandas as pd
import pytest

from icdbase.core.errors import DataError, ModelError, UsageError, VersionWarning
from icdbase.storage import model_card, model_folder


@pytest.fixture
def folder(plain_coder, train, tmp_path):
    return model_folder.save(plain_coder, tmp_path / "model", records=train, scores={"acc": 0.5})


def test_a_loaded_model_predicts_the_same(coder, tmp_path, held_out):
    loaded = model_folder.load(model_folder.save(coder, tmp_path / "model"))
    assert loaded.get_params() == coder.get_params()
    expected = coder.predict_proba(held_out)
    for target, p in loaded.predict_proba(held_out).items():
        pd.testing.assert_frame_equal(p, expected[target], check_exact=True)


def test_saving_a_loaded_model_gives_the_same_bytes(folder, tmp_path):
    again = model_folder.save(model_folder.load(folder), tmp_path / "again")
    assert model_card.read_card(again)["parameters"] == model_card.read_card(folder)["parameters"]


def test_the_card_says_what_made_the_model(folder, train):
    card = model_card.read_card(folder)
    assert card["task"] == "ccl25" and card["seed"] == 0 and card["scores"] == {"acc": 0.5}
    assert card["training_data"] == {"records": len(train), "sha256": model_card.fingerprint(train), "synthetic": "all"}
    assert {"scikit-learn", "lightgbm"} <= set(card["libraries"])
    assert card["parameters"]["decoding"] == "expected_f1:0"


def test_the_card_holds_no_text(folder, train):
    text = (folder / model_folder.CARD).read_text(encoding="utf-8")
    assert not any(note[:12] in text for note in train["现病史"] if len(note) > 12)


def test_the_fingerprint_follows_the_data(train):
    other = train.copy()
    other.iat[0, 0] += "。"
    assert model_card.fingerprint(train) == model_card.fingerprint(train.copy()) != model_card.fingerprint(other)
    swapped = train.rename(columns={"主诉": "现病史", "现病史": "主诉"})
    assert model_card.fingerprint(swapped) != model_card.fingerprint(train)


def test_saving_again_replaces_the_model(plain_coder, folder):
    model_folder.save(plain_coder, folder)
    assert len(list(folder.glob("*.skops"))) == 1


def test_an_interrupted_save_leaves_the_old_model_whole(plain_coder, folder, held_out, monkeypatch):
    before = sorted(path.name for path in folder.iterdir())

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(model_folder.json, "dump", interrupted)
    changed = model_folder.load(folder).set_params(decoding="threshold:0.4")
    with pytest.raises(KeyboardInterrupt):
        model_folder.save(changed, folder)
    monkeypatch.undo()
    assert set(before) <= {path.name for path in folder.iterdir()}
    assert model_folder.load(folder).decoding == plain_coder.decoding


def test_no_room_leaves_the_old_model_whole(plain_coder, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left") as caught:
        model_folder.save(model_folder.load(folder).set_params(decoding="threshold:0.4"), folder)
    assert str(caught.value).startswith(str(folder / "model-"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_two_saves_at_once_leave_one_whole_model(folder, monkeypatch):
    one, other = model_folder.load(folder).set_params(decoding="threshold:0.4"), model_folder.load(folder).set_params(decoding="threshold:0.3")
    second, dump = threading.Thread(target=model_folder.save, args=(other, folder)), json.dump

    def pause(*arguments, **options):
        """Between the model and the card of the first, the second comes."""
        if threading.current_thread() is not second:
            second.start()
            second.join(0.3)
        dump(*arguments, **options)

    monkeypatch.setattr(model_folder.json, "dump", pause)
    model_folder.save(one, folder)
    second.join()
    assert model_folder.load(folder).decoding == "threshold:0.3"
    assert len(list(folder.iterdir())) == 2


def test_a_model_replaced_while_it_is_loaded(folder, monkeypatch):
    other, read = model_folder.load(folder).set_params(decoding="threshold:0.3"), model_folder._read_model_file
    replaced = []

    def replace_first(path, card):
        if not replaced:
            replaced.append(model_folder.save(other, folder))
        return read(path, card)

    monkeypatch.setattr(model_folder, "_read_model_file", replace_first)
    loaded, card = model_folder.load_with_card(folder)
    assert loaded.decoding == card["parameters"]["decoding"] == "threshold:0.3"


def test_too_little_memory_is_no_damage(folder, monkeypatch):
    def too_large(*_, **__):
        raise MemoryError

    for place in ("skops.io.loads", "zipfile.ZipFile"):
        monkeypatch.setattr(place, too_large)
        with pytest.raises(ModelError, match=r"\.skops: not enough memory to load it; close other programs"):
            model_folder.load(folder)


def test_a_folder_with_something_else_in_it_is_not_written_to(plain_coder, folder, tmp_path):
    assert model_folder.check_model_folder(folder) == folder
    for name in ("empty", "hidden", "torn"):
        (tmp_path / name).mkdir()
    (tmp_path / "hidden" / ".gitkeep").touch()
    (tmp_path / "torn" / "model-0123456789ab.skops").touch()  # a first save, interrupted before its card
    for name in ("new", "empty", "hidden", "torn"):
        assert model_folder.check_model_folder(tmp_path / name) == tmp_path / name
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="is no model folder, it holds empty; name a new or empty folder"):
        model_folder.save(plain_coder, tmp_path)
    (tmp_path / "torn" / model_folder.CARD).write_text('{"layers": 3}', encoding="utf-8")  # another program's model
    with pytest.raises(UsageError, match=r"is no model folder, it holds model\.json"):
        model_folder.save(plain_coder, tmp_path / "torn")
    with pytest.raises(UsageError, match=r"model\.json is a file; name a folder"):
        model_folder.save(plain_coder, folder / model_folder.CARD)
    assert sorted(tmp_path.iterdir()) == before


def edit_card(folder, **changes):
    card = json.loads((folder / model_folder.CARD).read_text(encoding="utf-8"))
    (folder / model_folder.CARD).write_text(json.dumps(card | changes), encoding="utf-8")


def model_file(folder):
    return next(folder.glob("*.skops"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / model_folder.CARD).unlink(), "no such file; is .* a folder written by 'icdbase train"),
        (lambda f: (f / model_folder.CARD).write_text("{"), "not a readable model card"),
        (lambda f: (f / model_folder.CARD).write_text("[]"), "not a card of an icdbase model"),
        (lambda f: edit_card(f, format="other"), "not a card of an icdbase model"),
        (lambda f: edit_card(f, format_version=99), "format version 99"),
        (lambda f: edit_card(f, model="../x.skops"), "outside the folder"),
        (lambda f: model_file(f).unlink(), "cannot be read"),
        (lambda f: model_file(f).write_bytes(model_file(f).read_bytes()[:-100]), "damaged, its SHA-256"),
    ],
)
def test_damage_is_named(folder, damage, message):
    damage(folder)
    with pytest.raises(ModelError, match=message):
        model_folder.load(folder)


def replace_model(folder, obj):
    import hashlib

    import skops.io

    content = obj if isinstance(obj, bytes) else skops.io.dumps(obj)
    model_file(folder).write_bytes(content)
    edit_card(folder, sha256=hashlib.sha256(content).hexdigest())


def test_a_second_save_keeps_the_tables_of_the_model_that_is_there(few_codes, tmp_path):
    from icdbase import IcdCoder

    table = tmp_path / "own.csv"
    coder = IcdCoder(main_learner="trees:2", n_folds=2, boosted_features=False, concept_tables=(table,))
    for form in ("怪病甲", "怪病乙"):
        table.write_text(f"concept,kind,codes,forms\n我科自定,disease,,{form}\n", encoding="utf-8")
        model_folder.save(coder.fit(few_codes.iloc[:30]), tmp_path / "model")
        assert coder.concept_tables == (table,)
    loaded = model_folder.load(tmp_path / "model")
    (copied,) = (tmp_path / "model").glob("concepts-*.csv")
    assert loaded.concept_tables == (str(copied),) and copied.read_bytes() == table.read_bytes()
    model_folder.save(loaded, tmp_path / "model")
    assert [path.read_bytes() for path in (tmp_path / "model").glob("concepts-*.csv")] == [table.read_bytes()]
    model_folder.save(coder.set_params(concept_tables=()).fit(few_codes.iloc[:30]), tmp_path / "model")
    assert not list((tmp_path / "model").glob("concepts-*.csv"))


def test_foreign_types_are_refused(folder):
    from sklearn.preprocessing import FunctionTransformer

    replace_model(folder, FunctionTransformer(print))
    with pytest.raises(ModelError, match=r"refused|not an IcdCoder"):
        model_folder.load(folder)
    replace_model(folder, {"a": 1})
    with pytest.raises(ModelError, match="holds a dict, not an IcdCoder"):
        model_folder.load(folder)
    replace_model(folder, b"no zip at all")
    with pytest.raises(ModelError, match="damaged model file"):
        model_folder.load(folder)


def test_another_major_version_warns_by_name(folder):
    edit_card(folder, libraries={"scikit-learn": "0.24.2", "lightgbm": model_card.version("lightgbm")})
    with pytest.warns(VersionWarning, match=r"made with scikit-learn 0\.24\.2"):
        model_folder.load(folder)


def test_the_same_versions_do_not_warn(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model_folder.load(folder)


def test_long_numbers_in_the_vocabulary_are_counted_and_not_shown(train, tmp_path):
    from icdbase import IcdCoder
    from icdbase.core.errors import PrivacyWarning

    few = train.iloc[:30].copy()
    few.iloc[:3, 0] += "，联系人tel13812345678，住院号zy0012345"
    few.iloc[:1, 0] += "，身份证id110105194912310021"
    fast = {"main_learner": "trees:2", "n_folds": 2, "boosted_features": False}
    coder = IcdCoder(**fast).fit(few)
    with pytest.warns(PrivacyWarning, match="2 of the model's words hold six digits or more") as caught:
        model_folder.save(coder, tmp_path)
    # Others may be caught beside it: a process of an earlier test that is cleared away warns with its number.
    (told,) = (str(one.message) for one in caught if one.category is PrivacyWarning)
    assert "138" not in told.replace(str(tmp_path), "")
    card = (tmp_path / model_folder.CARD).read_text(encoding="utf-8")
    assert json.loads(card)["vocabulary"] == {"words": len(coder.features_.terms_), "with_long_numbers": 2}
    assert "13812345678" not in card
    assert model_card.long_numbers(IcdCoder(**fast, min_df=4).fit(few)) == 0
