"""Drugs: generic and brand names, doses, and who gets which."""

from __future__ import annotations

__all__ = ["discharge_drugs", "home_drugs"]

# class: ((name, dose), ...), how often
DRUGS = {
    "aspirin": ((("阿司匹林肠溶片", "100mg"), ("拜阿司匹灵", "100mg"), ("阿司匹林", "0.1g"), ("阿司匹林肠溶片（拜耳）", "0.1g")), "每天一次"),
    "clopidogrel": ((("硫酸氢氯吡格雷片", "75mg"), ("氯吡格雷", "75mg"), ("波立维", "75mg"), ("泰嘉", "75mg"),
                     ("硫酸氢氯吡格雷片（乐普）", "75mg")), "每天一次"),
    "ticagrelor": ((("替格瑞洛片", "90mg"), ("替格瑞洛", "90mg"), ("倍林达", "90mg")), "每天两次"),
    "statin": ((("阿托伐他汀钙片", "20mg"), ("瑞舒伐他汀钙片", "10mg"), ("立普妥", "20mg"), ("可定", "10mg"),
                ("阿托伐他汀钙片（齐鲁）", "20mg"), ("匹伐他汀钙片", "2mg"), ("瑞舒伐他汀", "5mg")), "睡前"),
    "ezetimibe": ((("依折麦布片", "10mg"), ("依折麦布", "10mg"), ("益适纯", "10mg")), "每天一次"),
    "nitrate": ((("单硝酸异山梨酯缓释片", "40mg"), ("单硝酸异山梨酯片（鲁南）", "20mg"), ("欣康", "20mg"), ("依姆多", "60mg"),
                 ("单硝酸异山梨酯缓释胶囊", "50mg")), "每天一次"),
    "nicorandil": ((("尼可地尔片", "5mg"), ("尼可地尔", "5mg"), ("喜格迈", "5mg")), "每天三次"),
    "trimetazidine": ((("盐酸曲美他嗪缓释片", "35mg"), ("曲美他嗪缓释片", "35mg"), ("万爽力缓释片", "35mg")), "每天两次"),
    "beta": ((("琥珀酸美托洛尔缓释片", "47.5mg"), ("琥珀酸美托洛尔缓释片（合源）", "23.75mg"), ("倍他乐克缓释片", "47.5mg"),
              ("富马酸比索洛尔片", "2.5mg"), ("康忻", "5mg"), ("比索洛尔", "2.5mg")), "每天一次"),
    "ccb": ((("苯磺酸氨氯地平片", "5mg"), ("硝苯地平控释片", "30mg"), ("络活喜", "5mg"), ("拜新同", "30mg"), ("非洛地平缓释片", "5mg"),
             ("左氨氯地平片", "2.5mg"), ("马来酸左氨氯地平", "2.5mg")), "每天一次"),
    "diltiazem": ((("盐酸地尔硫卓缓释胶囊", "90mg"), ("地尔硫䓬缓释片", "90mg"), ("合贝爽", "90mg")), "每天一次"),
    "arb": ((("缬沙坦胶囊", "80mg"), ("厄贝沙坦片", "150mg"), ("代文", "80mg"), ("安博维", "150mg"), ("培哚普利片", "4mg"),
             ("替米沙坦片", "40mg"), ("奥美沙坦酯片", "20mg"), ("贝那普利片", "10mg")), "每天一次"),
    "arni": ((("沙库巴曲缬沙坦钠片", "50mg"), ("诺欣妥", "100mg"), ("沙库巴曲缬沙坦", "50mg")), "每天两次"),
    "loop": ((("呋塞米片", "20mg"), ("托拉塞米片", "10mg"), ("速尿", "20mg"), ("托拉塞米", "5mg")), "每天一次"),
    "mra": ((("螺内酯片", "20mg"), ("螺内酯片（长江）", "20mg"), ("安体舒通", "20mg")), "每天一次"),
    "sglt2": ((("达格列净片", "10mg"), ("安达唐", "10mg"), ("恩格列净片", "10mg"), ("达格列净", "10mg")), "每天一次"),
    "digoxin": ((("地高辛片", "0.125mg"), ("地高辛", "0.125mg")), "每天一次"),
    "metformin": ((("盐酸二甲双胍片", "0.5g"), ("二甲双胍", "0.5g"), ("格华止", "0.5g"), ("盐酸二甲双胍缓释片", "0.5g")), "每天两次"),
    "acarbose": ((("阿卡波糖片", "50mg"), ("拜唐苹", "50mg"), ("阿卡波糖", "100mg")), "每天三次"),
    "gliptin": ((("西格列汀片", "100mg"), ("利格列汀", "5mg"), ("格列美脲片", "2mg")), "每天一次"),
    "insulin": ((("门冬胰岛素30", "14IU"), ("甘精胰岛素", "12IU"), ("精蛋白重组人胰岛素", "14IU"), ("诺和锐30", "16IU")), "皮下注射"),
    "warfarin": ((("华法林钠片", "2.5mg"), ("华法林", "3mg")), "每天一次"),
    "noac": ((("利伐沙班片", "15mg"), ("拜瑞妥", "15mg"), ("艾多沙班片", "30mg"), ("利伐沙班", "20mg")), "每天一次"),
    "amiodarone": ((("盐酸胺碘酮片", "0.2g"), ("可达龙", "0.2g")), "每天一次"),
    "potassium": ((("氯化钾缓释片", "1g"), ("门冬氨酸钾镁片", "2片"), ("补达秀", "0.5g")), "每天两次"),
    "ppi": ((("泮托拉唑肠溶片", "40mg"), ("雷贝拉唑钠肠溶片", "20mg"), ("艾司奥美拉唑肠溶片", "20mg")), "早餐前"),
    "herb": ((("参松养心胶囊", "3粒"), ("稳心颗粒", "1袋"), ("复方丹参滴丸", "10粒"), ("通心络胶囊", "3粒"), ("麝香保心丸", "2粒"),
              ("银杏叶片", "1片"), ("脑心通胶囊", "3粒"), ("芪苈强心胶囊", "4粒"), ("血府逐瘀口服液", "1支")), "每天三次"),
    "folate": ((("叶酸片", "5mg"), ("甲钴胺片", "0.5mg")), "每天三次"),
    "sleep": ((("艾司唑仑片", "1mg"), ("佐匹克隆片", "7.5mg")), "睡前"),
    "calm": ((("氟哌噻吨美利曲辛片", "1片"), ("黛力新", "1片"), ("普瑞巴林胶囊", "75mg")), "每天一次"),
}
_ABBREVIATED = {"每天一次": "qd", "每天两次": "bid", "每天三次": "tid", "睡前": "qn", "早餐前": "qd", "皮下注射": "ih"}


