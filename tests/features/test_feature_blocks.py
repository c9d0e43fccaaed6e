"""An extractor counts what it locates, a block names the columns that it builds, and parts of counts join to the whole."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from icdbase.clinical.assertion import STATUSES
from icdbase.clinical.implied_codes import STATED, statements
from icdbase.features.base import AFFIRMED
from icdbase.features.blocks import BLOCKS, FeatureBuilder
from icdbase.features.counts import _joined, build_extractors, clinical_extractors, count_records
from icdbase.features.stated_codes import stated_matrix
from icdbase.features.texts import TextBatch
from icdbase.tasks.editions import CCL25, CCL26
from icdbase.text.normalization import normalize

PARTS = ("words", "concepts", "listed", "operations")
PIECES = st.sampled_from([
    "否认", "高血压", "糖尿病", "、", "，", "。", "1.", "2.", "⑩", "房颤", "３级", "很高危", "血钾3.1mmol/L", "父亲", "行", "改行", "胃息肉切除术",
    "手术名称：", "？", "\n", "不稳定型心绞痛", "冠心病10年", "killip Ⅱ级", "ＢＮＰ", "***",
])
TEXT = st.lists(PIECES, max_size=15).map("".join)
FIELDS = ("入院诊断", "既往史", "手术经过", "诊疗经过")


def frame(task, **texts):
    return pd.DataFrame([dict.fromkeys(task.text_fields, "") | texts], index=["1"])


def located(extractor, task, texts) -> Counter:
    return Counter(key for key, _ in extractor.locate(*TextBatch.of_one(texts, task)))


@pytest.mark.parametrize("tokenizer", ["jieba", "ngrams:2-3"])
@given(texts=st.fixed_dictionaries(dict.fromkeys(FIELDS, TEXT)))
def test_counts_are_the_numbers_of_spans(tokenizer, texts):
    texts = {field: text for field, text in texts.items() if field in CCL26.text_fields}
    counts = count_records(frame(CCL26, **texts), CCL26, tokenizer=tokenizer)
    extractors = build_extractors(CCL26, tokenizer=tokenizer)
    words = sum(counts.words.values()).toarray()[0]
    assert {key.name: n for key, n in located(extractors["words"], CCL26, texts).items()} == {
        name: n for name, n in zip(counts.words.names, words, strict=True) if n
    }
    keys, mentions = located(extractors["concepts"], CCL26, texts), sum(counts.concepts.values()).tocoo()
    assert {(key.name, key.detail): n for key, n in keys.items() if key.detail in STATUSES} == {
        (counts.concepts.names[column // len(STATUSES)], STATUSES[column % len(STATUSES)]): n
        for column, n in zip(mentions.col, mentions.data, strict=True)
    }
    affirmed = sum(n for key, n in keys.items() if key.detail in AFFIRMED)
    assert sum(n for key, n in keys.items() if key.detail.startswith("@")) == affirmed
    for part in ("listed", "operations"):
        counted = getattr(counts, part)
        assert {(key.name, key.detail) for key in located(extractors[part], CCL26, texts) if key.kind != "stated code"} == {
            (counted.names[column], f"@{field}") for field, scores in counted.items() for column in scores.indices
        }


@pytest.mark.parametrize("chosen", [*((block,) for block in BLOCKS), BLOCKS])
@pytest.mark.parametrize("fields", [None, ("主诉", "诊疗经过")])
def test_every_column_has_one_name(chosen, fields, train):
    counts = count_records(train[:20], CCL25)
    builder = FeatureBuilder(blocks=chosen, fields=fields)
    features = builder.fit_transform(counts)
    sparse_ids, dense_ids = builder.feature_ids()
    assert (len(sparse_ids), len(dense_ids)) == (features.sparse().shape[1], features.dense().shape[1])
    assert len({*sparse_ids, *dense_ids}) == len(sparse_ids) + len(dense_ids)
    assert list(features.blocks) == [block for block in BLOCKS if block in chosen]
    assert [list(map(str, builder.blocks_[name].feature_ids())) for name in features.blocks] == [
        names.tolist() for names in features.names.values()
    ]


def same(one, other):
    for part in PARTS:
        a, b = getattr(one, part), getattr(other, part)
        assert (a.n_records, a.names.tolist(), list(a)) == (b.n_records, b.names.tolist(), list(b))
        for field in a:
            assert (sparse.csr_matrix(a[field]) != b[field]).nnz == 0
    a, b = one.measurements, other.measurements
    assert (a.names, a.fields, a.ends.tolist()) == (b.names, b.fields, b.ends.tolist())
    np.testing.assert_array_equal(a.values, b.values)
    assert one.labels.equals(other.labels)


def test_parts_join_to_the_whole(train):
    whole = count_records(train[:15], CCL25)
    parts = [count_records(train[begin : begin + 5], CCL25) for begin in (0, 5, 10)]
    same(_joined(parts, whole.labels), whole)


def test_rows_are_taken_by_position_or_mask(train):
    counts = count_records(train[:6], CCL25)
    same(counts.take([1, 4]), counts.take(np.isin(np.arange(6), [1, 4])))
    same(counts.take([4, 1]).take([1, 0]), counts.take([1, 4]))


@given(texts=st.fixed_dictionaries(dict.fromkeys(("入院诊断", "既往史", "诊疗经过"), TEXT)))
def test_what_is_located_is_what_is_stated(texts):
    counts = count_records(frame(CCL25, **texts), CCL25)
    matrix = stated_matrix(counts.stated, CCL25.text_fields)
    stated = {counts.listed.names[column] for column in matrix.indices}
    keys = {key.name for extractor in build_extractors(CCL25).values() for key in located(extractor, CCL25, texts) if key.kind == "stated code"}
    assert keys == stated


def test_a_past_infarction_is_an_old_one():
    counts = count_records(frame(CCL25, 既往史="5年前患急性心肌梗死，植入支架2枚"), CCL25)
    stated = {counts.listed.names[column] for column in stated_matrix(counts.stated, CCL25.text_fields).indices}
    assert {"I25.200", "Z95.501"} <= stated
    assert "I21.401" not in stated


def test_the_block_and_the_statements_of_a_record_agree(train):
    """The model counts what :func:`icdbase.clinical.implied_codes.statements` lists."""
    records = train[:40]
    counts, linker = count_records(records, CCL25), clinical_extractors(CCL25)[1]
    matrix, names = stated_matrix(counts.stated, CCL25.text_fields), counts.listed.names
    for row, (_, record) in enumerate(records.iterrows()):
        listed = statements({field: normalize(record[field]) for field in CCL25.text_fields}, linker)
        stated = {one.codes[0] for one in listed if len(one.codes) == 1 and one.status in STATED}
        assert stated == set(names[matrix[row].nonzero()[1]])
