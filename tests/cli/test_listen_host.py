"""`pushkit listen --host --san`: where it listens, whom it vouches for, and what it warns of."""

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.cli.errands import here
from tests.commands import listening


def _reached(ready: dict[str, Any], name: str) -> bool:
    """Whether a client that trusts the listener takes it for `name`."""
    context = ssl.create_default_context(cafile=ready["ca_file"])
    with (
        socket.create_connection((ready["host"], ready["port"])) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return tls.version() is not None


def test_this_machine_alone_is_the_default(home: Path) -> None:
    with listening("--port", "0") as (process, ready):
        assert ready["host"] == "127.0.0.1"
        assert _reached(ready, "localhost")
        with pytest.raises(ssl.SSLCertVerificationError):
            _reached(ready, "apns.test")
        process.terminate()
        _, err = process.communicate()
    assert b"warning" not in err


def test_a_host_and_names_of_ones_own(home: Path) -> None:
    words = ("--port", "0", "--host", "127.0.0.2", "--san", "apns.test", "--san", "10.1.2.3")
    with listening(*words) as (process, ready):
        assert ready["endpoint"] == f"https://127.0.0.2:{ready['port']}"
        for name in ("127.0.0.2", "apns.test", "10.1.2.3", "localhost"):
            assert _reached(ready, name)
        assert here("send", "--type", "voip").returncode == 0
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", ready["port"])).close()
        process.terminate()
        _, err = process.communicate()
    assert b"warning" not in err, "127.0.0.2 is this machine alone"
    before = Path(ready["ca_file"]).read_bytes()
    with listening("--port", "0") as (_, again):
        assert Path(again["ca_file"]).read_bytes() == before, "what clients trust stays"


def test_an_address_that_others_reach_is_warned_of(home: Path) -> None:
    with listening("--port", "0", "--host", "0.0.0.0") as (process, ready):
        assert ready["host"] == "127.0.0.1"
        assert _reached(ready, "127.0.0.1")
        process.terminate()
        _, err = process.communicate()
    assert b"warning: 0.0.0.0 can be reached from other machines" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "192.0.2.1"), b"192.0.2.1 is no address of this machine"),
        (("--san", "api.push.apple.com"), b"is Apple's"),
        (("--san", "a b"), b"neither a plain host name nor an address"),
        (("--max-refusals", "0"), b"--max-refusals"),
    ],
)
def test_what_cannot_be_is_refused(home: Path, words: tuple[str, ...], said: bytes) -> None:
    done = here("listen", "--port", "0", *words)
    assert done.returncode == 2
    assert said in b" ".join(done.stderr.split())
    assert b"Traceback" not in done.stderr
