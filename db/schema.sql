-- The tables of jobrunner, made from jobrunner/entities.py by scripts/generate.
-- It takes nothing away, and applied twice it changes nothing. Load db/seed/*.sql after it.
--
--   jobrunner_status
--   jobrunner_transition_rule
--   jobrunner_schema_version
--   jobrunner_job
--   jobrunner_job_tag
--   jobrunner_job_attempt
--   jobrunner_job_transition
--   jobrunner_job_log
--   jobrunner_worker
--   jobrunner_lease
--   jobrunner_tombstone
--   jobrunner_refused_write
--   jobrunner_api_token

CREATE TABLE IF NOT EXISTS jobrunner_status (
  name VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  is_active SMALLINT NOT NULL,
  is_terminal SMALLINT NOT NULL,
  description VARCHAR(255) NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_transition_rule (
  from_status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  trigger_name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  to_status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actors VARCHAR(120) NOT NULL,
  description VARCHAR(255) NOT NULL,
  PRIMARY KEY (from_status, trigger_name),
  CONSTRAINT jobrunner_rule_edge UNIQUE (from_status, trigger_name, to_status),
  FOREIGN KEY(from_status) REFERENCES jobrunner_status (name),
  FOREIGN KEY(to_status) REFERENCES jobrunner_status (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_schema_version (
  version INTEGER NOT NULL,
  applied_at DATETIME(6) NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_job (
  id BIGINT NOT NULL AUTO_INCREMENT,
  uuid VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type VARBINARY(128) NOT NULL,
  title VARCHAR(255),
  status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  queue VARBINARY(64) NOT NULL,
  priority INTEGER NOT NULL,
  lock_key VARBINARY(191),
  active_lock_key VARBINARY(191) GENERATED ALWAYS AS (CASE WHEN status IN ('succeeded', 'failed', 'cancelled', 'stopped', 'abandoned') THEN NULL ELSE lock_key END) STORED,
  idempotency_key VARBINARY(191),
  created_by VARBINARY(191),
  idempotent SMALLINT NOT NULL,
  launcher VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  params LONGTEXT NOT NULL,
  result LONGTEXT,
  error_class VARCHAR(255),
  error_reason_code VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  error_message LONGTEXT,
  error_traceback LONGTEXT,
  attempt INTEGER NOT NULL,
  budget_used INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  backoff_base DOUBLE NOT NULL,
  backoff_factor DOUBLE NOT NULL,
  backoff_cap DOUBLE NOT NULL,
  backoff_jitter DOUBLE NOT NULL,
  timeout_seconds DOUBLE,
  stall_seconds DOUBLE,
  fence BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  first_seq BIGINT NOT NULL,
  final_seq BIGINT,
  digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  log_digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  pruned_digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  log_bytes BIGINT NOT NULL,
  warning_count INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  progress_percent DOUBLE,
  progress_text VARCHAR(255),
  progress_current DOUBLE,
  progress_total DOUBLE,
  step_key VARCHAR(128),
  step_label VARCHAR(255),
  step_index INTEGER,
  step_total INTEGER,
  cancel_mode VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin,
  claim_token_hash VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  launches INTEGER NOT NULL,
  launched_at DATETIME(6),
  worker_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin,
  host VARCHAR(255),
  pid INTEGER,
  created_at DATETIME(6) NOT NULL,
  available_at DATETIME(6) NOT NULL,
  queued_at DATETIME(6),
  started_at DATETIME(6),
  finished_at DATETIME(6),
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT jobrunner_job_born CHECK (status <> 'new'),
  CONSTRAINT jobrunner_job_mode CHECK (cancel_mode IS NULL OR cancel_mode IN ('cancel', 'stop', 'kill')),
  CONSTRAINT jobrunner_job_seq CHECK (last_seq >= 1 AND first_seq >= 1),
  UNIQUE (uuid),
  FOREIGN KEY(status) REFERENCES jobrunner_status (name),
  UNIQUE (active_lock_key),
  UNIQUE (idempotency_key),
  INDEX jobrunner_job_claim (queue, status, priority DESC, id),
  INDEX jobrunner_job_created (created_at),
  INDEX jobrunner_job_creator (created_by, id),
  INDEX jobrunner_job_due (status, available_at),
  INDEX jobrunner_job_finished (finished_at),
  INDEX jobrunner_job_queue (queue, id),
  INDEX jobrunner_job_status (status, id),
  INDEX jobrunner_job_type (type, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_job_tag (
  job_id BIGINT NOT NULL,
  name VARBINARY(64) NOT NULL,
  value VARBINARY(200) NOT NULL,
  PRIMARY KEY (job_id, name),
  FOREIGN KEY(job_id) REFERENCES jobrunner_job (id),
  INDEX jobrunner_tag_find (name, value, job_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_job_attempt (
  job_id BIGINT NOT NULL,
  attempt INTEGER NOT NULL,
  fence BIGINT NOT NULL,
  worker_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  host VARCHAR(255) NOT NULL,
  boot_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin,
  pid INTEGER,
  process_started BIGINT,
  child_pid INTEGER,
  child_started BIGINT,
  started_at DATETIME(6) NOT NULL,
  ended_at DATETIME(6),
  outcome VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin,
  reason_code VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  error_class VARCHAR(255),
  error_message LONGTEXT,
  traceback LONGTEXT,
  exit_code INTEGER,
  exit_signal INTEGER,
  cpu_seconds DOUBLE,
  peak_rss BIGINT,
  line_count BIGINT,
  PRIMARY KEY (job_id, attempt),
  FOREIGN KEY(job_id) REFERENCES jobrunner_job (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_job_transition (
  job_id BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  prev_seq BIGINT,
  attempt INTEGER NOT NULL,
  fence BIGINT NOT NULL,
  from_status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  trigger_name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  to_status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor VARCHAR(255) NOT NULL,
  reason LONGTEXT,
  context LONGTEXT,
  at DATETIME(6) NOT NULL,
  op_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  log_digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (job_id, seq),
  CONSTRAINT jobrunner_transition_end UNIQUE (job_id, seq, to_status),
  CONSTRAINT jobrunner_transition_no_fork UNIQUE (job_id, prev_seq),
  CONSTRAINT jobrunner_transition_is_legal FOREIGN KEY(from_status, trigger_name, to_status) REFERENCES jobrunner_transition_rule (from_status, trigger_name, to_status),
  CONSTRAINT jobrunner_transition_follows FOREIGN KEY(job_id, prev_seq, from_status) REFERENCES jobrunner_job_transition (job_id, seq, to_status),
  CONSTRAINT jobrunner_transition_birth CHECK ((prev_seq IS NULL AND seq = 1 AND from_status = 'new') OR (prev_seq IS NOT NULL AND seq > prev_seq AND from_status <> 'new')),
  FOREIGN KEY(job_id) REFERENCES jobrunner_job (id),
  UNIQUE (op_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_job_log (
  job_id BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  attempt INTEGER NOT NULL,
  at DATETIME(6) NOT NULL,
  level VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  stream VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  step_key VARCHAR(128),
  logger VARCHAR(255),
  message LONGTEXT NOT NULL,
  context LONGTEXT,
  PRIMARY KEY (job_id, seq),
  FOREIGN KEY(job_id) REFERENCES jobrunner_job (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_worker (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  host VARCHAR(255) NOT NULL,
  boot_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin,
  pid_namespace BIGINT,
  pid INTEGER NOT NULL,
  process_started BIGINT,
  scope VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  queues LONGTEXT,
  labels LONGTEXT,
  capacity INTEGER NOT NULL,
  status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  started_at DATETIME(6) NOT NULL,
  stopped_at DATETIME(6),
  drain_at DATETIME(6),
  drain_by VARCHAR(255),
  drain_reason LONGTEXT,
  PRIMARY KEY (id),
  INDEX jobrunner_worker_live (stopped_at, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_lease (
  name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  holder VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  beats BIGINT NOT NULL,
  heartbeat_at DATETIME(6) NOT NULL,
  lease_until DATETIME(6) NOT NULL,
  memory_bytes BIGINT,
  cpu_percent DOUBLE,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_tombstone (
  id BIGINT NOT NULL,
  uuid VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type VARBINARY(128) NOT NULL,
  status VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  final_seq BIGINT,
  digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  log_digest VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor VARCHAR(255) NOT NULL,
  reason LONGTEXT,
  at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (uuid),
  FOREIGN KEY(status) REFERENCES jobrunner_status (name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_refused_write (
  id BIGINT NOT NULL AUTO_INCREMENT,
  job_id BIGINT NOT NULL,
  attempt INTEGER NOT NULL,
  fence BIGINT NOT NULL,
  job_fence BIGINT,
  worker_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin,
  what VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail LONGTEXT,
  at DATETIME(6) NOT NULL,
  PRIMARY KEY (id),
  INDEX jobrunner_refused_job (job_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobrunner_api_token (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARBINARY(64) NOT NULL,
  token_hash VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  scope VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_by VARBINARY(191),
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6),
  last_used_at DATETIME(6),
  revoked_at DATETIME(6),
  PRIMARY KEY (id),
  UNIQUE (name),
  UNIQUE (token_hash)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
