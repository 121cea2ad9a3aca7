"""httpx and aioapns as senders of the bench.

    python sender.py httpx|aioapns JOB

../jobs.py says what a job is, and what is printed.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Send = Callable[[str], Awaitable[None]]
Job = dict[str, Any]


def httpx(job: Job) -> Send:
    import httpx

    trust = ssl.create_default_context(cafile=job["ca"])
    limits = httpx.Limits(max_connections=1)
    client = httpx.AsyncClient(
        http2=True, http1=False, verify=trust, limits=limits, timeout=60, base_url=job["url"]
    )
    headers = {
        "authorization": f"bearer {job['bearer']}",
        "apns-topic": job["topic"],
        "apns-push-type": job["type"],
        "apns-priority": "10",
    }

    async def send(token: str) -> None:
        answer = await client.post(f"/3/device/{token}", headers=headers, content=job["body"])
        assert answer.status_code == 200, answer.text

    return send


def aioapns(job: Job) -> Send:
    # It is installed beside the environment of the tests, not in it.
    from aioapns import (  # type: ignore[import-not-found]
        APNs,
        NotificationRequest,
        PushType,
    )
    from aioapns.connection import (  # type: ignore[import-not-found]
        APNsDevelopmentClientProtocol as Protocol,
    )

    heard, read = Protocol.on_response_received, Protocol.on_data_received

    def on_response_received(self: Any, headers: dict[bytes, bytes]) -> None:
        """It looks for the request by `apns-id`, which nghttpd does not answer: any one will do."""
        headers.setdefault(b"apns-id", next(iter(self.requests)).encode())
        heard(self, headers)

    def on_data_received(self: Any, data: bytes, stream: int) -> None:
        """It takes the empty frame with which nghttpd ends a stream for JSON."""
        if data:
            read(self, data, stream)

    Protocol.on_response_received = on_response_received
    Protocol.on_data_received = on_data_received
    trust = ssl.create_default_context(cafile=job["ca"])
    trust.set_alpn_protocols(["h2"])  # it leaves that to the context
    host, port = job["url"].removeprefix("https://").split(":")
    Protocol.APNS_SERVER, Protocol.APNS_PORT = host, int(port)
    apns = APNs(
        key=Path(job["key"]).read_text(encoding="ascii"),
        key_id=job["key_id"],
        team_id=job["team_id"],
        topic=job["topic"],
        use_sandbox=True,
        ssl_context=trust,
        max_connections=1,
    )
    message = json.loads(job["body"])

    async def send(token: str) -> None:
        request = NotificationRequest(
            device_token=token, message=message, priority=10, push_type=PushType(job["type"])
        )
        result = await apns.send_notification(request)
        assert result.is_successful, result.description

    return send


async def run(send: Send, job: Job, count: int) -> list[float]:
    """How long each took, in milliseconds."""
    took, tokens = list[float](), iter(range(count))

    async def one() -> None:
        for number in tokens:
            begun = time.perf_counter()
            await send(job["tokens"][number % len(job["tokens"])])
            took.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(one() for _ in range(job["in_flight"])))
    return sorted(took)


async def main() -> None:
    job = json.loads(Path(sys.argv[2]).read_bytes())
    send = {"httpx": httpx, "aioapns": aioapns}[sys.argv[1]](job)
    if job["warm_up"]:
        await run(send, {**job, "in_flight": 1}, 1)  # there is one connection from here on
        await run(send, job, job["warm_up"])
    begun = time.perf_counter()
    took = await run(send, job, job["count"])
    per_s = job["count"] / (time.perf_counter() - begun)
    sys.stdout.write(json.dumps({"per_s": per_s, "p99_ms": took[len(took) * 99 // 100]}) + "\n")


asyncio.run(main())
