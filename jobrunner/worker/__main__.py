"""What a worker process executes: takes its order from standard input, leaves its starter, and minds one job."""

import json
import os
import sys
from typing import Any

BROKEN = 125
SHOWN = (("error", "message"), ("hint", "hint"))


def main() -> int:
    order = json.loads(sys.stdin.buffer.read())
    os.chdir(order["cwd"])
    sys.path[:] = order["sys_path"]
    # What is missing here is told to the starter, who still listens.
    from jobrunner.errors import JobRunnerError
    from jobrunner.failpoints import failpoint
    from jobrunner.worker import standing

    if order["detach"]:
        failpoint("spawn.detached.before")
        if os.fork():
            failpoint("spawn.detached.after")
            os.write(1, b"taken")
            os._exit(0)
        standing.leave()
    else:
        standing.stay(order.get("parent"))
    try:
        return work(order)
    except JobRunnerError as error:
        told = error.as_dict()
        if order["kind"] == "pool":
            sys.stderr.writelines(f"{name}: {told[key]}\n" for name, key in SHOWN if told[key])
        else:
            # to whoever waits for the end of one job
            os.write(1, json.dumps(told).encode("ascii"))
        return BROKEN


def work(order: dict[str, Any]) -> int:
    if order["kind"] == "pool":
        from jobrunner.worker import pool

        return pool.run(order)
    if order.get("due_in"):
        from jobrunner.worker import waiting

        if not waiting.until_due(order):
            return 1
    from jobrunner.worker import single

    return single.run(order)


if __name__ == "__main__":
    # Nothing that the interpreter does at its end is wanted: no atexit functions, no late writes.
    try:
        code = main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
