"""Hostile text as token, topic, header, payload and reason, through a real pseudo-terminal."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.engine.listener import Running
from pushkit_cli.net.sender import Endpoint, exchange
from pushkit_cli.net.tls import client_context
from tests.apns_host import answering
from tests.commands import PUSHKIT
from tests.hostile import HOSTILE
from tests.pty_run import PtyResult, run_in_pty, stray_controls

_COMMANDS = """
import json, os, sys
from pushkit_cli.cli.app import run
for arguments in json.load(open(sys.argv[1])):
    code = run(arguments, os.environ)
    print("exit", code, flush=True)
"""


def _in_terminal(commands: list[list[str]], tmp_path: Path) -> PtyResult:
    """Every command, one after the other, by the program's own entry on one pseudo-terminal."""
    listed = tmp_path / "commands.json"
    listed.write_text(json.dumps(commands))
    argv = [sys.executable, "-c", _COMMANDS, str(listed)]
    return run_in_pty(argv, env=dict(os.environ), timeout=60)


def _ways(text: str, token: str) -> Iterator[list[str]]:
    to_token = ["send", "--type", "voip", "--to", token, "--app", "com.example.app"]
    yield ["send", "--type", "voip", "--to", text, "--app", "com.example.app", "--env", "local"]
    yield [*to_token, "--env", "local", "-d", "callUUID=x", "--topic", text]
    yield [
        *to_token,
        "--env",
        "local",
        "-d",
        "callUUID=x",
        "--header",
        f"x-note:{text}",
        "--dry-run",
    ]
    yield [*to_token, "--env", "local", "-d", f"callUUID={text}", "--dry-run"]
    yield ["send", "--type", text, "--topic", "a.b", "--to", token, "--env", "local", "-d", "a=b"]
    yield ["send", "--type", "voip", "--payload", f"./{text}"]
    yield ["listen", "--app", text, "--key", "/nowhere.p8"]
    yield ["listen", "--device", text, "--key", "/nowhere.p8"]
    yield ["listen", "--token", text, "--key", "/nowhere.p8"]
    yield [text]


def _lines(result: PtyResult) -> list[str]:
    return result.output.decode("utf-8").replace("\r\n", "\n").split("\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_argument_reaches_the_terminal_raw(
    listener: Running, tmp_path: Path, as_json: bool
) -> None:
    arguments_stay_harmless(listener, tmp_path, as_json=as_json, every=3)


def arguments_stay_harmless(
    listener: Running, tmp_path: Path, *, as_json: bool, every: int
) -> None:
    """Each text goes every third way, or so, and each way is gone by every third text."""
    token = listener.ready["devices"][0]["tokens"]["voip"]
    options = ["--json"] if as_json else []
    ways = [
        [*options, *way]
        for number, text in enumerate(HOSTILE.values())
        for at, way in enumerate(_ways(text, token))
        if (number + at) % every == 0
    ]
    result = _in_terminal(ways, tmp_path)
    assert stray_controls(result.output) == []
    codes = [line for line in _lines(result) if line.startswith("exit ")]
    assert len(codes) == len(ways)
    assert "exit 1" not in codes, "a bug was reported"
    if as_json:
        ours = [line for line in _lines(result) if line.startswith("{")]
        assert ours
        for line in ours:
            json.loads(line)


def test_the_same_check_fails_for_raw_text(tmp_path: Path) -> None:
    script = tmp_path / "raw.py"
    script.write_text(
        "import json,sys\nfor t in json.load(open(sys.argv[1])):"
        "\n sys.stdout.buffer.write(t.encode('utf-8','replace'))\n"
    )
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(list(HOSTILE.values())))
    argv = [sys.executable, str(script), str(texts)]
    assert stray_controls(run_in_pty(argv, env=dict(os.environ)).output)


