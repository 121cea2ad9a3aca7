"""What real verifiers say of the files the listener keeps, and of what a thief of them can forge.

Every refusal has its control: the same forgery by who holds a throwaway authority's key is
accepted, so it is the key on disk that can sign nothing, and not a mistake in the forgery.
"""

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from pushkit_cli.engine.local import TRUSTSTORE_PASSWORD, Trust, ensure_key, ensure_trust
from pushkit_cli.net.certs import Leaf, new_authority
from pushkit_cli.store.files import Home
from tests.net.forger import APPLE, NOW, SHAPES, WAYS, Forger, Shape, pem_of, self_signed, throwaway
from tests.net.verifiers import VERIFIERS, Judge

PRIVATE = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?-----END [^\n]*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A home as a listener leaves it, and the private keys found in it, each by its file."""

    folder: Path
    trust: Trust
    keys: dict[str, ec.EllipticCurvePrivateKey]

    @property
    def client_ca(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.trust.client_ca_file.read_bytes())

    @property
    def root_pem(self) -> bytes:
        return self.trust.ca_file.read_bytes()

    @property
    def leaf(self) -> Leaf:
        chain, key = self.trust.chain_file, self.trust.chain_key_file
        return Leaf(chain_pem=chain.read_bytes(), key_pem=key.read_bytes())

    def thieves(self) -> Iterator[Forger]:
        root = x509.load_pem_x509_certificate(self.root_pem)
        below = x509.load_pem_x509_certificate(self.leaf.chain_pem)
        for key in self.keys.values():
            yield Forger(root=root, below=below, key=key)
        key = self.keys["local/client-ca.key 0"]
        yield Forger(root=self.client_ca, below=self.client_ca, key=key)


def _files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept") / "home"
    home = Home(folder)
    trust = ensure_trust(home)
    ensure_key(home)
    keys: dict[str, ec.EllipticCurvePrivateKey] = {}
    for name, data in _files(folder).items():
        for number, pem in enumerate(PRIVATE.findall(data)):
            key = load_pem_private_key(pem, password=None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            keys[f"{name} {number}"] = key
    return Kept(folder=folder, trust=trust, keys=keys)


@pytest.fixture(scope="module")
def owner() -> Forger:
    return throwaway()


@pytest.fixture(params=VERIFIERS)
def judge(request: pytest.FixtureRequest, tmp_path: Path) -> Judge:
    name = str(request.param)
    if name != "python" and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return Judge(name, tmp_path)


def test_the_keys_kept_are_three(kept: Kept) -> None:
    names = ("local/AuthKey_LOCALKEY01.p8 0", "local/client-ca.key 0", "local/server.key 0")
    assert sorted(kept.keys) == sorted(names)
    said = sum(data.count(b"PRIVATE KEY-----") for data in _files(kept.folder).values())
    assert said == 2 * len(kept.keys)
    store = pkcs12.load_pkcs12(kept.trust.truststore_file.read_bytes(), TRUSTSTORE_PASSWORD)
    assert store.key is None


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # of one of the system's roots
def test_no_key_kept_is_that_of_a_ca_but_the_one_that_no_client_reads(kept: Kept) -> None:
    ours = {key.public_key().public_numbers() for key in kept.keys.values()}
    seen = 0
    for name, data in _files(kept.folder).items():
        if not name.endswith(".pem") or name == "local/client-ca.pem":
            continue
        for certificate in x509.load_pem_x509_certificates(data):
            held = certificate.public_key()
            if isinstance(held, ec.EllipticCurvePublicKey) and held.public_numbers() in ours:
                basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
                signs = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
                assert not basic.value.ca
                assert basic.critical
                assert not signs.key_cert_sign
                seen += 1
    assert seen > 1


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # of one of the system's roots
def test_nothing_that_a_client_trusts_holds_the_authority_of_client_certificates(
    kept: Kept,
) -> None:
    store = pkcs12.load_pkcs12(kept.trust.truststore_file.read_bytes(), TRUSTSTORE_PASSWORD)
    read_by_clients = [
        *(entry.certificate for entry in store.additional_certs),
        *x509.load_pem_x509_certificates(kept.root_pem),
        *x509.load_pem_x509_certificates(kept.trust.ca_bundle_file.read_bytes()),
        *x509.load_pem_x509_certificates(kept.leaf.chain_pem),
    ]
    assert kept.client_ca not in read_by_clients
    assert x509.load_pem_x509_certificate(kept.root_pem) in read_by_clients
    held = kept.client_ca.public_key()
    assert isinstance(held, ec.EllipticCurvePublicKey)
    assert held.public_numbers() in {
        key.public_key().public_numbers() for key in kept.keys.values()
    }


@pytest.mark.parametrize("forge", WAYS.values(), ids=WAYS)
def test_nor_does_it_vouch_for_a_host_for_those_who_trust_it_by_mistake(
    forge: Callable[[Forger, Shape], Leaf], judge: Judge, kept: Kept, owner: Forger
) -> None:
    thief = Forger(
        root=kept.client_ca, below=kept.client_ca, key=kept.keys["local/client-ca.key 0"]
    )
    trusted = kept.trust.client_ca_file.read_bytes()
    questions = [(forge(thief, shape), trusted) for shape in SHAPES.values()]
    controls = [(forge(owner, shape), pem_of(owner.root)) for shape in SHAPES.values()]
    _see(judge, questions, controls)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_our_leaf_is_accepted_for_this_machine(host: str, judge: Judge, kept: Kept) -> None:
    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"this machine has no ::1: {error}")
    assert judge.accepts(kept.leaf, kept.root_pem, host)


def test_our_leaf_is_accepted_among_the_systems_roots(judge: Judge, kept: Kept) -> None:
    assert judge.accepts(kept.leaf, kept.trust.ca_bundle_file.read_bytes(), "localhost")


def test_our_leaf_is_refused_by_another_name_and_under_another_root(
    judge: Judge, kept: Kept
) -> None:
    assert not judge.accepts(kept.leaf, kept.root_pem, APPLE)
    assert not judge.accepts(kept.leaf, new_authority(now=NOW).root_pem, "localhost")


@pytest.mark.parametrize("forge", WAYS.values(), ids=WAYS)
def test_what_a_key_on_disk_signs_is_refused(
    forge: Callable[[Forger, Shape], Leaf], judge: Judge, kept: Kept, owner: Forger
) -> None:
    forged = [forge(thief, shape) for thief in kept.thieves() for shape in SHAPES.values()]
    questions = [(leaf, kept.root_pem) for leaf in forged]
    controls = [(forge(owner, shape), pem_of(owner.root)) for shape in SHAPES.values()]
    _see(judge, questions, controls)


def test_what_a_key_on_disk_signs_for_itself_is_refused(
    judge: Judge, kept: Kept, owner: Forger
) -> None:
    forged = [self_signed(thief, shape) for thief in kept.thieves() for shape in SHAPES.values()]
    questions = [(leaf, kept.root_pem) for leaf in forged]
    controls = [self_signed(owner, shape) for shape in SHAPES.values()]
    _see(judge, questions, [(leaf, leaf.chain_pem) for leaf in controls])


def _see(
    judge: Judge, questions: list[tuple[Leaf, bytes]], controls: list[tuple[Leaf, bytes]]
) -> None:
    answers = judge.accepts_each([*questions, *controls], APPLE)
    assert not any(answers[: len(questions)])
    accepted = dict(zip(SHAPES, answers[len(questions) :], strict=True))
    for name, shape in SHAPES.items():
        assert accepted[name] or not shape.names, "the control was refused as well"
    if not all(accepted.values()):
        pytest.skip(f"no control: this verifier does not take every common name: {accepted}")
