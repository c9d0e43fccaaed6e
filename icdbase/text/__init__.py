"""Normalise and tokenise text, and find phrases in it."""
