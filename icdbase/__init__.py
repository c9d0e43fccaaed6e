"""icdbase: classical-ML baselines for ICD coding of Chinese medical records."""

__version__ = "0.1.0"
