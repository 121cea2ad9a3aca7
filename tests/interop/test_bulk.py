"""`pushkit send --targets` against servers that others wrote."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.interop.servers import Certificate, Node, Sender, start_nghttpd
from tests.interop.test_servers import to

EXPECTED = {"00": "accepted", "01": "accepted", "51": "accepted", "40": "refused",
    "41": "refused", "43": "refused", "80": "unknown"}  # fmt: skip
"""By the first two digits of a token; 01 and 51 end the connection with GOAWAY."""


def _targets(folder: Path, tokens: list[str]) -> Path:
    file = folder / "targets"
    file.write_text("".join(f"{token}\n" for token in tokens))
    return file


@pytest.mark.parametrize("connections", ["1", "3"])
def test_node_and_we_agree_about_every_push_of_a_run(
    sender: Sender, node: Node, tmp_path: Path, connections: str
) -> None:
    odd = [to(kind, place) for kind in EXPECTED if kind != "00" for place in range(6)]
    tokens = [to("00", place) for place in range(200)]
    for number, token in enumerate(odd):
        tokens.insert(4 * number, token)
    results = tmp_path / "run.ndjson"
    sent = sender.send(
        node.port,
        targets=str(_targets(tmp_path, tokens)),
        results=str(results),
        connections=connections,
        in_flight="20",
        words=("--json",),
        payload='{"callUUID":"x"}',
    )
    assert sent.code == 8, sent.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    replies = {one["token"]: one for one in lines if one["event"] == "reply"}
    assert set(replies) == set(tokens)
    assert {token: one["outcome"] for token, one in replies.items()} == {
        token: EXPECTED[token[:2]] for token in tokens
    }
    said = [json.loads(line) for line in node.log.read_text().splitlines()]
    paths = [dict(one["headers"])[":path"] for one in said if one["event"] == "request"]
    looked_at = Counter(path.rpartition("/")[2] for path in paths)
    assert set(looked_at) == set(tokens)
    assert {looked_at[token] for token in tokens if token[:2] != "51"} == {1}


def test_nghttpd_takes_a_run_one_stream_at_a_time(
    sender: Sender, certificate: Certificate, tmp_path: Path
) -> None:
    tokens = [to("00", place) for place in range(40)]
    with start_nghttpd(tmp_path, certificate, "-m", "1", "-w", "10") as nghttpd:
        for token in tokens:
            nghttpd.knows(token)
        file = str(_targets(tmp_path, tokens))
        sent = sender.send(nghttpd.port, targets=file, payload='{"callUUID":"{{apns_id}}"}')
        seen = nghttpd.seen(requests=len(tokens))
    assert sent.code == 0, sent.stderr
    assert [one[":path"].rpartition("/")[2] for one in seen] == tokens
