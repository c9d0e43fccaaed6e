"""A local web page that codes a record: the application, its guard against other sites, its records, its server."""
