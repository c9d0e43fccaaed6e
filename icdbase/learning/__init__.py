"""From features to codes: estimators, calibration, folds and decoding."""
