"""docs/bulk.md names every line of a results file, every key of a target, and every retry."""

import re
from pathlib import Path

from pushkit_cli.apns.reasons import REASONS, Retry
from pushkit_cli.engine import bulk_book, bulk_lines
from tests.bulk import results_of, send_to, tokens, write, yes
from tests.cli.hosts import answers, raw_host
from tests.commands import objects

TEXT = (Path(__file__).parents[2] / "docs" / "bulk.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([A-Za-z_0-9-]+)`", TEXT))


def test_every_line_of_a_results_file_is_named(tmp_path: Path) -> None:
    file, dead = write(tmp_path, tokens(3)), tmp_path / "dead"
    with raw_host(tmp_path, answers(yes)) as host:
        send_to(host, file)
        send_to(host, file, "--resume", "--dead-tokens", str(dead))
    lines = objects(results_of(file).read_bytes())
    assert {line["event"] for line in lines} == set(
        re.findall(r"^\| `([a-z]+)` \|", TEXT.partition("## The lines")[2].partition("##")[0], re.M)
    )
    run = lines[0]
    assert {*run, *run["input"]} - {"v", "event", "seq", "at"} <= NAMED


def test_every_key_of_a_target_is_named() -> None:
    assert {"token", "to", "id", "payload", "topic", "headers", "vars"} <= NAMED
    assert all(f"{{{{{name}}}}}" in TEXT for name in bulk_lines.OURS)
    assert f"{bulk_lines.LONGEST_LINE // 1024} KB" in TEXT
    assert f"{bulk_book.CHUNK:,} lines" in TEXT


def test_every_reason_that_is_tried_again_is_named() -> None:
    again = {
        word
        for word, row in REASONS.items()
        if row.retry in (Retry.NOW, Retry.LATER) and row.status != 500 and word not in NAMED
    }
    assert again == {"ServiceUnavailable"}, "500 and 503 stand by their status"
