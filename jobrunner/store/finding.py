"""Which jobs a list shows: their ids, found along an index whatever the filter and however many jobs there are.

One status, type, queue or creator each has an index in order of the ids. Several statuses are several such walks, a tag
is walked from its own table, and moments that few jobs have come after are turned into an id first. Text that is
searched for, a worker and a parameter are looked for job by job.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection

# more jobs than this since a moment are found soon enough by walking from the newest
FEW = 5000
_KNOWN = {
    "type": "j.type = :type",
    "queue": "j.queue = :queue",
    "created_by": "j.created_by = :created_by",
    "worker": "(j.worker_id = :worker OR j.host = :worker)",
    "host": "j.host = :host",
    "since": "j.created_at >= :since",
    "until": "j.created_at < :until",
    "before_id": "{id} < :before_id",
    "after_id": "{id} > :after_id",
    "floor_id": "{id} >= :floor_id",
}
# the tag comes first, whatever the planner believes about it
_FIRST = {"sqlite": "CROSS JOIN", "mysql": "STRAIGHT_JOIN"}


def floor(connection: Connection, since: str) -> int | None:
    """Returns an id below which no job was created since a moment, None when too many were to tell."""
    lowest, count = connection.execute(_SINCE, {"since": since, "n": FEW + 1}).one()
    if int(count) > FEW:
        return None
    return 2**63 - 1 if lowest is None else int(lowest)


@lru_cache(maxsize=512)
def ids(dialect: str, names: tuple[str, ...]) -> str:
    """Returns the statement for the ids of the first ``:n`` jobs that pass the filter parts of these names.

    The parts are those of ``lists.Filter``; ``status0``, ``status1`` … and ``tag0`` with ``value0`` … are several of
    their kind, and ``param0`` with ``bare0`` … are two texts of which the parameters hold one. Newest first, or with ``after_id`` oldest first.
    """
    statuses = [f":{name}" for name in names if name.startswith("status")]
    tags = [name[3:] for name in names if name.startswith("tag")]
    if len(statuses) < 2 or tags:
        return _walk(dialect, names, tags, f"j.status IN ({', '.join(statuses)})" if statuses else "")
    walks = [_walk(dialect, names, tags, f"j.status = {status}") for status in statuses]
    return " UNION ALL ".join(f"SELECT id FROM ({walk}) AS s{n}" for n, walk in enumerate(walks))


def _walk(dialect: str, names: tuple[str, ...], tags: list[str], status: str) -> str:
    key = f"t{tags[0]}.job_id" if tags else "j.id"
    where = [_KNOWN[name].format(id=key) for name in names if name in _KNOWN]
    has = "strpos" if dialect == "postgresql" else "instr"
    where += [
        f"({has}(j.params, :param{n}) > 0 OR {has}(j.params, :bare{n}) > 0)"
        for n in (name[5:] for name in names if name.startswith("param"))
    ]
    if "search" in names:
        # the type is binary on MySQL, where text is compared with it byte by byte
        where.append(f"({has}(LOWER(j.title), LOWER(:search)) > 0 OR {has}(j.type, :search) > 0)")
    source = "jobrunner_job j"
    if tags:
        source = f"jobrunner_job_tag t{tags[0]} {_FIRST.get(dialect, 'JOIN')} jobrunner_job j ON j.id = {key}"
        where += [f"t{tags[0]}.name = :tag{tags[0]}", f"t{tags[0]}.value = :value{tags[0]}"]
    where += [
        f"EXISTS (SELECT 1 FROM jobrunner_job_tag t{n} WHERE t{n}.job_id = {key} AND t{n}.name = :tag{n}"
        f" AND t{n}.value = :value{n})"
        for n in tags[1:]
    ]
    where += [status] if status else []
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {key} AS id FROM {source}{condition} ORDER BY {key}{_order(names)} LIMIT :n"


def _order(names: tuple[str, ...]) -> str:
    return "" if "after_id" in names else " DESC"


_SINCE: TextClause = text(
    "SELECT MIN(id), COUNT(*) FROM (SELECT id FROM jobrunner_job WHERE created_at >= :since LIMIT :n) AS s"
)
