"""Ports and addresses: what is found, what is taken, and what is refused with its remedy."""

import os
import socket
from pathlib import Path

import pytest

from pushkit_cli.errors import ExitCode, PortError, UsageError
from pushkit_cli.net.binding import as_client_sees, bind, is_loopback


def _close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_port_0_is_one_free_port_on_both_loopbacks() -> None:
    first, second = bind(0), bind(0)
    names = [one.getsockname()[:2] for one in (*first, *second)]
    _close(first + second)
    ports = sorted({port for _, port in names})
    assert len(ports) == 2
    assert sorted(names) == sorted((host, port) for host in ("127.0.0.1", "::1") for port in ports)


def test_a_port_that_is_named_is_taken_and_at_once_again() -> None:
    first = bind(0)
    port = first[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)), first[0].accept()[0]:
        _close(first)
    second = bind(port)
    assert {one.getsockname()[1] for one in second} == {port}
    _close(second)


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_port_in_use_on_either_loopback_is_refused(family: int, host: str) -> None:
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} is in use") as caught:
            bind(port)
    assert "--port 0" in (caught.value.hint or "")
    assert caught.value.exit_code is ExitCode.CONFIG
    _close(bind(port))  # nothing of the first attempt is left


def test_a_privileged_port_is_refused() -> None:
    floor = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if os.geteuid() == 0:
        pytest.skip("root may take every port")
    if not floor.exists() or int(floor.read_text()) <= 1:
        pytest.skip("every port is free to all here")
    with pytest.raises(PortError, match="port 1 may not be used") as caught:
        bind(1)
    assert "above 1023" in (caught.value.hint or "")


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1", "::1"])
def test_a_host_that_is_named_is_the_only_one(host: str) -> None:
    sockets = bind(0, host)
    names = [one.getsockname()[0] for one in sockets]
    _close(sockets)
    assert names == [host]


def test_a_name_is_bound_wherever_it_leads() -> None:
    sockets = bind(0, "localhost")
    names = {one.getsockname()[0] for one in sockets}
    _close(sockets)
    assert names <= {"127.0.0.1", "::1"}
    assert names


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "", "nobody.invalid", "::1%x"])
def test_an_address_of_somebody_else_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="is no address of this machine") as caught:
        bind(0, host)
    assert "--host" in (caught.value.hint or "")


def test_who_can_reach_an_address() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost")] == [
        True
    ] * 4
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.0.2.1", "apns.test"))
    assert (as_client_sees("0.0.0.0"), as_client_sees("::")) == ("127.0.0.1", "::1")
    assert as_client_sees("192.0.2.1") == "192.0.2.1"
