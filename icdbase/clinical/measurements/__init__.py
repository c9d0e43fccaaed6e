"""Numbers with units in a text: laboratory values, grades, durations, pressures, angiography."""
