"""诊疗经过: laboratory, electrocardiogram, imaging, angiography, treatment."""

from __future__ import annotations

from icdbase.synthetic.history import vessel
from icdbase.synthetic.labtext import write_labs

__all__ = ["write_course"]

FIELD = "诊疗经过"
URINE = (
    "尿蛋白：-", "尿潜血：+", "酮体：-", "尿糖：-", "白细胞：8/uL", "红细胞：12/uL", "尿比重：1.015", "PH：6.0",
    "尿胆原：-", "亚硝酸盐：-", "上皮细胞：3/uL", "粒细胞：±",
)
SUSPECTS = (
    "肺栓塞", "主动脉夹层", "脑梗死", "肺部感染", "心房颤动", "心肌梗死", "心力衰竭", "糖尿病", "甲状腺功能亢进",
    "冠心病",
)
ECHO_WORDS = ("回声", "声影", "前场", "暗")
"""What a CT report cannot say."""
BACK_TO_SINUS = ("数小时后复查为窦性心律，", "次日复查转为窦律，", "用药后转复窦律，", "后自行恢复窦性心律，")
UNREMARKABLE = ("既往体健", "否认慢性病史", "平素体健", "既往无特殊病史")


def write_course(note) -> None:
    """Write the course of the stay."""
    patient, chance = note.patient, note.chance
    note.say(FIELD, "lab.intro")
    write_labs(note, FIELD)
    for part in chance.shuffled((_bedside, _heartbeat, _echo, _chest, _neck, _leg, _belly, _thyroid, _head)):
        part(note)
    if patient.presentation == "adhf" and chance.maybe(0.5):
        note.say(FIELD, "gas", po2=patient.labs["po2"], pco2=patient.labs["pco2"])
    note.several(FIELD, "cause.any", chance.between(1, 3))
    if note.likely(0.35):
        note.say(FIELD, "course.suspect", suspect=chance.one(_unsuffered(patient)))
    if note.likely(0.75):
        _round(note)
    if patient.imaged:
        _angiography(note)
    _classes(note)
    _treatment(note)
    if chance.maybe(0.5 + 0.6 * note.doctor.names_grade):
        _added(note)
    note.several(FIELD, "course.consult", chance.between(1, 2))
    if note.likely(0.6):
        note.say(FIELD, "course.close")


def _unsuffered(patient):
    suffered = {
        "脑梗死": patient.stroke, "肺部感染": patient.lung_infection, "心房颤动": patient.af,
        "心肌梗死": patient.presentation == "nstemi" or patient.old_mi_years,
        "心力衰竭": patient.failure, "糖尿病": patient.diabetes, "冠心病": patient.cad or patient.presentation == "mva",
    }
    return [name for name in SUSPECTS if not suffered.get(name)]


def _round(note):
    """What the senior doctor thinks on the second day: sometimes still the first thought."""
    patient, chance = note.patient, note.chance
    known = [
        word for word, there in (
            ("高血压", patient.htn_years), ("糖尿病", patient.dm_years), ("冠心病", patient.cad_years),
            ("脑梗死", patient.stroke), ("心力衰竭", patient.failure_years), ("房颤", patient.af_years),
        ) if there
    ]
    told = [word for word in known if chance.maybe(0.8)] or known
    risks = "既往" + "、".join(told) + "病史" if told else chance.one(UNREMARKABLE)
    thought = patient.presentation if chance.maybe(0.45) else note.values["first_thought"]
    label = note.phrase(f"label.{thought}")
    text = note.say(
        FIELD, "course.round", risks=risks, label=label, differ=note.phrase("differ"), plan=note.phrase("plan"),
        treats="、".join(_treatments(note)[:3]) or "对症治疗",
    )
    if thought == patient.presentation and label.translate(note.doctor.width) in text:
        note.witness("main", FIELD, text)


def _added(note):
    """Some of the lesser findings, by name."""
    chance = note.chance
    findings = dict.fromkeys(
        finding for finding, field, _ in note.evidence if field == FIELD and f"added.{finding}" in note.book.banks
    )
    names = [(finding, note.phrase(f"added.{finding}")) for finding in chance.some(findings, chance.between(3, 6))]
    if not names:
        return
    text = note.say(FIELD, "course.added", names="、".join(name for _, name in names))
    for finding, _ in names:
        note.witness(finding, FIELD, text)


