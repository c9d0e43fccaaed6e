"""The official score, intervals, paired tests and baselines."""
