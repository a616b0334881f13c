-- Made from jobrunner/states.py by scripts/generate. The same text on SQLite, MySQL/MariaDB and PostgreSQL.
-- What each status means.
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'new', 0, 0, 'Before birth; no job row bears it.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'new');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'held', 1, 0, 'Created or put aside; an operator releases it.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'held');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'waiting', 1, 0, 'Waits for other jobs.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'waiting');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'scheduled', 1, 0, 'Not before available_at: a delay, or the wait before a retry; the clock moves it on.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'scheduled');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'queued', 1, 0, 'Ready to be claimed; a worker moves it on.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'queued');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'running', 1, 0, 'A worker holds it.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'running');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'cancel_requested', 1, 0, 'Running and asked to end by cancel, stop or kill.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'cancel_requested');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'parked', 1, 0, 'Lost or interrupted while not idempotent; a person decides.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'parked');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'succeeded', 0, 1, 'The handler returned.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'succeeded');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'failed', 0, 1, 'The handler raised, died, ran out of time, or was never launched.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'failed');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'cancelled', 0, 1, 'Never ran, ended cleanly after a cancel, or was lost after a cancel.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'cancelled');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'stopped', 0, 1, 'Ended by force; work may be half done.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'stopped');
INSERT INTO jobrunner_status (name, is_active, is_terminal, description)
  SELECT 'abandoned', 0, 1, 'Closed for good by an operator.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_status WHERE name = 'abandoned');
