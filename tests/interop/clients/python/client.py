"""Clients in Python at a listener: aioapns, and h2 alone for what aioapns cannot say.

    python client.py aioapns|h2

../table.py has the protocol. A client is told no more than `pushkit env` prints.
"""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded

Answer = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[Answer]]


def aioapns(credential: dict[str, Any]) -> Send:
    # It is installed beside the environment of the tests, not in it.
    from aioapns import (  # type: ignore[import-not-found]
        APNs,
        NotificationRequest,
        PushType,
    )
    from aioapns.connection import (  # type: ignore[import-not-found]
        APNsDevelopmentClientProtocol,
    )

    async def refused(request: object, result: object) -> None:
        """A refusal is part of the table; without this the library writes it to stderr."""

    APNsDevelopmentClientProtocol.APNS_SERVER = os.environ["PUSHKIT_HOST"]
    APNsDevelopmentClientProtocol.APNS_PORT = int(os.environ["PUSHKIT_PORT"])
    apns = APNs(
        key=Path(os.environ["PUSHKIT_KEY_FILE"]).read_text(encoding="ascii"),
        key_id=credential["key_id"],
        team_id=os.environ["PUSHKIT_TEAM_ID"],
        topic=os.environ["PUSHKIT_BUNDLE_ID"],
        use_sandbox=True,
        ssl_context=ssl.create_default_context(cafile=os.environ["PUSHKIT_CA_FILE"]),
        err_func=refused,
    )

    async def send(push: dict[str, Any]) -> Answer:
        result = await apns.send_notification(
            NotificationRequest(
                device_token=push["token"],
                message=push["payload"],
                priority=push["priority"],
                push_type=PushType(push["type"]),
                apns_topic=push["topic"],
            )
        )
        return {
            "status": int(result.status),
            "reason": result.description,
            "timestamp": result.timestamp,
        }

    return send


class Bare:
    """One connection by h2, which knows nothing of APNs."""

    def __init__(self, credential: dict[str, Any]) -> None:
        self.bearer = credential["bearer"]
        self.h2 = H2Connection()
        self.opening = asyncio.Lock()
        self.moved = asyncio.Condition()
        self.writer: asyncio.StreamWriter | None = None
        self.reading: asyncio.Task[None] | None = None
        self.statuses: dict[int, int] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()

    async def open(self) -> asyncio.StreamWriter:
        async with self.opening:
            if self.writer is None:
                trust = ssl.create_default_context(cafile=os.environ["PUSHKIT_CA_FILE"])
                trust.set_alpn_protocols(["h2"])
                host, port = os.environ["PUSHKIT_HOST"], int(os.environ["PUSHKIT_PORT"])
                reader, self.writer = await asyncio.open_connection(host, port, ssl=trust)
                self.h2.initiate_connection()
                self.reading = asyncio.create_task(self.read(reader, self.writer))
            return self.writer

    async def read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            for event in self.h2.receive_data(data):
                self.on(event)
            writer.write(self.h2.data_to_send())
            async with self.moved:
                self.moved.notify_all()

    def on(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=int() as stream, headers=list() as headers):
                self.statuses[stream] = int(dict(headers)[b":status"])
            case DataReceived(stream_id=int() as stream, data=bytes() as data):
                self.bodies[stream] = self.bodies.get(stream, b"") + data
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            case StreamEnded(stream_id=int() as stream):
                self.ended.add(stream)

    def room(self, size: int) -> bool:
        """Whether the server lets us send a body of this size on one more stream."""
        free = self.h2.remote_settings.max_concurrent_streams - self.h2.open_outbound_streams
        return free > 0 and self.h2.outbound_flow_control_window >= size

    async def send(self, push: dict[str, Any]) -> Answer:
        writer = await self.open()
        body = json.dumps(push["payload"]).encode()
        async with self.moved:
            await self.moved.wait_for(lambda: self.room(len(body)))
            stream = self.h2.get_next_available_stream_id()
            self.h2.send_headers(stream, self.headers(push))
            self.h2.send_data(stream, body, end_stream=True)
            writer.write(self.h2.data_to_send())
            await self.moved.wait_for(lambda: stream in self.ended)
        said = json.loads(self.bodies.get(stream, b"{}"))
        return {
            "status": self.statuses[stream],
            "reason": said.get("reason"),
            "timestamp": said.get("timestamp"),
        }

    def headers(self, push: dict[str, Any]) -> list[tuple[str, str]]:
        return [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", f"{os.environ['PUSHKIT_HOST']}:{os.environ['PUSHKIT_PORT']}"),
            (":path", f"/3/device/{push['token']}"),
            ("authorization", f"bearer {self.bearer}"),
            ("apns-topic", push["topic"]),
            ("apns-push-type", push["type"]),
            ("apns-priority", str(push["priority"])),
        ]


def bare(credential: dict[str, Any]) -> Send:
    return Bare(credential).send


async def main() -> None:
    new_client = {"aioapns": aioapns, "h2": bare}[sys.argv[1]]
    clients: dict[str, Send] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        row = json.loads(line)
        name = json.dumps(row["credential"])
        if name not in clients:
            clients[name] = new_client(row["credential"])
        answers = await asyncio.gather(*map(clients[name], row["pushes"]))
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


asyncio.run(main())
