"""How many records parallel work takes; results do not depend on it."""

BATCH_SIZE = 1000
"""Records that a process predicts at a time."""

MIN_RECORDS_FOR_PROCESSES = 4000
"""Fewer records are finished before a second process has loaded its dictionaries."""
