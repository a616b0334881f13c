"""What a nursery process executes: takes its order from standard input and forks children for its pool."""

import json
import os
import signal
import socket
import sys


def main() -> int:
    order = json.loads(sys.stdin.buffer.read())
    sys.path[:] = order["sys_path"]
    sys.argv[:] = [""]
    from jobrunner import processes

    processes.die_with_parent()
    if os.getppid() != order["pool"]:
        return 1
    # it is the pool that decides when jobs end; what an import prints is talk
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    from jobrunner.child import nursery

    sock = socket.socket(fileno=order["socket"])
    sock.set_inheritable(False)
    return nursery.serve(sock, order["modules"], order["settings"])


if __name__ == "__main__":
    try:
        code = main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
