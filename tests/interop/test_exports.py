"""The export of metrics that the listener serves, asked by curl: Apple's three steps."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.commands import pushkit
from tests.interop.curl import Curl
from tests.interop.listening import APP, Listener, listening
from tests.interop.processes import need, until

TODAY = datetime.now(tz=UTC).date()


def run(listener: Listener, *words: str) -> bytes:
    done = pushkit(*words, variables=listener.env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("limits", ["ours", "apple"])
def test_the_three_steps_by_curl(limits: str, tmp_path: Path) -> None:
    with listening(tmp_path, "--app", APP, "--export-limits", limits) as listener:
        curl = Curl(program=need("curl"), folder=tmp_path)
        trust = ("--http2", "--cacert", str(listener.ready["ca_file"]))

        def ask(url: str, *words: str) -> bytes:
            done = curl.run(*trust, *words, url)
            assert done.returncode == 0, done.stderr
            return done.stdout

        run(listener, "send", "--type", "alert", "--to", "iphone", "--app", APP, "--title", "x")
        made = run(listener, "register", "export-token", "--app", APP, "--dataset", "delivery",
                   "--env", "local", "--json")  # fmt: skip
        token = f"X-Apple-CloudKit-Management-Token: {json.loads(made)['token']}"
        body = json.dumps({
            "startDate": str(TODAY - timedelta(days=1)), "endDate": str(TODAY),
            "dataDownloadUrlExpiresInMinutes": 20,
        })  # fmt: skip
        team = listener.ready["team_id"]
        place = f"teams/{team}/appId/{APP}/datasetName/deliverymetrics/request"
        url = f"{listener.ready['endpoint']}/v1/dataExports/apns/{place}"
        assert b"not valid" in ask(url, "-d", body)
        said = json.loads(ask(url, "-H", token, "-d", body))
        if limits == "apple":
            assert "the supported time range" in said["reason"]
            return

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = json.loads(ask(said["statusUrl"], "-H", token))
            return found if found["status"] == "SUCCESS" else None

        details = until("report", look)["downloadDetails"]
        assert ask(details["dataUrl"]).decode().splitlines() == [
            "Push Type,Status,Date (UTC),Count",
            f"alert,Delivered to Device,{TODAY},1",
            f"alert,Received by APNs,{TODAY},1",
        ]
