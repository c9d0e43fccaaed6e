"""The command line: parsing and printing, one library call a verb."""
