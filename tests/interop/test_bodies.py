"""Long answers arrive whole at clients that others wrote: each has windows of its own."""

from pathlib import Path
from random import Random

import pytest

from pushkit_cli.apns.message import Request, Response
from tests.apns_host import answering
from tests.interop.curl import Curl

BODY = Random(50).randbytes(2**20) * 50


def answer(request: Request) -> Response:
    return Response(status=200, body=BODY)


@pytest.mark.parametrize("files", [1, 4])
def test_50_mb_arrive_whole_at_curl(curl: Curl, tmp_path: Path, files: int) -> None:
    """One alone, and four at a time."""
    with answering(tmp_path, answer) as host:
        words = ["--parallel"] if files > 1 else []
        for at in range(files):
            words += ["-o", str(tmp_path / str(at)), f"{host.url}/{at}"]
        done = curl.run("--http2", "--cacert", str(host.ca_file), *words)
        assert done.returncode == 0, done.stderr.decode()
        assert len(host.asked) == files
    for at in range(files):
        assert (tmp_path / str(at)).read_bytes() == BODY


def test_a_slow_reader_gets_all(curl: Curl, tmp_path: Path) -> None:
    """curl reads 32 MB a second, so that the server has to wait for it again and again."""
    with answering(tmp_path, answer) as host:
        found = tmp_path / "body"
        limit = ("--limit-rate", "32M", "-o", str(found))
        done = curl.run("--http2", "--cacert", str(host.ca_file), *limit, f"{host.url}/x")
        assert done.returncode == 0, done.stderr.decode()
    assert found.read_bytes() == BODY
