"""`pushkit channel` and broadcasts against a service that shares no line with ours."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.curl import Curl
from tests.interop.processes import PUSHKIT, environment
from tests.interop.servers import APP, Arrived, Certificate, Node, Sender, Sent, start_node

HERE = ("--app", APP, "--env", "local")
UPDATE = ("--type", "liveactivity", "--event", "update", "--content-state", '{"score":2}')


@pytest.fixture
def service(certificate: Certificate, tmp_path: Path) -> Iterator[Node]:
    with start_node(tmp_path, certificate, script="channels.mjs") as found:
        yield found


class Desk:
    """Our commands on a home of their own, with Node's service behind them."""

    def __init__(self, sender: Sender, service: Node) -> None:
        self.sender, self.service = sender, service
        self.there = ("--endpoint", f"https://127.0.0.1:{service.port}", "--cacert", str(sender.ca))

    def run(self, *words: str) -> Sent:
        done = subprocess.run(
            [str(PUSHKIT), *words, *self.there],
            env=environment(self.sender.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Sent(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def made(self, *words: str) -> str:
        sent = self.run("channel", "create", *HERE, *words)
        assert sent.code == 0, sent.stderr
        return sent.stdout.strip()


@pytest.fixture
def desk(sender: Sender, service: Node) -> Desk:
    return Desk(sender, service)


def _head(one: Arrived) -> dict[str, str]:
    """Its headers but for the provider token, each of which came once."""
    assert len(one.headers) == len(dict(one.headers))
    assert one["authorization"].startswith("bearer ey")
    return {name: value for name, value in one.headers if name != "authorization"}


def test_every_operation_arrives_as_apples_pages_have_it(desk: Desk) -> None:
    made = desk.made("--storage", "latest")
    shown = desk.run("channel", "show", made, "--json").objects
    listed = desk.run("channel", "list", *HERE, "--json").objects
    assert (shown[0]["storage"], [one["channel"] for one in listed]) == ("latest", [made])
    assert desk.run("channel", "delete", made).stdout == f"deleted  {made}\n"
    assert desk.run("channel", "list", *HERE).stdout == ""
    authority = f"127.0.0.1:{desk.service.port}"
    every = {":scheme": "https", ":authority": authority}
    one, named = f"/1/apps/{APP}/channels", {"apns-channel-id": made}
    everything = f"/1/apps/{APP}/all-channels"
    create, *rest = desk.service.arrived(5)
    assert json.loads(create.body) == {"message-storage-policy": 1, "push-type": "LiveActivity"}
    length = {"content-length": str(len(create.body))}
    assert _head(create) == {":method": "POST", ":path": one, **every, **length}
    assert [_head(request) for request in rest] == [
        {":method": "GET", ":path": one, **every, **named},
        {":method": "GET", ":path": everything, **every},
        {":method": "DELETE", ":path": one, **every, **named},
        {":method": "GET", ":path": everything, **every},
    ]
    assert {request.body for request in rest} == {b""}


@pytest.mark.parametrize("storage", ["none", "latest"])
def test_a_broadcast_is_taken_as_it_is_sent_by_default(desk: Desk, storage: str) -> None:
    made = desk.made("--storage", storage)
    sent = desk.run("send", *UPDATE, "--channel", made, "--json")
    assert sent.code == 0, sent.stderr
    assert (sent.objects[0]["status"], sent.objects[0]["channel"]) == (200, made)
    assert desk.run("send", "--type", "liveactivity", "--event", "end", "--content-state", "{}",
        "--channel", made, "--priority", "5").code == 0  # fmt: skip
    _, update, end = desk.service.arrived(3)
    head = _head(update)
    assert head.pop("apns-expiration") == "0" or storage == "latest"
    assert head == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": f"127.0.0.1:{desk.service.port}",
        ":path": f"/4/broadcasts/apps/{APP}",
        "apns-channel-id": made,
        "apns-push-type": "liveactivity",
        "apns-priority": "10",
    }
    assert json.loads(update.body)["aps"]["content-state"] == {"score": 2}
    assert end["apns-priority"] == "5"


def test_curl_sends_the_same_broadcast(desk: Desk, curl: Curl) -> None:
    made = desk.made()
    script = desk.run("send", *UPDATE, "--channel", made, "--as", "curl").stdout
    path = f"{PUSHKIT.parent}{os.pathsep}{os.environ['PATH']}"
    env = environment(desk.sender.folder) | {"PATH": path}
    done = subprocess.run(
        ["sh", "-c", script], env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.startswith("HTTP/2 200"), done.stderr
    assert desk.run("send", *UPDATE, "--channel", made).code == 0
    _, by_curl, by_us = desk.service.arrived(3)
    assert {*_head(by_us).items()} <= {*_head(by_curl).items()}
    assert json.loads(by_curl.body).keys() == json.loads(by_us.body).keys()


def test_a_refusal_of_somebody_else_is_read(desk: Desk) -> None:
    sent = desk.run("channel", "show", "bm8=", *HERE)
    assert sent.code == 4
    assert "show was refused: 400 ChannelNotRegistered" in sent.stderr
    sent = desk.run("send", *UPDATE, "--channel", "bm8=", *HERE, "--json")
    assert (sent.code, sent.objects[0]["reason"]) == (4, "ChannelNotRegistered")
