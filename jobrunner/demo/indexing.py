"""The demonstration handler: indexes a directory tree into a table of its own SQLite file."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jobrunner import JobContext, job

TYPE = "demo.index_tree"
STEPS = 4
CHUNK = 1 << 20
NAP = 0.1
# a directory with more than one file in so many is worth a line
NOTABLE = 40
# What was installed or compiled later does not belong to the tree.
LEFT_OUT = frozenset({"__pycache__", "site-packages", "dist-packages"})
TABLE = """
CREATE TABLE IF NOT EXISTS indexed_file (
    root TEXT NOT NULL, path TEXT NOT NULL, suffix TEXT NOT NULL,
    bytes INTEGER NOT NULL, line_count INTEGER NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (root, path)
)"""


@dataclass
class File:
    """A regular file of the tree; ``shown`` is its path below the root as text that every database takes."""

    path: str
    shown: str
    suffix: str
    size: int
    sha256: str = ""
    lines: int = 0

    @property
    def top(self) -> str:
        """The directory at the top of the tree that the file is in; empty when it stands there itself."""
        return self.shown.partition("/")[0] if "/" in self.shown else ""


@job(TYPE, title="Index a directory tree", idempotent=True)
def index_tree(
    ctx: JobContext,
    path: str | None = None,
    database: str = "index.db",
    pace: Annotated[float, Field(ge=0, le=3600)] = 0,
) -> dict[str, Any]:
    """Indexes the files below a path: size, lines and SHA-256 of each, then what they are together.

    ``path`` is Python's own library when it is not given. The table ``indexed_file`` of the SQLite file
    ``database`` gets a row per file, replacing those of an earlier run. ``pace`` spreads the hashing over
    at least so many seconds, so that there is time to watch, or to cancel.
    """
    root = os.path.realpath(path or sysconfig.get_path("stdlib"))
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root} is no directory")
    ctx.info(f"Indexing {root}")
    with ctx.step("scan", "Scan the tree", index=1, total=STEPS):
        files = scan(ctx, root)
    with ctx.step("hash", "Hash every file", index=2, total=STEPS):
        hashed = [file for file in paced(ctx, files, pace) if add_digest(ctx, file)]
        ctx.info(f"Hashed {len(hashed):,} files, {sum(file.size for file in hashed):,} bytes.")
    with ctx.step("count", "Count the lines", index=3, total=STEPS):
        counted = [file for file in ctx.track(hashed) if add_lines(ctx, file)]
        ctx.info(f"Counted {sum(file.lines for file in counted):,} lines.")
    with ctx.step("summarise", "Store and summarise", index=4, total=STEPS):
        ctx.check_cancelled()
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            store(connection, root, ctx.track(counted))
            summary = summarise(connection, root)
        ctx.info(f"Stored {len(counted):,} rows in {database}.")
    return {"root": root, "database": database, "unreadable": len(files) - len(counted), **summary}


def scan(ctx: JobContext, root: str) -> list[File]:
    """Returns the regular files below ``root``, sorted by path; links are not followed."""
    found: list[File] = []
    refused = lambda error: unreadable(ctx, error, error.filename)  # noqa: E731
    for directory, below, names in os.walk(root, onerror=refused):
        ctx.check_cancelled()
        below[:] = sorted(name for name in below if name not in LEFT_OUT)
        for name in names:
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
            except OSError as error:
                unreadable(ctx, error, path)
                continue
            if stat.S_ISREG(status.st_mode):
                shown = as_text(os.path.relpath(path, root))
                found.append(File(path, shown, os.path.splitext(shown)[1].lower(), status.st_size))
        ctx.progress(text=f"{len(found):,} files found", current=len(found))
    ctx.info(f"Found {len(found):,} files.", bytes=sum(file.size for file in found))
    return sorted(found, key=lambda file: file.shown)


def paced(ctx: JobContext, files: list[File], seconds: float) -> Iterator[File]:
    """Yields the files evenly over ``seconds``, and says when all of a large directory were taken."""
    began, total = time.monotonic(), len(files)
    left = Counter(file.top for file in files)
    large = {top: count for top, count in left.items() if top and count * NOTABLE > total}
    for done, file in enumerate(ctx.track(files)):
        while (early := began + seconds * done / total - time.monotonic()) > 0:
            ctx.check_cancelled()
            time.sleep(min(early, NAP))  # the pace that was asked for
        yield file
        left[file.top] -= 1
        if file.top in large and not left[file.top]:
            ctx.info(f"{file.top}/ is done: {large[file.top]:,} files")


def add_digest(ctx: JobContext, file: File) -> bool:
    """Gives ``file`` its SHA-256 and the size that was read; False, with a warning, when it cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in chunks(ctx, file.path):
            digest.update(chunk)
            size += len(chunk)
    except OSError as error:
        unreadable(ctx, error, file.path)
        return False
    file.sha256, file.size = digest.hexdigest(), size
    return True


