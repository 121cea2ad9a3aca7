"""What was unknown stays so until it is asked for and answered."""

import socket
from pathlib import Path

import pytest

from pushkit_cli.apns.acts import Reset, Respond
from pushkit_cli.engine import bulk_run
from pushkit_cli.engine.bulk_book import Book
from pushkit_cli.engine.bulk_records import Ended
from pushkit_cli.wire.server import ServerConnection
from tests.bulk import (
    acting,
    asked_for,
    by_outcome,
    counts,
    no,
    results_of,
    send_to,
    tokens,
    write,
    yes,
)
from tests.cli import hosts
from tests.cli.hosts import RawHost, answers, raw_host


def test_what_was_cut_off_is_unknown_and_never_sent_again_unasked(tmp_path: Path) -> None:
    def cut(sock: socket.socket, host: RawHost) -> None:
        if host.connections > 1:
            answers(yes)(sock, host)
            return
        wire = ServerConnection(max_streams=1000)
        sock.sendall(wire.outgoing())
        while len(host.asked) < 60:
            for received in wire.receive(sock.recv(65_536)):
                host.asked.append(received.request)
                if len(host.asked) < 40:
                    wire.act(Respond(stream=received.stream, response=yes(received.request)))
            sock.sendall(wire.outgoing())

    file = write(tmp_path, tokens(200))
    with raw_host(tmp_path, cut) as host:
        done = send_to(host, file, "--in-flight", "30")
        assert done.returncode == 8
        found = by_outcome(results_of(file))
        assert set(asked_for(host).values()) == {1}
        assert 20 <= len(found["unknown"]) <= 30
        assert len(found["accepted"]) == 200 - len(found["unknown"])
        again = send_to(host, file, "--resume")
        assert (again.returncode, counts(again)) == (8, counts(done))
        assert set(asked_for(host).values()) == {1}
        text = results_of(file).read_bytes()
        nowhere = ("--endpoint", "https://127.0.0.1:1", "--retries", "0")
        not_sent = send_to(host, file, "--resume", "--resend-unknown", *nowhere)
        assert (not_sent.returncode, counts(not_sent)) == (8, counts(done))
        assert by_outcome(results_of(file)) == found
        assert results_of(file).read_bytes().startswith(text)
        last = send_to(host, file, "--resume", "--resend-unknown")
    assert (last.returncode, counts(last)) == (0, {"accepted": 200})
    twice = {token for token, count in asked_for(host).items() if count == 2}
    assert twice <= {f"{line:064x}" for line in found["unknown"]}
    ids = {request.token: request.field(b"apns-id") for request in host.asked}
    assert {request.field(b"apns-id") for request in host.asked} == set(ids.values())


def test_what_was_unknown_is_not_called_unsent_because_it_was_not_sent_again(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, tokens(3))
    with raw_host(tmp_path, hosts.silence) as host:
        done = send_to(host, file, "--timeout", "500ms", "--retries", "0")
    unknown = counts(done)["unknown"]
    refuses = acting(lambda number, stream, request: [Reset(stream=stream, code=7)])
    with raw_host(tmp_path, refuses) as host:
        again = send_to(host, file, "--resume", "--resend-unknown")
    assert again.returncode == 8
    assert counts(again) == {"unknown": unknown, "unsent": 3 - unknown}
    with raw_host(tmp_path, answers(yes)) as host:
        last = send_to(host, file, "--resume", "--resend-unknown")
    assert counts(last) == {"accepted": 3}


def test_what_is_not_decided_is_never_more_than_twice_what_may_be_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens that are all too busy wait, and what waits counts: a kill would leave it unknown."""
    most = [0]
    real = Book.flush

    def looked(book: Book) -> None:
        most[0] = max(most[0], book.mark - decided[0])
        real(book)

    decided = [0]
    noted = Book.note

    def note(book: Book, ended: Ended) -> None:
        decided[0] += 1
        noted(book, ended)

    monkeypatch.setattr(bulk_run, "FIRST_PAUSE_S", 0.15)
    monkeypatch.setattr(Book, "flush", looked)
    monkeypatch.setattr(Book, "note", note)
    file = write(tmp_path, tokens(80))
    busy = answers(lambda request: no(request, "TooManyRequests"))
    with raw_host(tmp_path, busy) as host:
        done = send_to(host, file, "--in-flight", "10", "--retries", "1")
    assert counts(done) == {"refused": 80}
    assert 10 < most[0] <= 20
