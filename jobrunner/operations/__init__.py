"""What changes things, one verb per file: each decides, the store obeys."""
