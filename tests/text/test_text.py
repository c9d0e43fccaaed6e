"""Normalisation by hand-worked cases; rjieba held to jieba's tokens."""

import pickle
import re
from functools import cache

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from icdbase.core.errors import UsageError
from icdbase.features.blocks import FeatureBuilder
from icdbase.features.counts import count_records
from icdbase.synthetic import make_records
from icdbase.tasks.editions import CCL25
from icdbase.tasks.task import Target, Task
from icdbase.text.normalization import normalize
from icdbase.text.tokenization import Tokenizer, _jieba_cutter, _rjieba_cutter, user_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＮＴ－ｐｒｏＢＮＰ：１２００ｐｇ／ｍＬ", "nt-probnp:1200pg/ml"),
        ("高血压病Ⅲ级", "高血压病3级"),
        ("高血压病III级", "高血压病3级"),
        ("高血压病三级", "高血压病3级"),
        ("心功能Ⅱ-Ⅲ级", "心功能2-3级"),
        ("KillipIV级", "killip4级"),
        ("NYHAⅢ级", "nyha3级"),
        ("Ⅱ型呼吸衰竭，Ⅰ°房室传导阻滞", "2型呼吸衰竭,1°房室传导阻滞"),
        ("DIVI级", "divi级"),
        ("10⁹/L", "10^9/l"),
        ("①高血压②糖尿病", "1.高血压2.糖尿病"),
        ("“***”住院，20**年", "“*”住院,20*年"),
        ("血压\t 150/90  mmHg", "血压 150/90 mmhg"),
        ("冠心病\r\n \n高血压", "冠心病\n高血压"),
        ("½片", "½片"),
        ("斑块.2023.5.1肝囊肿.约.5cm(少量).", "斑块。2023.5.1肝囊肿。约.5cm(少量)。"),
        ("", ""),
    ],
)
def test_normalize(text, expected):
    assert normalize(text) == expected


@given(st.text())
def test_normalising_twice_changes_no_letter_case_or_width(text):
    once = normalize(text)
    assert once == once.lower()
    assert not set(once) & set("，：；（）Ａ１Ⅲ")


@settings(deadline=None)  # the first text waits for the dictionary
@given(st.text(max_size=200))
def test_tokens_join_to_the_text(text):
    tokens = Tokenizer(user_words(CCL25)).cut(normalize(text))
    assert "".join(tokens) == normalize(text)


@cache
def cutters():
    return _jieba_cutter(user_words(CCL25)), _rjieba_cutter(user_words(CCL25))


def test_rjieba_cuts_as_jieba_does():
    jieba, rjieba = cutters()
    records = make_records(30, random_state=5)
    texts = {normalize(text) for field in CCL25.text_fields for text in records[field]}
    assert len(texts) > 200
    for text in texts:
        assert rjieba(text) == jieba(text)


def test_the_tokenizer_takes_either(monkeypatch):
    text = normalize(make_records(1, random_state=5)["现病史"].iloc[0])
    tokens = Tokenizer(user_words(CCL25)).cut(text)
    monkeypatch.setattr("icdbase.text.tokenization._cutter", lambda words: cutters()[0])
    assert Tokenizer(user_words(CCL25)).cut(text) == tokens


@given(st.text(max_size=100) | st.text(alphabet="高血压病3级极危心房颤动,.-+#&_% 1a\n(", max_size=60))
def test_rjieba_cuts_as_jieba_does_on_odd_text(text):
    text = normalize(text)
    # 高高|高 and 高|高高 are equally probable: there the last bit of a sum decides, and the two sum in other orders.
    assume(not re.search(r"(.)\1\1", text))
    jieba, rjieba = cutters()
    assert jieba(text) == rjieba(text)


def test_user_words_stay_whole():
    tokens = Tokenizer(user_words(CCL25)).cut(normalize("诊断：阵发性心房颤动、高血压病3级（极高危）、冠状动脉肌桥"))
    assert {"阵发性心房颤动", "高血压病3级", "冠状动脉肌桥"} <= set(tokens)


def test_the_dictionary_is_nobody_elses():
    import jieba

    _jieba_cutter(["颈动脉硬化斑块形成"])("测试")
    assert "颈动脉硬化斑块形成" not in jieba.lcut("颈动脉硬化斑块形成", HMM=False)


