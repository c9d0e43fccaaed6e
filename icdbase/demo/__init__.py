"""A local web page that codes a record."""