@pytest.mark.parametrize("as_json", [False, True])
def test_no_reason_of_a_server_reaches_the_terminal_raw(tmp_path: Path, as_json: bool) -> None:
    texts = list(HOSTILE.values())[:: 3 if as_json else 1]

    def answer(request: Request) -> Response:
        text = texts[int(request.token[:4], 16)]
        body = json.dumps({"reason": text}).encode()
        clean = text.encode("utf-8", "replace").translate(None, bytes(range(32)) + b"\x7f")
        return Response(status=400, headers=((b"apns-id", clean.strip()[:200]),), body=body)

    with answering(tmp_path, answer) as host:
        common = ["send", "--type", "voip", "--endpoint", host.url, "--cacert", str(host.ca_file)]
        common += ["--app", "com.example.app", "-d", "callUUID=x", "--env", "local"]
        common += ["--json"] if as_json else []
        ways = [[*common, "--to", f"{place:04x}" + "0" * 60] for place in range(len(texts))]
        result = _in_terminal(ways, tmp_path)
    assert stray_controls(result.output) == []
    codes = [line for line in _lines(result) if line.startswith("exit ")]
    assert codes.count("exit 4") == len(texts), result.output[-2000:]
    if as_json:
        replies = [json.loads(line) for line in _lines(result) if line.startswith('{"v":1,"ev')]
        reasons = [one["reason"] for one in replies if one["event"] == "reply"]
        assert len(reasons) == len(texts)


def _hostile_requests(token: str) -> Iterator[Request]:
    for text in HOSTILE.values():
        raw = text.encode("utf-8", "replace")
        header = raw.translate(None, bytes(range(32)) + b"\x7f").strip()[:300]
        body = json.dumps(
            {"callUUID": text, "handle": text, "domain": text, "container-identifier": text}
        ).encode()[:5000]
        for path, topic, kind in (
            (token.encode(), b"com.example.pushkit.voip", b"voip"),
            (token.encode(), header, header),
            (header.replace(b" ", b"") or b"x", b"com.example.pushkit", b"alert"),
        ):
            yield Request(
                headers=(
                    (b":method", b"POST"),
                    (b":scheme", b"https"),
                    (b":authority", b"localhost"),
                    (b":path", b"/3/device/" + path),
                    (b"apns-topic", topic),
                    (b"apns-push-type", kind),
                    (b"x-note", header),
                ),
                body=body,
                body_size=len(body),
            )


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_a_client_sends_reaches_the_listeners_terminal_raw(
    tmp_path: Path, as_json: bool
) -> None:
    ready_file = tmp_path / "ready.json"
    argv = [str(PUSHKIT), "listen", "--port", "0", "--ready-file", str(ready_file)]
    argv += ["--json"] if as_json else []
    seen: list[PtyResult] = []
    thread = threading.Thread(
        target=lambda: seen.append(run_in_pty(argv, env=dict(os.environ), timeout=60))
    )
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not ready_file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        ready = json.loads(ready_file.read_bytes())
        from pushkit_cli.apns.token import mint

        provider = mint(
            Path(ready["key_file"]).read_bytes(),
            team_id=ready["team_id"],
            key_id=ready["key_id"],
            now=time.time(),
        )
        bearer = (b"authorization", b"bearer " + provider.encode())
        token = ready["devices"][0]["tokens"]["voip"]
        requests = [
            Request(headers=(*one.headers, bearer), body=one.body, body_size=one.body_size)
            for one in _hostile_requests(token)
        ]
        context = client_context(Path(ready["ca_file"]))
        endpoint = Endpoint(host=ready["host"], port=ready["port"])
        done = exchange(endpoint, context, requests, timeout=30)
        assert {one.reply.status for one in done} >= {200, 400}
        assert all(one.reply.status is not None for one in done)
    finally:
        if ready_file.exists():
            os.kill(json.loads(ready_file.read_bytes())["pid"], signal.SIGINT)
        thread.join()
    assert seen[0].code == 0
    assert stray_controls(seen[0].output) == []
    assert len(_lines(seen[0])) > len(requests)
    if as_json:
        objects = [line for line in _lines(seen[0]) if line.startswith("{")]
        pushes = [one for line in objects if (one := json.loads(line))["event"] == "push"]
        assert len(pushes) == len(requests)
