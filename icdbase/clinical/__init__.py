"""Clinical language: concepts and their assertion status, diagnosis lists, operations."""
