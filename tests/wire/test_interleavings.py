"""Pushes among settings, windows, resets and goodbyes in any order: both ends keep in step."""

from random import Random

import pytest

from pushkit_cli.apns.acts import Act, GoAway, Reset, Respond, Settings
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.wire.client import Answered
from tests.wire.pair import Pair, post
from tests.wire.raw import (
    INTERNAL_ERROR,
    MAX_STREAM,
    REFUSED_STREAM,
    WINDOW,
    ping,
    random_cuts,
    window,
)
from tests.wire.raw import settings as say_settings
from tests.wire.script import outcome

TABLES = (0, 1, 100, 4096, 60_000)
WINDOWS = (0, 1, 300, WINDOW, 2**20)
BODIES = (0, 1, 200, 5_000, 20_000)


class Crowd:
    """Two real ends, and by chance what each of them may say of its own accord.

    What the wire adds in an end's name, that end's own frames do not contradict: settings of
    tables and windows, credit, pings. The watchers in the pair fail as soon as a byte is beyond
    a window or a block does not fit the table that was granted.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pair = Pair(cut=random_cuts(seed, longest=400), answer=lambda _: None)
        self.pair.run()
        self.asked: dict[int, Request] = {}
        self.open: list[int] = []
        self.outcomes: dict[int, str] = {}
        self.said: dict[int, Response] = {}
        self.reset: set[int] = set()
        self.heard = 0

    def step(self) -> None:
        """Something happens."""
        getattr(self, self.random.choice(STEPS))()
        if self.random.random() < 0.6:
            self.turn()

    def turn(self) -> None:
        self.pair.turn()
        for got in self.pair.received[self.heard :]:
            assert got.request == self.asked[got.stream]
            self.open.append(got.stream)
        self.heard = len(self.pair.received)
        self.settle()

    def settle(self) -> None:
        for event in self.pair.events:
            assert event.stream not in self.outcomes
            self.outcomes[event.stream] = outcome(event)
            if isinstance(event, Answered):
                said = self.said[event.stream]
                if event.stream in self.reset:  # the part of it that was heard
                    assert said.body.startswith(event.response.body)
                else:
                    assert event.response == said
        self.pair.events.clear()

    def push(self) -> None:
        for _ in range(min(self.pair.client.room, self.random.randint(1, 5))):
            at = len(self.asked)
            more = [(b"apns-id", b"%036d" % at), (b"apns-priority", b"10"), (b"x", b"l" * 300)]
            chosen = [pair for pair in more if self.random.random() < 0.8]
            request = post(bytes(self.random.choice(BODIES)), *chosen)
            # Of a body above the largest a listener keeps no more than that.
            kept = Request(headers=request.headers, body=request.body[:5_120],
                           body_size=request.body_size)  # fmt: skip
            self.asked[self.pair.client.send(request)] = kept

    def answer(self) -> None:
        if self.open:
            stream = self.open.pop(self.random.randrange(len(self.open)))
            body = bytes(self.random.choice(BODIES))
            headers = ((b"apns-id", b"%036d" % stream), (b"apns-topic", b"com.example.voip"))
            self.said[stream] = Response(status=400, headers=headers, body=body)
            self.act(Respond(stream=stream, response=self.said[stream]))

    def act(self, act: Act) -> None:
        self.pair.server.act(act)

    def refuse(self) -> None:
        if self.open:
            stream = self.open.pop()
            self.reset.add(stream)
            self.act(Reset(stream=stream, code=INTERNAL_ERROR))

    def limit(self) -> None:
        self.act(Settings(max_streams=self.random.choice((0, 1, 3, 1000, 1000, 1000))))

    def give_up(self) -> None:
        waiting = [stream for stream in self.asked if stream not in self.outcomes]
        if waiting:
            stream = self.random.choice(waiting)
            self.reset.add(stream)
            self.pair.events += self.pair.client.give_up(stream, "too late")
            self.settle()

    def tables(self) -> None:
        said = say_settings(HEADER_TABLE_SIZE=self.random.choice(TABLES))
        self.inject(said, to_client=self.random.random() < 0.7)

    def windows(self) -> None:
        said = say_settings(INITIAL_WINDOW_SIZE=self.random.choice(WINDOWS))
        self.inject(said, to_client=self.random.random() < 0.5)

    def credit(self) -> None:
        self.inject(window(0, self.random.randint(1, 9_000)), to_client=self.random.random() < 0.5)

    def talk(self) -> None:
        self.inject(ping(), to_client=self.random.random() < 0.5)

    def inject(self, frame: bytes, *, to_client: bool) -> None:
        """Let an end hear a frame between those of the other."""
        self.turn()
        if to_client:
            self.pair.upward.other_said(frame)
            self.pair.events += self.pair.client.receive(frame)
            self.settle()
        else:
            self.pair.downward.other_said(frame)
            assert self.pair.server.receive(frame) == ()

    def end(self) -> None:
        """Windows open, whoever waits is answered, and both fall silent."""
        for to_client in (True, False):
            self.inject(say_settings(INITIAL_WINDOW_SIZE=2**20), to_client=to_client)
            self.inject(window(0, MAX_STREAM - 2**26), to_client=to_client)
        for _ in range(200):
            self.turn()
            self.answer()
        self.turn()


STEPS = [*["push"] * 4, *["answer"] * 3, "refuse", "limit", "give_up", "tables", "windows"]
STEPS += ["credit", "talk"]


def play(seed: int, steps: int) -> Crowd:
    crowd = Crowd(seed)
    for _ in range(steps):
        crowd.step()
    return crowd


@pytest.mark.parametrize("seed", range(12))
def test_each_push_is_heard_as_it_was_sent_and_answered_as_it_was_said(seed: int) -> None:
    crowd = play(seed, 150)
    crowd.end()
    assert not crowd.pair.client.closed
    assert not crowd.pair.server.finished
    assert sorted(crowd.outcomes) == sorted(crowd.asked)
    assert len(crowd.asked) > 15
    answered = {stream for stream, word in crowd.outcomes.items() if word.startswith("400")}
    assert set(crowd.asked) - answered <= crowd.reset | refused(crowd)


def refused(crowd: Crowd) -> set[int]:
    """What was above a limit that had been lowered meanwhile."""
    heard = crowd.pair.downward.messages
    return {stream for stream, message in heard.items() if message.reset == REFUSED_STREAM}


@pytest.mark.parametrize("seed", range(6))
def test_a_goodbye_in_the_middle_leaves_nobody_without_an_outcome(seed: int) -> None:
    crowd = play(seed, 60)
    crowd.act(GoAway(debug=b'{"reason":"Shutdown"}'))
    for _ in range(40):
        crowd.step()
    crowd.end()
    assert crowd.pair.server.finished
    assert crowd.pair.client.room == 0
    assert not crowd.pair.client.closed
    crowd.pair.events += crowd.pair.client.lost("the end")
    crowd.settle()
    assert sorted(crowd.outcomes) == sorted(crowd.asked)
    goodbye = crowd.pair.client.goaway
    assert goodbye is not None
    above = [stream for stream in crowd.asked if stream > goodbye.last_stream]
    assert {crowd.outcomes[stream] for stream in above} <= {"unprocessed", "lost"}
