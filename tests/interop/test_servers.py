"""`pushkit send` against servers that others wrote: what arrives there, and what we make of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns import token as provider
from tests.interop.processes import free_port
from tests.interop.servers import (
    APP,
    Certificate,
    Nghttpd,
    Node,
    Sender,
    Sent,
    new_certificate,
    start_nghttpd,
)

APNS_ID = "8023DA58-9055-DD6E-1BF4-436DEE686899"
UUID = "6b29fc40-ca47-1067-b31d-00dd010662da"


def to(answer: str, place: int = 0) -> str:
    """A device token that apns.mjs answers so; `place` makes several of a kind."""
    return f"{answer}{place:02x}" + "5f" * 30


def _expected(port: int, token: str, bearer: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", f"127.0.0.1:{port}"),
        (":path", f"/3/device/{token}"),
        ("authorization", bearer),
        ("apns-topic", f"{APP}.voip"),
        ("apns-push-type", "voip"),
        ("apns-priority", "10"),
        ("apns-expiration", "0"),
    ]


# nghttpd


def test_a_push_that_nghttpd_takes_is_accepted(sender: Sender, nghttpd: Nghttpd) -> None:
    nghttpd.knows(to("00"))
    sent = sender.send(nghttpd.port, to("00"))
    assert sent.code == 0, sent.stderr
    assert sent.stdout.startswith("accepted  0000…5f5f")
    (seen,) = nghttpd.seen(requests=1)
    assert seen.headers == _expected(nghttpd.port, to("00"), seen["authorization"])
    assert seen.sensitive == [], "Apple lets the provider token be indexed: it seldom changes"
    assert seen.data == [len(b'{"callUUID":"x"}')]


def test_a_body_in_a_200_changes_nothing(sender: Sender, nghttpd: Nghttpd) -> None:
    nghttpd.knows(to("00"), body='{"reason":"BadDeviceToken"}' * 10_000)
    sent = sender.send(nghttpd.port, to("00"), words=("--json",))
    assert (sent.code, sent.objects[0]["outcome"], sent.objects[0]["reason"]) == (
        0,
        "accepted",
        None,
    )


def test_a_page_for_a_browser_is_a_refusal_without_a_reason(
    sender: Sender, nghttpd: Nghttpd
) -> None:
    sent = sender.send(nghttpd.port, to("00"))
    assert sent.code == 4
    assert sent.stdout.startswith("refused   0000…5f5f")
    assert "404" in sent.stdout
    reply, _ = sender.send(nghttpd.port, to("00"), words=("--json",)).objects
    assert (reply["outcome"], reply["status"], reply["reason"]) == ("refused", 404, None)
    assert (reply["apns_id"], reply["retry"]) == (None, "after-fix")


def test_one_stream_at_a_time_is_enough(
    sender: Sender, certificate: Certificate, tmp_path: Path
) -> None:
    tokens = [to("00", place) for place in range(12)]
    with start_nghttpd(tmp_path, certificate, "-m", "1") as nghttpd:
        for token in tokens:
            nghttpd.knows(token)
        sent = sender.send(nghttpd.port, *tokens)
        seen = nghttpd.seen(requests=len(tokens))
    assert sent.code == 0, sent.stdout
    assert [one[":path"].rpartition("/")[2] for one in seen] == tokens


def test_bodies_keep_to_a_window_of_a_kilobyte(
    sender: Sender, certificate: Certificate, tmp_path: Path
) -> None:
    tokens = [to("00", place) for place in range(6)]
    body = '{"callUUID":"%s"}' % ("x" * 5000)
    with start_nghttpd(tmp_path, certificate, "-w", "10") as nghttpd:
        for token in tokens:
            nghttpd.knows(token)
        sent = sender.send(nghttpd.port, *tokens, payload=body)
        seen = nghttpd.seen(requests=len(tokens))
    assert sent.code == 0, sent.stdout
    assert [sum(one.data) for one in seen] == [len(body)] * len(tokens)
    assert max(seen[-1].data) < 1024  # SETTINGS had arrived by then


@pytest.mark.parametrize("size", ["0", "100", "65536"])
def test_a_compression_table_of_any_size_is_kept_to(
    sender: Sender, certificate: Certificate, tmp_path: Path, size: str
) -> None:
    tokens = [to("00", place) for place in range(4)]
    with start_nghttpd(tmp_path, certificate, "-c", size) as nghttpd:
        for token in tokens:
            nghttpd.knows(token)
        sent = sender.send(nghttpd.port, *tokens)
        seen = nghttpd.seen(requests=len(tokens))
    assert sent.code == 0, sent.stdout
    for token, one in zip(tokens, seen, strict=True):
        assert one.headers == _expected(nghttpd.port, token, one["authorization"])


def test_padded_frames_are_understood(
    sender: Sender, certificate: Certificate, tmp_path: Path
) -> None:
    with start_nghttpd(tmp_path, certificate, "-b", "255") as nghttpd:
        nghttpd.knows(to("00"), body="x" * 100_000)
        sent = sender.send(nghttpd.port, to("00"), to("40"))
    assert sent.code == 4
    assert [line.split()[0] for line in sent.stdout.splitlines()] == ["accepted", "refused"]


def test_a_server_without_tls_gets_nothing(
    sender: Sender, certificate: Certificate, tmp_path: Path
) -> None:
    with start_nghttpd(tmp_path, certificate, "--no-tls") as nghttpd:
        sent = sender.send(nghttpd.port, to("00"))
        assert sent.code == 5
        assert "did not complete TLS" in sent.stderr
        assert not nghttpd.seen(requests=0)


# Node: what arrives


def test_node_sees_exactly_the_headers_apple_documents(sender: Sender, node: Node) -> None:
    sent = sender.send(node.port, to("00"))
    assert sent.code == 0, sent.stderr
    assert f"apns-id {APNS_ID}" in sent.stdout
    (arrived,) = node.arrived(1)
    assert list(arrived.headers) == _expected(node.port, to("00"), arrived["authorization"])
    assert arrived.body == b'{"callUUID":"x"}'
    assert arrived.stream == 1


def test_the_provider_token_that_arrives_is_fresh_and_verifies(sender: Sender, node: Node) -> None:
    sender.send(node.port, to("00"))
    (arrived,) = node.arrived(1)
    scheme, _, text = arrived["authorization"].partition(" ")
    token = provider.read(text)
    assert scheme == "bearer"
    assert isinstance(token, provider.ProviderToken)
    assert (token.team_id, token.key_id) == ("LOCALTEAM0", "LOCALKEY01")
    assert abs(time.time() - token.issued_at) < 30
    assert provider.verify(token, sender.public_key.read_bytes()) is None


def test_whatever_is_said_on_the_command_line_arrives_as_said(sender: Sender, node: Node) -> None:
    sent = sender.send(
        node.port,
        to("00"),
        type="alert",
        payload='{ "aps": {"alert": "Grüße ☎"} }',
        priority="5",
        expiration="absent",
        collapse_id="call-1",
        apns_id=UUID,
        header="x-trace: 1",
    )
    assert sent.code == 0, sent.stderr
    (arrived,) = node.arrived(1)
    assert list(arrived.headers)[5:] == [
        ("apns-topic", APP),
        ("apns-push-type", "alert"),
        ("apns-priority", "5"),
        ("apns-collapse-id", "call-1"),
        ("apns-id", UUID),
        ("x-trace", "1"),
    ]
    assert arrived.body == '{ "aps": {"alert": "Grüße ☎"} }'.encode()


def test_a_body_of_the_largest_size_arrives_whole(sender: Sender, node: Node) -> None:
    body = '{"callUUID":"%s"}' % ("x" * (5120 - len('{"callUUID":""}')))
    assert sender.send(node.port, to("00"), payload=body).code == 0
    (arrived,) = node.arrived(1)
    assert arrived.body == body.encode()
    assert len(arrived.body) == 5120


def test_a_localhost_endpoint_is_the_authority_that_arrives(sender: Sender, node: Node) -> None:
    sent = sender.send(node.port, to("00"), endpoint=f"https://localhost:{node.port}")
    assert sent.code == 0, sent.stderr
    (arrived,) = node.arrived(1)
    assert arrived[":authority"] == f"localhost:{node.port}"


def test_several_targets_share_a_connection_and_a_provider_token(
    sender: Sender, node: Node
) -> None:
    tokens = [to("00", place) for place in range(20)]
    sent = sender.send(node.port, *tokens)
    assert sent.code == 0, sent.stdout
    arrived = node.arrived(len(tokens))
    assert {one.connection for one in arrived} == {arrived[0].connection}
    assert len({one["authorization"] for one in arrived}) == 1
    assert [one.stream for one in arrived] == list(range(1, 40, 2))
    assert [one[":path"] for one in arrived] == [f"/3/device/{token}" for token in tokens]


# Node: what we make of its answers

ANSWERS: dict[str, dict[str, Any]] = {
    "00": {"outcome": "accepted", "status": 200, "retry": "never", "apns_id": APNS_ID},
    "01": {"outcome": "accepted", "status": 200, "retry": "never", "apns_id": APNS_ID},
    "40": {
        "outcome": "refused",
        "status": 400,
        "reason": "BadDeviceToken",
        "retry": "never",
        "apns_id": APNS_ID,
    },
    "41": {
        "outcome": "refused",
        "status": 410,
        "reason": "Unregistered",
        "retry": "never",
        "apns_id": APNS_ID,
        "unregistered_at_ms": 1454948015990,
    },
    "42": {
        "outcome": "refused",
        "status": 429,
        "reason": "TooManyRequests",
        "retry": "later",
        "apns_id": APNS_ID,
        "retry_after_s": 7,
    },
    "43": {
        "outcome": "refused",
        "status": 418,
        "reason": "SomethingNew",
        "retry": "after-fix",
        "apns_id": APNS_ID,
    },
    "50": {"outcome": "unsent", "retry": "now"},
    "80": {"outcome": "unknown", "retry": "on-request"},
    "81": {"outcome": "unknown", "retry": "on-request"},
    "82": {"outcome": "unknown", "retry": "on-request"},
    "83": {"outcome": "unknown", "retry": "on-request"},
}
"""What the reply object says by the first two digits of the token; what is not named is `null`."""

NAMES = {
    "00": "200",
    "01": "GOAWAY that counts it, then 200",
    "40": "400",
    "41": "410 with a timestamp",
    "42": "429 with retry-after",
    "43": "a status and a reason of tomorrow",
    "50": "RST_STREAM REFUSED_STREAM",
    "80": "RST_STREAM INTERNAL_ERROR",
    "81": "silence",
    "82": "a destroyed socket",
    "83": "GOAWAY that counts it, and silence",
}


def _attempts(replies: Sequence[dict[str, Any]]) -> int:
    return sum(int(reply["attempts"]) for reply in replies)


def _check(reply: dict[str, Any], token: str, place: int) -> None:
    nothing = dict.fromkeys(
        ("status", "reason", "apns_id", "unregistered_at_ms", "retry_after_s", "apns_unique_id")
    )
    expected = {**nothing, **ANSWERS[token[:2]]}
    assert {name: reply[name] for name in expected} == expected
    assert (reply["event"], reply["line"]) == ("reply", place)
    assert reply["attempts"] == 1 or reply["outcome"] == "unsent"
    assert reply["token"] == f"{token[:4]}..{token[-4:]}"  # nobody here issued it: it is real
    assert reply["outcome"] != "accepted" or reply["hint"] is None


def _summary(sent: Sent, tokens: Sequence[str], node: Node) -> dict[str, Any]:
    """Check every object, and that each attempt arrived once."""
    *replies, summary = sent.objects
    assert len(replies) == len(tokens)
    for place, (reply, token) in enumerate(zip(replies, tokens, strict=True), start=1):
        _check(reply, token, place)
    arrived = [one[":path"].rpartition("/")[2] for one in node.arrived(_attempts(replies))]
    assert [arrived.count(token) for token in tokens] == [one["attempts"] for one in replies]
    outcomes = [reply["outcome"] for reply in replies]
    assert (summary["event"], summary["targets"]) == ("summary", len(tokens))
    for outcome in ("accepted", "refused", "unknown", "unsent", "held"):
        assert summary[outcome] == outcomes.count(outcome)
    assert summary["exit"] == sent.code
    return summary


@pytest.mark.parametrize("answer", ANSWERS, ids=NAMES.get)
def test_each_answer_has_its_exit_code_and_its_reply(
    sender: Sender, node: Node, answer: str
) -> None:
    sent = sender.send(node.port, to(answer), words=("--json",), timeout="1s")
    assert sent.code == int(answer[0])
    _summary(sent, [to(answer)], node)
    assert "eyJ" not in sent.stdout + sent.stderr  # no provider token in sight


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (("00", "40", "00"), 4),
        (("41", "50", "00", "42"), 5),
        (("80", "50", "40", "00"), 8),
        (("00", "81"), 8),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else f"exit {value}",
)
def test_several_answers_end_with_the_gravest_and_each_keeps_its_own(
    sender: Sender, node: Node, answers: tuple[str, ...], code: int
) -> None:
    tokens = [to(answer, place) for place, answer in enumerate(answers)]
    sent = sender.send(node.port, *tokens, words=("--json",), timeout="1s")
    assert sent.code == code
    summary = _summary(sent, tokens, node)
    assert sum(summary["by_reason"].values()) == summary["refused"]


LEFT_BEHIND = [to("00"), to("51", 1), *(to("00", place) for place in range(2, 6))]
"""The second is answered with GOAWAY that counts the first alone; tried again, all are accepted."""


def test_goaway_below_a_stream_proves_that_it_was_not_processed(sender: Sender, node: Node) -> None:
    sent = sender.send(node.port, *LEFT_BEHIND, words=("--json",), retries="0")
    *replies, summary = sent.objects
    assert sent.code == summary["exit"] == 5
    assert [reply["outcome"] for reply in replies] == ["accepted", *["unsent"] * 5]
    assert {(reply["retry"], reply["status"]) for reply in replies[1:]} == {("now", None)}
    assert len(node.arrived(2)) == 2


def test_what_goaway_left_behind_is_sent_again_and_nothing_else(sender: Sender, node: Node) -> None:
    sent = sender.send(node.port, *LEFT_BEHIND, words=("--json",))
    *replies, summary = sent.objects
    assert sent.code == summary["exit"] == 0
    assert [reply["attempts"] for reply in replies] == [1, *[2] * 5]
    arrived = node.arrived(7)
    paths = [one[":path"].rpartition("/")[2] for one in arrived]
    assert paths == [*LEFT_BEHIND[:2], *LEFT_BEHIND[1:]]
    assert [one.connection for one in arrived] == [1, 1, *[2] * 5]


def test_goaway_before_anything_leaves_every_push_unsent(sender: Sender, node: Node) -> None:
    sent = sender.send(node.leaving, to("00"), to("00", 1), words=("--json",))
    assert sent.code == 5
    assert [one.get("outcome") for one in sent.objects] == ["unsent", "unsent", None]


def test_a_server_with_another_authority_gets_nothing(
    sender: Sender, node: Node, tmp_path: Path
) -> None:
    sent = sender.send(node.port, to("00"), cacert=str(new_certificate(tmp_path).ca))
    assert sent.code == 5
    assert "certificate that is not trusted" in sent.stderr
    assert not node.arrived(0)
    assert sender.send(node.port, to("00")).code == 0  # and with the right one it goes


def test_a_port_where_nobody_listens_is_not_sent(sender: Sender) -> None:
    sent = sender.send(free_port(), to("00"))
    assert sent.code == 5
    assert "cannot be reached" in sent.stderr
