"""The command line: parse, call one operation, translate the error, answer."""
