"""From a targets file to requests: apns-ids, headers, bodies, and what lint holds."""

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.compose import Words
from pushkit_cli.engine.bulk_input import Input
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_order import BulkOrder, plan
from pushkit_cli.engine.bulk_shots import Shot, Shots
from pushkit_cli.engine.planning import Order
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target
from pushkit_cli.errors import StoreError, UsageError

RUN = "6c1f4c1e-0d70-4c58-9a53-0f6a6f4b2f10"
A, B, C = ("5f1c" * 16, "ab" * 32, "cd" * 80)
PUSH: dict[str, Any] = {
    "push_type": "voip",
    "app": "com.example.app",
    "env": Target.local,
    "payload": b'{"callUUID":"x"}',
}
Make = Callable[..., list[Shot | Misfit]]


@pytest.fixture
def make(tmp_path: Path, home: Path) -> Make:
    """The pushes of a file with these lines; `push` and `order` change what is asked for."""

    def made(*lines: str, order: Any = None, **push: Any) -> list[Shot | Misfit]:
        file = tmp_path / "targets"
        file.write_text("".join(f"{line}\n" for line in lines))
        asked = BulkOrder(push=Order(**(PUSH | push)), source=file, **(order or {}))
        with Input(file) as source:
            planned = plan(asked, source, Setting(home=home, variables={}))
            return list(Shots(planned, RUN).all(source.lines()))

    return made


def shots(found: list[Shot | Misfit]) -> list[Shot]:
    for one in found:
        assert isinstance(one, Shot), one
    return [one for one in found if isinstance(one, Shot)]


def field(shot: Shot, name: str) -> str | None:
    assert [n for n, _ in shot.request.headers].count(name.encode()) <= 1
    return shot.request.field(name.encode())


def line(**more: Any) -> str:
    return json.dumps({"token": A, **more})


def test_each_line_becomes_a_request_of_its_own(make: Make) -> None:
    found = shots(make(A, "", B.upper(), C))
    assert [shot.number for shot in found] == [1, 3, 4]
    assert [shot.request.path for shot in found] == [
        f"/3/device/{token}".encode() for token in (A, B, C)
    ]
    for shot in found:
        assert shot.request.body == PUSH["payload"]
        assert shot.request.body_size == len(PUSH["payload"])
        assert field(shot, "apns-topic") == "com.example.app.voip"
        assert field(shot, "apns-push-type") == "voip"
        assert field(shot, "apns-expiration") == "0"
        assert field(shot, "authorization") is None


def test_an_apns_id_is_a_function_of_run_and_line(make: Make) -> None:
    first, second = (shots(make(A, B)) for _ in range(2))
    assert [shot.apns_id for shot in first] == [shot.apns_id for shot in second]
    assert [field(shot, "apns-id") for shot in first] == [
        str(uuid.uuid5(uuid.UUID(RUN), str(number))) for number in (1, 2)
    ]
    (given,) = shots(make(line(headers={"apns-id": RUN})))
    assert (given.apns_id, field(given, "apns-id")) == (RUN, RUN)


def test_a_line_may_say_topic_headers_and_payload(make: Make) -> None:
    (one,) = shots(
        make(line(topic="com.other.voip", payload={"a": "ü"}, headers={"apns-collapse-id": "c"}))
    )
    assert field(one, "apns-topic") == "com.other.voip"
    assert field(one, "apns-collapse-id") == "c"
    assert one.request.body == '{"a":"ü"}'.encode()
    (two,) = shots(make(line(headers={"apns-expiration": "1999999999"}), collapse_id="all"))
    assert field(two, "apns-expiration") == "1999999999"
    assert field(two, "apns-collapse-id") == "all"


def test_variables_are_filled_in_for_each_line(make: Make) -> None:
    body = b'{"callUUID":"{{apns_id}}","n":"{{n}}","text":"{{id}}/{{line}}"}'
    found = shots(make(line(id="u", vars={"n": 5}), line(vars={"n": '"'}), payload=body))
    bodies = [json.loads(shot.request.body) for shot in found]
    assert bodies == [
        {"callUUID": found[0].apns_id, "n": 5, "text": "u/1"},
        {"callUUID": found[1].apns_id, "n": '"', "text": "/2"},
    ]


def test_a_body_with_braces_and_no_variable_is_sent_byte_for_byte(make: Make) -> None:
    body = b'{ "a" : "{{ }}" }'
    (one,) = shots(make(A, payload=body))
    assert one.request.body == body


