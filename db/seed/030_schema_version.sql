-- Made from jobrunner/states.py by scripts/generate. The same text on SQLite, MySQL/MariaDB and PostgreSQL.
-- Which shape the tables have.
INSERT INTO jobrunner_schema_version (version, applied_at) SELECT 1, CURRENT_TIMESTAMP WHERE NOT EXISTS (SELECT 1 FROM jobrunner_schema_version WHERE version = 1);
