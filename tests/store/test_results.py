"""A results file on a real disk: made once, locked, torn, healed, full."""

from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.errors import ExitCode, PushkitError, StoreError, UsageError
from pushkit_cli.store import results
from pushkit_cli.store.ledger import State, mark_line, reserve_line, resume_line
from pushkit_cli.store.results import open_states
from tests.engine.scene import no_file_beyond
from tests.store.runs import AT, header, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.ndjson"


def written(path: Path, *lines: bytes) -> bytes:
    """A file with these lines after its header; what it holds."""
    file = results.create(path, header())
    for line in lines:
        file.add(line)
    file.flush()
    file.sync()
    file.close()
    return path.read_bytes()


def reserve(upto: int) -> bytes:
    return reserve_line(upto, seq=0, at=AT)


def resumed(path: Path, *, boot: str | None = "up-1", **changed: Any) -> results.Resumed:
    found = results.resume(path, header(**changed), boot=boot)
    found.results.close()
    return found


def test_a_new_file_is_private_and_begins_with_its_header(path: Path) -> None:
    assert written(path) == header().encode()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_added_is_written_with_the_next_flush(path: Path) -> None:
    file = results.create(path, header())
    file.add(record(1, "accepted"))
    file.add(record(2, "accepted"))
    assert path.read_bytes() == header().encode()
    file.flush()
    assert file.pending == 0
    assert path.read_bytes() == header().encode() + record(1, "accepted") + record(2, "accepted")
    file.close()


def test_a_file_that_exists_is_not_written_over(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        results.create(path, header())
    assert path.read_text() == "mine"


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        results.create(tmp_path / "nowhere" / "x", header())


def test_a_resume_knows_what_was_decided_and_goes_on_behind_it(path: Path) -> None:
    before = written(path, reserve(9), record(1, "accepted"), record(2, "unknown"),
        record(3, "unsent"), record(4, "held"))  # fmt: skip
    found = results.resume(path, header(run="new", boot="up-2"), boot="up-2")
    assert found.header == header()
    assert found.ledger.count(State.ACCEPTED) == 1
    assert list(found.ledger.maybe_sent("up-2")) == [5, 6, 7, 8, 9]
    found.results.add(record(5, "unknown"))
    found.results.flush()
    found.results.close()
    assert path.read_bytes() == before + record(5, "unknown")


def test_unknown_targets_are_open_again_on_request_alone(path: Path) -> None:
    written(path, record(1, "accepted"), record(2, "unknown"), record(3, "unsent"),
        record(4, "held"), record(5, "refused"))  # fmt: skip
    ledger = resumed(path).ledger
    assert [at for at, one in enumerate(open_states(ledger, resend_unknown=False)[:7]) if one] == [
        0, 3, 6,
    ]  # fmt: skip
    assert [at for at, one in enumerate(open_states(ledger, resend_unknown=True)[:7]) if one] == [
        0, 2, 3, 6,
    ]  # fmt: skip


def test_two_runs_do_not_share_a_file(path: Path) -> None:
    first = results.create(path, header())
    with pytest.raises(StoreError, match="another run is writing"):
        results.resume(path, header(), boot="up-1")
    first.close()
    second = results.resume(path, header(), boot="up-1")
    with pytest.raises(StoreError, match="another run is writing"):
        results.resume(path, header(), boot="up-1")
    second.results.close()


@pytest.mark.parametrize("torn", [b"{", b'{"v":1,"event":"reply","line":2,"outc', b"\0" * 300])
def test_a_torn_end_is_cut_off(path: Path, torn: bytes) -> None:
    whole = written(path, reserve(5), record(1, "accepted"))
    path.write_bytes(whole + torn)
    for boot in ("up-1", "up-2"):
        assert resumed(path, boot=boot).ledger.count(State.ACCEPTED) == 1
        assert path.read_bytes() == whole


def test_what_a_power_cut_spoiled_behind_the_last_promise_is_blanked(path: Path) -> None:
    lines = (reserve(5), record(1, "accepted"), record(2, "accepted"), record(3, "accepted"))
    whole = written(path, *lines)
    spoiled = whole.replace(lines[2], bytes(len(lines[2]) - 1) + b"\n")
    path.write_bytes(spoiled)
    found = resumed(path, boot="up-2")
    assert list(found.ledger.maybe_sent("up-2")) == [2, 4, 5]
    assert found.ledger.count(State.ACCEPTED) == 2
    healed = whole.replace(lines[2], b" " * (len(lines[2]) - 1) + b"\n")
    assert path.read_bytes() == healed
    resumed(path, boot="up-1")
    assert path.read_bytes() == healed


@pytest.mark.parametrize(
    ("after", "boot"),
    [
        (reserve(6), "up-2"),
        (resume_line("up-2", seq=0, at=AT), "up-2"),
        (record(3, "accepted"), "up-1"),
        (mark_line(3, seq=0, at=AT), "up-1"),
    ],
)
def test_damage_that_no_crash_explains_is_said_and_left_alone(
    path: Path, after: bytes, boot: str
) -> None:
    whole = written(path, reserve(5), b"garbage\n", after)
    with pytest.raises(StoreError, match=f"damaged at byte {whole.index(b'garbage')}"):
        resumed(path, boot=boot)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"input_sha256": "00"}, "its input differs"),
        ({"payload_sha256": "00"}, "its payload differs"),
        ({"options": {"type": "alert"}}, "its type differs"),
    ],
)
def test_another_run_is_not_resumed(path: Path, changed: dict[str, Any], words: str) -> None:
    whole = written(path, reserve(5))
    with pytest.raises(UsageError, match=words) as caught:
        resumed(path, **changed)
    assert caught.value.exit_code is ExitCode.USAGE
    assert path.read_bytes() == whole


def test_a_run_of_standard_input_is_not_resumed(path: Path) -> None:
    results.create(path, header(None, input_size=None, input_sha256=None)).close()
    with pytest.raises(UsageError, match="standard input"):
        results.resume(path, header(), boot="up-1")


@pytest.mark.parametrize(
    ("text", "error"),
    [(None, UsageError), (b"", StoreError), (b"{}\n", StoreError), (b"half", StoreError)],
)
def test_what_is_no_results_file_is_not_resumed(
    path: Path, text: bytes | None, error: type[PushkitError]
) -> None:
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(error) as caught:
        resumed(path)
    assert caught.value.hint
    assert text is None or path.read_bytes() == text


def test_links_and_folders_are_no_results_files(path: Path, tmp_path: Path) -> None:
    written(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    for where in (link, tmp_path):
        with pytest.raises(PushkitError):
            resumed(where)
        with pytest.raises(PushkitError):
            results.create(where, header())


def test_a_full_disk_keeps_what_it_could_not_write_for_another_try(path: Path) -> None:
    file = results.create(path, header())
    for line in range(1, 31):
        file.add(record(line, "accepted"))
    size = len(header().encode()) + 500
    with no_file_beyond(size), pytest.raises(StoreError, match="cannot be written") as caught:
        file.flush()
    assert caught.value.exit_code is ExitCode.CONFIG
    assert "--resume" in (caught.value.hint or "")
    assert path.stat().st_size == size
    assert file.pending > 0
    file.flush()
    file.close()
    assert resumed(path).ledger.count(State.ACCEPTED) == 30


def test_a_disk_that_is_full_at_once_leaves_no_file(path: Path) -> None:
    with no_file_beyond(10), pytest.raises(StoreError):
        results.create(path, header())
    assert not path.exists()
