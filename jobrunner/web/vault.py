"""Where a web server keeps what only its user may read: the key that signs sessions, and the first admin token.

Beside a SQLite file, in ``FILE.web/``; for a server database in ``$XDG_STATE_HOME/jobrunner/`` (by default
``~/.local/state/jobrunner/``), in a directory named for a digest of the database's address. The
directory has mode 0700, the files 0600.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from jobrunner import identifiers
from jobrunner.errors import InvalidConfiguration
from jobrunner.failpoints import failpoint
from jobrunner.store.database import Database

KEY, ADMIN = "session-key", "admin-token"
_SHORTEST = 32


def directory(database: Database) -> Path:
    """Returns where the secrets of a database's web servers are kept; it need not exist."""
    if database.path is not None:
        return Path(f"{database.path}.web")
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "jobrunner" / hashlib.sha256(database.where.encode()).hexdigest()[:16]


def signing_key(where: Path) -> str:
    """Returns the key that signs sessions, made now if there is none; two servers at once get the same one.

    Raises InvalidConfiguration when others can read it, and OSError when it cannot be kept.
    """
    path = where / KEY
    if not path.exists():
        keep(path, identifiers.secret())
    found = _read(path)
    if len(found) < _SHORTEST:
        raise InvalidConfiguration(f"{path} holds no key.", hint="Remove it; a new one is made.")
    return found


def keep(path: Path, secret: str, *, replace: bool = False) -> bool:
    """Writes a secret where only this user can read it; False when there is one already, unless it may be replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # whole or not at all: a link cannot replace what is there, and nobody reads half a secret
    draft = path.with_name(f".{path.name}.{identifiers.uuid7()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        failpoint("rename.secret.before")
        if replace:
            os.replace(draft, path)
        else:
            os.link(draft, path, follow_symlinks=False)
        failpoint("rename.secret.after")
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise InvalidConfiguration(
                f"{path} is not a file of this user that nobody else can read.",
                hint=f"Check who wrote it; then: chown {os.getuid()} and chmod 600 on it, or remove it.",
            )
        return file.read(4096).strip()