def _plain(chance, kind):
    return chance.one(DRUGS[kind][0])[0].partition("（")[0]


def _sugar(patient, chance):
    if patient.insulin:
        return ["insulin"]
    return chance.some(("metformin", "acarbose", "sglt2", "gliptin"), chance.between(1, 2))


def home_drugs(note) -> None:
    """Put what the patient took before admission into the slot values."""
    chance, patient = note.chance, note.patient
    dm = _sugar(patient, chance)
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
    elif patient.stroke and not anticoagulated:
        kinds.append("aspirin" if chance.maybe(0.7) else "clopidogrel")
    if patient.pci or patient.presentation == "nstemi" or (ischaemic and not anticoagulated and chance.maybe(0.3)):
        acute = patient.presentation in ("ua", "nstemi") and not anticoagulated
        kinds.append("ticagrelor" if acute and chance.maybe(0.25) else "clopidogrel")
    if ischaemic or patient.stroke or patient.hyperlipidemia or chance.maybe(0.5):
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
    elif not slow and not patient.failure and ischaemic and chance.maybe(0.4):
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
        kinds += _sugar(patient, chance)
    if anticoagulated:
        kinds.append("warfarin" if chance.maybe(0.25) else "noac")
    if patient.af == "paroxysmal" and chance.maybe(0.4) and not slow:
        kinds.append("amiodarone")
    if patient.low_potassium or chance.maybe(0.08):
        kinds.append("potassium")
    if patient.high_homocysteine or chance.maybe(0.03):
        kinds.append("folate")
    kinds += [kind for kind, share in (("ppi", 0.42), ("herb", 0.55), ("sleep", 0.1), ("calm", 0.06)) if chance.maybe(share)]
    return list(dict.fromkeys(kinds))


def discharge_drugs(note) -> list[str]:
    """The discharge list, one string a drug, in this doctor's form."""
    chance = note.chance
    full = note.doctor.lab_form in (0, 1, 2)
    listed = []
    for kind in chosen_classes(note.patient, chance):
        choices, often = DRUGS[kind]
        name, dose = chance.one(choices)
        unit = chance.one(("每次一片", "每次1片", "")) if name.endswith("片") and not dose.endswith("片") else ""
        if note.doctor.own_words:
            listed.append(f"{name} {dose} {often.replace('每天', '日')}{chance.one(('服', '', '口服'))}")
        elif full:
            listed.append(f"{name}，{chance.one(('每次量：', '每次', '一次', '用量'))}{dose}，{often}{'，' + unit if unit else ''}")
        else:
            listed.append(f"{name} {dose} {chance.one(('口服 ', 'po ', ''))}{_ABBREVIATED[often] if chance.maybe(0.6) else often}")
    return listed
