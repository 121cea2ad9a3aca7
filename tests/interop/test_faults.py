"""Faults on purpose as curl, Node and Go see them: each is what it claims to be, and no other."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.interop.clients.table import TABLE, Client
from tests.interop.curl import Curl
from tests.interop.listening import APP, Listener, listening
from tests.interop.processes import need, until

HERE = Path(__file__).parent
PATIENCE = "400ms"
MANY = 2_000


@dataclass(kw_only=True)
class Faulty:
    """A listener that misbehaves as it is told, and what it told since."""

    listener: Listener
    read: int = 0

    def does(self, *faults: str) -> None:
        """These, and no others."""
        self.listener.command("fault", "clear")
        if faults:
            self.listener.command("fault", "add", *faults)
        self.read = len(self.events)

    @property
    def events(self) -> list[dict[str, Any]]:
        whole = self.listener.events.read_text(encoding="ascii").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def told(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """So many events of a name since, and no more."""

        def look() -> list[dict[str, Any]] | None:
            found = [one for one in self.events[self.read :] if one["event"] == name]
            return found if len(found) >= count else None

        found = until(f"{count} {name}", look)
        assert len(found) == count
        return found

    @property
    def headers(self) -> dict[str, str]:
        return {
            "authorization": f"bearer {self.listener.provider_token()}",
            "apns-topic": f"{APP}.voip",
            "apns-push-type": "voip",
        }

    @property
    def path(self) -> str:
        return f"/3/device/{self.listener.token('voip')}"

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.listener.port()}"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with listening(tmp_path_factory.mktemp("faulty"), "--app", APP) as listener:
        yield Faulty(listener=listener)


@pytest.fixture
def faulty(one: Faulty) -> Iterator[Faulty]:
    one.does()
    yield one
    one.does()


def call() -> str:
    return json.dumps({"callUUID": str(uuid4())})


# curl


def curl_says(
    curl: Curl, faulty: Faulty, *options: str, pushes: int = 1
) -> tuple[int, list[dict[str, Any]], str]:
    """Its exit code, what it measured of each push, and what it said."""
    words: list[str] = []
    for place in range(pushes):
        words += ["--next"] if place else []
        words += ["-sS", "-v", "--http2", "--cacert", faulty.listener.ca_file, *options]
        for name, value in faulty.headers.items():
            words += ["-H", f"{name}: {value}"]
        words += ["-d", call(), "-o", "-", "-w", "\n%{json}\n", faulty.endpoint + faulty.path]
    done = curl.run(*words)
    lines = done.stdout.decode().splitlines()
    measured = [json.loads(line) for line in lines if '"response_code"' in line]
    said = "\n".join(line for line in lines if '"response_code"' not in line)
    return done.returncode, measured, done.stderr.decode() + said


def test_curl_hears_a_reason(curl: Curl, faulty: Faulty) -> None:
    faulty.does("voip:ServiceUnavailable@first1")
    code, (first, second), said = curl_says(curl, faulty, pushes=2)
    assert (code, first["response_code"], second["response_code"]) == (0, 503, 200)
    assert '{"reason":"ServiceUnavailable"}' in said
    assert faulty.told("fault")[0]["rule"] == "voip:ServiceUnavailable@first1"


def test_curl_hears_a_status_without_a_body(curl: Curl, faulty: Faulty) -> None:
    faulty.does("502")
    code, (only,), _ = curl_says(curl, faulty)
    assert (code, only["response_code"], only["size_download"]) == (0, 502, 0)


def test_curl_hears_a_late_answer(curl: Curl, faulty: Faulty) -> None:
    faulty.does("delay=300ms@nth2")
    code, (first, second), _ = curl_says(curl, faulty, pushes=2)
    assert (code, second["response_code"]) == (0, 200)
    assert first["time_total"] < 0.3 <= second["time_total"]


def test_curl_waits_for_ever_at_a_stall(curl: Curl, faulty: Faulty) -> None:
    faulty.does("stall")
    code, (only,), said = curl_says(curl, faulty, "--max-time", "0.4")
    assert (code, only["response_code"]) == (28, 0), said
    assert faulty.told("fault")[0]["delivered"] is True
    faulty.told("call-reported")


def test_curl_hears_a_reset_of_its_stream(curl: Curl, faulty: Faulty) -> None:
    faulty.does("reset")
    code, _, said = curl_says(curl, faulty)
    assert code == 92, said
    assert "INTERNAL_ERROR (err 2)" in said
    faulty.told("call-reported")


def test_curl_sends_a_refused_stream_again_and_the_phone_rings_once(
    curl: Curl, faulty: Faulty
) -> None:
    faulty.does("reset=refused@first1")
    code, (only,), said = curl_says(curl, faulty)
    assert (code, only["response_code"]) == (0, 200), said
    assert "REFUSED_STREAM" in said
    faulty.told("fault")
    faulty.told("push")
    faulty.told("call-reported")


def test_curl_sees_the_connection_end_without_a_goodbye(curl: Curl, faulty: Faulty) -> None:
    faulty.does("close")
    code, _, said = curl_says(curl, faulty)
    assert code in (16, 18, 52, 55, 56, 92), said  # by its TLS library and version
    assert "GOAWAY" not in said
    faulty.told("call-reported")


def test_curl_opens_another_connection_after_goaway(curl: Curl, faulty: Faulty) -> None:
    faulty.does("goaway@nth2")
    code, measured, _ = curl_says(curl, faulty, pushes=4)
    assert code == 0
    assert [one["response_code"] for one in measured] == [200] * 4
    assert [one["num_connects"] for one in measured] == [1, 0, 1, 0]


@pytest.mark.parametrize("fault", ["tls", "connection:close"])
def test_curl_gets_no_tls(curl: Curl, faulty: Faulty, fault: str) -> None:
    faulty.does(f"{fault}@first1")
    code, _, said = curl_says(curl, faulty)
    assert code == 35, said
    assert ("handshake failure" in said) == (fault == "tls")
    (told,) = faulty.told("fault")
    assert (told["push_id"], told["delivered"]) == (None, False)
    assert curl_says(curl, faulty)[0] == 0


def test_curl_waits_for_a_handshake(curl: Curl, faulty: Faulty) -> None:
    faulty.does("connection:stall")
    code, (only,), said = curl_says(curl, faulty, "--max-time", "0.4")
    assert (code, only["time_appconnect"]) == (28, 0), said
    assert "Connected to" in said


# Node


def node_says(faulty: Faulty, pushes: int = 1) -> dict[str, Any]:
    asked = {
        "headers": faulty.headers,
        "pushes": [{"path": faulty.path, "body": call()} for _ in range(pushes)],
    }
    done = subprocess.run(
        [need("node"), HERE / "faulty.mjs", faulty.endpoint, faulty.listener.ca_file,
         PATIENCE.removesuffix("ms")],
        input=json.dumps(asked).encode(), capture_output=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_node_hears_a_reason_and_goes_on(faulty: Faulty) -> None:
    faulty.does("TooManyRequests@after1,per-token")
    first, second = node_says(faulty, 2)["answers"]
    assert (first["status"], second["status"]) == (200, 429)
    assert json.loads(second["body"]) == {"reason": "TooManyRequests"}


def test_node_hears_a_late_answer(faulty: Faulty) -> None:
    faulty.does("delay=200ms")
    (answer,) = node_says(faulty)["answers"]
    assert answer["status"] == 200
    assert answer["ms"] >= 200


@pytest.mark.parametrize(("fault", "code"), [("reset@nth1", 2), ("reset=refused@nth1", 7)])
def test_node_hears_the_code_of_a_reset_and_keeps_the_connection(
    faulty: Faulty, fault: str, code: int
) -> None:
    faulty.does(fault)
    seen = node_says(faulty, 2)
    assert [one["rst"] for one in seen["answers"]] == [code, 0]
    assert [one["status"] for one in seen["answers"]] == [None, 200]
    assert (seen["goaway"], seen["closed"]) == (None, False)


def test_node_hears_nothing_of_one_stream_and_all_of_the_next(faulty: Faulty) -> None:
    faulty.does("stall@nth1")
    seen = node_says(faulty, 2)
    assert [one["error"] for one in seen["answers"]] == ["nothing came", None]
    assert [one["status"] for one in seen["answers"]] == [None, 200]
    assert (seen["goaway"], seen["closed"]) == (None, False)


def test_node_hears_goaway_with_the_last_stream_behind_its_answer(faulty: Faulty) -> None:
    faulty.does("goaway@nth2")
    seen = node_says(faulty, 2)
    assert [one["status"] for one in seen["answers"]] == [200, 200]
    assert seen["goaway"] == {"code": 0, "last": 3, "data": '{"reason":"Shutdown"}'}
    assert seen["closed"] is True


def test_node_sees_the_connection_end_without_goaway(faulty: Faulty) -> None:
    faulty.does("close@nth2")
    seen = node_says(faulty, 2)
    first, second = seen["answers"]
    assert (first["status"], second["status"]) == (200, None)
    assert (seen["goaway"], seen["closed"]) == (None, True)


def test_node_hears_a_new_limit_of_streams(faulty: Faulty) -> None:
    faulty.does("streams=3@nth2")
    seen = node_says(faulty, 3)
    assert [one["status"] for one in seen["answers"]] == [200] * 3
    assert seen["limits"] == [1, 1000, 3]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("tls", r"ERR_SSL_.*ALERT_HANDSHAKE_FAILURE"),
        ("connection:close", "ECONNRESET"),
    ],
)
def test_node_gets_no_tls(faulty: Faulty, fault: str, error: str) -> None:
    faulty.does(fault)
    assert re.fullmatch(error, node_says(faulty)["error"])


# Go


GO: Client = next(client for client in TABLE if client.name == "net/http")


def go_says(faulty: Faulty, *waves: int, patience: str = PATIENCE) -> list[list[dict[str, Any]]]:
    """What net/http hears of so many pushes at once, wave after wave, on what it keeps open."""
    bearer = faulty.listener.provider_token()
    told = [
        {
            "credential": {"key_id": "", "bearer": bearer},
            "pushes": [
                {
                    "type": "voip",
                    "topic": f"{APP}.voip",
                    "token": faulty.listener.token("voip"),
                    "priority": 10,
                    "payload": {"callUUID": str(uuid4())},
                }
                for _ in range(count)
            ],
        }
        for count in waves
    ]
    done = subprocess.run(
        [*GO.argv(), patience],
        env={
            **faulty.listener.env,
            "PUSHKIT_ENDPOINT": faulty.endpoint,
            "PUSHKIT_CA_FILE": faulty.listener.ca_file,
        },
        input="".join(f"{json.dumps(one)}\n" for one in told).encode(),
        capture_output=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("ServiceUnavailable", {"status": 503, "reason": "ServiceUnavailable"}),
        ("500/Shutdown", {"status": 500, "reason": "Shutdown"}),
        ("429", {"status": 429, "reason": None}),
        ("delay=100ms", {"status": 200, "reason": None}),
        ("goaway", {"status": 200, "reason": None}),
        ("reset=refused@first1", {"status": 200, "reason": None}),
    ],
)
def test_go_hears_an_answer(faulty: Faulty, fault: str, answer: dict[str, Any]) -> None:
    faulty.does(fault)
    ((said,),) = go_says(faulty, 1, patience="10s")
    assert said == {**answer, "timestamp": None}
    faulty.told("push")
    faulty.told("fault")


@pytest.mark.parametrize(
    ("fault", "error", "rings"),
    [
        ("stall", "Client.Timeout exceeded", 1),
        ("reset", "INTERNAL_ERROR; received from peer", 1),
        ("close", "EOF", 1),
        ("tls", "remote error: tls: handshake failure", 0),
        ("connection:close", "", 0),
        ("connection:stall", "exceeded", 0),
    ],
)
def test_go_hears_an_error(faulty: Faulty, fault: str, error: str, rings: int) -> None:
    faulty.does(f"{fault}@nth1")
    ((said,),) = go_says(faulty, 1)
    assert said["error"]
    assert error in said["error"] or (fault == "close" and "reset by peer" in said["error"])
    faulty.told("call-reported", rings)


def test_goaway_in_the_middle_of_two_thousand_pushes_of_go_loses_nothing(faulty: Faulty) -> None:
    """Nor is any sent twice: what lies above the last stream of a GOAWAY was never read.

    Four hundred are under way at once: Go opens a connection for each that has no stream to go on,
    and a new one has one stream until its first push is accepted, as Apple's.
    """
    faulty.does("goaway@every330")
    waves = go_says(faulty, *[400] * (MANY // 400), patience="60s")
    said = Counter((one["status"], one.get("error", "")) for wave in waves for one in wave)
    assert said == {(200, ""): MANY}
    pushes = faulty.told("push", MANY)
    assert len({one["payload"]["callUUID"] for one in pushes}) == MANY
    assert {one["status"] for one in pushes} == {200}
    faulty.told("fault", MANY // 330)
