"""What an app says of its call: the shapes that are understood, and no others."""

import pytest

from pushkit_cli.engine.app_answer import KEPT_BYTES, Said, read
from pushkit_cli.phone.calls import EndedReason, IncomingCallError, Report

UNDERSTOOD = (
    (b"", None),
    (b" \n", None),
    (b'{"reported":true}', Report()),
    (b'{"reported":true,"call_id":"c"}\n', Report(call_id="c")),
    (b'{"call_id":"c","ended":"failed"}', Report(call_id="c", ended=EndedReason.FAILED)),
    *((f'{{"refused":"{one}"}}'.encode(), Report(refused=one)) for one in IncomingCallError),
    *((f'{{"ended":"{one}"}}'.encode(), Report(ended=one)) for one in EndedReason),
)


@pytest.mark.parametrize(("body", "report"), UNDERSTOOD)
def test_what_is_understood(body: bytes, report: Report | None) -> None:
    assert read(body) == (None if report is None else Said(report=report))


def test_that_nothing_was_reported() -> None:
    assert read(b'{"reported":false}') == Said(report=None)


@pytest.mark.parametrize(
    "body",
    [
        b"hello", b"{", b"[]", b"{}", b"null", b'"reported"', b"\xff", b'{"reported":1}',
        b'{"reported":"true"}', b'{"reported":true,"more":1}', b'{"call_id":""}', b'{"call_id":7}',
        b'{"call_id":"' + b"x" * 257 + b'"}', b'{"refused":"busy"}', b'{"refused":null}',
        b'{"ended":[]}', b'{"ended":3}', b'{"reported":false,"ended":"failed"}', b"[" * 5000,
        b'{"reported":true}{"reported":true}', b" " * KEPT_BYTES + b"1",
    ],
)  # fmt: skip
def test_what_is_none_is_said_in_words(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        read(body)
    assert len(str(caught.value)) < 240
