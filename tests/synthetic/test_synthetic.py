"""The synthetic department: same records for ever, sound patients, files as the evaluation has them."""

import hashlib
import json
import re
import tracemalloc

import numpy as np
import pytest

from icdbase.core.errors import UsageError
from icdbase.synthetic import (
    DOCTORS,
    HELD_OUT_DOCTORS,
    iter_records,
    iter_simulated,
    make_patient,
    make_records,
    oracle_codes,
    simulate,
    write_corpus,
)
from icdbase.synthetic.body import risk_stratum
from icdbase.synthetic.chance import Chance
from icdbase.synthetic.doctors import get_doctor
from icdbase.synthetic.drugs import chosen_classes
from icdbase.synthetic.labeller import MAX_OTHERS, habits
from icdbase.synthetic.patient import Patient
from icdbase.synthetic.phrasebook import Phrasebook, compile_phrase, load_phrasebook
from icdbase.tasks.editions import CCL25

FIRST_RECORDS_HASH = "1b784fd778aaca11"


@pytest.fixture(scope="module")
def simulated():
    written = [iter_simulated(100, 7, doctors=[name]) for name in HELD_OUT_DOCTORS]
    return [one for records in (iter_simulated(400, 7), *written) for one in records]


@pytest.fixture(scope="module")
def patients():
    return [make_patient(Chance(11, number, "patient")) for number in range(3000)]


