"""Tokens: the same for the same arguments, another for any other; and who has which."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushkit_cli.apns.push import PUSH_TYPES, Environment, PushType
from pushkit_cli.phone.registry import (
    DEFAULT_DEVICES,
    OS_VERSIONS,
    PLATFORMS,
    environments,
    issue_token,
    token_types,
)
from tests.law import BUNDLE

names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12
)
arguments = st.tuples(
    st.integers(), names, names, st.sampled_from(PushType), st.sampled_from(Environment)
)
Arguments = tuple[int, str, str, PushType, Environment]


def token(arguments: Arguments) -> str:
    seed, app, device, push_type, environment = arguments
    return issue_token(
        seed=seed, app=app, device=device, push_type=push_type, environment=environment
    )


def test_a_fixture_may_hold_a_token() -> None:
    assert token((0, BUNDLE, "iphone", PushType.voip, Environment.SANDBOX)) == (
        "11d4b761a74e4775e3a2dd0c0dae9aeb47444b601575deb2b6c79543ba4b3bcc"
    )


@settings(deadline=None)
@given(arguments)
def test_a_token_is_32_bytes_and_always_the_same(of: Arguments) -> None:
    assert re.fullmatch("[0-9a-f]{64}", token(of))
    assert token(of) == token(of)


@settings(deadline=None)
@given(arguments, arguments)
def test_other_arguments_have_another_token(one: Arguments, other: Arguments) -> None:
    assert (token(one) == token(other)) is (one == other)


@settings(deadline=None)
@given(arguments, st.integers(0, 4), arguments)
def test_one_other_argument_is_enough(of: Arguments, place: int, source: Arguments) -> None:
    changed = (*of[:place], source[place], *of[place + 1 :])
    assert (token(changed) == token(of)) is (changed == of)  # type: ignore[arg-type]


def test_names_do_not_run_into_each_other() -> None:
    def of(app: str, device: str) -> str:
        return token((1, app, device, PushType.voip, Environment.SANDBOX))

    assert len({of("ab", "c"), of("a", "bc"), of("abc", "x"), of("c", "ab")}) == 4


_FIRST = "voip alert fileprovider"


@pytest.mark.parametrize(
    ("platform", "types"),
    [
        ("ios", f"{_FIRST} controls liveactivity location pushtotalk widgets accessory"),
        ("ipados", f"{_FIRST} controls liveactivity location pushtotalk widgets"),
        ("macos", "alert fileprovider widgets"),
        ("visionos", f"{_FIRST} widgets"),
        ("watchos", "complication alert widgets"),
    ],
)
def test_a_platform_has_tokens_for_its_types(platform: str, types: str) -> None:
    assert [kind.value for kind in token_types(platform)] == types.split()


def test_no_device_has_a_token_for_what_needs_none() -> None:
    everywhere = {kind for platform in PLATFORMS for kind in token_types(platform)}
    assert set(PUSH_TYPES) - everywhere == {PushType.background, PushType.mdm}


def test_a_platform_that_nobody_makes_has_no_tokens() -> None:
    assert token_types("android") == ()


def test_the_tables_of_platforms_agree() -> None:
    assert set(OS_VERSIONS) == set(PLATFORMS)
    assert dict(DEFAULT_DEVICES) == {"iphone": "ios", "watch": "watchos"}
    assert all(platform in PLATFORMS for _, platform in DEFAULT_DEVICES)


# What stands in the place of an app

MDM, PASS = "com.apple.mgmt.External.5b3a0f6e-6f0c-4f3d-9b53-0f2f2c1c7a11", "pass.com.example.card"


@pytest.mark.parametrize(
    ("app", "platform", "kinds"),
    [
        (MDM, "ios", ["mdm"]),
        (MDM, "macos", ["mdm"]),
        (MDM, "watchos", []),
        (PASS, "ios", ["alert"]),
        (PASS, "watchos", ["alert"]),
        (PASS, "macos", []),
    ],
)
def test_an_mdm_topic_and_a_pass_type_have_one_token_where_there_are_such(
    app: str, platform: str, kinds: list[str]
) -> None:
    assert list(token_types(platform, app)) == kinds
    assert environments(app) == (Environment.PRODUCTION,)


def test_any_other_app_has_every_token_in_both_environments() -> None:
    assert token_types("ios", "com.example.app") == token_types("ios")
    assert environments("com.example.app") == tuple(Environment)
