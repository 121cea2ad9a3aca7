"""What a resume goes by: cut anywhere, a results file never says more than is known."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.errors import StoreError
from pushkit_cli.store.ledger import Header, Ledger, State, mark_line, reserve_line, resume_line
from tests.store.runs import AT, Run, Truth, header, record


def read(text: bytes, *, lines: int = 40, boot: str | None = "up-1") -> Ledger:
    """Every whole line of a text."""
    ledger = Ledger(lines=lines, boot=boot)
    for line in text.split(b"\n")[:-1]:
        assert ledger.read(line + b"\n"), line
    return ledger


def reserve(upto: int) -> bytes:
    return reserve_line(upto, seq=0, at=AT)


def mark(upto: int) -> bytes:
    return mark_line(upto, seq=0, at=AT)


# Lines, what they leave open below line 6, and what of it may have been sent: after the end of
# the process, and after the end of the machine.
CASES: dict[str, tuple[tuple[bytes, ...], list[int], list[int], list[int]]] = {
    "nothing": ((), [1, 2, 3, 4, 5], [], []),
    "reserved": ((reserve(3),), [1, 2, 3, 4, 5], [], [1, 2, 3]),
    "marked": ((reserve(4), mark(2)), [1, 2, 3, 4, 5], [1, 2], [1, 2, 3, 4]),
    "answered": (
        (reserve(4), mark(3), record(2, "accepted"), record(1, "refused")),
        [3, 4, 5],
        [3],
        [3, 4],
    ),
    "held": ((record(1, "held"), reserve(3), mark(3)), [2, 3, 4, 5], [2, 3], [2, 3]),
    "unknown": ((reserve(3), mark(3), record(1, "unknown")), [2, 3, 4, 5], [2, 3], [2, 3]),
    "unsent": ((reserve(3), mark(3), record(1, "unsent")), [2, 3, 4, 5], [2, 3], [2, 3]),
    "another process": ((reserve(5), mark(5), resume_line("up-1", seq=0, at=AT)), [1, 2, 3, 4, 5],
        [], []),
    "another process, which sends": (
        (reserve(5), mark(5), record(1, "unknown"), record(2, "unsent"),
         resume_line("up-1", seq=0, at=AT), reserve(4), mark(2)),
        [2, 3, 4, 5], [2], [2, 3, 4]),
    "a mark above what is reserved counts no further": (
        (reserve(2), mark(4)), [1, 2, 3, 4, 5], [1, 2], [1, 2]),
    "what nobody knows is passed over": (
        (b'{"event":"summary","targets":5}\n', b'{"event":"of tomorrow"}\n', b"  \n", reserve(1)),
        [1, 2, 3, 4, 5], [], [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_may_have_been_sent_is_told_from_what_was_not(name: str) -> None:
    lines, left, process, machine = CASES[name]
    ledger = read(b"".join(lines), lines=5)
    assert [at for at in range(1, 6) if ledger.states[at] is State.OPEN.value] == left
    assert list(ledger.maybe_sent("up-1")) == process
    for other in ("up-2", None):
        assert list(ledger.maybe_sent(other)) == machine
    nowhere = read(b"".join(lines), lines=5, boot=None)
    if "another" not in name:
        assert list(nowhere.maybe_sent(None)) == machine


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (["accepted"], State.ACCEPTED),
        (["accepted", "unknown"], State.ACCEPTED),
        (["unknown", "accepted"], State.ACCEPTED),
        (["unknown", "refused"], State.REFUSED),
        (["unknown", "unsent"], State.UNKNOWN),
        (["unsent", "accepted"], State.ACCEPTED),
        (["refused", "unsent"], State.REFUSED),
        (["held", "accepted"], State.HELD),
        (["unsent", "unknown"], State.UNKNOWN),
    ],
)
def test_the_record_that_decides_counts(words: list[str], state: State) -> None:
    ledger = read(b"".join(record(7, word) for word in words))
    assert ledger.states[7] == state
    assert ledger.count(state) == 1
    assert sum(ledger.count(one) for one in State) == 40


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"null", b"[]", b"5", b"{}", b'{"event":"reply"}', b"\xff\xfe", b"\0" * 50,
        b'{"event":"reply","line":0,"outcome":"accepted"}',
        b'{"event":"reply","line":41,"outcome":"accepted"}',
        b'{"event":"reply","line":-1,"outcome":"accepted"}',
        b'{"event":"reply","line":true,"outcome":"accepted"}',
        b'{"event":"reply","line":1.0,"outcome":"accepted"}',
        b'{"event":"reply","line":1,"outcome":"delivered"}',
        b'{"event":"reply","line":1,"outcome":["accepted"]}',
        b'{"event":"reserve","upto":99}', b'{"event":"reserve"}', b'{"event":"mark","upto":"9"}',
        b'{"event":"resume"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_line_that_is_not_ours_is_damage(line: bytes) -> None:
    ledger = Ledger(lines=40, boot="up-1")
    assert not ledger.read(line + b"\n")
    assert ledger.count(State.OPEN) == 40


def test_reasons_are_counted() -> None:
    ledger = read(record(1, "refused", "BadDeviceToken") + record(2, "refused", "BadDeviceToken"))
    assert ledger.reasons == {"BadDeviceToken": 2}


# The header


def test_a_header_reads_as_it_was_written() -> None:
    for one in (header(), header(None, input_size=None, input_sha256=None, boot=None)):
        assert Header.decode(one.encode()) == one
        assert json.loads(one.encode())["event"] == "run"


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, None),
        ({"run": "other", "at": "other", "boot": None}, None),
        ({"input_size": 1}, "input"),
        ({"input_sha256": "00"}, "input"),
        ({"payload_sha256": None}, "payload"),
        ({"options": {"type": "alert"}}, "type"),
        ({"options": {"type": "voip", "topic": "x"}}, "topic"),
        ({"options": {}}, "type"),
    ],
)
def test_another_run_is_told_by_what_differs(changed: dict[str, object], word: str | None) -> None:
    assert header().differs_from(header(**changed)) == word  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"v":2,"event":"run"}', b'{"v":1,"event":"reply"}',
     b'{"v":1,"event":"run"}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_header_is_said(line: bytes) -> None:
    with pytest.raises(StoreError, match="no results file"):
        Header.decode(line)


# Cut at every byte


def told(text: bytes, *, boot: str | None, lines: int) -> tuple[Ledger, set[int]]:
    """A ledger of a text whose end may be torn, and what may have been sent."""
    ledger = read(text[: text.rfind(b"\n") + 1], lines=lines)
    return ledger, set(ledger.maybe_sent(boot))


def check(ledger: Ledger, maybe: set[int], truth: Truth) -> None:
    """Nothing is called accepted that is not, and nothing unsent that has left."""
    for line in range(1, ledger.lines + 1):
        state = State(ledger.states[line])
        if state in (State.ACCEPTED, State.REFUSED):
            assert truth.final.get(line) == state.name.lower()
        elif state in (State.OPEN, State.UNSENT) and line not in maybe:
            assert line not in truth.sent, "called unsent, and was sent"


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_cut_at_every_byte_a_file_says_no_more_than_is_known(seed: int, processes: int) -> None:
    run = Run(lines=25, random=Random(seed))
    run.note()
    for number in range(processes):
        if number:
            run.another("up-1")
        run.process(ends=run.random.random() < 0.5)
    text = bytes(run.text)
    at, before = 0, (-1, -1)
    for end in range(len(text) + 1):
        while at + 1 < len(run.truths) and run.truths[at + 1].written <= end:
            at += 1
        whole = text.rfind(b"\n", 0, end) + 1
        if (at, whole) == before:  # only the torn line differs, which nobody reads
            continue
        # The process ended while these bytes were written: the truth before the next step holds.
        before = (at, whole)
        ledger, maybe = told(text[:end], boot="up-1", lines=25)
        check(ledger, maybe, run.truths[at])
    for truth in run.truths:
        # The machine ended: what was not synced may be gone, from any byte on.
        end = run.random.randint(truth.synced, truth.written)
        ledger, maybe = told(text[:end], boot="up-2", lines=25)
        check(ledger, maybe, truth)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_after_the_end_of_a_process_no_more_is_unknown_than_was_in_flight(seed: int) -> None:
    run = Run(lines=25, random=Random(seed))
    run.process(ends=False)
    for truth in run.truths:
        ledger, maybe = told(bytes(run.text)[: truth.written], boot="up-1", lines=25)
        flying = truth.sent - set(truth.final)
        assert len(maybe - flying) <= 4, "a mark runs ahead by no more than its step"
        assert ledger.count(State.ACCEPTED) == list(truth.final.values()).count("accepted")
