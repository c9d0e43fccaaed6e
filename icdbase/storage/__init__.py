"""Model folders, and the prediction of long files."""
