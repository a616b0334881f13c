"""The log viewer: windows, counts and searches over one job's ledger, and the pages that show them."""
