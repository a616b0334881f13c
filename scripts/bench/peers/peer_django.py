"""dj-queue as its documentation sets it up: settings, one task, and what the benchmark asks of it.

Run in the peer's own environment: python peer_django.py make | enqueue N
"""

import json
import os
import sys

SECRET_KEY = "bench"
USE_TZ = True
DATABASES = {"default": json.loads(os.environ["PEER_DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["dj_queue"]
DATABASE_ROUTERS = ["dj_queue.routers.DjQueueRouter"]
_PROCESSES, _THREADS = (int(part) for part in os.environ.get("PEER_WORKERS", "1x1").split("x"))
TASKS = {
    "default": {
        "BACKEND": "dj_queue.backend.DjQueueBackend",
        "QUEUES": [],
        "OPTIONS": {
            "workers": [
                {"queues": "*", "threads": _THREADS, "processes": _PROCESSES, "polling_interval": 0.05}
            ]
        },
    }
}
LOGGING_CONFIG = None

if DATABASES["default"]["ENGINE"].endswith("mysql"):
    import pymysql

    # Django asks for a newer mysqlclient than PyMySQL says that it is
    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()


def main(verb: str, *arguments: str) -> None:
    """Does what the benchmark asks for."""
    import django
    from django.core.management import call_command

    django.setup()
    if verb == "make":
        call_command("migrate", verbosity=0)
    elif verb == "enqueue":
        from peer_tasks import nothing

        calls = [(nothing, (), {})] * int(arguments[0])
        nothing.get_backend().enqueue_all(calls)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "peer_django"
    main(*sys.argv[1:])
