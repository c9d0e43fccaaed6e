"""Drugs: generic and brand names, doses, and who gets which."""

from __future__ import annotations

__all__ = ["discharge_drugs", "home_drugs"]

# class: (names), (dose), (how often)
DRUGS = {
    "aspirin": (("阿司匹林肠溶片", "拜阿司匹灵", "阿司匹林", "阿司匹林肠溶片（拜耳）"), ("100mg", "0.1g"), "每天一次"),
    "clopidogrel": (("硫酸氢氯吡格雷片", "氯吡格雷", "波立维", "泰嘉", "硫酸氢氯吡格雷片（乐普）"), ("75mg",), "每天一次"),
    "ticagrelor": (("替格瑞洛片", "替格瑞洛", "倍林达"), ("90mg",), "每天两次"),
    "statin": (("阿托伐他汀钙片", "瑞舒伐他汀钙片", "立普妥", "可定", "阿托伐他汀钙片（齐鲁）", "匹伐他汀钙片"), ("20mg", "10mg"), "睡前"),
    "ezetimibe": (("依折麦布片", "依折麦布", "益适纯"), ("10mg",), "每天一次"),
    "nitrate": (("单硝酸异山梨酯缓释片", "单硝酸异山梨酯片（鲁南）", "欣康", "依姆多", "硝酸异山梨酯片"), ("20mg", "40mg"), "每天一次"),
    "nicorandil": (("尼可地尔片", "尼可地尔", "喜格迈"), ("5mg",), "每天三次"),
    "trimetazidine": (("盐酸曲美他嗪缓释片", "曲美他嗪", "万爽力"), ("35mg", "20mg"), "每天两次"),
    "beta": (("琥珀酸美托洛尔缓释片", "酒石酸美托洛尔片", "倍他乐克", "富马酸比索洛尔片", "康忻"), ("47.5mg", "25mg", "2.5mg"), "每天一次"),
    "ccb": (("苯磺酸氨氯地平片", "硝苯地平控释片", "络活喜", "拜新同", "非洛地平缓释片", "左氨氯地平"), ("5mg", "30mg"), "每天一次"),
    "diltiazem": (("盐酸地尔硫卓缓释胶囊", "地尔硫䓬片", "合贝爽"), ("90mg", "30mg"), "每天两次"),
    "arb": (("缬沙坦胶囊", "厄贝沙坦片", "代文", "安博维", "培哚普利片", "替米沙坦片", "奥美沙坦酯片", "缬沙坦氨氯地平片"), ("80mg", "150mg", "4mg"), "每天一次"),
    "arni": (("沙库巴曲缬沙坦钠片", "诺欣妥", "沙库巴曲缬沙坦"), ("50mg", "100mg"), "每天两次"),
    "loop": (("呋塞米片", "托拉塞米片", "速尿", "呋塞米"), ("20mg", "5mg"), "每天一次"),
    "mra": (("螺内酯片", "螺内酯片（长江）", "安体舒通"), ("20mg",), "每天一次"),
    "sglt2": (("达格列净片", "安达唐", "恩格列净片", "达格列净"), ("10mg",), "每天一次"),
    "digoxin": (("地高辛片", "地高辛"), ("0.125mg",), "每天一次"),
    "metformin": (("盐酸二甲双胍片", "二甲双胍", "格华止", "盐酸二甲双胍缓释片"), ("0.5g",), "每天两次"),
    "acarbose": (("阿卡波糖片", "拜唐苹", "阿卡波糖"), ("50mg",), "每天三次"),
    "insulin": (("门冬胰岛素30", "甘精胰岛素", "精蛋白重组人胰岛素", "诺和锐30"), ("14IU", "10IU"), "皮下注射"),
    "warfarin": (("华法林钠片", "华法林"), ("2.5mg",), "每天一次"),
    "noac": (("利伐沙班片", "达比加群酯胶囊", "拜瑞妥", "艾多沙班片"), ("15mg", "20mg"), "每天一次"),
    "amiodarone": (("盐酸胺碘酮片", "可达龙", "盐酸普罗帕酮片"), ("0.2g", "150mg"), "每天一次"),
    "potassium": (("氯化钾缓释片", "门冬氨酸钾镁片", "补达秀"), ("1g", "1片"), "每天两次"),
    "ppi": (("泮托拉唑肠溶片", "雷贝拉唑钠肠溶片", "奥美拉唑肠溶胶囊"), ("40mg", "20mg"), "早餐前"),
    "herb": (("参松养心胶囊", "稳心颗粒", "复方丹参滴丸", "通心络胶囊", "麝香保心丸", "银杏叶片", "脑心通胶囊", "芪苈强心胶囊"),
             ("3粒", "1袋", "10粒"), "每天三次"),
    "folate": (("叶酸片", "甲钴胺片"), ("5mg", "0.5mg"), "每天三次"),
    "sleep": (("艾司唑仑片", "黛力新", "氟哌噻吨美利曲辛片"), ("1mg", "1片"), "睡前"),
}
_ABBREVIATED = {"每天一次": "qd", "每天两次": "bid", "每天三次": "tid", "睡前": "qn", "早餐前": "qd", "皮下注射": "ih"}


