"""Frames arrive whole, in order, and whatever else comes does no harm."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.child import frames
from jobrunner.worker import output

Ends = tuple[frames.Channel, frames.Channel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    both = frames.pair()
    channels = frames.Channel(both[0]), frames.Channel(both[1])
    yield channels
    for channel in channels:
        channel.close()


def gather(channel: frames.Channel, count: int) -> list[dict]:
    found: list[dict] = []
    while len(found) < count:
        frame = channel.recv()
        assert frame is not None
        found.append(frame)
    return found


def test_a_frame_arrives_as_it_was_sent(ends: Ends):
    frame = {"kind": "line", "message": "é 😀 \0 \udc80", "n": 1.5, "none": None, "list": [1, {"a": True}]}
    ends[0].send(frame)
    assert ends[1].recv() == frame


@given(st.text(max_size=300), st.integers(0, 3))
def test_any_text_of_any_size_arrives(text: str, power: int):
    both = frames.pair()
    channels = frames.Channel(both[0]), frames.Channel(both[1])
    frame = {"text": text * 10**power}
    sender = threading.Thread(target=channels[0].send, args=(frame,))
    sender.start()
    assert channels[1].recv() == frame
    sender.join()
    for channel in channels:
        channel.close()


def test_large_frames_of_many_threads_do_not_mix(ends: Ends):
    def send(number: int) -> None:
        for index in range(5):
            ends[0].send({"number": number, "index": index, "text": str(number) * 200_000})

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    found = gather(ends[1], 30)
    for one in threads:
        one.join()
    for number in range(6):
        mine = [frame for frame in found if frame["number"] == number]
        assert [frame["index"] for frame in mine] == list(range(5))
        assert all(frame["text"] == str(number) * 200_000 for frame in mine)


def test_large_frames_of_forked_processes_do_not_mix(ends: Ends):
    pids = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                for index in range(5):
                    ends[0].send({"number": number, "index": index, "text": str(number) * 200_000})
            finally:
                os._exit(0)
        pids.append(pid)
    found = gather(ends[1], 15)
    for pid in pids:
        os.waitpid(pid, 0)
    assert all(set(frame["text"]) == {str(frame["number"])} for frame in found)


def test_what_was_sent_before_the_end_is_read_before_the_end(ends: Ends):
    for number in range(5):
        ends[0].send({"number": number})
    ends[0].close()
    assert [frame["number"] for frame in ends[1].receive_ready()] == list(range(5))
    assert ends[1].closed


def test_reading_what_is_ready_does_not_wait(ends: Ends):
    assert ends[1].receive_ready() == []
    assert not ends[1].closed


def test_reading_what_is_ready_takes_a_bounded_share(ends: Ends):
    for number in range(10):
        ends[0].send({"number": number})
    assert len(ends[1].receive_ready(packets=4)) == 4
    assert len(ends[1].receive_ready()) == 6


def test_sending_to_nobody_does_nothing(ends: Ends):
    ends[1].close()
    ends[0].send({"kind": "line"})
    ends[0].send({"kind": "line"})
    assert ends[0].closed
    assert ends[0].recv() is None


def test_posting_never_waits_and_the_rest_follows(ends: Ends):
    frame = {"text": "x" * 5_000_000}
    ends[0].post(frame)
    assert not ends[0].flush()
    found: list[dict] = []
    while not found:
        found += ends[1].receive_ready()
        ends[0].flush()
    assert found == [frame]
    assert ends[0].flush()


def test_what_is_no_frame_is_counted_and_dropped():
    ours, theirs = frames.pair()
    channel = frames.Channel(ours)
    theirs.send(b"short")
    theirs.send(b"\0" * 8 + b"\1" + b"{not json")
    theirs.send(b"\0" * 8 + b"\1" + b"[1]")
    frames.Channel(theirs).send({"kind": "beat"})
    assert channel.recv() == {"kind": "beat"}
    assert channel.garbled == 2
    channel.close()
    theirs.close()


def test_a_sender_that_died_half_way_costs_bounded_memory(monkeypatch):
    monkeypatch.setattr(frames, "LARGEST", 100_000)
    ours, theirs = frames.pair()
    channel = frames.Channel(ours)
    for number in range(40):
        theirs.send(number.to_bytes(8, "big") + b"\0" + b"x" * 20_000)
        channel.receive_ready()
    assert channel.garbled >= 30
    sender = frames.Channel(theirs)
    sender.send({"kind": "beat"})
    assert channel.recv() == {"kind": "beat"}
    channel.close()
    theirs.close()


def test_a_frame_beyond_the_limit_is_refused(ends: Ends, monkeypatch):
    monkeypatch.setattr(frames, "LARGEST", 1000)
    with pytest.raises(ValueError, match="larger than 1000"):
        ends[0].send({"text": "x" * 2000})


def test_what_a_child_sent_before_it_died_arrives_though_it_left_something_unread(ends: Ends):
    for number in range(3):
        ends[1].send({"number": number})
    ends[0].post({"kind": "cancel"})
    ends[1].close()
    assert [frame["number"] for frame in ends[0].receive_ready()] == [0, 1, 2]
    assert ends[0].closed


def test_one_fetch_takes_all_that_a_channel_can_hold():
    ours, its = frames.pair()
    with ours, its:
        held = 0
        its.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while its.send(b"\0" * 8 + b"\1{}"):
                held += 1
        assert 100 < held < output._FRAMES
