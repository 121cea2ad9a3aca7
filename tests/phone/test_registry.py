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