def _name(chance, kind):
    return chance.one(DRUGS[kind][0])


def _plain(chance, kind):
    return _name(chance, kind).partition("（")[0]


def home_drugs(note) -> None:
    """Put what the patient took before admission into the slot values."""
    chance, patient = note.chance, note.patient
    dm = ["insulin"] if patient.insulin else chance.some(("metformin", "acarbose", "sglt2"), chance.between(1, 2))
    note.values.update(
        htn_drug="、".join(_plain(chance, kind) for kind in chance.some(("ccb", "arb", "beta"), chance.between(1, 2))),
        dm_drug="、".join(_plain(chance, kind) for kind in dm),
        cad_drug="、".join(_plain(chance, kind) for kind in chance.some(("aspirin", "statin", "nitrate", "beta", "herb"), chance.between(2, 3))),
        hf_drug="、".join(_plain(chance, kind) for kind in chance.some(("loop", "mra", "digoxin", "beta"), 2)),
        af_drug=_plain(chance, chance.one(("warfarin", "noac", "amiodarone", "beta", "herb"))),
    )


def chosen_classes(patient, chance) -> list[str]:
    """Drug classes on discharge: by guideline, with the usual gaps and the usual extras."""
    ischaemic = patient.presentation in ("ua", "mva", "nstemi") or bool(patient.cad)
    anticoagulated = patient.af and chance.maybe(0.6)
    kinds = []
    if ischaemic and not (anticoagulated and not patient.pci):
        kinds.append("aspirin")
    if patient.pci or patient.presentation == "nstemi" or (ischaemic and chance.maybe(0.3)):
        kinds.append("ticagrelor" if chance.maybe(0.25) else "clopidogrel")
    if ischaemic or chance.maybe(0.5):
        kinds.append("statin")
    if chance.maybe(0.12):
        kinds.append("ezetimibe")
    if ischaemic and chance.maybe(0.5):
        kinds.append("nitrate")
    if ischaemic and chance.maybe(0.25):
        kinds.append("nicorandil")
    if ischaemic and chance.maybe(0.28):
        kinds.append("trimetazidine")
    slow = patient.other_rhythm in ("brady", "pause", "avb1")
    low_output = patient.presentation == "adhf" or patient.failure and patient.lvef < 45
    if not slow and chance.maybe(0.68):
        kinds.append("beta")
    elif not slow and not low_output and ischaemic and chance.maybe(0.4):
        kinds.append("diltiazem")
    if patient.hypertension and patient.killip != 4:
        if not low_output and chance.maybe(0.66) and "diltiazem" not in kinds:
            kinds.append("ccb")
        if chance.maybe(0.6):
            kinds.append("arb")
    if low_output:
        kinds += [kind for kind, share in (("loop", 0.85), ("mra", 0.8), ("sglt2", 0.45), ("digoxin", 0.2)) if chance.maybe(share)]
        if chance.maybe(0.35) and patient.killip != 4:
            kinds = [kind for kind in kinds if kind != "arb"] + ["arni"]
    elif patient.failure and chance.maybe(0.7):
        kinds += ["loop", "mra"]
    elif patient.hypertension and chance.maybe(0.06):
        kinds.append("mra")
    if patient.diabetes:
        kinds += ["insulin"] if patient.insulin else chance.some(("metformin", "acarbose", "sglt2"), chance.between(1, 2))
    if anticoagulated:
        kinds.append("warfarin" if chance.maybe(0.25) else "noac")
    if patient.af == "paroxysmal" and chance.maybe(0.4) and not slow:
        kinds.append("amiodarone")
    if patient.low_potassium or chance.maybe(0.08):
        kinds.append("potassium")
    if patient.high_homocysteine or chance.maybe(0.03):
        kinds.append("folate")
    kinds += [kind for kind, share in (("ppi", 0.42), ("herb", 0.5), ("sleep", 0.1)) if chance.maybe(share)]
    return list(dict.fromkeys(kinds))


def discharge_drugs(note) -> list[str]:
    """The discharge list, one string a drug, in this doctor's form."""
    chance = note.chance
    full = note.doctor.lab_form in (0, 2)
    listed = []
    for kind in chosen_classes(note.patient, chance):
        names, doses, often = DRUGS[kind]
        name, dose = chance.one(names), chance.one(doses)
        unit = chance.one(("每次一片", "每次1片", "")) if dose.endswith("g") else ""
        if note.doctor.own_words:
            listed.append(f"{name} {dose} {often.replace('每天', '日')}{chance.one(('服', '', '口服'))}")
        elif full:
            listed.append(f"{name}，{chance.one(('每次量：', '每次', '一次', '用量'))}{dose}，{often}{'，' + unit if unit else ''}")
        else:
            listed.append(f"{name} {dose} {chance.one(('口服 ', 'po ', ''))}{_ABBREVIATED[often] if chance.maybe(0.6) else often}")
    return listed
