"""What a fork does to the stores of this process: both sides go on, each with connections of its own."""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

# a writer waits 5 s for a file that somebody locks
PATIENCE = 6.0


class Gate:
    """Keeps the forks of this process and its transactions on SQLite files apart; ``with`` surrounds a transaction.

    SQLite counts its locks per process: a copy that was made while another thread was in a transaction holds that
    thread's locks for ever. So a fork waits for the transactions of other threads, ``PATIENCE`` seconds at most, and
    none begins meanwhile. What its own thread is in goes on.
    """

    def __init__(self) -> None:
        self._begin({})

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._lock:
            while self._forks and me not in self._inside:
                self._changed.wait()
            self._inside[me] = self._inside.get(me, 0) + 1

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        with self._lock:
            left = self._inside.pop(me) - 1
            if left:
                self._inside[me] = left
            elif self._forks:
                self._changed.notify_all()

    def before_fork(self) -> None:
        """Lets no transaction in, and returns when no other thread is in one."""
        mine = {threading.get_ident()}
        with self._lock:
            self._forks += 1
            self._changed.wait_for(lambda: self._inside.keys() <= mine, PATIENCE)

    def after_in_parent(self) -> None:
        """Lets transactions in again."""
        with self._lock:
            self._forks -= 1
            self._changed.notify_all()

    def after_in_child(self) -> None:
        """Begins anew: of all threads the one that forked is left."""
        me = threading.get_ident()
        self._begin({me: self._inside[me]} if me in self._inside else {})

    def _begin(self, inside: dict[int, int]) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        # how deep each thread is in transactions
        self._inside = inside
        self._forks = 0


class Copied(Protocol):
    """What a fork copies and must not use as it is."""

    def before_fork(self) -> None:
        """Lets go of what cannot be copied."""

    def after_fork(self) -> None:
        """Makes anew, in the child, what another thread of the parent may have held."""


gate = Gate()
_copied: WeakSet[Copied] = WeakSet()


def survive(one: Copied) -> None:
    """Has ``one`` told of every fork for as long as it lives."""
    _copied.add(one)


def _before() -> None:
    gate.before_fork()
    for one in list(_copied):
        one.before_fork()


def _after_in_child() -> None:
    gate.after_in_child()
    for one in list(_copied):
        one.after_fork()


os.register_at_fork(before=_before, after_in_parent=gate.after_in_parent, after_in_child=_after_in_child)
