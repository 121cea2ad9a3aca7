"""A download from an HTTP/1.1 host, as many a store of files is: whole, packed, in chunks, cut."""

import gzip
import io
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pushkit_cli.engine.local import ensure_trust
from pushkit_cli.errors import RefusedError, UnknownOutcomeError
from pushkit_cli.net.download import save
from pushkit_cli.net.rest import Service
from pushkit_cli.store.files import Home

CSV = b"a,b\n" * 50_000
Write = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(folder: Path, write: Write) -> Iterator[tuple[str, Path]]:
    """A host that answers every GET with what a function writes, and closes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            write(self)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    trust = ensure_trust(Home(folder / "trust"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trust.chain_file, trust.chain_key_file)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}/file", trust.ca_file
        finally:
            server.shutdown()
            thread.join()


def answer(body: bytes, **headers: str) -> Write:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return write


def chunks(body: bytes, *, ends: bool = True) -> Write:
    sent = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:1000], body[1000:]))
    return answer(sent + (b"0\r\n\r\n" if ends else b""), transfer_encoding="chunked")


def fetched(folder: Path, write: Write) -> bytes:
    file = io.BytesIO()
    with serving(folder, write) as (url, ca), closing(Service(cacert=ca)) as service:  # noqa: SIM117
        with service.asking("GET", url, headers={"accept-encoding": "gzip"}, timeout=5) as arrival:
            assert arrival.status == 200
            save(arrival, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "write",
    [
        answer(CSV, content_length=str(len(CSV))),
        answer(CSV),
        answer(gzip.compress(CSV), content_encoding="gzip"),
        chunks(CSV),
        chunks(gzip.compress(CSV)),
    ],
)
def test_it_comes_whole(write: Write, tmp_path: Path) -> None:
    assert fetched(tmp_path, write) == CSV


@pytest.mark.parametrize(
    "write",
    [
        answer(CSV[:-1], content_length=str(len(CSV))),
        answer(gzip.compress(CSV)[:-1], content_encoding="gzip"),
        chunks(CSV, ends=False),
    ],
)
def test_a_part_of_it_is_no_file(write: Write, tmp_path: Path) -> None:
    with pytest.raises(UnknownOutcomeError):
        fetched(tmp_path, write)


def test_an_announced_monster_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="3221225472 bytes"):
        fetched(tmp_path, answer(b"a", content_length=str(3 * 1024**3)))