def _bedside(note):
    """The routine that every admission brings and that means nothing for the codes."""
    chance = note.chance
    if note.likely(0.6):
        note.say(FIELD, "urine", urine="，".join(chance.some(URINE, chance.between(1, 4))))
    for bank, share in (("stool", 0.4), ("screen", 0.4), ("bloodgroup", 0.2)):
        if note.likely(share):
            note.say(FIELD, bank, blood=chance.one(("A", "B", "O", "AB")))


def _heartbeat(note):
    _ecg(note)
    _holter(note)


def _ecg(note):
    patient, chance = note.patient, note.chance
    if not (note.likely(0.9) or patient.af == "persistent" or not patient.holter):
        return
    note.say(FIELD, "ecg.intro")
    rate = patient.pulse + chance.between(-4, 6)
    caught = patient.af == "paroxysmal" and not patient.holter
    if patient.af == "persistent" or caught:
        note.say(FIELD, "ecg.af", "fibrillation", rate=rate + 8)
        if caught:
            note.add(FIELD, chance.one(BACK_TO_SINUS), "fibrillation")
    else:
        note.say(FIELD, "ecg.sinus", rate=rate)
    if patient.other_rhythm and (not patient.holter or patient.other_rhythm in ("avb1", "rbbb", "brady")):
        note.say(FIELD, f"rhythm.{patient.other_rhythm}", "rhythm")
        note.values["rhythm_told"] = True
    if not patient.holter:
        _ecg_ectopy(note)
    if patient.old_mi_years and chance.maybe(0.5):
        note.say(FIELD, "ecg.oldmi", "old_infarct")
    note.say(FIELD, "ecg.stt")
    if note.likely(0.3):
        note.say(FIELD, "ecg.stt")


def _ecg_ectopy(note):
    patient = note.patient
    if 10 <= patient.pac < 100 and 10 <= patient.pvc < 100:
        note.say(FIELD, "ecg.few.both", "ectopy")
        return
    for name, beats in (("pac", patient.pac), ("pvc", patient.pvc)):
        if beats >= 100:
            note.say(FIELD, f"ecg.{name}.many" if beats >= 720 else f"ecg.{name}", "ectopy")


def _holter(note):
    patient, chance = note.patient, note.chance
    if not patient.holter:
        return
    base = {"persistent": "af", "paroxysmal": "paf", "": "sinus"}[patient.af]
    mean = patient.pulse - 4
    beats = []
    if patient.af != "persistent" and (patient.pac or patient.pvc):
        beats.append(note.phrase("holter.pac", pac=patient.pac))
    if patient.pvc or patient.pac:
        beats.append(note.phrase("holter.pvc", pvc=patient.pvc))
    rhythm = note.phrase(f"holter.base.{base}", hours=chance.between(2, 9), bouts=chance.between(2, 30))
    text = note.say(
        FIELD, "holter", base=rhythm, beats="".join(beats) or note.phrase("holter.clean"), mean=mean,
        total=mean * 1440 + chance.between(-900, 900),
        fast=patient.pulse + chance.between(28, 56), slow=max(34, patient.pulse - chance.between(16, 30)),
    )
    if patient.af:
        note.witness("fibrillation", FIELD, text)
    if patient.pac >= 10 or patient.pvc >= 10:
        note.witness("ectopy", FIELD, text)
    if patient.other_rhythm and not note.values.get("rhythm_told"):
        note.say(FIELD, f"rhythm.{patient.other_rhythm}", "rhythm")


def _echo(note):
    patient, chance = note.patient, note.chance
    important = patient.valve == "moderate" or patient.pericardial > 10 or patient.failure
    if not (important or note.likely(0.68)):
        return
    note.say(FIELD, "echo.intro")
    if note.likely(0.7):
        note.say(FIELD, "echo.size", la=patient.atrium, lv=patient.lvedd, ivs=chance.between(9, 12))
    weak = patient.lvef < 50
    note.say(FIELD, "echo.big" if weak else "echo.normal", "heart_failure" if weak else "")
    if patient.old_mi_years and chance.maybe(0.5):
        note.say(FIELD, "echo.wall", "old_infarct")
    if patient.valve:
        finding = "valve" if patient.valve == "moderate" else ""
        note.say(FIELD, f"echo.valve.{patient.valve}", finding, valve=patient.valve_name)
    if patient.pericardial:
        much = patient.pericardial > 10
        note.say(FIELD, "echo.pericardial.much" if much else "echo.pericardial.little", "pericardial" if much else "",
                 mm=patient.pericardial)
    if note.likely(0.5):
        aorta, artery, flow = chance.between(28, 35), chance.between(20, 28), chance.between(5, 13) / 10
        note.say(FIELD, "echo.more", flow=flow, ao=aorta, pa=artery)
    shortening = patient.lvef // 2 + chance.between(0, 4)
    note.say(FIELD, "echo.ef", "heart_failure" if weak else "", ef=patient.lvef, fs=shortening)


