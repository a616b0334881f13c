-- Made from jobrunner/states.py by scripts/generate. The same text on SQLite, MySQL/MariaDB and PostgreSQL.
-- The state machine table: one row per legal edge.
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'new', 'create', 'queued', 'starter,operator,scheduler,system', 'Created, ready at once.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'new' AND trigger_name = 'create');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'new', 'create_held', 'held', 'starter,operator,scheduler,system', 'Created and put aside.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'new' AND trigger_name = 'create_held');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'new', 'create_scheduled', 'scheduled', 'starter,operator,scheduler,system', 'Created for a later time.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'new' AND trigger_name = 'create_scheduled');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'queued', 'hold', 'held', 'operator', 'Put aside.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'queued' AND trigger_name = 'hold');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'scheduled', 'hold', 'held', 'operator', 'Put aside.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'scheduled' AND trigger_name = 'hold');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'held', 'release', 'queued', 'operator', 'Released and due.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'held' AND trigger_name = 'release');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'held', 'release_scheduled', 'scheduled', 'operator', 'Released before it is due.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'held' AND trigger_name = 'release_scheduled');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'scheduled', 'admit', 'queued', 'worker,system', 'Due by the database clock.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'scheduled' AND trigger_name = 'admit');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'queued', 'claim', 'running', 'worker', 'A worker took it.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'queued' AND trigger_name = 'claim');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'succeed', 'succeeded', 'worker', 'The handler returned.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'succeed');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'fail', 'failed', 'worker', 'The attempt failed for good.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'fail');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancel_requested', 'fail', 'failed', 'worker', 'The handler raised after a cancel request.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancel_requested' AND trigger_name = 'fail');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'held', 'cancel', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'held' AND trigger_name = 'cancel');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'scheduled', 'cancel', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'scheduled' AND trigger_name = 'cancel');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'queued', 'cancel', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'queued' AND trigger_name = 'cancel');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'cancel', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'cancel');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'cancel', 'cancel_requested', 'operator,worker,starter,system,reaper', 'Asked to end by itself.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'cancel');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'held', 'stop', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'held' AND trigger_name = 'stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'scheduled', 'stop', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'scheduled' AND trigger_name = 'stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'queued', 'stop', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'queued' AND trigger_name = 'stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'stop', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'stop', 'cancel_requested', 'operator,worker,starter,system,reaper', 'To be ended by TERM, then KILL.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancel_requested', 'stop', 'cancel_requested', 'operator,worker,starter,system,reaper', 'The request is raised to stop.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancel_requested' AND trigger_name = 'stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'held', 'kill', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'held' AND trigger_name = 'kill');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'scheduled', 'kill', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'scheduled' AND trigger_name = 'kill');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'queued', 'kill', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'queued' AND trigger_name = 'kill');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'kill', 'cancelled', 'operator,worker,starter,system,reaper', 'Cancelled before it ran.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'kill');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'kill', 'cancel_requested', 'operator,worker,starter,system,reaper', 'To be ended by KILL.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'kill');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancel_requested', 'kill', 'cancel_requested', 'operator,worker,starter,system,reaper', 'The request is raised to kill.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancel_requested' AND trigger_name = 'kill');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancel_requested', 'confirm_cancel', 'cancelled', 'worker,reaper', 'Ended as asked.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancel_requested' AND trigger_name = 'confirm_cancel');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancel_requested', 'confirm_stop', 'stopped', 'worker,reaper', 'Ended by force.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancel_requested' AND trigger_name = 'confirm_stop');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'retry_later', 'scheduled', 'worker', 'The attempt failed; another one follows.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'retry_later');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'requeue_lost', 'scheduled', 'reaper', 'Its worker was lost; it may run again.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'requeue_lost');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'park_lost', 'parked', 'reaper', 'Its worker was lost; a person decides.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'park_lost');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'fail_lost', 'failed', 'reaper', 'Its worker was lost and no attempt is left.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'fail_lost');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'interrupt', 'queued', 'worker,reaper', 'Given back by a worker that shuts down.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'interrupt');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'running', 'park_interrupted', 'parked', 'worker,reaper', 'Interrupted; a person decides.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'running' AND trigger_name = 'park_interrupted');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'queued', 'fail_launch', 'failed', 'starter,operator,worker,reaper,system', 'No worker could be started.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'queued' AND trigger_name = 'fail_launch');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'scheduled', 'fail_launch', 'failed', 'starter,operator,worker,reaper,system', 'No worker could be started.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'scheduled' AND trigger_name = 'fail_launch');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'failed', 'retry', 'queued', 'operator', 'To be run again.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'failed' AND trigger_name = 'retry');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'stopped', 'retry', 'queued', 'operator', 'To be run again.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'stopped' AND trigger_name = 'retry');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancelled', 'retry', 'queued', 'operator', 'To be run again.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancelled' AND trigger_name = 'retry');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'retry', 'queued', 'operator', 'To be run again.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'retry');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'resolve_succeeded', 'succeeded', 'operator', 'An operator found its work done.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'resolve_succeeded');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'resolve_failed', 'failed', 'operator', 'An operator found its work not done.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'resolve_failed');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'failed', 'abandon', 'abandoned', 'operator', 'Closed for good.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'failed' AND trigger_name = 'abandon');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'stopped', 'abandon', 'abandoned', 'operator', 'Closed for good.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'stopped' AND trigger_name = 'abandon');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'cancelled', 'abandon', 'abandoned', 'operator', 'Closed for good.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'cancelled' AND trigger_name = 'abandon');
INSERT INTO jobrunner_transition_rule (from_status, trigger_name, to_status, actors, description)
  SELECT 'parked', 'abandon', 'abandoned', 'operator', 'Closed for good.'
  WHERE NOT EXISTS (SELECT 1 FROM jobrunner_transition_rule WHERE from_status = 'parked' AND trigger_name = 'abandon');