def test_first_records_are_pinned():
    """Fails whenever wording or patients change: then the quality floors need a new look too."""
    text = json.dumps(list(iter_records(20, 0)), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == FIRST_RECORDS_HASH


def test_table_is_what_the_toolkit_reads():
    records = make_records(30, random_state=2)
    assert list(records.columns) == [*CCL25.text_fields, "主诊断编码", "其他诊断编码"]
    assert records.index.name == "病案标识" and records.index.is_unique
    for main, others in zip(records["主诊断编码"], records["其他诊断编码"], strict=True):
        assert main in CCL25.main.codes and main not in others
        assert isinstance(others, tuple) and len(set(others)) == len(others)
        assert set(others) <= set(CCL25.others.codes)
    assert all(isinstance(cell, str) for field in CCL25.text_fields for cell in records[field])


def test_record_does_not_depend_on_how_many_are_made():
    many = list(iter_records(12, 5))
    assert list(iter_records(4, 5)) == many[:4]
    assert list(iter_records(3, 5, start=9)) == many[9:]
    assert make_records(4, 5).equals(make_records(12, 5).iloc[:4])
    assert list(iter_records(4, 6)) != many[:4]


def test_wording_changes_neither_patient_nor_codes():
    first, again = simulate(4, 1), simulate(4, 1, wording=9)
    assert first.patient == again.patient and (first.main, first.others) == (again.main, again.others)
    assert first.texts != again.texts


def test_held_out_doctor_writes_only_on_request():
    assert len(DOCTORS) >= 7
    assert not {one.doctor.name for one in iter_simulated(200, 3)} & set(HELD_OUT_DOCTORS)
    for name in HELD_OUT_DOCTORS:
        assert {one.doctor.name for one in iter_simulated(5, 3, doctors=[name])} == {name}


@pytest.mark.parametrize("name", HELD_OUT_DOCTORS)
def test_held_out_words_are_nobody_elses(name):
    book, doctor = load_phrasebook(), get_doctor(name)
    own = book.own[name]
    assert len(own) > 190 and set(own) <= set(book.banks)
    everyday = [get_doctor(other) for other in DOCTORS if other not in HELD_OUT_DOCTORS]
    for bank, phrases in own.items():
        assert not set(book.banks[bank]) & set(phrases), bank
        found = set(book.phrases(doctor, bank))
        assert found == {compile_phrase(text) for text in phrases}
        assert not any(found & set(book.phrases(other, bank)) for other in everyday)


def test_held_out_doctors_were_written_apart():
    """Hardly a phrase in common: what was developed on one is no help with the other."""
    books = [load_phrasebook().own[name] for name in HELD_OUT_DOCTORS]
    lines = [{(bank, phrase) for bank, phrases in book.items() for phrase in phrases} for book in books]
    assert len(set.intersection(*lines)) < 0.02 * min(map(len, lines))


def test_doctors_differ_in_words():
    book = load_phrasebook()
    choices = {book.phrases(get_doctor(name), "hpi.onset") for name in DOCTORS}
    assert len(choices) > 5


def test_text_has_no_holes(simulated):
    for one in simulated:
        text = "".join(one.texts.values())
        assert not set("{}[]") & set(text)
        assert "None" not in text
        assert "，，" not in text and "。，" not in text


def test_every_snippet_is_in_its_field_and_nearly_every_code_has_one(simulated):
    codes = shown = 0
    for one in simulated:
        for evidence in one.evidence:
            assert evidence.snippet and evidence.snippet in one.texts[evidence.field]
            assert evidence.code in (one.main, *one.others)
        meant = set(oracle_codes(one.patient)[1]) & set(one.others)
        codes += len(meant)
        shown += len(meant & {evidence.code for evidence in one.evidence})
    assert shown / codes > 0.97


def test_numbers_that_decide_are_in_the_text(simulated):
    """A reader who knows the thresholds can do without the names."""
    for one in simulated:
        patient, labs, course = one.patient, one.patient.labs, one.texts["诊疗经过"]
        text = "".join(one.texts.values())
        assert not patient.low_potassium or f"{labs['k']:.2f}" in course
        assert not patient.high_homocysteine or f"{labs['hcy']:.1f}" in course
        assert not patient.diabetes or patient.dm_years or f"{labs['hba1c']:.1f}%" in course
        assert not patient.hyperlipidemia or any(
            f"{labs[key]:.2f}" in course for key, limit in (("tg", 2.3), ("tc", 6.2), ("ldl", 4.1)) if labs[key] >= limit
        )
        if patient.hypertension and "既往史" in one.texts and "入院情况" in one.texts:
            assert str(patient.htn_peak[0]) in text and str(patient.htn_peak[1]) in text
        for vessel_percent in patient.lesions.values():
            assert f"{vessel_percent[1]}%" in course or vessel_percent[1] == 100
        if patient.holter and patient.pvc >= 10:
            assert str(patient.pvc) in course


def test_notes_are_sound(simulated):
    for one in simulated:
        patient, texts = one.patient, one.texts
        text = "".join(texts.values())
        assert "前列腺" not in texts.get("既往史", "") or patient.male
        assert "初潮" not in text or not patient.male
        assert "子宫" not in text or not patient.male
        assert not any(word in texts.get("出院情况", "") for word in ("急性病容", "平车", "表情痛苦"))
        if patient.presentation == "mva":
            assert "闭塞" not in text and "植入药物洗脱支架" not in texts["诊疗经过"]
        if not patient.diabetes:
            assert "降糖" not in texts["诊疗经过"] and "糖尿病饮食" not in texts["出院医嘱"]


def test_patients_are_sound(patients):
    for patient in patients:
        kind = patient.presentation
        top, low = patient.htn_peak
        if patient.hypertension:
            assert patient.htn_grade == (3 if top >= 180 or low >= 110 else 2 if top >= 160 or low >= 100 else 1)
            assert patient.pressure_in[0] <= top and patient.htn_risk == risk_stratum(patient)
        else:
            assert patient.pressure_in[0] < 140 and not patient.htn_grade
        assert patient.presentation != "htn" or (patient.htn_grade, patient.htn_risk) == (3, "very")
        assert kind != "mva" or (patient.imaged and patient.worst_stenosis < 50 and not patient.pci)
        assert kind not in ("ua", "nstemi") or not patient.imaged or patient.worst_stenosis >= 70
        assert kind != "adhf" or (patient.failure == "decompensated" and patient.labs["bnp"] >= 900)
        assert patient.troponin_rises == (patient.labs["tni2"] > 2 * patient.labs["tni"])
        assert patient.killip == 0 or kind == "nstemi"
        assert patient.af != "persistent" or patient.pac == 0
        assert patient.smoke_years < patient.age and patient.dm_years < patient.age
        assert patient.stent_years <= patient.cad_years or not patient.stents
        assert not patient.low_potassium or patient.labs["k"] < 3.5
        assert not patient.diabetes or patient.labs["hba1c"] >= 6.5
        assert patient.hyperlipidemia == (
            patient.labs["tc"] >= 6.2 or patient.labs["tg"] >= 2.3 or patient.labs["ldl"] >= 4.1
        )
        assert patient.high_homocysteine == (patient.labs["hcy"] > 15)


def test_drugs_fit_the_patient(patients):
    for number, patient in enumerate(patients):
        drugs = chosen_classes(patient, Chance(number, "drugs"))
        assert len(drugs) == len(set(drugs))
        assert "diltiazem" not in drugs or not patient.failure
        assert "arni" not in drugs or "arb" not in drugs
        assert not {"insulin", "metformin", "acarbose", "gliptin"} & set(drugs) or patient.diabetes
        assert not {"warfarin", "noac"} & set(drugs) or patient.af
        assert "beta" not in drugs or patient.other_rhythm not in ("brady", "pause", "avb1")
        assert not patient.pci_stents or {"clopidogrel", "ticagrelor"} & set(drugs)


def test_coder_respects_groups_but_for_rare_slips(simulated):
    doubled = 0
    for one in simulated:
        groups = [CCL25.exclusive_groups[code] for code in (one.main, *one.others) if code in CCL25.exclusive_groups]
        doubled += len(groups) != len(set(groups))
    assert doubled <= 5


def test_habits_know_rules_and_nothing_else():
    patient = Patient(presentation="htn", htn_grade=3, htn_risk="very", af="paroxysmal", pvc=1500, neck="thick",
                      liver_cyst=5, renal_cyst=12, chest_ct=True, lung={"tiny": 3}, stents=1, stent_years=5)
    _, found = habits(patient)
    assert [code for code, *_ in found] == ["I48.x02", "I49.900", "I49.300x001", "N28.101"]
    crowded = Patient(presentation="ua", cad="stenosis", htn_grade=2, htn_risk="very", diabetes=True, stroke="old",
                      af="persistent", hyperlipidemia=True, neck="plaque", leg="plaque", fatty_liver=True,
                      old_mi_years=3, renal_cyst=20)
    assert len(habits(crowded)[1]) == MAX_OTHERS


def test_files_in_the_official_format(tmp_path):
    counts = []
    paths = write_corpus(tmp_path, 150, 4, progress=counts.append)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()} == {
        "ICD-Coding-train.json", "ICD-Coding-val.json", "ICD-Coding-val-input.json",
        "ICD-Coding-test.json", "ICD-Coding-test-input.json",
    }
    parts = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    joined = parts["ICD-Coding-train"] + parts["ICD-Coding-val"] + parts["ICD-Coding-test"]
    assert joined == [{**record, "来源": "模拟"} for record in iter_records(150, 4)] and counts == [100, 150]
    assert [len(parts[f"ICD-Coding-{part}"]) for part in ("train", "val", "test")] == [81, 20, 49]
    for full, bare in zip(parts["ICD-Coding-test"], parts["ICD-Coding-test-input"], strict=True):
        assert bare == {key: value for key, value in full.items() if key not in ("主诊断编码", "其他诊断编码")}


