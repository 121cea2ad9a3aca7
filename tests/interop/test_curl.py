"""curl against a listener: every verdict of the table, byte for byte, as anybody's curl sees it."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from pushkit_cli.apns.rules import RULES
from tests.interop.certified import ACCEPTED, REFUSED
from tests.interop.curl import Ask, Curl, body, good, header, more, signed, to, token_of
from tests.interop.listening import APP, KEY, SECOND_KEY, Listener, leftovers, listening
from tests.interop.processes import PUSHKIT
from tests.interop.verdicts import UUID, Row

SERVER_MADE = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _asks(listener: Listener, row: Row) -> list[Ask]:
    return [good(listener, *changes) for changes in (*row.first, row.changes)]


def test_every_rule_is_played_here() -> None:
    assert {row.check for row in REFUSED} == {rule.check for rule in RULES}


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_curl_hears_the_refusal_of_the_table_byte_for_byte(
    curl: Curl, listener: Listener, row: Row
) -> None:
    *before, answer = curl.ask(listener, _asks(listener, row))
    assert [one.status for one in before] == [row.opened] * len(before)
    assert [one.connects for one in (*before, answer)] == [1, *[0] * len(before)]
    assert answer.version == "2"
    assert answer.status == row.status
    since = "" if row.since_ms is None else f',"timestamp":{row.since_ms}'
    assert answer.body == f'{{"reason":"{row.reason}"{since}}}'.encode()
    assert answer.names == ["apns-id"]
    assert SERVER_MADE.fullmatch(answer["apns-id"])
    event = listener.push_of(answer["apns-id"])
    (basis,) = (rule.basis for rule in RULES if rule.check is row.check)
    assert (event["status"], event["reason"]) == (row.status, row.reason)
    assert event["basis"] == basis  # tells rules apart that answer with the same word
    assert event["unregistered_at_ms"] == row.since_ms
    assert event["apns_unique_id"] is None


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row.name)
def test_curl_hears_200_and_nothing_but_ids(curl: Curl, listener: Listener, row: Row) -> None:
    answers = curl.ask(listener, _asks(listener, row))
    assert [one.status for one in answers] == [200] * len(answers)
    assert [one.connects for one in answers] == [1, *[0] * (len(answers) - 1)]
    for answer in answers:
        event = listener.push_of(answer["apns-id"])
        sandbox = event["environment"] == "sandbox"
        assert answer.version == "2"
        assert answer.body == b""
        assert answer.names == ["apns-id", *["apns-unique-id"] * sandbox]
        assert SERVER_MADE.fullmatch(answer["apns-id"])
        if sandbox:
            assert UNIQUE.fullmatch(answer["apns-unique-id"])
            assert answer["apns-unique-id"] == event["apns_unique_id"]


def test_the_rows_are_played_in_both_environments(listener: Listener) -> None:
    ports = {_asks(listener, row)[-1].environment for row in (*REFUSED, *ACCEPTED)}
    assert ports == {"sandbox", "production"}


@pytest.mark.parametrize("apns_id", [UUID, UUID.upper()], ids=["lower case", "upper case"])
@pytest.mark.parametrize("priority", ["10", "2"], ids=["accepted", "refused"])
def test_an_apns_id_comes_back_as_it_was_sent(
    curl: Curl, listener: Listener, apns_id: str, priority: str
) -> None:
    ask = good(listener, header("apns-id", apns_id), header("apns-priority", priority))
    (answer,) = curl.ask(listener, [ask])
    assert answer["apns-id"] == apns_id


def test_ids_that_the_server_makes_never_come_twice(curl: Curl, listener: Listener) -> None:
    answers = curl.ask(listener, [good(listener)] * 5)
    ids = [value.lower() for answer in answers for _, value in answer.headers]
    assert len(set(ids)) == len(ids) == 10


def test_a_refused_push_does_not_spoil_the_connection(curl: Curl, listener: Listener) -> None:
    bad = good(listener, header("apns-priority", "2"))
    answers = curl.ask(listener, [bad, good(listener), bad, good(listener)])
    assert [answer.status for answer in answers] == [400, 200, 400, 200]
    assert [answer.connects for answer in answers] == [1, 0, 0, 0]


def test_a_refused_provider_token_does_not_count_as_an_update(
    curl: Curl, listener: Listener
) -> None:
    spoilt = good(listener, signed(key_id=KEY, by=SECOND_KEY))
    answers = curl.ask(listener, [spoilt, good(listener), good(listener, signed(age_s=60))])
    assert [answer.status for answer in answers] == [403, 200, 429]


def test_the_provider_token_is_written_nowhere(curl: Curl, listener: Listener) -> None:
    (answer,) = curl.ask(listener, [good(listener)])
    event = listener.push_of(answer["apns-id"])
    assert event["auth"]["key_id"] == listener.ready["key_id"]
    assert "authorization" not in event["headers"]
    written = [listener.events, listener.log, listener.log.with_name(f"{listener.log.name}.err")]
    for part in listener.provider_token().split("."):
        assert all(part not in path.read_text() for path in written)


def test_a_push_that_curl_sends_rings_the_phone(curl: Curl, listener: Listener) -> None:
    call = body(b'{"callUUID":"0b449e28-0000-4000-8000-000000000001"}')  # nobody else's here
    (answer,) = curl.ask(listener, [good(listener, more(("x-trace", "ring")), call)])
    push = listener.push_of(answer["apns-id"])
    assert push["headers"]["x-trace"] == "ring"
    assert push["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert push["headers"]["user-agent"].startswith("curl/")
    happened = listener.events_of(push["id"], last="call-reported")
    assert [one["device"] for one in happened] == ["iphone"] * len(happened)
    assert happened[-1]["call_id"] == push["payload"]["callUUID"]


# The wire below


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_every_name_of_this_machine_reaches_both_environments(
    curl: Curl, listener: Listener, host: str, environment: str
) -> None:
    if host == "[::1]" and not _has_ipv6():
        pytest.skip("IPv6: not on this machine")
    ask = good(listener, token_of("voip", environment=environment), to(environment))
    done = curl.run(*_url(listener, host, environment, ask), "-w", "%{http_code} %{http_version}")
    assert done.stdout == b"200 2", done.stderr.decode()


def test_http_1_1_gets_frames_as_at_apples(curl: Curl, listener: Listener) -> None:
    words = _url(listener, "127.0.0.1", "sandbox", good(listener))
    done = curl.run("--http1.1", *(word for word in words if word != "--http2"))
    assert done.returncode == 1
    assert b"Received HTTP/0.9 when not allowed" in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize("alpn", [(), ("--no-alpn",)], ids=["http/1.1 offered", "no ALPN"])
def test_http_1_1_is_told_why_in_the_debug_text_of_goaway(
    curl: Curl, listener: Listener, alpn: tuple[str, ...]
) -> None:
    ask = good(listener)
    words = _url(listener, "127.0.0.1", "sandbox", ask)
    done = curl.run("--http1.1", "--http0.9", *alpn, *(word for word in words if word != "--http2"))
    text = f"Unexpected HTTP/1.x request: POST /3/device/{ask.token}".encode()
    assert done.stdout.endswith(text)
    assert done.stdout.count(text) == 1


def test_there_is_no_cleartext(curl: Curl, listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port()}/3/device/{listener.token('voip')}"
    done = curl.run("--http2-prior-knowledge", "--data-binary", "{}", url)
    assert done.returncode != 0
    assert done.stdout == b""


def test_tls_older_than_1_2_is_refused(curl: Curl, listener: Listener) -> None:
    words = _url(listener, "127.0.0.1", "sandbox", good(listener))
    weak = ("--ciphers", "DEFAULT@SECLEVEL=0")  # OpenSSL itself speaks 1.1 on this level alone
    old = curl.run("--tlsv1.1", "--tls-max", "1.1", *weak, *words)
    assert old.returncode == 35
    assert b"no protocols available" not in old.stderr  # that would be curl's own refusal
    assert curl.run("--tlsv1.2", "--tls-max", "1.2", *weak, *words).returncode == 0


def test_the_certificate_is_checked_against_authority_and_name(
    curl: Curl, listener: Listener, tmp_path: Path
) -> None:
    ask = good(listener)
    trusting = _url(listener, "127.0.0.1", "sandbox", ask)
    at = trusting.index("--cacert")
    trusting_nobody = [*trusting[:at], *trusting[at + 2 :]]
    elsewhere = [
        *trusting[:-1],
        "--resolve",
        f"api.push.apple.com:{listener.port()}:127.0.0.1",
        trusting[-1].replace("127.0.0.1", "api.push.apple.com"),
    ]
    assert curl.run(*trusting).returncode == 0
    assert curl.run(*trusting_nobody).returncode == 60
    assert curl.run(*elsewhere).returncode == 60


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_certificate_that_has_ended_is_refused_in_tls(
    curl: Curl, listener: Listener, version: str
) -> None:
    words = _url(listener, "127.0.0.1", "sandbox", good(listener))
    tls = (f"--tlsv{version}", "--tls-max", version)
    ended = listener.certificate("app", "--app", APP, "--days", "-1")
    done = curl.run(*tls, "--cert", ended, *words)
    assert done.returncode in {35, 56, 60}, done.stderr
    assert done.stdout == b""
    good_one = listener.certificate("app", "--app", APP)
    assert curl.run(*tls, "--cert", good_one, *words).returncode == 0
    assert listener.log.with_name(f"{listener.log.name}.err").read_text().count("Traceback") == 0


def test_a_shell_that_asks_pushkit_env_reaches_the_listener(curl: Curl, tmp_path: Path) -> None:
    script = """
        eval "$("$0" env)"
        for ca in "$PUSHKIT_CA_FILE" "$PUSHKIT_CA_BUNDLE"; do
            "$1" -q -sS --http2 --noproxy '*' --cacert "$ca" -w '%{http_code}\\n' \\
                -H "authorization: bearer $2" -H "apns-topic: $PUSHKIT_BUNDLE_ID.voip" \\
                --data-binary '{}' "$PUSHKIT_ENDPOINT/3/device/$PUSHKIT_TOKEN_VOIP"
        done
    """
    with listening(tmp_path, "--app", APP) as listener:
        done = subprocess.run(
            ["sh", "-euc", script, str(PUSHKIT), curl.program, listener.provider_token()],
            env=dict(listener.env),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "200\n200\n"), done.stderr


def test_an_ephemeral_listener_serves_curl_and_leaves_nothing(curl: Curl, tmp_path: Path) -> None:
    with listening(tmp_path, "--app", APP, "--ephemeral") as listener:
        (answer,) = curl.ask(listener, [good(listener)])
        home = Path(listener.ready["home"])
        assert answer.status == 200
        assert leftovers(tmp_path, listener.ready)  # while it runs there is something to see
    assert not home.exists()
    assert not (tmp_path / "pushkit").exists()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _url(listener: Listener, host: str, environment: str, ask: Ask) -> list[str]:
    """The words for an ask, its body among them."""
    words = ["--http2", "--cacert", listener.ca_file, "--globoff", "--data-binary", "{}"]
    for name, value in ask.headers:
        words += ["-H", f"{name}: {value}"]
    return [*words, f"https://{host}:{listener.port(environment)}/3/device/{ask.token}"]
