"""Ten departments in broad strokes: patient → text → diagnoses and operations.

The lighter sister of the cardiology department, for the task of the 2026
edition.  What is there: main diagnoses that are told from each other by
findings rather than names, other diagnoses of which most are rare, operations
that are done, declined or not called for, and empty fields where there was
none.  Codes and names have the form of the national clinical editions; they
are here to look right, not to be looked up.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources

from icdbase.synthetic.chance import Chance
from icdbase.synthetic.phrasebook import compile_phrase, read_banks, render
from icdbase.tasks.editions import CCL26

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["code_names", "iter_ward_records", "ward_record"]

MAIN, OTHERS, OPERATION, OPERATIONS = (target.name for target in CCL26.targets)
EVERYWHERE = "*"
COMMON = ("高血压", "糖尿病", "冠心病", "脑梗死")
"""What a note denies when the patient has not got it."""

WRONG_FIRST_THOUGHT, COPIED_WRONG, UNWRITTEN = 0.3, 0.06, 0.06
"""Admission diagnoses that are another disease's; main codes that no reader can explain; operations not written up."""


@lru_cache(maxsize=1)
def _bank() -> dict[str, list]:
    banks = read_banks(_folder() / "wards.txt")
    return {name: [compile_phrase(phrase) for phrase in phrases] for name, phrases in banks}


def _folder():
    return resources.files("icdbase.synthetic") / "phrases"


@cache
def _diseases() -> list[dict]:
    return tomllib.loads((_folder() / "wards.toml").read_text(encoding="utf-8"))["disease"]


