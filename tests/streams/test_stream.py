"""One stream by itself: beats, bounds, and what it says where it is."""

import threading

from gateway.streams.stream import MOST_WAITING, Stream, Wanted


def test_it_beats_and_says_how_far_it_has_come() -> None:
    stream = Stream(Wanted(), beat_s=0.01)
    stream.begins_at = 3
    stream.settled = lambda: 7
    frames = iter(stream)
    assert next(frames).startswith(b"id: 3\nretry: ")
    assert next(frames) == b": beat\nid: 7\n\n"
    stream.put(b"id: 8\n\n")
    stream.put(b"id: 9\n\n")
    assert next(frames) == b"id: 8\n\nid: 9\n\n"
    stream.end()
    assert list(frames) == []


def test_a_queue_has_an_end() -> None:
    hung_up: list[bool] = []
    stream = Stream(Wanted(), hang_up=lambda: hung_up.append(True))
    assert all(stream.put(b"x") for _ in range(MOST_WAITING))
    assert not hung_up
    assert not stream.put(b"x")
    assert hung_up == [True]
    assert stream.dropped
    next(frames := iter(stream))
    assert list(frames) == []


def test_a_writer_and_a_reader_at_once_lose_nothing() -> None:
    stream = Stream(Wanted(), beat_s=5)
    got: list[bytes] = []

    def read() -> None:
        frames = iter(stream)
        next(frames)
        for frame in frames:
            got.extend(frame.split())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(5_000):
        while len(stream._queue) > MOST_WAITING // 2:
            pass
        stream.put(b"%d " % number)
    while stream._queue:
        pass
    stream.end()
    reader.join(10)
    assert got == [b"%d" % number for number in range(5_000)]