def test_failure_leaves_no_half_file(tmp_path):
    def stop(_):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_corpus(tmp_path, 150, 4, progress=stop)
    assert not list(tmp_path.iterdir())


def test_tests_are_left_out_at_different_rates_and_never_where_they_are_coded():
    simulated = list(iter_simulated(300, 6))
    potassium, homocysteine = re.compile("钾[^。，;]{0,6}[0-9]|K\\+ ?[0-9]"), re.compile("半胱氨酸|[Hh][Cc][Yy]")
    stated = {
        name: np.array([any(pattern.search(text) for text in one.texts.values()) for one in simulated])
        for name, pattern in (("E87.600", potassium), ("E72.101", homocysteine))
    }
    assert 0.85 < stated["E87.600"].mean() < 0.99
    assert 0.35 < stated["E72.101"].mean() < 0.7
    for code, known in stated.items():
        coded = np.array([code in one.others for one in simulated])
        assert coded.any() and known[coded].all()


def test_memory_stays_flat(tmp_path):
    write_corpus(tmp_path, 30)
    tracemalloc.start()
    try:
        write_corpus(tmp_path, 150)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 900_000  # the 150 records are some 1.25 MB of text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_records(1, doctors=["Qim"]), "unknown doctor 'Qim'; did you mean 'Qin'"),
        (lambda: make_records(-1), "must not be negative"),
        (lambda: write_corpus("nowhere", 2), "at least 3"),
        (lambda: load_phrasebook().replaced({"nothing": ["x"]}), "no phrase bank 'nothing'"),
        (lambda: Phrasebook({"a": ["[胸闷"]}), "open bracket"),
        (lambda: compile_phrase("胸闷]"), "stray bracket"),
    ],
)
def test_wrong_use_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
