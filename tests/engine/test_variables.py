"""The variables that point other programs at a listener."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.push import PushType
from pushkit_cli.engine.listener import DeviceSpec, Options, Running, running
from pushkit_cli.engine.variables import variables

READY: dict[str, Any] = {
    "home": "/home/me/.pushkit",
    "host": "127.0.0.1",
    "port": 2197,
    "endpoints": {
        "sandbox": "https://127.0.0.1:2197",
        "production": "https://127.0.0.1:2198",
        "manage_sandbox": None,
        "manage_production": None,
    },
    "team_id": "LOCALTEAM0",
    "key_id": "LOCALKEY01",
    "key_file": "/home/me/.pushkit/local/AuthKey_LOCALKEY01.p8",
    "ca_file": "/ca.pem",
    "ca_bundle_file": "/bundle.pem",
    "truststore_file": "/trust.p12",
    "devices": [
        {"name": "my iPhone-17", "bundle_id": "com.example.a", "tokens": {"voip": "aa"}},
        {"name": "watch", "bundle_id": "com.example.b", "tokens": {"voip": "bb", "alert": "cc"}},
    ],
}
EXPECTED = {
    "PUSHKIT_HOME": "/home/me/.pushkit",
    "PUSHKIT_ENVIRONMENT": "local",
    "PUSHKIT_ENDPOINT": "https://127.0.0.1:2197",
    "PUSHKIT_PRODUCTION_ENDPOINT": "https://127.0.0.1:2198",
    "PUSHKIT_HOST": "127.0.0.1",
    "PUSHKIT_PORT": "2197",
    "PUSHKIT_TEAM_ID": "LOCALTEAM0",
    "PUSHKIT_KEY_ID": "LOCALKEY01",
    "PUSHKIT_KEY_FILE": "/home/me/.pushkit/local/AuthKey_LOCALKEY01.p8",
    "PUSHKIT_CA_FILE": "/ca.pem",
    "PUSHKIT_CA_BUNDLE": "/bundle.pem",
    "PUSHKIT_TRUSTSTORE": "/trust.p12",
    "PUSHKIT_BUNDLE_ID": "com.example.a",
    "PUSHKIT_TOKEN_VOIP": "aa",
    "PUSHKIT_TOKEN_ALERT": "cc",
    "PUSHKIT_TOKEN_MY_IPHONE_17_VOIP": "aa",
    "PUSHKIT_TOKEN_WATCH_VOIP": "bb",
    "PUSHKIT_TOKEN_WATCH_ALERT": "cc",
}


def test_each_fact_has_its_variable_in_the_order_a_person_reads_them() -> None:
    assert list(variables(READY).items()) == list(EXPECTED.items())


def test_a_fact_that_is_not_there_has_no_variable() -> None:
    bare = {**deepcopy(READY), "key_file": None, "devices": []}
    gone = {name for name in EXPECTED if name.startswith("PUSHKIT_TOKEN_")}
    gone |= {"PUSHKIT_KEY_FILE", "PUSHKIT_BUNDLE_ID"}
    assert set(variables(bare)) == set(EXPECTED) - gone


@pytest.mark.parametrize("name", ["a.b", "a b", "\u00e9", "a'b", "$(x)", "a\nb", "=", "A"])
def test_a_name_is_written_so_that_a_shell_can_read_it(name: str) -> None:
    device = {"name": name, "bundle_id": "com.example.a", "tokens": {"alert": "aa"}}
    found = variables({**READY, "devices": [device]})
    odd = [one for one in found if not one.replace("_", "").isalnum() or not one.isascii()]
    assert odd == []
    assert found["PUSHKIT_TOKEN_ALERT"] == "aa"
    assert len([one for one in found if one.startswith("PUSHKIT_TOKEN_")]) == 2


def test_a_running_listener_has_a_variable_for_every_token(listener: Running) -> None:
    found = variables(listener.ready)
    assert set(EXPECTED) - {name for name in EXPECTED if "IPHONE_17" in name} <= {
        *found,
        "PUSHKIT_TOKEN_WATCH_VOIP",
    }
    for device in listener.ready["devices"]:
        for kind, token in device["tokens"].items():
            name = f"PUSHKIT_TOKEN_{device['name'].upper()}_{kind.upper()}"
            assert found[name] == token
    for kind in PushType:
        name = f"PUSHKIT_TOKEN_{kind.upper()}"
        holders = [one["tokens"] for one in listener.ready["devices"] if kind in one["tokens"]]
        assert found.get(name) == (holders[0][kind] if holders else None)
    for name in ("CA_FILE", "CA_BUNDLE", "TRUSTSTORE", "KEY_FILE", "HOME"):
        assert Path(found[f"PUSHKIT_{name}"]).exists()


def test_variables_of_the_sandbox_come_first_where_a_device_has_several_apps(home: Path) -> None:
    options = Options(
        home=home,
        port=0,
        production_port=0,
        apps=("com.example.one", "com.example.two"),
        devices=(DeviceSpec(name="x", platform="ios"),),
    )
    with running(options, lambda _: None) as up:
        (device,) = up.ready["devices"]
        sandbox = next(app for app in device["apps"] if app["environment"] == "sandbox")
        assert sandbox["bundle_id"] == "com.example.one"
        found = variables(up.ready)
    assert found["PUSHKIT_BUNDLE_ID"] == "com.example.one"
    assert found["PUSHKIT_TOKEN_VOIP"] == sandbox["tokens"]["voip"]
