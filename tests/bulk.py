"""Bulk runs against real hosts, in this process: the words of one, and what came of it."""

import socket
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pushkit_cli.apns.acts import Act
from pushkit_cli.apns.message import Request, Response, accept, refuse
from pushkit_cli.apns.reasons import REASONS
from pushkit_cli.wire.server import ServerConnection
from tests.cli.errands import Done, here
from tests.cli.hosts import Behaviour, RawHost
from tests.commands import objects

BODY = '{"callUUID":"{{apns_id}}","handle":"+15550100"}'
APP = "com.example.app"
OUTCOMES = ("accepted", "refused", "unknown", "unsent", "held")


def tokens(count: int) -> list[str]:
    """Device tokens that nobody knows."""
    return [f"{number:064x}" for number in range(1, count + 1)]


def write(folder: Path, lines: Sequence[str]) -> Path:
    """A targets file."""
    file = folder / "targets"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def send(file: Path | str, *more: str, stdin: bytes = b"") -> Done:
    """`pushkit send --targets`, to its end."""
    words = ("--type", "voip", "--payload", BODY, "--targets", str(file))
    return here("--json", "send", *words, *more, stdin=stdin)


def send_to(host: RawHost, file: Path, *more: str) -> Done:
    """The same to a host, results beside the targets."""
    words = ("--app", APP, "--env", "local", *host.trusted, "--timeout", "5s")
    return send(file, *words, "--results", str(results_of(file)), *more)


def results_of(file: Path) -> Path:
    """Where the results of a targets file are."""
    return file.with_name("run.ndjson")


def summary(done: Done) -> dict[str, Any]:
    """The last object: its sum is the targets, its exit code the command's."""
    found = objects(done.stdout)
    assert found, done
    last = found[-1]
    assert last["event"] == "summary", done
    assert sum(last[word] for word in OUTCOMES) == last["targets"]
    assert last["exit"] == done.returncode
    return last


def counts(done: Done) -> dict[str, int]:
    """The outcomes that there were."""
    last = summary(done)
    return {word: last[word] for word in OUTCOMES if last[word]}


def replies(file: Path) -> dict[int, dict[str, Any]]:
    """What a results file says at its end of each line: decided once, or unknown before that."""
    found: dict[int, dict[str, Any]] = {}
    for one in objects(file.read_bytes()):
        if one["event"] != "reply":
            continue
        before = found.get(one["line"])
        assert before is None or before["outcome"] in ("unknown", "unsent"), "decided twice"
        found[one["line"]] = one
    return found


def by_outcome(file: Path) -> dict[str, set[int]]:
    """The lines by their outcomes."""
    found: dict[str, set[int]] = {}
    for line, one in replies(file).items():
        found.setdefault(one["outcome"], set()).add(line)
    return found


def yes(request: Request) -> Response:
    """Accepted."""
    return accept(apns_id=request.field(b"apns-id") or "", unique_id=None)


def no(request: Request, word: str, timestamp_ms: int | None = None) -> Response:
    """Refused."""
    reason = REASONS[word]
    return refuse(reason, apns_id=request.field(b"apns-id") or "", timestamp_ms=timestamp_ms)


def asked_for(host: RawHost) -> Counter[str]:
    """How often each token was asked for."""
    return Counter(request.token for request in host.asked)


def acting(act: Callable[[int, int, Request], list[Act]], *, streams: int = 1000) -> Behaviour:
    """A server that does, at the n-th request of all, what a function says of n and its stream."""
    counted = Counter[str]()

    def behave(sock: socket.socket, host: RawHost) -> None:
        wire = ServerConnection(max_streams=streams)
        sock.sendall(wire.outgoing())
        while data := sock.recv(65_536):
            for received in wire.receive(data):
                host.asked.append(received.request)
                counted["all"] += 1
                for one in act(counted["all"], received.stream, received.request):
                    wire.act(one)
            sock.sendall(wire.outgoing())
            if wire.finished:
                return

    return behave
