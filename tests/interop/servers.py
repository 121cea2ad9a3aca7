"""HTTP/2 servers that others wrote, as processes, and `pushkit send` against them."""

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pushkit_cli.net.certs import leaf_for, new_authority
from tests.interop.processes import PUSHKIT, answers, child, environment, free_port, need, until

APP = "com.example.app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A server's chain and key by an authority of ours, whose root is in `ca`."""

    ca: Path
    chain: Path
    key: Path


def new_certificate(folder: Path) -> Certificate:
    now = datetime.now(UTC)
    authority = new_authority(now=now)
    leaf = leaf_for(authority, now=now)
    assert leaf is not None
    made = Certificate(ca=folder / "ca.pem", chain=folder / "chain.pem", key=folder / "key.pem")
    made.ca.write_bytes(authority.root_pem)
    made.chain.write_bytes(leaf.chain_pem)
    made.key.write_bytes(leaf.key_pem)
    return made


# pushkit send


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one run of `pushkit send` ended with; `objects` with `--json` alone."""

    code: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """`pushkit send` on a home of its own, with nobody listening there."""

    folder: Path
    ca: Path

    @property
    def public_key(self) -> Path:
        """The public half of what it signs with."""
        return self.folder / "pushkit" / "local" / "LOCALKEY01.pub"

    def send(self, port: int, *tokens: str, words: tuple[str, ...] = (), **more: str) -> Sent:
        """VoIP pushes to a port of this machine, with `callUUID` x where no other body is said."""
        options = {"type": "voip", "app": APP, "cacert": str(self.ca), **more}
        options.setdefault("endpoint", f"https://127.0.0.1:{port}")
        argv = [str(PUSHKIT), "send", *words]
        if "payload" not in options:
            argv += ["-d", "callUUID=x"]
        for name, value in options.items():
            argv += [f"--{name.replace('_', '-')}", value]
        for token in tokens:
            argv += ["--to", token]
        env = environment(self.folder)
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Sent(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


# nghttpd


@dataclass(frozen=True, slots=True, kw_only=True)
class Nghttpd:
    """nghttpd with a folder of files; `-v` makes it say every frame."""

    port: int
    root: Path
    log: Path

    def knows(self, token: str, body: str = "") -> None:
        """Have it answer 200 to pushes to this token."""
        file = self.root / "3" / "device" / token
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)

    def seen(self, *, requests: int) -> list["Seen"]:
        """What it read, once there are so many whole requests; more fail."""

        def look() -> list[Seen] | None:
            whole = [one for one in _read_log(self.log) if one.ended]
            return whole if len(whole) >= requests else None

        found = until(f"{requests} requests", look)
        assert len(found) == requests
        return found


@dataclass(slots=True, kw_only=True)
class Seen:
    """A request in nghttpd's log. `sensitive` are the headers no proxy may index."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)
    data: list[int] = field(default_factory=list)  # lengths of its DATA frames
    ended: bool = False

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name]


_HEADER = re.compile(r"\[id=(\d+)\] \[.*?\] recv \(stream_id=(\d+)(, sensitive)?\) (:?[^:]+): (.*)")
_FRAME = re.compile(
    r"\[id=(\d+)\] \[.*?\] recv (HEADERS|DATA) frame "
    r"<length=(\d+), flags=0x([0-9a-f]+), stream_id=(\d+)>"
)
_END_STREAM = 0x01


def _read_log(log: Path) -> list[Seen]:
    found: dict[tuple[str, str], Seen] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if said := _HEADER.fullmatch(line):
            connection, stream, sensitive, name, value = said.groups()
            one = found.setdefault((connection, stream), Seen())
            one.headers.append((name, value))
            if sensitive:
                one.sensitive.append(name)
        elif frame := _FRAME.fullmatch(line):
            connection, kind, length, flags, stream = frame.groups()
            one = found[connection, stream]
            one.ended = bool(int(flags, 16) & _END_STREAM)
            if kind == "DATA":
                one.data.append(int(length))
    return list(found.values())


@contextmanager
def start_nghttpd(folder: Path, certificate: Certificate, *words: str) -> Iterator[Nghttpd]:
    """nghttpd, or a skip where there is none."""
    program = need("nghttpd")
    root, log = folder / "htdocs", folder / "nghttpd.out"
    root.mkdir()
    port = free_port()
    argv = [program, "-v", "-a", "127.0.0.1", "-d", str(root), *words, str(port)]
    if "--no-tls" not in words:
        argv += [str(certificate.key), str(certificate.chain)]
    with child(argv, env=environment(folder), log=log, stop=signal.SIGTERM) as process:

        def look() -> bool | None:
            assert process.poll() is None, log.read_text()
            return True if answers("127.0.0.1", port) else None

        until("nghttpd", look)
        yield Nghttpd(port=port, root=root, log=log)
        assert process.poll() is None, log.read_text()


# Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A request as Node saw it; `headers` in their order, pseudo-headers among them."""

    connection: int
    stream: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """apns.mjs; on `leaving` every connection begins with GOAWAY."""

    port: int
    leaving: int
    log: Path

    def arrived(self, count: int) -> list[Arrived]:
        """What it read, once there are so many requests; more fail."""

        def look() -> list[Arrived] | None:
            said = _objects(self.log)
            found = [_arrived(one) for one in said if one["event"] == "request"]
            return found if len(found) >= count else None

        found = until(f"{count} requests", look)
        assert len(found) == count
        return found


def _arrived(said: Mapping[str, Any]) -> Arrived:
    return Arrived(
        connection=said["connection"],
        stream=said["stream"],
        headers=tuple((name, value) for name, value in said["headers"]),
        body=base64.b64decode(said["body"]),
    )


def _objects(log: Path) -> list[dict[str, Any]]:
    whole = log.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


@contextmanager
def start_node(
    folder: Path, certificate: Certificate, *, script: str = "apns.mjs"
) -> Iterator[Node]:
    """A script of ours beside this file, or a skip where there is no Node."""
    program = need("node")
    log = folder / "node.out"
    place = Path(__file__).with_name(script)
    argv = [program, str(place), str(certificate.key), str(certificate.chain)]
    with child(argv, env=environment(folder), log=log, stop=signal.SIGTERM) as process:

        def look() -> dict[str, Any] | None:
            errors = log.with_name(f"{log.name}.err").read_text()
            assert process.poll() is None, errors
            return next(iter(_objects(log)), None)

        said = until("Node", look)
        yield Node(port=said["port"], leaving=said["leaving"], log=log)
        assert process.poll() is None, log.with_name(f"{log.name}.err").read_text()
