"""Formats of files: bytes to text, text to rows, cells to values.  Nothing here knows what a column means."""
