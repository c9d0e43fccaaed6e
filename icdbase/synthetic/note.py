"""A note in the making: fields filled piece by piece, with what each piece bears witness to."""

from __future__ import annotations

from icdbase.synthetic.phrasebook import render

__all__ = ["Note", "tidy"]

_DOUBLED = tuple(pair.split() for pair in (
    "，， ，", "，。 。", "；， ；", "，； ；", "。， 。", "；。 。", "。。 。", "、。 。", "、， ，", "、； ；",
    "：， ：", "；； ；", "。； 。", ",, ,", ",。 。", ",; ;", ";, ;", "。, 。", ";。 。", "、, ,", "、; ;",
    ":, :", ";; ;", "。; 。",
))
_EDGES = "，。；、,; "


def tidy(text: str) -> str:
    """Leave one stop where two pieces met with two.

    >>> tidy("窦性心律，，ST-T改变，。")
    '窦性心律，ST-T改变。'
    """
    for two, one in _DOUBLED:
        if two in text:
            text = text.replace(two, one)
    return text

TYPOS = tuple(pair.split() for pair in (
    "阿司匹林 阿斯匹林", "胸闷 胸闷闷", "心前区 心前去", "冠状动脉 冠壮动脉", "患者 患着", "无明显 无无明显",
    "心绞痛 心绞疼", "症状 证状", "缓解 缓觧", "治疗 治疔", "检查 检察", "持续 持继", "血压 血圧", "高血压 高血压压",
    "动脉 动脉脉", "斑块 班块", "增厚 增后", "房颤 房纤", "糖尿病 糖尿", "狭窄 侠窄", "示 是", "心慌 心荒",
    "双下肢 双下", "呼吸音 呼音", "发作 发做", "加重 家重", "复查 复查复查",
))
"""What slips the doctors' pens: right, typed."""


class Note:
    """Text under way.

    Parameters
    ----------
    patient : Patient
    doctor : Doctor
    chance : Chance
    book : Phrasebook

    Attributes
    ----------
    fields : dict of str to list of str
    evidence : list of (finding, field, snippet)
    values : dict
        Slot values that any phrase may use.
    """

    __slots__ = ("book", "chance", "doctor", "evidence", "fields", "patient", "values")

    def __init__(self, patient, doctor, chance, book):
        self.patient, self.doctor, self.chance, self.book = patient, doctor, chance, book
        self.fields: dict[str, list[str]] = {}
        self.evidence: list[tuple[str, str, str]] = []
        self.values: dict = {}

    def phrase(self, bank: str, *, never=(), **values) -> str:
        """Word one thing the doctor's way, if it can be done without the words of ``never``."""
        random = self.chance.random
        phrases = self.book.phrases(self.doctor, bank)
        known = {**self.values, **values} if values else self.values
        for _ in range(12 if never else 1):
            text = render(phrases[int(random() * len(phrases))], known, random)
            if not any(word in text for word in never):
                break
        return text

    def say(self, field: str, bank: str, finding: str = "", **values) -> str:
        return self.add(field, self.phrase(bank, **values), finding)

    def add(self, field: str, text: str, finding: str = "") -> str:
        """Put text into a field, with the doctor's width of signs and slips of the pen."""
        if self.chance.random() < self.doctor.typos:
            wrong = [pair for pair in TYPOS if pair[0] in text]
            if wrong:
                right, typed = self.chance.one(wrong)
                text = text.replace(right, typed, 1)
        if self.doctor.half_width:
            text = text.translate(self.doctor.width)
        text = tidy(text)
        self.fields.setdefault(field, []).append(text)
        if finding:
            self.witness(finding, field, text)
        return text

    def witness(self, finding: str, field: str, text: str) -> None:
        """Remember that a piece of a field speaks for a finding."""
        self.evidence.append((finding, field, text.strip(_EDGES)))

    def copy(self, source: str, target: str, start: int = 0, stop: int | None = None) -> None:
        """Paste pieces of one field into another, evidence and all."""
        pasted = self.fields.get(source, [])[start:stop]
        self.fields.setdefault(target, []).extend(pasted)
        kept = {text.strip(_EDGES) for text in pasted}
        self.evidence += [
            (finding, target, text) for finding, field, text in self.evidence if field == source and text in kept
        ]

    def several(self, field: str, bank: str, count: int, never=()) -> None:
        """Say up to ``count`` different things of one bank, none with a word of ``never``."""
        phrases = self.book.phrases(self.doctor, bank)
        for phrase in self.chance.some(phrases, count):
            text = render(phrase, self.values, self.chance.random)
            if not any(word in text for word in never):
                self.add(field, text)

    def likely(self, share: float) -> bool:
        """Whether this doctor bothers to say what a doctor of middling zeal says with ``share``."""
        return self.chance.random() < share * (0.4 + self.doctor.thorough)

    def numbered(self, items) -> str:
        """A run-on list with the doctor's marks."""
        return "".join(self.doctor.mark.format(place) + item for place, item in enumerate(items, start=1))