def test_a_tokenizer_pickles():
    tokenizer = Tokenizer(["极高危组"])
    assert pickle.loads(pickle.dumps(tokenizer)).cut("极高危组") == ["极高危组"]


@pytest.mark.parametrize(
    "kind", ["jieba", "characters", "characters:2-4", "ngrams", "regex", "regex:[a-z]+", "ngrams:2-3+regex:[a-z]+|c+"]
)
def test_every_token_stands_where_it_says(kind):
    text = normalize("боли в груди 3天；胸闷、气促，BP 150/90mmHg, well-known asthma")
    tokens = Tokenizer(kind=kind).places(text)
    assert [token.text for token in tokens] == Tokenizer(kind=kind).cut(text)
    for token in tokens:
        assert token.text.strip("<>") == text[token.start : token.end].strip("<>") != ""


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("jiebba", "did you mean 'jieba'"),
        ("ngrams:2", "write the lengths as shortest-longest, 1 to 9, such as ngrams:2-4"),
        ("characters:3-2", "such as characters:2-4"),
        ("layout:3", "layout takes no argument; write 'layout'"),
        ("pairs:5", "write characters-distance, 1 to 9 each, such as pairs:5-4"),
        ("ngrams+regexx", "unknown tokenizer|write the lengths"),
        ("regex:[", "not a regular expression"),
        (3, "must be a text"),
    ],
)
def test_a_tokenizer_that_cannot_be(kind, message):
    with pytest.raises(UsageError, match=message):
        Tokenizer(kind=kind)


def test_pairs_of_words_stand_from_the_first_to_the_second():
    text = "тянущие боли, ноющие боли"
    tokens = Tokenizer(kind="pairs:3-2").places(text)
    assert [token.text for token in tokens] == [
        "тян", "бол", "ною", "бол", "бол тян", "ною тян", "бол ною", "бол бол", "бол ною",
    ]
    assert [text[token.start : token.end] for token in tokens[3:6]] == ["боли", "тянущие боли", "тянущие боли, ноющие"]


def test_layout_tells_how_a_text_is_written():
    text = "- боли 3 дня."
    tokens = Tokenizer(kind="layout").places(text)
    assert [token.text for token in tokens] == [
        "‹-›", "‹a›", "‹0›", "‹a›", "‹.›",
        "‹^ -›", "‹- a›", "‹a 0›", "‹0 a›", "‹a .›", "‹. $›",
        "‹^ - a›", "‹- a 0›", "‹a 0 a›", "‹0 a .›", "‹a . $›",
        "‹^ -", "‹- боли", "‹боли 3", "‹3 дня", "‹дня .", "‹. $",
        "‹^ - боли…", "‹^ - боли 3…", "‹^ - боли 3 дня…",
    ]
    assert {token.text: text[token.start : token.end] for token in tokens if token.text[1] in "^." or "$" in token.text} == {
        "‹.›": ".", "‹^ -›": "-", "‹. $›": ".", "‹^ - a›": "- боли", "‹a . $›": "дня.", "‹^ -": "-", "‹. $": ".",
        "‹^ - боли…": "- боли", "‹^ - боли 3…": "- боли 3", "‹^ - боли 3 дня…": "- боли 3 дня",
    }
    assert Tokenizer(kind="layout").cut(" ") == []


def test_the_vocabulary_keeps_what_the_layout_says():
    """In a language of ASCII letters too, where bare marks and numbers are no words."""
    task = Task(name="t", id_field="id", text_fields=("note",), targets=(Target("code", kind="single", weight=1.0),),
                tokenizer="layout", blocks=("words",))
    records = pd.DataFrame({"note": ["- pain.", "- pain."]}, index=["1", "2"])
    assert {"‹^ -›", "‹. $", "‹^ - pain…"} <= set(FeatureBuilder().fit(count_records(records, task)).terms_)


def test_joined_tokenizers_follow_each_other():
    text = "боль в груди 3 дня"
    joined, parts = Tokenizer(kind="jieba+ngrams:2-3+pairs"), ("jieba", "ngrams:2-3", "pairs")
    assert joined.places(text) == [token for kind in parts for token in Tokenizer(kind=kind).places(text)]
    assert joined.cut(text) == [token.text for token in joined.places(text)]
