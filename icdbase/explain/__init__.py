"""Why this code: contributions of features, and where they stand in the text."""
