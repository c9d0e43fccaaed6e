"""主诉, 现病史 and the four other histories."""

from __future__ import annotations

from icdbase.synthetic.drugs import home_drugs
from icdbase.synthetic.phrasebook import render

__all__ = ["write_history"]

CHRONIC = {
    "痛风", "甲状腺功能减退", "前列腺增生", "腰椎间盘突出", "颈椎病", "慢性支气管炎", "慢性胃炎", "反流性食管炎",
    "过敏性鼻炎",
}
SYMPTOM = {"ua": "chest", "mva": "chest", "nstemi": "chest", "adhf": "breath", "htn": "dizzy"}
VESSEL_NAMES = {
    "LAD": "前降支", "LCX": "回旋支", "RCA": "右冠状动脉", "LM": "左主干",
    "D1": "第一对角支", "OM1": "钝缘支", "PDA": "后降支",
}


def write_history(note) -> None:
    """Fill the fields that tell what was before admission."""
    _values(note)
    _complaint(note)
    _present(note)
    _past(note)
    _personal(note)
    _family(note)


def vessel(note, name: str) -> str:
    """Name a coronary artery as this doctor does."""
    style = note.doctor.vessels
    if style == "latin" or style == "mixed" and note.chance.maybe(0.5):
        return name
    return VESSEL_NAMES[name]


def _span(number, unit):
    return f"{number}个{unit}" if unit == "月" else f"{number}{unit}"


def ecg_bank(patient) -> str:
    """The bank for an electrocardiogram from before admission."""
    return "hpi.ecg.af" if patient.af == "persistent" else "hpi.ecg"


def pressure(pair) -> str:
    return f"{pair[0]}/{pair[1]}"


