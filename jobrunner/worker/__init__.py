"""The shepherd of a job: it owns the claim, the ledger, the clock and the kill; the handler runs in its child."""
