"""A small simulated cardiology department: latent patient → doctor's text → coder's codes.

Nobody can ship the patients of CCL25-Eval Task 8, so the data that ships is
simulated and calibrated on the published aggregates.  Scores on it are no
clinical evidence.
"""

from icdbase.synthetic.corpus import iter_records, iter_simulated, make_records, write_corpus
from icdbase.synthetic.doctors import DOCTORS, HELD_OUT_DOCTORS
from icdbase.synthetic.measure import describe, describe_text
from icdbase.synthetic.patient import Patient, make_patient
from icdbase.synthetic.simulate import Evidence, SimulatedRecord, oracle_codes, simulate

__all__ = [
    "DOCTORS",
    "HELD_OUT_DOCTORS",
    "Evidence",
    "Patient",
    "SimulatedRecord",
    "describe",
    "describe_text",
    "iter_records",
    "iter_simulated",
    "make_patient",
    "make_records",
    "oracle_codes",
    "simulate",
    "write_corpus",
]
