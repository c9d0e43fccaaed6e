"""Records to named blocks of features.

Each block has a module: ``words``, ``concepts``, ``measurements``, ``diagnosis_list``, ``stated_codes``.  Its extractor turns
texts into counts (``count``, ``counts``) or into spans for an explanation (``locate``); ``stated_codes`` reads what those of
concepts, measurements and lists count.  Its block chooses columns of the counts (``fit``), builds their matrix
(``transform``) and names them (``feature_ids``).  Spans and columns carry the same names.
"""
