"""Records unlike the training records are told, those like them are not."""

import pandas as pd
import pytest

from icdbase.features.familiarity import REASONS, Familiarity
from icdbase.tasks.editions import CCL25

WEATHER = "今天白天多云转晴，西北风三到四级，最高气温12摄氏度，夜间最低气温3摄氏度，空气质量良，明天有小雨，请市民出行携带雨具。"
APPENDICITIS = {
    "主诉": "转移性右下腹痛1天。",
    "现病史": "患者1天前出现上腹部疼痛，伴恶心、呕吐，6小时后疼痛转移并固定于右下腹，伴发热，体温38.2℃，急诊以“急性阑尾炎”收入普外科。",
    "入院情况": "右下腹肌紧张，麦氏点压痛、反跳痛阳性，结肠充气试验阳性，肠鸣音4次/分。",
    "诊疗经过": "腹部彩超：右下腹见管状低回声，考虑阑尾炎。在全麻下行腹腔镜阑尾切除术，术后予头孢曲松、甲硝唑抗感染，第1天肛门排气。",
}


def record(**texts):
    return pd.DataFrame([dict.fromkeys(CCL25.text_fields, "") | texts], index=["1"])


@pytest.mark.parametrize("texts", [
    {}, {"主诉": "胸闷3天"}, {"现病史": WEATHER}, {"现病史": WEATHER * 40}, APPENDICITIS,
    {"现病史": "Two days of right lower quadrant pain, fever and vomiting. Laparoscopic appendectomy was performed. " * 30},
], ids=["empty", "short", "weather", "long weather", "appendicitis", "English"])
def test_unlike_the_training_records(coder, texts):
    assert coder.unlike(record(**texts)).iloc[0] in REASONS.values()


def test_a_long_text_of_another_kind_is_not_called_short(coder):
    assert coder.unlike(record(现病史=WEATHER * 40)).iloc[0] == REASONS["known"]


def test_records_of_the_department_are_like_the_training_records(coder, train, held_out):
    assert (coder.unlike(train) != "").mean() <= 0.02
    assert (coder.unlike(held_out) != "").mean() <= 0.04


def test_limits_are_learned_from_the_training_records(coder, train):
    counts = coder.count(train)
    limits = Familiarity().fit(counts, coder.features_).limits_
    assert limits == coder.familiarity_.limits_
    assert set(limits) == set(REASONS)
    assert min(limits.values()) > 0
