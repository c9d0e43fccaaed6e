"""The command line: each verb parses its options, makes one call to the library and prints the result."""
