"""Everything that speaks SQL. Rows leave it as plain mappings and frozen values, never a connection."""