def _chest(note):
    patient, chance = note.patient, note.chance
    if not patient.chest_ct:
        return
    note.say(FIELD, "ct.intro")
    pieces = [(f"ct.{kind}", "lung" if kind in ("nodule", "glass", "strips") else "", {"mm": size})
              for kind, size in patient.lung.items()]
    if patient.lung_infection:
        pieces.append((f"ct.{patient.lung_infection}", "lung_infection", {}))
    if not pieces or len(pieces) == 1 and chance.maybe(0.3):
        pieces.append(("ct.clear", "", {}) if not pieces else ("ct.emphysema", "", {}))
    for bank, finding, values in chance.shuffled(pieces):
        note.say(FIELD, bank, finding, **values)
    if patient.lung_infection:
        note.say(FIELD, f"lung.treat.{patient.lung_infection}", "lung_infection")


def _neck(note):
    if note.patient.neck:
        note.say(FIELD, "neck.intro")
        note.say(FIELD, f"neck.{note.patient.neck}", "neck" if note.patient.neck == "plaque" else "")


def _leg(note):
    if note.patient.leg:
        note.say(FIELD, "leg.intro")
        note.say(FIELD, f"leg.{note.patient.leg}", "leg" if note.patient.leg == "plaque" else "")


def _belly(note):
    patient, chance = note.patient, note.chance
    if not patient.abdomen:
        return
    tomography = chance.maybe(0.3)
    never = ECHO_WORDS if tomography else ("密度", "CT")
    note.say(FIELD, "belly.ct" if tomography else "belly.ultrasound")
    pieces = [("belly.fatty", "fatty_liver", {}) if patient.fatty_liver else ("belly.liver.plain", "", {})]
    if patient.liver_cyst:
        pieces.append(("belly.liver.cyst", "liver_cyst" if patient.liver_cyst >= 8 else "", {"mm": patient.liver_cyst}))
    if patient.renal_cyst:
        finding = "renal_cyst" if patient.renal_cyst >= 10 else ""
        pieces.append(("belly.kidney.cyst", finding, {"mm": patient.renal_cyst}))
    elif chance.maybe(0.6):
        pieces.append(("belly.kidney.plain", "", {}))
    if patient.gallstone or "胆囊切除术" not in patient.former:
        pieces.append(("belly.gall.stone" if patient.gallstone else "belly.gall.plain", "", {}))
    for bank, finding, values in pieces if chance.maybe(0.5) else chance.shuffled(pieces):
        note.say(FIELD, bank, finding, never=never, **values)
    note.add(FIELD, "余未见异常。" if chance.maybe(0.4) else "。")


def _thyroid(note):
    patient = note.patient
    if not patient.thyroid:
        return
    note.say(FIELD, "thyroid.intro")
    if patient.thyroid_nodule:
        note.say(FIELD, "thyroid.nodule", "thyroid" if patient.thyroid_nodule >= 5 else "",
                 mm=patient.thyroid_nodule, tirads=patient.tirads)
    elif patient.thyroid_cyst:
        note.say(FIELD, "thyroid.cyst", "thyroid", mm=patient.thyroid_cyst)
    else:
        note.say(FIELD, "thyroid.normal")


def _head(note):
    patient, chance = note.patient, note.chance
    cerebral = patient.rare == "cerebral"
    if not (cerebral or patient.stroke and chance.maybe(0.7) or chance.maybe(0.3)):
        return
    intro = note.say(FIELD, "head.intro")
    if patient.stroke:
        never = ("DWI", "弥散") if "CT" in intro or "断层" in intro else ()
        note.say(FIELD, f"head.{patient.stroke}", "stroke", never=never)
    elif not cerebral:
        note.say(FIELD, "head.plain")
    if cerebral:
        note.say(FIELD, "head.cerebral", "cerebral")


