"""Cross-validation, ablation and learning curves."""