def add_lines(ctx: JobContext, file: File) -> bool:
    """Gives ``file`` its number of lines; False, with a warning, when it cannot be read any more."""
    ended, last = 0, b"\n"
    try:
        for chunk in chunks(ctx, file.path):
            ended, last = ended + chunk.count(b"\n"), chunk[-1:]
    except OSError as error:
        unreadable(ctx, error, file.path)
        return False
    file.lines = ended + (last != b"\n")
    return True


def chunks(ctx: JobContext, path: str) -> Iterator[bytes]:
    """Yields a file's bytes, a mebibyte at a time, and ends the job between two of them when it is asked to."""
    with open(path, "rb") as opened:
        while chunk := opened.read(CHUNK):
            ctx.check_cancelled()
            yield chunk


def unreadable(ctx: JobContext, error: OSError, path: str) -> None:
    """Warns of what is left out of the index, and why."""
    ctx.warning(f"Left out {as_text(path)}: {error.strerror}.", path=as_text(path))


def as_text(path: str) -> str:
    """Returns a path with the bytes of it that are no UTF-8 as visible escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def store(connection: sqlite3.Connection, root: str, files: Iterator[File]) -> None:
    """Replaces the rows of ``root`` in one transaction."""
    insert = "INSERT INTO indexed_file VALUES (?, ?, ?, ?, ?, ?)"
    connection.execute(TABLE)
    with connection:
        connection.execute("DELETE FROM indexed_file WHERE root = ?", (as_text(root),))
        for file in files:
            row = (as_text(root), file.shown, file.suffix, file.size, file.lines, file.sha256)
            connection.execute(insert, row)


def summarise(connection: sqlite3.Connection, root: str) -> dict[str, Any]:
    """Returns files, lines and bytes in all and by suffix, the largest files, and what is there twice."""

    def rows(sql: str) -> list[dict[str, Any]]:
        cursor = connection.execute(sql, (as_text(root),))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    sums = "COUNT(*) AS files, COALESCE(SUM(line_count), 0) AS lines, COALESCE(SUM(bytes), 0) AS bytes"
    here = "FROM indexed_file WHERE root = ?"
    twice = f"SELECT COUNT(*) AS n, (COUNT(*) - 1) * bytes AS spare {here} AND bytes > 0 GROUP BY sha256 HAVING n > 1"
    total, again = (
        rows(f"SELECT {sums} {here}"),
        rows(
            f"SELECT COUNT(*) AS groups, COALESCE(SUM(n), 0) AS files, COALESCE(SUM(spare), 0) AS bytes FROM ({twice})"
        ),
    )
    return {
        **total[0],
        "suffixes": rows(f"SELECT suffix, {sums} {here} GROUP BY suffix ORDER BY bytes DESC, suffix LIMIT 8"),
        "largest": rows(f"SELECT path, bytes {here} ORDER BY bytes DESC, path LIMIT 3"),
        "duplicates": again[0],
    }
