"""Records to named blocks of features.

Each block has a module: :mod:`~icdbase.features.words`,
:mod:`~icdbase.features.concepts`, :mod:`~icdbase.features.measurements`,
:mod:`~icdbase.features.diagnosis_list`.  Its extractor turns texts into counts,
and into spans for an explanation; its block turns counts into a matrix and
names the columns.  Counts and spans carry the same names
(:mod:`~icdbase.features.feature_id`).
"""
