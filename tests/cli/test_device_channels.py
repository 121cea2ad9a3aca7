"""`pushkit device do NAME subscribe`: what a device hears of channels, by command."""

from pushkit_cli.engine.listener import Running
from tests.cli.errands import failed, here, prepared
from tests.cli.test_device import do, told_by
from tests.commands import objects
from tests.conftest import Told
from tests.engine.test_channels import APP, made


def test_a_device_subscribes_and_leaves_by_command(listener: Running, told: Told) -> None:
    channel = made(listener)
    assert do("iphone", "subscribe", channel) == {
        "v": 1, "event": "subscribed", "device": "iphone", "app": APP, "tokens": [],
    }  # fmt: skip
    assert do("iphone", "subscribe", channel)["event"] == "unchanged"
    (shown,) = told_by("show", "iphone")["channels"]
    assert shown == {
        "id": channel, "bundle_id": APP, "environment": "sandbox", "storage": "none"
    }  # fmt: skip
    assert f"  channel {channel}\n" in prepared("device", "show", "iphone")
    assert do("iphone", "unsubscribe", channel)["event"] == "unsubscribed"
    assert told_by("show", "iphone")["channels"] == []
    assert [one["event"] for one in (*told.named("subscribed"), *told.named("unsubscribed"))] == [
        "subscribed", "unsubscribed"
    ]  # fmt: skip
    assert objects(here("inbox", "--json").stdout) == [], "an inbox is one of pushes"
    (asked,) = objects(here("inbox", "channel", "--json").stdout)
    assert (asked["method"], asked["channel"]) == ("POST", channel)
    found = objects(here("inbox", "subscribed", "--json").stdout)
    assert [one["channel"] for one in found] == [channel]


def test_who_cannot_is_told_why(listener: Running) -> None:
    channel = made(listener)
    nowhere = failed(here("device", "do", "iphone", "subscribe", "eA=="), 2)
    assert "no channel eA==" in nowhere
    assert "pushkit channel list" in nowhere
    unable = failed(here("device", "do", "watch", "subscribe", channel), 2)
    assert "iOS and iPadOS 18" in unable
    unknown = failed(here("device", "do", "ipone", "subscribe", channel), 2)
    assert "no emulated device is called ipone" in unknown


def test_with_nobody_listening_it_is_kept_for_the_next(listener: Running) -> None:
    channel = made(listener)
    listener.stop()
    assert do("iphone", "subscribe", channel)["event"] == "subscribed"
