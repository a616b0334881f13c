"""Every command: its name, where it is, and what it does in one line. Nothing is imported before it is called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A command, or a group of them; ``place`` is ``module:function`` under ``jobrunner.cli``."""

    summary: str
    place: str = ""
    section: str = "Commands"
    group: dict[str, Entry] | None = None


_START, _LOOK, _ACT, _WEB, _KEEP = "Start", "Look", "Act", "Web", "Database and ledger"

_DATABASE = {
    "init": Entry("Creates the tables; what is there already stays as it is.", "database:init"),
    "check": Entry(
        "Names every difference between the tables and what this version expects.", "database:check"
    ),
    "schema": Entry("Prints the tables as SQL, without touching a database.", "database:schema"),
}
_AUDIT = {
    "verify": Entry("Recomputes the ledger and names every row that was changed.", "auditing:verify"),
    "head": Entry("Prints the digests of every job, to be kept elsewhere.", "auditing:head"),
    "export": Entry("Prints the whole ledger as NDJSON, to be verified offline.", "auditing:export"),
}
_TOKEN = {
    "create": Entry("Makes a token for HTTP and prints it, this once.", "tokens:create"),
    "list": Entry("Lists the tokens for HTTP.", "tokens:list_tokens"),
    "revoke": Entry("Ends a token at once, and the sessions opened with it.", "tokens:revoke"),
}
COMMANDS: dict[str, Entry] = {
    "start": Entry("Starts a job and prints its id.", "starting:start", _START),
    "exec": Entry("Starts any program as a job.", "executing:execute", _START),
    "run": Entry("Runs one due job in the foreground.", "running:run", _START),
    "work": Entry("Claims jobs and runs several at a time: a pool.", "working:work", _START),
    "status": Entry("Shows a job and the newest rows of its ledger.", "reading:status", _LOOK),
    "logs": Entry("Prints the log lines of a job.", "logs:logs", _LOOK),
    "history": Entry("Prints every transition of a job.", "reading:history", _LOOK),
    "list": Entry("Lists jobs, newest first.", "listing:list_jobs", _LOOK),
    "stats": Entry("Counts the jobs of each status.", "listing:stats", _LOOK),
    "explain": Entry("Says why a job is not running, and what to do about it.", "explaining:explain", _LOOK),
    "workers": Entry("Lists the workers, and whether they live.", "fleet:workers", _LOOK),
    "watch": Entry("Shows jobs with live progress until they end.", "watching:watch", _LOOK),
    "wait": Entry("Waits until jobs have ended, or need a person.", "watching:wait", _LOOK),
    "types": Entry("Lists the job types that are registered here.", "catalogue:types", _LOOK),
    "machine": Entry("Prints the state machine.", "catalogue:machine", _LOOK),
    "cancel": Entry("Asks jobs to end by themselves.", "acting:cancel", _ACT),
    "stop": Entry("Ends jobs by TERM and, after a grace, KILL.", "acting:stop", _ACT),
    "kill": Entry("Ends jobs by KILL.", "acting:kill", _ACT),
    "hold": Entry("Puts waiting jobs aside.", "acting:hold", _ACT),
    "release": Entry("Gives held jobs back.", "acting:release", _ACT),
    "retry": Entry("Runs failed, stopped, cancelled or parked jobs again.", "acting:retry", _ACT),
    "resolve": Entry("Closes parked jobs as succeeded or failed.", "acting:resolve", _ACT),
    "abandon": Entry("Closes failed, stopped, cancelled or parked jobs for good.", "acting:abandon", _ACT),
    "drain": Entry("Asks a pool to end in order, as SIGTERM would.", "fleet:drain", _ACT),
    "delete": Entry("Deletes held or finished jobs; a tombstone stays.", "acting:delete", _ACT),
    "serve": Entry("Serves the HTTP API, the stream and the pages.", "serving:serve", _WEB),
    "token": Entry("Makes, lists and revokes tokens for HTTP.", section=_WEB, group=_TOKEN),
    "db": Entry("Creates, checks and prints the tables.", section=_KEEP, group=_DATABASE),
    "audit": Entry("Verifies and exports the ledger.", section=_KEEP, group=_AUDIT),
    "reap": Entry("Takes jobs away from dead workers.", "fleet:reap", _KEEP),
    "prune": Entry("Deletes old jobs that have ended; tombstones stay.", "pruning:prune", _KEEP),
    "doctor": Entry("Checks that everything here is fit to run jobs.", "doctor:doctor", _KEEP),
    "systemd": Entry("Prints unit files for services.", "units:systemd", _KEEP),
    "demo": Entry("Runs a real job on a directory, and shows everything.", "demonstration:demo", _KEEP),
}