def _angiography(note):
    patient, chance = note.patient, note.chance
    note.say(FIELD, "angio.intro" if patient.imaged == "dsa" else "cta.intro")
    main = "main" if patient.presentation in ("ua", "mva") else ""
    if not patient.lesions:
        note.say(FIELD, "angio.clean", main)
    for name, (segment, percent) in patient.lesions.items():
        finding = main or "coronary"
        if percent == 100:
            note.say(FIELD, "angio.full", finding, vessel=vessel(note, name), seg=segment)
        else:
            note.say(FIELD, "angio.lesion", finding, vessel=vessel(note, name), seg=segment, pct=percent)
        if main and patient.cad:
            note.witness("coronary", FIELD, note.fields[FIELD][-1])
    untouched = [name for name in ("LCX", "RCA", "LAD") if name not in patient.lesions]
    if patient.lesions and "LM" not in patient.lesions and chance.maybe(0.4):
        note.say(FIELD, "angio.lm")
    if patient.lesions and untouched and chance.maybe(0.6):
        note.say(FIELD, "angio.rest", vessel=vessel(note, untouched[0]))
    if patient.bridge:
        note.say(FIELD, "angio.bridge", "bridge", seg=patient.bridge)
    if patient.stents and chance.maybe(0.8):
        note.say(FIELD, "angio.stent", "stent", vessel=vessel(note, patient.stent_vessel))
    if patient.imaged == "dsa":
        if patient.slow_flow:
            note.say(FIELD, "angio.slow", main)
        elif chance.maybe(0.4):
            note.say(FIELD, "angio.flow")
    if patient.pci:
        note.say(FIELD, "angio.pci" if patient.pci_stents else "angio.dcb", main, vessel=vessel(note, patient.pci),
                 stents=patient.pci_stents)
    elif patient.worst_stenosis >= 50 and patient.imaged == "dsa":
        note.say(FIELD, "angio.conserve")
    if patient.presentation == "mva" and chance.maybe(0.5):
        note.say(FIELD, "cause.mva", "main")


def _classes(note):
    patient, chance = note.patient, note.chance
    in_admission = {finding for finding, field, _ in note.evidence if field == "入院诊断"}
    if patient.nyha_stated and ("nyha" not in in_admission or chance.maybe(0.3)):
        note.say(FIELD, "nyha.stated", "nyha", nyha=note.doctor.grade(patient.nyha))
    if patient.killip_stated and patient.killip > 1 and ("killip" not in in_admission or chance.maybe(0.4)):
        note.say(FIELD, "killip.stated", "killip", killip=note.doctor.grade(patient.killip))
    if patient.failure == "acute" or patient.acute_edema:
        note.say(FIELD, "failure.acute", "acute_failure")
    elif patient.failure == "decompensated":
        note.say(FIELD, "failure.worse", "heart_failure")


def _treatment(note):
    patient, chance = note.patient, note.chance
    items = _treatments(note)
    if items:
        note.say(FIELD, "treat", treats="、".join(items))
    if chance.maybe(0.06):
        note.say(FIELD, "course.named", "main", label=note.phrase(f"label.{patient.presentation}"))


def _treatments(note):
    patient, chance = note.patient, note.chance
    kinds = []
    ischaemic = patient.presentation in ("ua", "mva", "nstemi") or patient.cad
    if ischaemic:
        kinds += ["plate", "statin", "nitrate"]
        if patient.presentation in ("nstemi", "ua") and chance.maybe(0.65) or chance.maybe(0.12):
            kinds.append("anticoag")
    elif chance.maybe(0.4):
        kinds += chance.some(("plate", "statin", "nitrate"), 2)
    if patient.other_rhythm not in ("brady", "pause") and chance.maybe(0.5):
        kinds.append("beta")
    if patient.hypertension and patient.killip != 4 and chance.maybe(0.75):
        kinds.append("pressure")
    if patient.failure in ("acute", "decompensated"):
        kinds += ["diuretic", "failure"] if chance.maybe(0.7) else ["diuretic"]
    elif chance.maybe(0.08):
        kinds.append("diuretic")
    if patient.diabetes and chance.maybe(0.75):
        kinds.append("sugar")
    kinds += ["other"] * chance.between(0, 2)
    return list(dict.fromkeys(note.phrase(f"treat.item.{kind}") for kind in chance.shuffled(kinds)))
