"""The group ``audit``: does the ledger hold?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli import exits, output, session
from jobrunner.cli.options import Json, Ndjson, examples
from jobrunner.errors import InvalidField

if TYPE_CHECKING:
    from jobrunner.auditor import Finding


@examples(
    "jobrunner audit verify", "jobrunner audit verify 7", "jobrunner audit verify --against head.txt",
    "jobrunner audit verify --file ledger.ndjson",
)  # fmt: skip
def verify(
    job: Annotated[str | None, typer.Argument(metavar="[ID]", help="One job; by default all.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="FILE",
            help="What audit head printed earlier; finds recomputed chains and deleted jobs.",
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Verify what audit export wrote, without a database."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recomputes the ledger and names every row that was changed, removed or inserted.

    Exits 1 when something was found.
    """
    if job is not None and file is not None:
        raise InvalidField(
            "An export is verified whole; leave out the ID.", fields={"file": "goes with no ID"}
        )
    with _lines("against", against) as earlier:
        if file is not None:
            from jobrunner.auditor import Audit

            with _lines("file", file) as exported:
                count = _report(Audit.verify_file(exported or (), earlier), as_json=as_json)
        else:
            runner = session.runner()
            if session.server() is None and runner.database.is_blank():
                output.say(f"There is no database file yet that holds jobs: {runner.database.path}")
            count = _report(runner.audit.verify(job, earlier), as_json=as_json)
    if not as_json:
        output.say(f"{count} finding{'' if count == 1 else 's'}." if count else "The ledger holds.")
    raise typer.Exit(exits.FAILED if count else exits.DONE)


@examples("jobrunner audit head > head.txt", "jobrunner audit head --json")
def head(as_json: Json = False) -> None:
    """Prints ``job_id last_seq digest log_digest`` of every job, to be kept elsewhere."""
    found = session.local("audit head").audit.head()
    if as_json:
        names = ("job_id", "last_seq", "digest", "log_digest")
        return output.document({"heads": [dict(zip(names, _head(line), strict=True)) for line in found]})
    for line in found:
        output.put(line)
    return None


@examples("jobrunner audit export > ledger.ndjson", "jobrunner audit export | gzip > ledger.ndjson.gz")
def export(as_ndjson: Ndjson = False) -> None:
    """Prints the whole ledger as NDJSON, to be verified without a database."""
    for line in session.runner().audit.export():
        output.put(line)


def _report(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Tells every finding as it is found; returns how many there are."""
    if as_json:
        found = [finding.as_dict() for finding in findings]
        output.document({"ok": not found, "findings": found})
        return len(found)
    count = 0
    for finding in findings:
        count += 1
        output.put(output.visible(str(finding)))
    return count


def _head(line: str) -> tuple[int, int, str, str]:
    job_id, last_seq, digest, log_digest = line.split()
    return int(job_id), int(last_seq), digest, log_digest


@contextmanager
def _lines(name: str, path: str | None) -> Iterator[Iterable[str] | None]:
    if path is None:
        yield None
        return
    try:
        file = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise InvalidField(f"--{name} {path} {reason}.", fields={name: reason}) from error
    with file:
        yield file
