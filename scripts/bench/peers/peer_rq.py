"""rq with its forking worker: python peer_rq.py SOCKET N."""

import sys

from peer_tasks import nothing
from redis import Redis
from rq import Queue


def main(socket: str, count: str) -> None:
    """Enqueues that many jobs."""
    queue = Queue("bench", connection=Redis(unix_socket_path=socket))
    queue.enqueue_many([Queue.prepare_data(nothing) for _ in range(int(count))])


if __name__ == "__main__":
    main(*sys.argv[1:])
