"""What is a device token and what is a name."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushkit_cli.engine.targets import as_token

RAW = bytes(range(200, 232))
HEX = RAW.hex()


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (HEX, HEX),
        (HEX.upper(), HEX),
        (HEX[:40] + HEX[40:].upper(), HEX),
        ("ab" * 16, "ab" * 16),
        ("0" * 32, "0" * 32),
        ("ab" * 100, "ab" * 100),
        (base64.b64encode(RAW).decode(), HEX),
        (base64.urlsafe_b64encode(RAW).decode(), HEX),
        (base64.b64encode(b"\xfb\xff" * 15).decode(), "fbff" * 15),
        (base64.urlsafe_b64encode(b"\xfb\xff" * 15).decode(), "fbff" * 15),
        (base64.b64encode(bytes(16)).decode(), "00" * 16),
    ],
)
def test_hex_and_base64_are_tokens_in_lower_case_hex(text: str, token: str) -> None:
    assert as_token(text) == token


@pytest.mark.parametrize(
    "text",
    [
        "", "iphone", "watch", "alice", "my-iphone", "iPhone 17", "a/b", "-", "=", "====",
        "ab" * 15, "ab" * 15 + "a", "g" * 31, HEX + " ", " " + HEX, HEX + "\n", f"0x{HEX}",
        ":".join(HEX[at : at + 2] for at in range(0, 64, 2)), f"<{HEX}>", "\u0663" * 64,
        base64.b64encode(bytes(15)).decode(), base64.b64encode(RAW).decode() + "=",
        base64.b64encode(RAW).decode().rstrip("="), base64.b64encode(RAW).decode() + "\n",
        "deadbeef", "cafe", "com.example.app", "\x00" * 64,
    ],
)  # fmt: skip
def test_all_else_is_a_name(text: str) -> None:
    assert as_token(text) is None


@given(st.binary(min_size=16, max_size=100))
def test_every_way_to_write_a_token_is_that_token(raw: bytes) -> None:
    ways = (
        raw.hex(),
        raw.hex().upper(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    )
    assert {as_token(way) for way in ways[:2]} == {raw.hex()}
    for way in ways[2:]:
        if not set(way) <= set("0123456789abcdefABCDEF"):  # else it reads as hex as well
            assert as_token(way) == raw.hex()


@given(st.text())
def test_any_text_is_a_token_or_a_name(text: str) -> None:
    token = as_token(text)
    assert token is None or (token == token.lower() and set(token) <= set("0123456789abcdef"))
