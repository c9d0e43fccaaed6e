"""Classifiers, calibration and decoding."""
