"""出院情况 and 出院医嘱."""

from __future__ import annotations

from icdbase.synthetic.drugs import discharge_drugs
from icdbase.synthetic.history import pressure

__all__ = ["write_discharge"]


def write_discharge(note) -> None:
    """Fill the fields of the last day."""
    _state(note)
    _orders(note)


def _state(note):
    patient, chance = note.patient, note.chance
    field = "出院情况"
    if chance.maybe(0.85):
        note.say(field, "out.state", gone=note.values["sym"])
    if note.likely(0.8):
        note.say(field, "out.bp", bp=pressure(patient.pressure_out), rate=min(patient.pulse, 88))
    if note.likely(0.7):
        note.say(field, "exam.general.out")
    note.several(field, "exam.skin", note.likely(0.9) + note.likely(0.6))
    if note.likely(0.6):
        note.several(field, "exam.chest", 1 + note.likely(0.3))
    if note.likely(0.9):
        note.say(field, "exam.lungs.clear")
    if patient.af == "persistent":
        note.say(field, "exam.heart.irregular", "fibrillation", rate=min(patient.pulse, 90))
    elif note.likely(0.95):
        note.say(field, "exam.heart.regular", pulse=min(patient.pulse, 84))
    if note.likely(0.85):
        note.say(field, "exam.abdomen")
    if note.likely(0.8):
        note.say(field, "exam.legs.plain" if patient.stroke == "recent" else "exam.legs.dry")
    if note.likely(0.4) and patient.stroke != "recent":
        note.say(field, "exam.nerve")
    if patient.imaged == "dsa" and note.likely(0.4):
        note.say(field, "out.wound")
    if not note.fields.get(field):
        note.say(field, "out.state", gone=note.values["sym"])


def _orders(note):
    chance, field = note.chance, "出院医嘱"
    drugs = discharge_drugs(note)
    head, separator = note.phrase("orders.drugs"), chance.one(("；", "；", "，", " ", "。", "|"))
    listed = note.numbered(drugs) if chance.maybe(0.4) else separator.join(drugs)
    diets = ("低盐低脂糖尿病", "糖尿病") if note.patient.diabetes else ("低盐低脂", "低盐、低脂", "清淡", "低脂")
    items = [note.phrase("orders.diet", diet=chance.one(diets)), head + listed + ("。" if chance.maybe(0.5) else "")]
    if note.patient.pci_stents and chance.maybe(0.6):
        items.append(note.phrase("orders.stent"))
    advice = [note.phrase("orders.teach")] if note.likely(0.95) else []
    advice += dict.fromkeys(note.phrase("orders.follow") for _ in range(chance.between(2, 4)))
    items += [text for text in advice if note.patient.diabetes or "血糖" not in text and "餐" not in text]
    if chance.maybe(0.2):
        items = [items[1], items[0], *items[2:]]
    mark = chance.one(("{}、", "{}.", note.doctor.mark))
    if chance.maybe(0.85):
        marked = (mark.format(place) + item.rstrip("。；") for place, item in enumerate(items, start=1))
        note.add(field, "；".join(marked) + "。")
    else:
        note.add(field, "。".join(item.rstrip("。；") for item in items) + "。")
