"""A host of seventy lines on asyncio and h2 that accepts everything and checks nothing.

    python h2_host.py KEY CHAIN         prints its port

It is the peer of `pushkit listen`, and the sink of senders where nghttpd is not here.
"""

import asyncio
import ssl
import sys
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

LOOSE = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class Host(asyncio.Protocol):
    """One connection; answers of one read leave in one write."""

    def __init__(self) -> None:
        self.h2 = H2Connection(LOOSE)
        self.ids: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1000})
        transport.write(self.h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.h2.receive_data(data):
                match event:
                    case RequestReceived(stream_id=int() as stream, headers=list() as headers):
                        self.ids[stream] = dict(headers).get(b"apns-id", b"")
                    case DataReceived(stream_id=int() as stream):
                        length = event.flow_controlled_length or 0
                        self.h2.acknowledge_received_data(length, stream)
                    case StreamEnded(stream_id=int() as stream):
                        answer = [(b":status", b"200"), (b"apns-id", self.ids.pop(stream))]
                        self.h2.send_headers(stream, answer, end_stream=True)
        except ProtocolError:
            self.transport.write(self.h2.data_to_send())
            self.transport.close()
            return
        self.transport.write(self.h2.data_to_send())


async def main(key: Path, chain: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Host, "127.0.0.1", 0, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


asyncio.run(main(*map(Path, sys.argv[1:3])))