HELD: dict[str, tuple[str, str]] = {
    "priority": (line(headers={"apns-priority": "7"}), "BadPriority"),
    "apns-id": (line(headers={"apns-id": "7"}), "BadMessageId"),
    "collapse id": (line(headers={"apns-collapse-id": "x" * 65}), "BadCollapseId"),
    "type": (line(headers={"apns-push-type": "alert"}), "InvalidPushType"),
    "topic": (line(topic="com.example.app"), "InvalidPushType"),
    "a token of odd length": (A + "5", "BadDeviceToken"),
    "a token too long": ("ab" * 101, "BadDeviceToken"),
    "too large a body": (line(payload={"a": "x" * 6000}), "PayloadTooLarge"),
    "a body that is no object": (line(payload=[]), "payload is no object"),
    "no variable": (line(payload={"a": "{{b}}"}), "the variable b has no value"),
    "a variable that does not fit": (line(payload={"a": "x{{b}}"}, vars={"b": []}), "within"),
    "half a surrogate": (line(payload={"a": "\ud800"}), "cannot be written"),
    "a name nobody knows": ('{"to":"nobody"}', "neither a device nor a token"),
}


@pytest.mark.parametrize("name", HELD)
def test_what_lint_finds_holds_one_line_and_no_other(make: Make, name: str) -> None:
    bad, words = HELD[name]
    before, held, after = make(A, bad, B)
    assert isinstance(before, Shot)
    assert isinstance(after, Shot)
    assert isinstance(held, Misfit)
    assert held.number == 2
    assert words in (held.reason or held.detail)


def test_without_lint_what_apns_would_refuse_is_sent(make: Make) -> None:
    bad, hostile = line(headers={"apns-priority": "7"}), "../" + A
    found = make(bad, hostile, A + "5", lint=False)
    assert [isinstance(one, Shot) for one in found] == [True, False, True]


def test_without_a_body_each_line_must_bring_its_own(make: Make) -> None:
    held, own = make(A, line(payload={"a": 1}), payload=None)
    assert isinstance(own, Shot)
    assert isinstance(held, Misfit)
    assert "no body" in held.detail


def test_a_body_from_words_goes_to_all(make: Make) -> None:
    (one,) = shots(make(A, payload=None, words=Words(title="Hi"), push_type="alert"))
    assert json.loads(one.request.body) == {"aps": {"alert": {"title": "Hi"}}}


def test_an_app_that_nobody_says_holds_the_line(make: Make) -> None:
    (held,) = make(A, app=None)
    assert isinstance(held, Misfit)
    assert "app" in held.detail
    assert "--app" in (held.remedy or "")


def test_repeats_are_held_where_that_is_asked(make: Make) -> None:
    lines = (A, B, A.upper(), line(payload={"a": 1}), line(payload={"a": 1}), A)
    assert len(shots(make(*lines))) == 6
    found = make(*lines, order={"unique": True})
    assert [one.number for one in found if isinstance(one, Misfit)] == [3, 5, 6]
    assert all(one.is_repeat for one in found if isinstance(one, Misfit))


def test_lint_looks_at_each_kind_of_request_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pushkit_cli.engine import planning

    looked = []
    real = planning.findings

    def counting(*arguments: Any) -> Any:
        looked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(planning, "findings", counting)
    assert len(shots(make(*(f"{number:064x}" for number in range(500)), C))) == 501
    assert len(looked) == 2, "one for each length of token"


# The environment


def test_an_environment_is_stated_or_known_of_every_target(make: Make) -> None:
    with pytest.raises(UsageError, match="no environment is known for the target of line 2"):
        make("", A, env=None)
    assert len(make(A, env=None, endpoint="https://127.0.0.1:1")) == 1


# The file


def test_lines_are_numbered_and_measured(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\xef\xbb\xbfa\r\n\nb" + b"\n" + b"c" * 200_000 + b"\nd")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with Input(file) as source:
        for _ in range(2):
            found = list(source.lines())
            assert [(number, raw[:3]) for number, raw in found] == [
                (1, b"a\r\n"), (2, b"\n"), (3, b"b\n"), (4, b"ccc"), (5, b"d"),
            ]  # fmt: skip
            assert max(len(raw) for _, raw in found) < 70_000
            measured = source.measured(5)
            assert (measured.size, measured.sha256) == (file.stat().st_size, digest)


def test_a_file_that_changes_while_it_is_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("a\n" * 5_000)
    with Input(file) as source:
        lines = source.lines()
        next(lines)
        with file.open("a") as more:
            more.write("b\n")
        with pytest.raises(StoreError, match="was changed while it was read"):
            list(lines)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for missing in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            Input(missing)