def _values(note):
    patient, chance = note.patient, note.chance
    kind = SYMPTOM[patient.acts_like]
    if patient.acts_like == "htn" and chance.maybe(0.35):
        kind = "chest"
    elif patient.acts_like in ("ua", "nstemi") and chance.maybe(0.12):
        kind = "equivalent"
    months = patient.stroke_months
    usual = (chance.between(12, 14), chance.between(145, 156), chance.between(7, 8), chance.between(88, 96))
    note.values.update(
        dur=_span(*patient.onset), dur2=_span(*patient.worse), sym=note.phrase(f"sym.{kind}"),
        sex="男" if patient.male else "女", age=patient.age, complaint="",
        era="老年" if patient.age >= 60 else "中年" if patient.age >= 45 else "青年",
        bp_now=pressure(patient.pressure_in), peak=pressure(patient.htn_peak), sbp=patient.htn_peak[0],
        dbp=patient.htn_peak[1], htn_years=patient.htn_years, dm_years=patient.dm_years,
        cad_years=patient.cad_years, mi_years=patient.old_mi_years, stent_years=patient.stent_years,
        stent_months=chance.between(2, 11), stents=patient.stents or 1, hf_years=patient.failure_years,
        af_years=patient.af_years, stroke_time=f"{months}个月" if months < 12 else f"{months // 12}年",
        smoke_years=patient.smoke_years, smoke_daily=patient.smoke_daily, quit=chance.between(1, 9),
        drink=chance.between(2, 8) * 5, fpg=round(chance.real(6.6, 9.9), 1), also_no=note.phrase("also_no"),
        marry_age=chance.between(21, 27), side=chance.one(("左侧", "右侧")),
        control="{}0-{}/{}0-{}".format(*usual),
        breath=note.phrase("breath"),
        abpm=pressure([sum(pair) // 2 for pair in zip(patient.pressure_in, patient.pressure_out, strict=True)]),
        rate=patient.pulse,
    )
    home_drugs(note)


def _complaint(note):
    quick = note.patient.worse[1] == "小时" or note.patient.acts_like == "nstemi"
    note.values["complaint"] = note.say("主诉", "complaint.quick" if quick else "complaint").strip("。")


def _negatives(note):
    """Symptoms that are denied: shared out over the sentences, none of them twice or against the complaint."""
    told = note.values["sym"] + {"adhf": "水肿呼吸困难端坐呼吸", "htn": "头晕头痛"}.get(note.patient.acts_like, "")
    told += {"adhf": "水肿呼吸困难端坐呼吸"}.get(note.patient.presentation, "大汗放射痛")
    if "肿" in told:
        told += "水肿"
    if note.patient.lung_infection:
        told += "发热咳嗽咳痰"
    if note.patient.rare == "dizzy":
        told += "头晕"
    denied = []
    for phrase in note.chance.shuffled(note.book.phrases(note.doctor, "negative")):
        text = render(phrase, note.values, note.chance.random)
        parts = [part for part in text.split("、") if part not in told and part[-2:] not in told]
        if parts:
            told += "".join(parts)
            denied.append("、".join(parts))
    return denied


def _deny(note, denied, count):
    if denied:
        note.say("现病史", "negatives", negatives="、".join(denied.pop() for _ in range(min(count, len(denied)))))


def _present(note):
    patient, chance = note.patient, note.chance
    kind = patient.acts_like
    denied = _negatives(note)
    main = "main" if kind == patient.presentation else ""
    before = "ua" if kind == "nstemi" else kind  # an infarct of today began as angina
    note.say("现病史", "hpi.onset")
    note.several("现病史", f"hpi.quality.{before}", 1 + note.likely(0.8))
    if main and before == kind:
        note.witness(main, "现病史", note.fields["现病史"][-1])
    for _ in range(chance.between(2, 3)):
        _deny(note, denied, chance.between(2, 4))
    if note.likely(0.3):
        note.say("现病史", "hpi.pretreat")
    if note.likely(0.6):
        note.say("现病史", "hpi.hospital", earlier=_earlier(note), treats=_treats(note))
    if note.likely(0.6):
        note.say("现病史", "hpi.care")
    note.say("现病史", "hpi.worse")
    if kind == "nstemi" or patient.presentation == "nstemi" and chance.maybe(0.5):
        note.say("现病史", "hpi.quality.nstemi", "main" if patient.presentation == "nstemi" else "")
    elif patient.presentation == "adhf" or patient.failure == "decompensated" and chance.maybe(0.5):
        note.say("现病史", "hpi.quality.adhf", "heart_failure")
    elif patient.angina_too:
        note.say("现病史", "hpi.quality.ua", "angina")
    elif note.likely(0.7):
        note.say("现病史", f"hpi.quality.{kind}", main)
    if patient.rare == "dizzy":
        note.add("现病史", chance.one(("伴头晕不适，", "时有头晕，", "同时有头晕，")), "dizzy")
    if note.likely(0.65):
        _deny(note, denied, chance.between(2, 4))
    if patient.angina_too and kind != "ua":
        note.say("现病史", "hpi.quality.ua", "angina")
    if note.likely(0.7):
        high = patient.htn_years and patient.pressure_in[0] >= 140
        note.say("现病史", "hpi.home.pressure" if high and chance.maybe(0.5) else "hpi.home")
    if note.likely(0.7):
        note.say("现病史", "hpi.er", ecg=note.phrase(ecg_bank(patient)))
    if note.likely(0.5):
        note.say("现病史", "hpi.emergency", treats=_treats(note))
    note.say("现病史", "hpi.admit", label=note.phrase(f"label.{note.values['first_thought']}"))
    note.say("现病史", "hpi.general")


def _earlier(note):
    """What another hospital called it: not always rightly, but no disease that the note denies."""
    name = note.phrase("hpi.earlier")
    return name if note.patient.hypertension or "高血压" not in name else "冠心病"


def _treats(note):
    """Drugs of an earlier doctor, by no means always the right ones."""
    usual = ("plate", "statin", "nitrate", "nitrate", "pressure", "other", "beta")
    kinds = [kind for kind in note.chance.some(usual, 3) if kind != "pressure" or note.patient.hypertension]
    return "、".join(dict.fromkeys(note.phrase(f"treat.item.{kind}") for kind in kinds))


def _past(note):
    patient, chance = note.patient, note.chance
    pieces = []  # (bank, finding, values)
    if patient.hypertension and patient.htn_years:
        pieces.append(("past.htn.known", "hypertension"))
    elif chance.maybe(0.6):
        pieces.append(("past.htn.no", ""))
    if patient.diabetes and patient.dm_years:
        pieces.append(("past.dm.known" if patient.dm_type_stated else "past.dm.vague", "diabetes"))
    elif chance.maybe(0.62):
        pieces.append(("past.dm.no", ""))
    if patient.cad_years:
        pieces.append(("past.cad.known", "coronary"))
    elif chance.maybe(0.5):
        pieces.append(("past.cad.no", ""))
    if patient.old_mi_years:
        pieces.append(("past.mi", "old_infarct"))
    if patient.stents:
        pieces.append(("past.stent.recent" if patient.stent_years == 1 else "past.stent", "stent"))
    if patient.failure_years:
        pieces.append(("past.failure", "heart_failure"))
    if patient.af and patient.af_years:
        pieces.append((f"past.af.{patient.af}", "fibrillation"))
    if patient.stroke:
        pieces.append((f"past.stroke.{patient.stroke}", "stroke"))
    elif chance.maybe(0.5):
        pieces.append(("past.stroke.no", ""))
    if patient.rare in ("glaucoma", "breast", "renal"):
        pieces.append((f"past.rare.{patient.rare}", patient.rare))
    if chance.maybe(0.35):
        pieces.append(("past.lipids", ""))
    note.say("既往史", "past.intro")
    for bank, finding in chance.shuffled(pieces):
        if finding == "stent":
            note.say("既往史", bank, finding, vessel=vessel(note, patient.stent_vessel))
        elif bank == "past.htn.no" and patient.hypertension:
            continue  # found on this stay: nobody denied it, nobody knew
        else:
            note.say("既往史", bank, finding)
    for former in patient.former:
        kind = "operation" if former.endswith("术") else "chronic" if former in CHRONIC else "former"
        note.say("既往史", f"past.{kind}", former=former)
    note.several("既往史", "past.denial", chance.between(4, 6), never=_undeniable(patient))


def _undeniable(patient):
    """Words that the usual denials must not hold for this patient."""
    words = []
    if patient.stents or patient.rare in ("glaucoma", "breast") or any(name.endswith("术") for name in patient.former):
        words += ["手术", "系统回顾"]
    if "骨折" in patient.former:
        words += ["外伤", "重伤"]
    if "肺结核" in patient.former:
        words.append("结核")
    return words


def _personal(note):
    patient = note.patient
    note.say("个人史", "personal.place")
    note.say("个人史", "personal.work")
    if patient.smoker == "never" and not patient.drinker and note.chance.maybe(0.4):
        note.say("个人史", "personal.neither")
    else:
        note.say("个人史", f"personal.smoke.{patient.smoker}")
        note.say("个人史", "personal.drink.yes" if patient.drinker else "personal.drink.no")
    boys, girls = patient.children
    children = "".join(f"{count}{who}" for count, who in ((boys, "子"), (girls, "女")) if count)
    note.say("婚姻史", "marriage", children=children or "1子")
    if not patient.male and note.likely(0.5) and patient.age > 52:
        note.say("婚姻史", "menses")


def _family(note):
    note.say("家族史", "family.parents")
    for relative, disease in note.patient.family:
        note.say("家族史", "family.disease", relative=relative, disease=disease)
    note.say("家族史", "family.none" if not note.patient.family else "family.none.more")
