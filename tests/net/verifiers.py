"""Real TLS clients, each asked one thing: is this chain taken for this host?"""

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pushkit_cli.net.certs import Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A chain served at `address`, and the root and the name with which a client looks at it."""

    root: Path
    chain: Path
    host: str
    address: str
    port: int


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=20)


def _is_address(host: str) -> bool:
    return host[-1].isdigit()


def _openssl(case: Case) -> bool:
    if "LibreSSL" in _run("openssl", "version").stdout:
        pytest.skip("openssl is LibreSSL's here, which cannot verify a host name")
    what = "-verify_ip" if _is_address(case.host) else "-verify_hostname"
    trust = ("-x509_strict", "-purpose", "sslserver", "-CAfile", case.root)
    done = _run("openssl", "verify", *trust, "-untrusted", case.chain, what, case.host, case.chain)
    assert done.returncode in {0, 2}, done.stderr
    return done.returncode == 0


def _python(case: Case) -> bool:
    context = ssl.create_default_context(cafile=str(case.root))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    with socket.create_connection((case.address, case.port), timeout=5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=case.host):
                return True
        except ssl.SSLCertVerificationError:
            return False


def _curl(case: Case) -> bool:
    host, address = (f"[{it}]" if ":" in it else it for it in (case.host, case.address))
    connect = f"{host}:{case.port}:{address}:{case.port}"
    quiet = ("-q", "-sS", "--noproxy", "*", "--max-time", "10", "-o", os.devnull)
    url = f"https://{host}:{case.port}/"
    done = _run("curl", *quiet, "--cacert", case.root, "--connect-to", connect, url)
    unsigned = done.returncode == 35 and "asn1" in done.stderr  # of a signature that does not hold
    assert done.returncode in {0, 60} or unsigned, done.stderr
    return done.returncode == 0


_NODE = """
const { readFileSync } = require("fs");
const broken = /^(ECONN|EPIPE|ETIMEDOUT|EADDR|ERR_SSL_)/;
const answers = JSON.parse(process.argv[1]).map(({ root, host, address, port }) =>
  new Promise((resolve, reject) => {
    const servername = require("net").isIP(host) ? "" : host;
    const options = { host: address, port, servername, ca: readFileSync(root), agent: false };
    require("https")
      .get(options, (answer) => { answer.resume(); resolve(true); })
      .on("error", (e) => { broken.test(e.code) ? reject(e) : resolve(false); });
  }));
Promise.all(answers).then((all) => console.log(JSON.stringify(all)));
"""


def _node(cases: Sequence[Case]) -> list[bool]:
    done = _run("node", "-e", _NODE, json.dumps([asdict(case) for case in cases], default=str))
    assert done.returncode == 0, done.stderr
    answers: list[bool] = json.loads(done.stdout)
    return answers


def _one_by_one(ask: Callable[[Case], bool]) -> Callable[[Sequence[Case]], list[bool]]:
    return lambda cases: [ask(case) for case in cases]


VERIFIERS: dict[str, Callable[[Sequence[Case]], list[bool]]] = {
    "openssl": _one_by_one(_openssl),
    "python": _one_by_one(_python),
    "curl": _one_by_one(_curl),
    "node": _node,
}


class Judge:
    """Serves chains on loopback and asks one verifier about them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.ask = VERIFIERS[name]
        self.folder = folder

    def accepts(self, leaf: Leaf, root_pem: bytes, host: str) -> bool:
        """Tell whether a client that trusts `root_pem` takes `leaf` for `host`."""
        (answer,) = self.accepts_each([(leaf, root_pem)], host)
        return answer

    def accepts_each(self, questions: Sequence[tuple[Leaf, bytes]], host: str) -> list[bool]:
        """The same of several leaves, each with its root."""
        address = host if _is_address(host) else "127.0.0.1"
        with ExitStack() as stack:
            cases = []
            for leaf, root_pem in questions:
                folder = Path(stack.enter_context(TemporaryDirectory(dir=self.folder)))
                root, chain, key = (folder / name for name in ("root.pem", "chain.pem", "key.pem"))
                root.write_bytes(root_pem)
                chain.write_bytes(leaf.chain_pem)
                key.write_bytes(leaf.key_pem)
                port = stack.enter_context(_serving(chain, key, address))
                cases.append(Case(root=root, chain=chain, host=host, address=address, port=port))
            return self.ask(cases)


@contextmanager
def _serving(chain: Path, key: Path, address: str) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    stopping = threading.Event()

    def serve() -> None:
        while True:
            plain, _ = listener.accept()
            with plain:
                if stopping.is_set():
                    return
                plain.settimeout(5)
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
                except OSError:
                    pass  # the client refused the certificate, or went without a word

    with socket.create_server((address, 0), family=family) as listener:
        here = listener.getsockname()[:2]
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield here[1]
        finally:
            stopping.set()
            socket.create_connection(here, timeout=5).close()
            thread.join()
