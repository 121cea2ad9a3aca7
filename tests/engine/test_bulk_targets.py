"""What a targets file may hold, and what never leaves because of it."""

import json
import os
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.bulk import APP, asked_for, counts, replies, results_of, send_to, tokens, write, yes
from tests.cli.errands import failed
from tests.cli.hosts import answers, raw_host


def test_repeats_are_held_and_no_mistake(tmp_path: Path) -> None:
    lines = [f'{{"token":"{token}","payload":{{"a":1}}}}' for token in (*tokens(3), *tokens(2))]
    file = write(tmp_path, lines)
    with raw_host(tmp_path, answers(yes)) as host:
        done = send_to(host, file, "--unique")
        again = send_to(host, file, "--unique", "--resume")
    assert (done.returncode, counts(done)) == (0, {"accepted": 3, "held": 2})
    assert (again.returncode, counts(again)) == (0, counts(done))


def test_another_input_or_other_options_are_another_run(tmp_path: Path) -> None:
    file = write(tmp_path, tokens(3))
    with raw_host(tmp_path, answers(yes)) as host:
        assert send_to(host, file).returncode == 0
        assert "its priority differs" in failed(
            send_to(host, file, "--resume", "--priority", "5"), 2
        )
        write(tmp_path, tokens(4))
        assert "its input differs" in failed(send_to(host, file, "--resume"), 2)
    assert len(host.asked) == 3


def hostile(token: str) -> list[str]:
    """Thirty lines that somebody else wrote, none of which may leave."""
    texts = ["../../../4/broadcasts/apps/x", f"{token}/../x", f"{token}?a=b", f"{token}\\r\\nx: y",
        f"{token}\x00", "%2e%2e", token[:-1] + "!", "", "[]", "{", '"', "true",
        '{"token":1}', "{}", '{"token":"x","to":"y"}', '{"tokens":"x"}', "[" * 60_000]  # fmt: skip
    headers: list[object] = [{":path": "/x"}, {"authorization": "bearer x"}, {"host": "x"},
        {"Connection": "close"}, {"transfer-encoding": "chunked"}, {"a\r\nb": "c"},
        {"apns-topic": "a\r\nauthorization: x"}, {"apns-priority": "10\n"},
        {"apns-id": "1\r\n"}, {"a": None}, "x"]  # fmt: skip
    others: list[dict[str, object]] = [
        {"topic": "a\r\nb"},
        {"payload": "x"},
        {"vars": []},
        {"payload": {"a": "{{nobody}}"}},
    ]
    lines = [json.dumps({"token": token, "headers": one}) for one in headers]
    return [*(one for one in texts if one), *lines,
        *(json.dumps({"token": token} | one) for one in others)][:30]  # fmt: skip


def test_thirty_hostile_lines_among_a_thousand_hold_themselves_and_no_other(
    tmp_path: Path,
) -> None:
    good, bad = tokens(970), hostile(f"{5:064x}")
    assert len(bad) == 30
    lines = list(good)
    for number, line in enumerate(bad):
        lines.insert(number * 33, line)
    quotes = json.dumps({"token": good[0], "vars": {"n": '"},"x":{"'}, "payload": {"n": "{{n}}"}})
    lines[lines.index(good[0])] = quotes
    file = write(tmp_path, lines)
    with raw_host(tmp_path, answers(yes)) as host:
        done = send_to(host, file, "--on-lint", "skip")
    assert (done.returncode, counts(done)) == (3, {"accepted": 970, "held": 30})
    assert asked_for(host) == Counter(good)
    first = next(request for request in host.asked if request.token == good[0])
    assert json.loads(first.body) == {"n": '"},"x":{"'}
    names = {name.decode() for request in host.asked for name, _ in request.headers}
    assert names == {":method", ":scheme", ":authority", ":path", "authorization", "apns-topic",
        "apns-push-type", "apns-priority", "apns-expiration", "apns-id"}  # fmt: skip
    assert {request.field(b"apns-topic") for request in host.asked} == {f"{APP}.voip"}


def test_lines_that_are_held_by_the_thousand_hold_up_nobody(tmp_path: Path) -> None:
    file = write(tmp_path, [*["x"] * 1_500, *tokens(3), *["x"] * 1_500, f"{4:064x}", *["x"] * 700])
    with raw_host(tmp_path, answers(yes)) as host:
        done = send_to(host, file, "--on-lint", "skip", "--in-flight", "2")
    assert (done.returncode, counts(done)) == (3, {"accepted": 4, "held": 3_700})
    assert asked_for(host) == Counter(tokens(4))


def test_a_file_of_held_lines_alone_asks_no_host(tmp_path: Path) -> None:
    file = write(tmp_path, ["x"] * 1_500)
    with raw_host(tmp_path, answers(yes)) as host:
        done = send_to(host, file, "--on-lint", "skip")
    assert (done.returncode, counts(done), host.connections) == (3, {"held": 1_500}, 0)


def test_a_pipe_is_read_as_it_comes_and_cannot_be_resumed(tmp_path: Path) -> None:
    file = tmp_path / "pipe"
    os.mkfifo(file)

    def fill() -> None:
        with suppress(BrokenPipeError), file.open("w") as pipe:
            pipe.write("".join(f"{token}\n" for token in tokens(1_500)))
            pipe.flush()
            pipe.write("not a token\n")

    writer = threading.Thread(target=fill)
    writer.start()
    with raw_host(tmp_path, answers(yes)) as host:
        done = send_to(host, file, "--on-lint", "skip")
        writer.join()
        again = threading.Thread(target=fill)
        again.start()
        assert "cannot be read again" in failed(send_to(host, file, "--resume"), 2)
        again.join()
    assert (done.returncode, counts(done)) == (3, {"accepted": 1_500, "held": 1})
    assert sorted(replies(results_of(file))) == list(range(1, 1_502))
    assert asked_for(host) == Counter(tokens(1_500))
