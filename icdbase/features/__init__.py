"""Records to named blocks of features."""
