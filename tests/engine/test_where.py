"""Where a push goes and who may see a credential there: as tables."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.push import Environment
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import (
    Target,
    check_may_sign,
    is_apple,
    is_loopback,
    parse_endpoint,
    place,
)
from pushkit_cli.errors import ExitCode, UsageError
from pushkit_cli.net.sender import Endpoint

ENDPOINTS = {
    "https://127.0.0.1:2197": ("127.0.0.1", 2197),
    "127.0.0.1:2197": ("127.0.0.1", 2197),
    "localhost": ("localhost", 443),
    "https://api.push.apple.com": ("api.push.apple.com", 443),
    "https://api.push.apple.com/": ("api.push.apple.com", 443),
    "HTTPS://API.Push.Apple.COM:2197/": ("api.push.apple.com", 2197),
    "https://[::1]:2197": ("::1", 2197),
    "[::1]:2197": ("::1", 2197),
    "[::1]": ("::1", 443),
    "https://a_b.example": ("a_b.example", 443),
    "example.com:1": ("example.com", 1),
    "example.com:65535": ("example.com", 65535),
    "https://example.com:": ("example.com", 443),
}


@pytest.mark.parametrize(("text", "expected"), ENDPOINTS.items(), ids=ENDPOINTS.keys())
def test_an_endpoint_is_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    host, port = expected
    assert parse_endpoint(text) == Endpoint(host=host, port=port)


MISTAKES = {
    "": "names no host",
    "https://": "names no host",
    ":2197": "names no host",
    "https://:2197": "names no host",
    "https://ex ample": "names no host",
    "https://ex\u00e4mple": "names no host",
    "https://\u202eexample": "names no host",
    "https://exa%6dple": "names no host",
    "https://" + "x" * 254: "names no host",
    "http://127.0.0.1:2197": "is not https",
    "ftp://127.0.0.1": "is not https",
    "//127.0.0.1": "is not https",
    "https://127.0.0.1:65536": "has no host or port that can be",
    "https://127.0.0.1:-1": "has no host or port that can be",
    "https://127.0.0.1:https": "has no host or port that can be",
    "https://127.0.0.1:\u0663": "has no host or port that can be",
    "https://127.0.0.1/3/device": "more than a host and a port",
    "https://127.0.0.1?a=b": "more than a host and a port",
    "https://127.0.0.1#a": "more than a host and a port",
    "https://me@127.0.0.1": "more than a host and a port",
    "https://me:secret@127.0.0.1": "more than a host and a port",
    "https:///127.0.0.1": "more than a host and a port",
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.items(), ids=ascii)
def test_what_is_more_or_less_than_an_endpoint_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_endpoint(text)
    assert words in caught.value.message
    assert "https://127.0.0.1:2197" in (caught.value.hint or "")
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("host", "apple", "loopback"),
    [
        ("api.push.apple.com", True, False),
        ("api.sandbox.push.apple.com", True, False),
        ("api.development.push.apple.com", True, False),
        ("push.apple.com", False, False),
        ("evilpush.apple.com", False, False),
        ("apple.com", False, False),
        ("api.push.apple.com.example.com", False, False),
        ("api-push-apple.com", False, False),
        ("localhost", False, True),
        ("127.0.0.1", False, True),
        ("127.255.255.254", False, True),
        ("::1", False, True),
        ("0:0:0:0:0:0:0:1", False, True),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("128.0.0.1", False, False),
        ("10.0.0.1", False, False),
        ("127.1", False, False),
        ("localhost.example.com", False, False),
        ("127.0.0.1.example.com", False, False),
        ("example.com", False, False),
    ],
)
def test_a_credential_is_shown_to_apple_this_machine_and_who_is_named(
    host: str, apple: bool, loopback: bool
) -> None:
    assert (is_apple(host), is_loopback(host)) == (apple, loopback)
    endpoint = Endpoint(host=host, port=443)
    check_may_sign(endpoint, host)
    if apple or loopback:
        check_may_sign(endpoint, None)
        check_may_sign(endpoint, "elsewhere.example")
        return
    for named in (None, "", "elsewhere.example", f"{host}:443", f"x{host}", f"{host}.example"):
        with pytest.raises(UsageError) as caught:
            check_may_sign(endpoint, named)
        assert host in caught.value.message
        assert f"--send-key-to {host}" in (caught.value.hint or "")


# Places


@dataclass(frozen=True)
class Case:
    """What is said, and where that leads."""

    target: Target
    endpoint: str
    cacert: str | None
    variables: dict[str, str] = field(default_factory=dict)
    said_endpoint: str | None = None
    said_cacert: str | None = None
    listening: bool = False


LISTENER: dict[str, Any] = {
    "endpoints": {"sandbox": "https://127.0.0.1:1001", "production": "https://127.0.0.1:1002"},
    "ca_file": "/listener/ca.pem",
}
DIVERTING = {
    "PUSHKIT_ENDPOINT": "https://127.0.0.1:3001",
    "PUSHKIT_PRODUCTION_ENDPOINT": "https://127.0.0.1:3002",
    "PUSHKIT_CA_FILE": "/variable/ca.pem",
}
CASES = {
    "nobody listens": Case(Target.local, "127.0.0.1:2197", None),
    "nobody listens, production": Case(Target.local_production, "127.0.0.1:2198", None),
    "a listener": Case(Target.local, "127.0.0.1:1001", "/listener/ca.pem", listening=True),
    "a listener, production": Case(
        Target.local_production, "127.0.0.1:1002", "/listener/ca.pem", listening=True
    ),
    "variables": Case(Target.local, "127.0.0.1:3001", "/variable/ca.pem", DIVERTING),
    "variables before a listener": Case(
        Target.local_production, "127.0.0.1:3002", "/variable/ca.pem", DIVERTING, listening=True
    ),
    "empty variables": Case(
        Target.local,
        "127.0.0.1:1001",
        "/listener/ca.pem",
        dict.fromkeys(DIVERTING, ""),
        listening=True,
    ),
    "words before variables": Case(
        Target.local, "localhost:9", "/said/ca.pem", DIVERTING, "localhost:9", "/said/ca.pem", True
    ),
    "no variable diverts Apple's sandbox": Case(
        Target.sandbox, "api.sandbox.push.apple.com", None, DIVERTING, listening=True
    ),
    "no variable diverts Apple's production": Case(
        Target.production, "api.push.apple.com", None, DIVERTING, listening=True
    ),
    "an authority for Apple's": Case(
        Target.production, "api.push.apple.com", "/said/ca.pem", DIVERTING, None, "/said/ca.pem"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_place_is_found_by_the_first_that_says_it(case: Case, home: Path) -> None:
    found = place(
        case.target,
        endpoint=case.said_endpoint,
        cacert=None if case.said_cacert is None else Path(case.said_cacert),
        setting=Setting(home=home, variables=case.variables),
        listener=LISTENER if case.listening else None,
    )
    assert found.target is case.target
    assert found.endpoint.authority == case.endpoint
    assert found.cacert == (None if case.cacert is None else Path(case.cacert))
    assert not home.exists()


MANAGED = {
    **LISTENER["endpoints"],
    "manage_sandbox": "https://127.0.0.1:1003",
    "manage_production": "https://127.0.0.1:1004",
}
INSIDE = {"PUSHKIT_ENDPOINT": "https://127.0.0.1:1001"}
_SANDBOX_MANAGES = "api-manage-broadcast.sandbox.push.apple.com:2195"
MANAGING = {
    "nobody listens: by path": (Target.local, None, {}, "127.0.0.1:2197"),
    "a listener": (Target.local, MANAGED, {}, "127.0.0.1:1003"),
    "a listener, production": (Target.local_production, MANAGED, {}, "127.0.0.1:1004"),
    "a listener that names none": (Target.local, LISTENER["endpoints"], {}, "127.0.0.1:1001"),
    "inside a listener": (Target.local, MANAGED, INSIDE, "127.0.0.1:1003"),
    "another by a variable": (Target.local, MANAGED, DIVERTING, "127.0.0.1:3001"),
    "Apple's sandbox": (Target.sandbox, MANAGED, DIVERTING, _SANDBOX_MANAGES),
    "Apple's": (Target.production, None, {}, "api-manage-broadcast.push.apple.com:2196"),
}


@pytest.mark.parametrize(
    ("target", "endpoints", "variables", "expected"), MANAGING.values(), ids=MANAGING.keys()
)
def test_channels_are_managed_at_places_of_their_own(
    target: Target,
    endpoints: dict[str, str] | None,
    variables: dict[str, str],
    expected: str,
    home: Path,
) -> None:
    listener = None if endpoints is None else {**LISTENER, "endpoints": endpoints}
    found = place(
        target,
        endpoint=None,
        cacert=None,
        setting=Setting(home=home, variables=variables),
        listener=listener,
        managing=True,
    )
    assert found.endpoint.authority == expected


def test_the_homes_own_authority_is_trusted_where_nothing_else_is_named(home: Path) -> None:
    (home / "local").mkdir(parents=True)
    (home / "local" / "ca.pem").touch()
    setting = Setting(home=home, variables={})
    local = place(Target.local, endpoint=None, cacert=None, setting=setting, listener=None)
    apple = place(Target.sandbox, endpoint=None, cacert=None, setting=setting, listener=None)
    assert (local.cacert, apple.cacert) == (home / "local" / "ca.pem", None)


@pytest.mark.parametrize(
    ("target", "is_local", "environment"),
    [
        ("local", True, Environment.SANDBOX),
        ("local-production", True, Environment.PRODUCTION),
        ("sandbox", False, Environment.SANDBOX),
        ("production", False, Environment.PRODUCTION),
    ],
)
def test_each_target_is_one_of_two_worlds(
    target: str, is_local: bool, environment: Environment
) -> None:
    assert (Target(target).is_local, Target(target).environment) == (is_local, environment)
