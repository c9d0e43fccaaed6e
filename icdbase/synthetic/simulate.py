"""One record from first cause to last code: patient → doctor's text → coder's labels."""

from __future__ import annotations

from dataclasses import dataclass

from icdbase.synthetic import phrasebook
from icdbase.synthetic.admission import first_thought, write_admission
from icdbase.synthetic.chance import Chance
from icdbase.synthetic.course import write_course
from icdbase.synthetic.discharge import write_discharge
from icdbase.synthetic.doctors import EVERYDAY_DOCTORS, Doctor, get_doctor
from icdbase.synthetic.history import write_history
from icdbase.synthetic.labeller import MAIN_CODES, assign, habits
from icdbase.synthetic.note import Note, tidy
from icdbase.synthetic.patient import Patient, make_patient
from icdbase.tasks.editions import CCL25

__all__ = ["Evidence", "SimulatedRecord", "oracle_codes", "simulate", "write_note"]


@dataclass(frozen=True)
class Evidence:
    """Where the text speaks for a code.

    Parameters
    ----------
    code : str
        The code that the coder gave.
    finding : str
        The latent finding behind it, for example ``"fibrillation"``.
    field : str
        The text field.
    snippet : str
        The words, found verbatim in the field.
    """

    code: str
    finding: str
    field: str
    snippet: str


@dataclass(frozen=True)
class SimulatedRecord:
    """All there is to know of one record.

    Parameters
    ----------
    patient : Patient
        The latent state.
    doctor : Doctor
        Who wrote it.
    texts : dict of str to str
        The text fields that are there.
    main : str
        Main diagnosis code.
    others : tuple of str
        Other diagnosis codes in the coder's order.
    evidence : tuple of Evidence
        Empty for codes that are slips.
    id : str
        病案标识.
    """

    patient: Patient
    doctor: Doctor
    texts: dict
    main: str
    others: tuple
    evidence: tuple
    id: str


def simulate(index: int, random_state: int = 0, *, doctors=None, wording: int = 0) -> SimulatedRecord:
    """Simulate record ``index`` of a seed; the same whatever is asked for beside it.

    Parameters
    ----------
    index : int
    random_state : int
    doctors : sequence of str, optional
        Who may have written it; by default every doctor but the held-out ones.
    wording : int
        Another number gives the same patient and codes in other words.

    Returns
    -------
    SimulatedRecord

    Raises
    ------
    UsageError
        If a doctor is unknown.

    Examples
    --------
    >>> one = simulate(3, random_state=0)
    >>> one.main in CCL25.main.codes, set(one.others) <= set(CCL25.others.codes)
    (True, True)
    >>> simulate(3, wording=1).others == one.others, simulate(3, wording=1).texts == one.texts
    (True, False)
    """
    patient = make_patient(Chance(random_state, index, "patient"))
    main, others, reasons = assign(patient, Chance(random_state, index, "coder"))
    chance = Chance(random_state, index, "text", wording)
    doctor = get_doctor(chance.one(tuple(doctors or EVERYDAY_DOCTORS)))
    note = write_note(patient, doctor, chance)
    texts = {name: tidy("".join(note.fields[name])) for name in CCL25.text_fields if name in note.fields}
    evidence = tuple(dict.fromkeys(
        Evidence(code, finding, field, snippet)
        for code, finding in reasons.items()
        for speaks_for, field, snippet in note.evidence
        if speaks_for in _spoken(finding, patient) and field in texts and snippet in texts[field]
    ))
    return SimulatedRecord(patient, doctor, texts, main, others, evidence, record_id(index, random_state))


def _spoken(finding, patient):
    """The names under which the writer tells of a finding."""
    if finding == "main":
        return "main", {"htn": "hypertension", "adhf": "heart_failure"}.get(patient.presentation, "main")
    if finding == "rhythm":  # 心律失常 is coded for any of them
        return "rhythm", "fibrillation", "ectopy"
    return (finding,)


def record_id(index: int, random_state: int) -> str:
    """A unique id that shows neither order nor seed at a glance.

    >>> record_id(0, 0) != record_id(1, 0)
    True
    """
    return f"ZY{random_state:02d}{(index * 7919 + 104729) % 10**8:08d}"


def write_note(patient: Patient, doctor: Doctor, chance: Chance) -> Note:
    """Let a doctor write up a patient."""
    note = Note(patient, doctor, chance, phrasebook.load_phrasebook())
    note.values["first_thought"] = first_thought(patient, chance)
    write_history(note)
    write_admission(note)
    write_course(note)
    write_discharge(note)
    for field, share in doctor.omits:
        if chance.maybe(share):
            note.fields.pop(field, None)
    return note


def oracle_codes(patient: Patient) -> tuple[str, tuple[str, ...]]:
    """Codes by the coders' habits without their slips: what a perfect reader would predict."""
    presentation, found = habits(patient)
    return MAIN_CODES[presentation], tuple(code for code, _, _ in found)