@cache
def _table(name: str) -> list[dict]:
    with (_folder() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def code_names() -> list[dict]:
    """Return target, code and name of all that the departments may code besides the main diagnoses.

    >>> code_names()[0]
    {'target': '其他诊断编码', 'code': 'I10.x00x002', 'name': '高血压'}
    """
    diagnoses = [{"target": OTHERS, "code": row["code"], "name": row["name"]} for row in _table("ward_diagnoses.csv")]
    listed = _table("ward_operations.csv")
    operations = [
        {"target": target, "code": row["code"], "name": row["name"]} for target in (OPERATION, OPERATIONS) for row in listed
    ]
    return diagnoses + operations


def iter_ward_records(n: int, random_state: int = 0, *, start: int = 0) -> Iterator[dict]:
    """Stream records of ten departments as the files of the 2026 edition hold them."""
    for index in range(start, start + n):
        yield ward_record(index, random_state)


def ward_record(index: int, random_state: int = 0) -> dict:
    """Make record ``index`` of a seed; the same whatever is asked for beside it.

    >>> one = ward_record(3)
    >>> one == ward_record(3), one["主要诊断编码"] in {disease["code"] for disease in _diseases()}
    (True, True)
    """
    stay = _Stay(Chance(random_state, index, "ward"))
    number = (index * 7919 + 104729) % 10**8
    return {CCL26.id_field: f"ZY26{random_state:02d}{number:08d}", **stay.texts(), **stay.codes()}


class _Stay:
    """One patient's stay: drawn first, then written up, then coded."""

    def __init__(self, chance: Chance):
        self.chance = chance
        diseases = _diseases()
        self.disease = diseases[chance.weighted({place: each["share"] for place, each in enumerate(diseases)})]
        self.ward = self.disease["ward"]
        self.age = chance.between(*self.disease["age"])
        self.sex = self.disease.get("sex") or chance.one("男女")
        self.values = self._draw_values()
        self.others = self._draw_others()
        self.listed = [row for row in self.others if chance.maybe(0.6)]
        self.operation = self._row_of(chance.weighted(self.disease["operations"]))
        self.operations = self._draw_operations()

    # --- the patient ------------------------------------------------------------------

    def _draw_values(self) -> dict:
        chance = self.chance
        return {
            "pulse": chance.between(62, 104), "resp": chance.between(16, 22), "temp": round(chance.real(36.2, 37.1), 1),
            "bp": f"{chance.between(108, 164)}/{chance.between(62, 98)}", "fever": round(chance.real(37.6, 39.6), 1),
            "pct": chance.one((50, 60, 70, 75, 80, 90)), "la": chance.between(32, 46), "wbc": chance.between(4, 18),
            "po2": chance.between(52, 88), "mm": chance.between(4, 38), "tscore": round(chance.real(2.5, 4.2), 1),
            "creat": chance.between(520, 1180), "hb": chance.between(68, 118), "psa": round(chance.real(0.6, 9.0), 1),
            "weeks": chance.between(37, 40), "fetal": chance.between(128, 156), "years": chance.between(1, 20),
            "marriage": chance.between(20, 28),
            "dur": chance.one(self.disease.get("durations", ("3天", "1周", "2周", "1月", "2月", "半年", "1年", "3年"))),
            "dur2": chance.one(("1天", "2天", "3天", "1周")),
        }

    def _draw_others(self) -> list[dict]:
        """Comorbidities: the department's own, those everybody has, and now and then a rare one."""
        young = self.age < 45
        weights = {}
        for place, row in enumerate(_table("ward_diagnoses.csv")):
            weight = float(row["weight"]) * (2.0 if row["ward"] == self.ward else row["ward"] == EVERYWHERE)
            if young and row["ward"] == EVERYWHERE and row["kind"] in ("past", "image"):
                weight *= 0.2
            if row["code"] == self.disease["code"] or (self.sex == "男" and any(part in row["name"] for part in "宫巢")):
                weight = 0.0
            if weight:
                weights[place] = weight
        chosen = []
        for _ in range(self.chance.weighted({0: 4, 1: 10, 2: 16, 3: 20, 4: 20, 5: 14, 6: 10, 7: 6})):
            place = self.chance.weighted(weights)
            weights.pop(place)
            chosen.append(_table("ward_diagnoses.csv")[place])
        return chosen

    def _row_of(self, code: str) -> dict | None:
        return next((row for row in _table("ward_operations.csv") if row["code"] == code), None) if code else None

    def _draw_operations(self) -> list[dict]:
        rows = [row for row in _table("ward_operations.csv") if row["main"] in (self.ward, EVERYWHERE)]
        count = self.chance.weighted({0: 45, 1: 35, 2: 20} if self.operation else {0: 85, 1: 12, 2: 3})
        return self.chance.some(rows, count)

    # --- the text ---------------------------------------------------------------------

    def say(self, bank: str, **values) -> str:
        return self._fill(self.chance.one(_bank()[bank]), values)

    def _fill(self, phrase, values: dict | None = None) -> str:
        parts = _compiled(phrase) if isinstance(phrase, str) else phrase
        return render(parts, self.values | (values or {}), self.chance.random)

    def _sentences(self, key: str, share: float) -> str:
        chosen = [phrase for phrase in self.disease[key] if self.chance.maybe(share)] or self.disease[key][:1]
        return "，".join(self._fill(phrase) for phrase in chosen)

    def _name(self, row: dict) -> str:
        return self.chance.one(row["said"].split("/"))

    def texts(self) -> dict[str, str]:
        symptom = self._fill(self.chance.one(self.disease["complaint"]))
        plain = symptom.split("，")[0]
        written = {
            "主诉": self.say("complaint", symptom=symptom),
            "现病史": self.say("onset", story=self._sentences("story", 0.85)) + self.say("state"),
            "既往史": self._past(),
            "个人史": self.say("personal"),
            "婚姻史": self.say("marriage"),
            "家族史": self.say("family", name=self.chance.one(COMMON)),
            "入院情况": self.say("vitals") + self._sentences("exam", 0.85) + "。",
            "入院诊断": self._list(self._first_thought(), self.listed),
            "诊疗经过": self._course(),
            "出院情况": self.say("better", symptom=plain),
            "出院医嘱": self.say("orders", orders=self._sentences("orders", 0.8)),
            "手术经过": "", "术前诊断": "", "术中诊断": "",
        }
        operated = self.operation and not self.chance.maybe(UNWRITTEN)
        return written | (self._operated() if operated else {})

    def _past(self) -> str:
        told = [row for row in self.others if row["kind"] == "past" and self.chance.maybe(0.85)]
        said = "".join(self.say("past.has", name=self._name(row), years=self.chance.between(1, 20)) for row in told)
        has = "".join(row["said"] for row in self.others)
        absent = [name for name in COMMON if name not in has and self.chance.maybe(0.7)]
        return said + (self.say("past.none", names="、".join(absent)) if absent else "") + self.say("past.rest")

    def _first_thought(self) -> str:
        key = "thoughts" if self.chance.maybe(WRONG_FIRST_THOUGHT) else "labels"
        return self._fill(self.chance.one(self.disease[key]))

    def _list(self, first: str, rows: list[dict]) -> str:
        items = [first, *(self._name(row) for row in rows)]
        return items[0] if len(items) == 1 else "".join(f"{number}.{item} " for number, item in enumerate(items, 1)).strip()

    def _course(self) -> str:
        parts = [self.say("intro", proof=self._sentences("proof", 0.8))]
        # What stands in the list of diagnoses need not be told again; all else must be.
        for row in self.others:
            if row not in self.listed or self.chance.maybe(0.5):
                parts.append(self.say(f"seen.{row['kind']}", name=self._name(row)))
        if self.chance.maybe(0.25):
            parts.append(self.say("seen.never", name=self._name(self.chance.one(_table("ward_diagnoses.csv")))))
        called_for = [code for code in self.disease["operations"] if code]
        if self.operation:
            if self.chance.maybe(0.5):
                parts.append(self.say("operated", name=self._operation_name()) + "。")
        else:
            if self.chance.maybe(0.3):
                parts.append(self.say("refused", name=self._row_of(self.chance.one(called_for))["name"]))
            parts += [self.say("alone", name=row["said"]) for row in self.operations]
        parts.append(self._sentences("treat", 1.0) + "。")
        return "".join(parts)

    def _operation_name(self) -> str:
        return self._fill(self.operation["said"]).split("。")[0]

    def _operated(self) -> dict[str, str]:
        beside = "".join(self.say("beside", name=row["said"]) for row in self.operations)
        label = self._fill(self.chance.one(self.disease["labels"]))
        return {
            "手术经过": f"{self.say('operated', name=self._fill(self.operation['said']))}。{beside}{self.say('safe')}",
            "术前诊断": label if self.chance.maybe(0.85) else self._first_thought(),
            "术中诊断": label if self.chance.maybe(0.7) else "",
        }

    # --- the codes --------------------------------------------------------------------

    def codes(self) -> dict[str, str]:
        """What the coders write down, slips included."""
        main, chance = self.disease["code"], self.chance
        if chance.maybe(COPIED_WRONG):
            main = chance.one([each["code"] for each in _diseases() if each["ward"] == self.ward])
        others = [row["code"] for row in self.others if chance.maybe(0.94) and row["code"] != main]
        operations = [row["code"] for row in self.operations if chance.maybe(0.93)]
        operation = self.operation["code"] if self.operation else ""
        if chance.maybe(COPIED_WRONG):
            operation = chance.one(list(self.disease["operations"]))
        return {
            MAIN: main, OTHERS: "; ".join(others),
            OPERATION: operation, OPERATIONS: "; ".join(operations) if operation else "",
        }


@lru_cache(maxsize=4096)
def _compiled(phrase: str) -> tuple:
    return compile_phrase(phrase)
